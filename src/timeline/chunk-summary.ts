import { columnsBeforeSignals, stateLeaves } from '../../planner/timeline-parts.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';
import { equality } from '../../sql/functions/state-functions.js';
import { Oid } from '../../sql/types.js';
import { TIMESTAMP_INFINITY, type Value } from '../../sql/value.js';
import { intervalOf } from './clock.js';
import { absorbState, openKernel } from './event-kernel.js';
import type { KernelOptions, KernelState, TimelineKernel } from './kernel.js';
import { equalityKey } from './value-identity.js';

/*
 * Two phases over chunks of time. (1) Each chunk's events are summed up, all chunks at once: what its leaves hold, from nothing, per key.
 * Summaries are combined from left to right, in any grouping; the empty one is the identity. (2) Each chunk is evaluated, all at once,
 * by a kernel that has loaded the combination of all chunks before. Spans that end and begin at the border between two chunks are joined.
 */

/** Why a call's chunks must follow one another, each from the state of the one before; undefined: they need not. */
export function chainedBy({ dedupe, fill, signals, leaves }: TimelineSpec): string | undefined {
  if (dedupe.length > 0) return 'dedupe';
  // a key of a later chunk has spans in an earlier one
  if (fill) return 'fill';
  for (const { expr } of signals) for (const leaf of stateLeaves(expr)) if (leaf.kind === 'state_op') return `${leaf.op} over a state`;
  for (const leaf of leaves)
    if (leaf.op === 'sum_so_far' && (leaf.type.oid === Oid.float4 || leaf.type.oid === Oid.float8)) return 'sum_so_far of floats';
  return undefined;
}

type ChunkOptions = Pick<KernelOptions, 'spec' | 'inputTypes' | 'postgres'>;

/** Takes the events of a chunk that ends at `to` (microseconds), in time order; `finish` gives its summary. */
export function summarizeChunk(options: ChunkOptions, to: number): { readonly push: TimelineKernel['push']; finish(): KernelState } {
  const kernel = openKernel(summaryOptions(options, to));
  return {
    push: (batch) => kernel.push(batch),
    finish: () => {
      kernel.advance(to);
      return kernel.save();
    },
  };
}

/** The summary of two chunks, of which `later` ends at `to`. */
export function combineSummaries(options: ChunkOptions, earlier: KernelState, later: KernelState, to: number): KernelState {
  return absorbState(summaryOptions(options, to), earlier, later);
}

/** A kernel that shows nothing before `to`. */
function summaryOptions({ spec, inputTypes, postgres }: ChunkOptions, to: number): KernelOptions {
  const chained = chainedBy(spec);
  if (chained !== undefined) throw internal(`timeline: chunks are chained by ${chained}`);
  const window = { since: String(to), until: { kind: 'at', instant: String(TIMESTAMP_INFINITY) } } as const;
  return {
    spec: { ...spec, ...window, emit: 'spans', at: undefined, every: undefined, origin: undefined },
    inputTypes,
    horizon: undefined,
    order: 'interleaved',
    postgres,
  };
}

type Row = readonly (Value | null)[];

/** The spans of all chunks, chunk after chunk, with those joined that only a border cuts. Rows as TimelineOperator.fields has them. */
export function joinSpans({ spec, inputTypes }: ChunkOptions, chunks: readonly (readonly Row[])[]): Row[] {
  const keys = spec.keys.map((id) => {
    const type = inputTypes.get(id);
    if (type === undefined) throw internal(`timeline: the input has no column ${id}`);
    return equalityKey(type);
  });
  const first = columnsBeforeSignals(spec);
  const started = first - 5;
  const same = spec.signals.map(({ type }) => equality(type));
  const isNext = (a: Row, b: Row): boolean =>
    a[started + 1] === b[started] &&
    a.slice(keys.length, started).every((edge, n) => edge === b[keys.length + n]) &&
    same.every((equal, n) => {
      const [x, y] = [a[first + n] ?? null, b[first + n] ?? null];
      return x === null || y === null ? x === y : equal(x, y);
    });
  const joined: Row[] = [];
  /** By key: its last span's place in `joined`. */
  const last = new Map<string, number>();
  for (const chunk of chunks) {
    const before = new Map(last);
    for (const row of chunk) {
      const key = JSON.stringify(keys.map((of, n) => String(of(row[n] as Value))));
      const place = before.get(key);
      const left = place === undefined ? undefined : joined[place];
      before.delete(key);
      if (place !== undefined && left !== undefined && isNext(left, row)) {
        const micros = Number((row[started + 1] as bigint) - (left[started] as bigint));
        const times = [left[started] ?? null, row[started + 1] ?? null, intervalOf(micros), micros / 1e6, row[started + 4] ?? null];
        joined[place] = [...left.slice(0, started), ...times, ...left.slice(first)];
      } else last.set(key, joined.push(row) - 1);
    }
  }
  return joined;
}
