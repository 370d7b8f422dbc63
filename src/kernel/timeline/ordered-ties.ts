import type { TimelineSpec } from '../../../planner/timeline-spec.js';
import type { Type } from '../../../sql/types.js';
import type { PartOrderValues } from './order-values.js';
import { type RowKey, rowKeys } from './row-keys.js';
import type { TieOrder } from './tie-order.js';
import type { TimedBatch } from './time-stream.js';
import { gatherVector } from './vectors.js';

export interface TieRequest {
  readonly spec: TimelineSpec;
  readonly types: ReadonlyMap<number, Type>;
  readonly order: TieOrder;
  readonly values: PartOrderValues;
}

/** The batch with the events of one key and time in their order, where that makes a difference. */
export async function orderedTies(batch: TimedBatch, { spec, types, order, values }: TieRequest): Promise<TimedBatch> {
  const { times, columns, origin } = batch;
  const key = rowKeys(columns, spec.keys, types);
  const differs = order.differs(columns);
  const groups = [...ties(times, key)].filter(differs);
  if (groups.length === 0) return batch;
  const found = await values.ofRows(groups.flat().map(origin));
  const rows = new Uint32Array(times.length);
  for (let row = 0; row < rows.length; row++) rows[row] = row;
  let at = 0;
  for (const group of groups) {
    const own = group.map((row, n) => ({ row, values: found[at + n] ?? [] }));
    at += group.length;
    own.sort((a, b) => order.compare(a.values, b.values) || a.row - b.row);
    for (const [n, { row }] of own.entries()) rows[group[n] as number] = row;
  }
  return {
    times,
    columns: new Map([...columns].map(([id, vector]) => [id, gatherVector(vector, rows)])),
    origin: (row) => origin(rows[row] as number),
  };
}

/** Rows of one key and time, ascending, two or more. */
export function* ties(times: Float64Array, key: (row: number) => RowKey): Generator<number[]> {
  for (let from = 0; from < times.length; ) {
    const time = times[from] as number;
    let to = from + 1;
    while (to < times.length && times[to] === time) to += 1;
    if (to - from > 1) {
      const byKey = new Map<RowKey, number | number[]>();
      const found: number[][] = [];
      for (let row = from; row < to; row++) {
        const own = key(row);
        if (own === undefined) continue;
        const known = byKey.get(own);
        if (known === undefined) byKey.set(own, row);
        else if (typeof known === 'number') {
          const group = [known, row];
          byKey.set(own, group);
          found.push(group);
        } else known.push(row);
      }
      yield* found;
    }
    from = to;
  }
}
