import type { ColumnVector } from '../../sql/column-vector.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { openKernel } from '../../src/timeline/event-kernel.js';
import type { EventBatch, KernelOptions, KernelState, TimelineKernel } from '../../src/timeline/kernel.js';
import type { SpanBatch } from '../../src/timeline/span-rows.js';
import type { Event } from './brute-force.js';
import { order } from './brute-values.js';
import type { Random } from './random.js';
import type { RandomCase } from './random-timeline.js';

const NUMBERS: ReadonlySet<number> = new Set([Oid.bool, Oid.int4, Oid.int8, Oid.float8, Oid.timestamptz]);
const SMALL: ReadonlySet<number> = new Set([Oid.bool, Oid.int4]);

export type Row = (Value | null)[];

/** Events as columns of any kind that can hold them. */
export function batchOf(events: readonly Event[], random: Random, columns: ReadonlyMap<number, Type>): EventBatch {
  return {
    rowCount: events.length,
    columns: new Map(
      [...columns].map(([id, type]) => [
        id,
        vectorOf(
          events.map((event) => event[id] ?? null),
          type,
          random,
        ),
      ]),
    ),
  };
}

function vectorOf(values: readonly (Value | null)[], type: Type, random: Random): ColumnVector {
  const valid =
    values.some((value) => value === null) || random.chance(30) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : undefined;
  const isNumber = NUMBERS.has(type.oid) && values.every((value) => typeof value !== 'bigint' || Number.isSafeInteger(Number(value)));
  const kind = random.pick(isNumber ? (['values', 'codes', 'numbers'] as const) : (['values', 'codes'] as const));
  if (kind === 'values') return { kind, values };
  if (kind === 'numbers') {
    const numbers = values.map((value) => (value === null ? 1 : Number(value)));
    return {
      kind,
      values: random.chance(50) || !SMALL.has(type.oid) ? Float64Array.from(numbers) : Int32Array.from(numbers),
      valid,
    };
  }
  // a dictionary may repeat values, hold some that no row has, and NULL
  const present = values.filter((value) => value !== null);
  const dictionary: (Value | null)[] = [null, ...present, ...present.slice(random.below(3))];
  const codes = values.map((value) => {
    const all = [...dictionary.keys()].filter((code) => Object.is(dictionary[code], value));
    return value === null && valid !== undefined ? random.below(dictionary.length) : random.pick(all);
  });
  return { kind, codes: random.chance(50) ? Uint8Array.from(codes) : Int32Array.from(codes), dictionary, valid };
}

export class Rows {
  readonly rows: Row[] = [];
  take(batch: SpanBatch | undefined): void {
    if (batch === undefined) return;
    for (let n = 0; n < batch.rowCount; n++) this.rows.push(batch.columns.map((column) => column[n]!));
  }
}

export function optionsOf({ spec, types, horizon }: RandomCase): Omit<KernelOptions, 'order'> {
  return {
    // as from a plan's JSON
    spec: JSON.parse(JSON.stringify(spec)) as RandomCase['spec'],
    inputTypes: types,
    horizon: horizon === undefined ? undefined : BigInt(horizon),
  };
}

/** Events as feeds sort them, NULLS LAST. */
export function sortedBy({ events, types }: RandomCase, ids: readonly number[]): readonly Event[] {
  const compare = (a: Event, b: Event, id: number): number => {
    const [x, y] = [a[id] ?? null, b[id] ?? null];
    return x === null || y === null ? Number(x === null) - Number(y === null) : order(types.get(id)!, x, y);
  };
  return [...events].sort((a, b) => ids.map((id) => compare(a, b, id)).find((sign) => sign !== 0) ?? 0);
}

/** Key by key, cut into batches at random. */
export function grouped(example: RandomCase, random: Random, options = optionsOf(example)): Row[] {
  const { spec } = example;
  const kernel = openKernel({ ...options, order: 'grouped' });
  const out = new Rows();
  const events = sortedBy(example, [...spec.keys, spec.ts, ...spec.orderBy]);
  for (let from = 0; from < events.length; ) {
    const batch = events.slice(from, from + random.below(7));
    out.take(kernel.push(batchOf(batch, random, example.types)));
    from += batch.length;
  }
  out.take(kernel.finish());
  return out.rows;
}

/** All keys together, in time order; with advances, and states loaded into new kernels, in between. */
export function interleaved(example: RandomCase, random: Random, options = optionsOf(example)): Row[] {
  const { spec } = example;
  const open = (): TimelineKernel => openKernel({ ...options, order: 'interleaved' });
  const events = sortedBy(example, [spec.ts, ...spec.orderBy]);
  const times = events.map((event) => Number(event[spec.ts] ?? Infinity));
  const out = new Rows();
  let kernel = open();
  let to = -Infinity;
  for (let from = 0; from < events.length; ) {
    const batch = events.slice(from, from + random.below(7));
    out.take(kernel.push(batchOf(batch, random, example.types)));
    from += batch.length;
    const next = times[from] ?? Infinity;
    if (next === Infinity || random.chance(50)) continue;
    const last = times[from - 1] ?? next;
    to = Math.max(to, random.chance(50) ? next : last + Math.floor((next - last) / 2));
    out.take(kernel.advance(to));
    if (last >= to || to > readUntil(example) || random.chance(50)) continue;
    const state = JSON.parse(JSON.stringify(kernel.save())) as KernelState;
    kernel = open();
    kernel.load(state);
  }
  out.take(kernel.finish());
  return out.rows;
}

/** After this, events are left out. */
function readUntil({ spec, horizon }: RandomCase): number {
  if (spec.probe !== undefined) return Infinity;
  const since = Number(spec.since ?? -Infinity);
  if (spec.emit === 'points') {
    const last = Number(spec.at?.at(-1) ?? -Infinity);
    return last >= since ? last : -Infinity;
  }
  const until = spec.until.kind === 'at' ? Number(spec.until.instant) : (horizon ?? -Infinity);
  return since >= until ? -Infinity : until;
}
