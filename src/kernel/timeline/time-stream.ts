import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import { firstAtOrAfter } from '../../timeline/ascending.js';
import type { Turn } from './event-feed.js';
import { type EventPart, type ParquetEvents, type PartRows, wrongBounds } from './parquet-events.js';
import type { BoundedPart } from './parts-in-order.js';
import { isAscending, timeOrder } from './time-order.js';
import { gatherVector, joinRuns, type Rows, type Run } from './vectors.js';

/** Rows of all keys in time order, those of one time in source order; all rows of a time are in one batch. */
export interface TimedBatch {
  readonly times: Float64Array;
  readonly columns: ReadonlyMap<number, ColumnVector>;
  /** Where a row comes from. */
  origin(row: number): { readonly part: EventPart; readonly row: number };
}

/** Rows of a part that is in time order, from `next` on. */
interface Segment {
  readonly part: EventPart;
  readonly times: Float64Array;
  readonly columns: ReadonlyMap<number, ColumnVector>;
  readonly rows: Rows | undefined;
  next: number;
}

export interface TimeStreamOptions {
  readonly events: ParquetEvents;
  readonly parts: readonly BoundedPart[];
  /** By field id, of the columns that the events give. */
  readonly types: ReadonlyMap<number, Type>;
  /** Rows that a batch has, more or less. */
  readonly batchRows: number;
  /** Called before each part. */
  readonly turn: Turn;
  /** Told of rows that pass the filters but have no time. */
  readonly timeless: (rows: number) => void;
}

/** Reads the parts in order and gives their rows by time. XX001 where a row lies outside of its part's bounds. */
export async function* timeStream({ events, parts, types, batchRows, turn, timeless }: TimeStreamOptions): AsyncGenerator<TimedBatch> {
  let held: Segment[] = [];
  for (const [n, part] of parts.entries()) {
    await turn();
    const rows = await events.read(part);
    timeless(rows.timeless);
    const segment = inOrder(rows);
    if (segment.times.length > 0) {
      const { min, max } = part.bounds;
      if ((segment.times[0] as number) < min || (segment.times.at(-1) as number) > max) throw wrongBounds(events.location(part));
      held = [...held, segment].sort((a, b) => a.part.position - b.part.position);
    }
    const before = parts[n + 1]?.bounds.min ?? Infinity;
    yield* taken(held, { before, types, batchRows });
    held = held.filter((one) => one.next < one.times.length);
  }
}

function inOrder({ part, times, columns, rows }: PartRows): Segment {
  if (isAscending(times)) return { part, times, columns, rows, next: 0 };
  const order = timeOrder(times);
  return {
    part,
    times: inRows(times, order),
    columns: new Map([...columns].map(([id, vector]) => [id, gatherVector(vector, order)])),
    rows: rows === undefined ? order : order.map((row) => rows[row] as number),
    next: 0,
  };
}

/** All rows with a time before `before`. */
function* taken(
  held: readonly Segment[],
  { before, types, batchRows }: { readonly before: number } & Pick<TimeStreamOptions, 'types' | 'batchRows'>,
): Generator<TimedBatch> {
  for (;;) {
    const active = held.filter(({ times, next }) => next < times.length && (times[next] as number) < before);
    if (active.length === 0) return;
    const step = Math.max(1, Math.floor(batchRows / active.length));
    let least = Infinity;
    let bound = before;
    for (const { times, next } of active) {
      least = Math.min(least, times[next] as number);
      if (next + step < times.length) bound = Math.min(bound, times[next + step] as number);
    }
    yield joined(active, Math.max(bound, justAfter(least)), types);
  }
}

function inRows(times: Float64Array, rows: Rows): Float64Array {
  const out = new Float64Array(rows.length);
  for (let n = 0; n < rows.length; n++) out[n] = times[rows[n] as number] as number;
  return out;
}

/** Times are whole numbers, far from 1970 not all of them. */
function justAfter(time: number): number {
  let step = 1;
  while (time + step === time) step *= 2;
  return time + step;
}

function joined(segments: readonly Segment[], bound: number, types: ReadonlyMap<number, Type>): TimedBatch {
  const runs: Run[] = [];
  const offsets: number[] = [];
  let count = 0;
  for (const [source, segment] of segments.entries()) {
    const to = firstAtOrAfter(segment.times, bound, segment.next);
    if (to === segment.next) continue;
    runs.push({ source, from: segment.next, to });
    offsets.push(count);
    count += to - segment.next;
    segment.next = to;
  }
  const slices = runs.map(({ source, from, to }) => (segments[source] as Segment).times.subarray(from, to));
  const [only = new Float64Array()] = slices;
  const together = slices.length < 2 ? only : new Float64Array(count);
  if (slices.length > 1) for (const [n, slice] of slices.entries()) together.set(slice, offsets[n]);
  const order = runs.length < 2 || isAscending(together) ? undefined : timeOrder(together);
  const columns = [...types].map(([id, type]): readonly [number, ColumnVector] => {
    const vector = joinRuns(
      segments.map((segment) => segment.columns.get(id) as ColumnVector),
      runs,
      type,
    );
    return [id, order === undefined ? vector : gatherVector(vector, order)];
  });
  return {
    times: order === undefined ? together : inRows(together, order),
    columns: new Map(columns),
    origin(row) {
      const at = order === undefined ? row : (order[row] as number);
      let n = runs.length - 1;
      while ((offsets[n] as number) > at) n -= 1;
      const { source, from } = runs[n] as Run;
      const segment = segments[source] as Segment;
      const own = from + at - (offsets[n] as number);
      return { part: segment.part, row: segment.rows === undefined ? own : (segment.rows[own] as number) };
    },
  };
}
