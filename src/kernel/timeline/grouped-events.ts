import type { TimelineSpec } from '../../../planner/timeline-spec.js';
import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import type { Turn } from './event-feed.js';
import { GatheredColumns } from './gathered-columns.js';
import { KeyCodes } from './key-codes.js';
import { groupByKey, type KeyGroups } from './key-groups.js';
import type { PartOrderValues } from './order-values.js';
import type { EventPart, ParquetEvents } from './parquet-events.js';
import type { TieOrder } from './tie-order.js';
import type { Rows } from './vectors.js';

/** Events grouped by key, each key's in order. */
export interface GroupedEvents {
  /** The greatest time, of rows without a key too; undefined: there is none. */
  readonly latest: number | undefined;
  readonly rowCount: number;
  /** Rows that pass the filters but have no time or a NULL in their key. */
  readonly skipped: number;
  batch(from: number, to: number): ReadonlyMap<number, ColumnVector>;
}

export interface GroupRequest {
  readonly events: ParquetEvents;
  readonly spec: TimelineSpec;
  /** By field id, of the columns that the events give. */
  readonly types: ReadonlyMap<number, Type>;
  /** Undefined: the order of tied events makes no difference. */
  readonly ties: { readonly order: TieOrder; readonly values: PartOrderValues } | undefined;
  /** Called between parts. */
  readonly turn: Turn;
  /** What the events may take at most. */
  readonly memoryBytes: number;
}

/** There are more events, or longer ones, than was thought. */
export class TooMuch extends Error {}

/** A JavaScript Map holds no more. */
const MOST_KEYS = 2 ** 24 - 1;
/** Of a row's time (twice), key and place in the order. */
export const EVENT_BYTES = 24;

/** Reads all events into memory and groups them by counting. */
export async function groupEvents({ events, spec, types, ties, turn, memoryBytes }: GroupRequest): Promise<GroupedEvents> {
  const capacity = events.rows;
  const times = new Float64Array(capacity);
  const keys = new KeyCodes(spec.keys, types, capacity);
  const places = new PartPlaces();
  let columns = new GatheredColumns(new Map(), types, 0);
  let skipped = 0;
  let rows = 0;
  let latest: number | undefined;
  for (const part of events.parts) {
    await turn();
    const read = await events.read(part);
    const count = read.times.length;
    const own = new Map([...read.columns].filter(([id]) => !keys.gives(id)));
    if (places.isEmpty) columns = new GatheredColumns(own, types, capacity);
    columns.append(own, count);
    skipped += read.timeless + keys.append(read.columns, count);
    times.set(read.times, rows);
    for (const time of read.times) if (latest === undefined || time > latest) latest = time;
    places.add(part, rows, read.rows);
    rows += count;
    if (capacity * EVENT_BYTES + columns.bytes + keys.bytes + events.bytes > memoryBytes || keys.count >= MOST_KEYS) throw new TooMuch();
  }
  await turn();
  const grouped = groupByKey(keys.codes.subarray(0, rows), keys.count, times);
  const { order, starts, times: sorted } = grouped;
  if (ties !== undefined && rows > 0)
    await orderTies({ ...grouped, columns: new Map([...columns.vectors(), ...keys.vectors()]), places }, ties);
  let key = 0;
  return {
    latest,
    rowCount: order.length,
    skipped,
    batch(from, to) {
      // batches are asked for in order
      const codes = new Uint32Array(to - from);
      for (let at = from; at < to; at++) {
        while ((starts[key + 1] as number) <= at) key += 1;
        codes[at - from] = key;
      }
      const ts: ColumnVector = { kind: 'numbers', values: sorted.subarray(from, to), valid: undefined };
      return new Map([...columns.gather(order.subarray(from, to)), ...keys.vectors(codes), [spec.ts, ts]]);
    },
  };
}

/** Where gathered rows come from. */
class PartPlaces {
  readonly #parts: { readonly part: EventPart; readonly from: number; readonly rows: Rows | undefined }[] = [];

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  add(part: EventPart, from: number, rows: Rows | undefined): void {
    this.#parts.push({ part, from, rows });
  }

  of(row: number): { readonly part: EventPart; readonly row: number } {
    let low = 0;
    let high = this.#parts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#parts[middle]?.from ?? Infinity) <= row) low = middle;
      else high = middle - 1;
    }
    const place = this.#parts[low] as { readonly part: EventPart; readonly from: number; readonly rows: Rows | undefined };
    const own = row - place.from;
    return { part: place.part, row: place.rows === undefined ? own : (place.rows[own] as number) };
  }
}

interface Gathered extends KeyGroups {
  /** By row. */
  readonly columns: ReadonlyMap<number, ColumnVector>;
  readonly places: PartPlaces;
}

/** Puts events of one key and time in their order, where that makes a difference. */
async function orderTies(gathered: Gathered, ties: NonNullable<GroupRequest['ties']>): Promise<void> {
  const { order, starts, times, columns, places } = gathered;
  const differs = ties.order.differs(columns);
  const groups: { readonly from: number; readonly rows: readonly number[] }[] = [];
  for (let key = 0; key + 1 < starts.length; key++) {
    const end = starts[key + 1] as number;
    for (let at = (starts[key] as number) + 1; at < end; at++) {
      if (times[at] !== times[at - 1]) continue;
      const from = at - 1;
      while (at < end && times[at] === times[from]) at += 1;
      const group = Array.from(order.subarray(from, at));
      if (differs(group)) groups.push({ from, rows: group });
    }
  }
  if (groups.length === 0) return;
  const found = await ties.values.ofRows(groups.flatMap((group) => group.rows.map((row) => places.of(row))));
  let at = 0;
  for (const group of groups) {
    const own = group.rows.map((row, n) => ({ row, values: found[at + n] ?? [] }));
    at += own.length;
    own.sort((a, b) => ties.order.compare(a.values, b.values) || a.row - b.row);
    for (const [n, { row }] of own.entries()) order[group.from + n] = row;
  }
}
