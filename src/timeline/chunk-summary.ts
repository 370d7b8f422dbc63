import { columnsBeforeSignals } from '../../planner/timeline-parts.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';
import { equality } from '../../sql/functions/state-functions.js';
import { Oid } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { intervalOf } from './clock.js';
import type { Chunk } from './cuts.js';
import { combineStates, openKernel } from './event-kernel.js';
import { inputTypeOf } from './input-types.js';
import type { KernelOptions, KernelState, TimelineKernel } from './kernel.js';
import { nestingDepth } from './state-dependencies.js';
import { equalityKey } from './value-identity.js';

/*
 * Chunks of time, each evaluated by itself. First they are summed up, all at once: what their leaves hold, from nothing, per key. Such
 * summaries are combined from left to right, in any grouping. Stateful operators need the exact states that they look at, so each depth of
 * nesting is a phase of its own: the chunks are summed up again, each from what the phase before knows of all chunks before it. At last each
 * is evaluated, all at once, from the combination of all before. Spans that end and begin at the border of two chunks are joined; in digests
 * a span is counted where it begins.
 */

/** Why a call's chunks must follow one another, each from the state of the one before; undefined: they need not. */
export function chainedBy({ dedupe, fill, leaves }: TimelineSpec): string | undefined {
  if (dedupe.length > 0) return 'dedupe';
  // a key of a later chunk has spans in an earlier one
  if (fill) return 'fill';
  for (const leaf of leaves)
    if (leaf.op === 'sum_so_far' && (leaf.type.oid === Oid.float4 || leaf.type.oid === Oid.float8)) return 'sum_so_far of floats';
  return undefined;
}

/** How many times chunks are summed up before they are evaluated: once for leaves, and once for each depth of stateful operators. */
export function summaryPhases(spec: TimelineSpec): number {
  return 1 + spec.signals.reduce((most, { expr }) => Math.max(most, nestingDepth(expr, spec)), 0);
}

type ChunkOptions = Pick<KernelOptions, 'spec' | 'inputTypes' | 'horizon' | 'postgres' | 'output' | 'digest'>;

/**
 * Takes a chunk's events in time order; `finish` gives its summary. `before`: what the phase before says of all chunks before;
 * the first phase (0) does not look at it, and the first chunk has none.
 */
export function summarizeChunk(
  options: ChunkOptions,
  request: { readonly chunk: Chunk; readonly phase: number; readonly before: KernelState | undefined },
): { readonly push: TimelineKernel['push']; finish(): KernelState } {
  const { chunk, phase, before } = request;
  const kernel = openKernel(summaryOptions(options, chunk, phase));
  if (before !== undefined && phase > 0) kernel.load(before);
  return {
    push: (batch) => kernel.push(batch),
    finish: () => {
      kernel.advance(chunk.to);
      return kernel.save();
    },
  };
}

/** The summary of two neighbouring stretches of chunks, of one phase. */
export function combineSummaries(options: ChunkOptions, phase: number, earlier: KernelState, later: KernelState): KernelState {
  return combineStates(summaryOptions(options, { from: -Infinity, to: Infinity }, phase), earlier, later);
}

/** Evaluates a chunk: `push` its events in time order, then `finish`. `before`: what the last phase says of all chunks before it. */
export function openChunk(options: ChunkOptions, chunk: Chunk, before: KernelState | undefined): TimelineKernel {
  refuseChained(options.spec);
  const kernel = openKernel({ ...options, order: 'interleaved', chunk: { ...chunk, sumUp: undefined } });
  if (before !== undefined) kernel.load(before);
  return kernel;
}

function summaryOptions({ spec, inputTypes, horizon, postgres }: ChunkOptions, chunk: Chunk, phase: number): KernelOptions {
  refuseChained(spec);
  return {
    spec: { ...spec, emit: 'spans', at: undefined, every: undefined, origin: undefined },
    inputTypes,
    horizon,
    order: 'interleaved',
    postgres,
    chunk: { ...chunk, sumUp: phase },
  };
}

function refuseChained(spec: TimelineSpec): void {
  const chained = chainedBy(spec);
  if (chained !== undefined) throw internal(`timeline: chunks are chained by ${chained}`);
}

type Row = readonly (Value | null)[];

/** The spans of all chunks, chunk after chunk, with those joined that only a border cuts. Rows as TimelineOperator.fields has them. */
export function joinSpans({ spec, inputTypes }: ChunkOptions, chunks: readonly (readonly Row[])[]): Row[] {
  const keys = spec.keys.map((id) => equalityKey(inputTypeOf(inputTypes)(id)));
  const first = columnsBeforeSignals(spec);
  const started = first - 5;
  const same = spec.signals.map(({ type, numerical }) => (numerical ? () => true : equality(type)));
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
