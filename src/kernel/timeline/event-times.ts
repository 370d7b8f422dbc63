import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Value } from '../../../sql/value.js';
import { instantOf } from '../../timeline/clock.js';
import { type Rows, rowCountOf } from './vectors.js';

export interface EventTimes {
  /** Microseconds since 1970, of the rows that have a time. */
  readonly times: Float64Array;
  /** Those rows; undefined: all. */
  readonly rows: Rows | undefined;
}

/** A timestamptz column as numbers. 22008 for times that numbers do not hold. */
export function eventTimes(vector: ColumnVector): EventTimes {
  const count = rowCountOf(vector);
  if (vector.kind === 'numbers' && vector.values instanceof Float64Array && vector.valid?.includes(0) !== true)
    return { times: vector.values, rows: undefined };
  const times = new Float64Array(count);
  const rows = new Uint32Array(count);
  const read = timeReader(vector);
  let found = 0;
  for (let row = 0; row < count; row++) {
    const time = read(row);
    if (Number.isNaN(time)) continue;
    times[found] = time;
    rows[found] = row;
    found += 1;
  }
  return found === count ? { times, rows: undefined } : { times: times.slice(0, found), rows: rows.slice(0, found) };
}

/** NaN for NULL. */
function timeReader(vector: ColumnVector): (row: number) => number {
  switch (vector.kind) {
    case 'numbers': {
      const { values, valid } = vector;
      return (row) => (valid !== undefined && valid[row] === 0 ? Number.NaN : (values[row] as number));
    }
    case 'values':
      return (row) => timeOf(vector.values[row]);
    case 'codes': {
      const { codes, dictionary, valid } = vector;
      const known: (number | undefined)[] = [];
      return (row) => {
        if (valid !== undefined && valid[row] === 0) return Number.NaN;
        const code = codes[row] as number;
        known[code] ??= timeOf(dictionary[code]);
        return known[code];
      };
    }
  }
}

function timeOf(value: Value | null | undefined): number {
  return value === null || value === undefined ? Number.NaN : instantOf(value as bigint);
}
