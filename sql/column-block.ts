import { internal } from './errors.js';
import { writeNumeric } from './functions/numeric.js';
import { Oid, type Type, typeName } from './types.js';
import { TIMESTAMP_NEGATIVE_INFINITY, type Value } from './value.js';

/**
 * How a column's values lie in memory, little-endian. int128: a numeric's digits, its scale is the type's. uuid: 16 bytes, the last
 * first, and the first bit turned round. interval: months and days (int32), microseconds (int64). bytes: `data` holds where each
 * value ends in `bytes` (int32). values: no bytes, but sql/value.ts values.
 */
export type ColumnForm =
  | 'bool'
  | 'int16'
  | 'int32'
  | 'uint32'
  | 'float32'
  | 'float64'
  | 'int64'
  | 'int128'
  | 'uuid'
  | 'interval'
  | 'bytes'
  | 'values';

export interface RawColumn {
  readonly type: Type;
  readonly form: ColumnForm;
  /** A bit for each row, 1 where there is a value; undefined: no NULLs. */
  readonly valid: Uint8Array | undefined;
  /** Aligned to 8 bytes. */
  readonly data: Uint8Array;
  readonly bytes: Uint8Array;
  /** Of form `values` only. */
  readonly values: () => readonly (Value | null)[];
}

/** Some rows of a result, column by column, as DuckDB had them: no object for any value. */
export interface ColumnBlock {
  readonly rowCount: number;
  readonly columns: readonly RawColumn[];
}

/** DuckDB's -infinity of timestamps and dates; its +infinity is PostgreSQL's. */
export const RAW_NEGATIVE_INFINITY = -9223372036854775807n;
export const RAW_DATE_INFINITY = 2147483647;

export function isValid(valid: Uint8Array | undefined, row: number): boolean {
  return valid === undefined || (((valid[row >> 3] as number) >> (row & 7)) & 1) === 1;
}

export function int32s(data: Uint8Array): Int32Array {
  return new Int32Array(data.buffer, data.byteOffset, data.byteLength >> 2);
}

/** The column as values. */
export function columnValues(column: RawColumn, rowCount: number): readonly (Value | null)[] {
  if (column.form === 'values') return column.values();
  const read = valueReader(column);
  const out: (Value | null)[] = new Array(rowCount);
  for (let row = 0; row < rowCount; row++) out[row] = isValid(column.valid, row) ? read(row) : null;
  return out;
}

/** One value; of a row that is not NULL. */
export function valueReader(column: RawColumn): (row: number) => Value {
  const { data, bytes, type } = column;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  switch (column.form) {
    case 'bool':
      return (row) => data[row] !== 0;
    case 'int16':
      return (row) => view.getInt16(row * 2, true);
    case 'int32':
      return type.oid === Oid.date ? (row) => dayNumber(view.getInt32(row * 4, true)) : (row) => view.getInt32(row * 4, true);
    case 'uint32':
      return (row) => view.getUint32(row * 4, true);
    case 'float32':
      return (row) => view.getFloat32(row * 4, true);
    case 'float64':
      return (row) => view.getFloat64(row * 8, true);
    case 'int64':
      return type.oid === Oid.timestamp || type.oid === Oid.timestamptz
        ? (row) => instant(view.getBigInt64(row * 8, true))
        : (row) => view.getBigInt64(row * 8, true);
    case 'int128': {
      const scale = (type.typmod - 4) & 0x7ff;
      return (row) => writeNumeric({ digits: (view.getBigInt64(row * 16 + 8, true) << 64n) | view.getBigUint64(row * 16, true), scale });
    }
    case 'uuid':
      return (row) => {
        const hex = Buffer.from(data.subarray(row * 16, row * 16 + 16)).reverse();
        hex[0] = (hex[0] as number) ^ 0x80;
        return hex.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      };
    case 'interval':
      return (row) => ({
        months: view.getInt32(row * 16, true),
        days: view.getInt32(row * 16 + 4, true),
        micros: view.getBigInt64(row * 16 + 8, true),
      });
    case 'bytes': {
      const ends = int32s(data);
      const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const start = (row: number): number => (row === 0 ? 0 : (ends[row - 1] as number));
      return type.oid === Oid.bytea
        ? (row) => new Uint8Array(source.subarray(start(row), ends[row]))
        : (row) => source.toString('utf8', start(row), ends[row]);
    }
    case 'values': {
      const values = column.values();
      return (row) => {
        const value = values[row];
        if (value === null || value === undefined) throw internal(`a value of type ${typeName(type)} is missing`);
        return value;
      };
    }
  }
}

/** DuckDB's instants as sql/value.ts has them; its infinity is the same. */
export function instant(micros: bigint): bigint {
  return micros === RAW_NEGATIVE_INFINITY ? TIMESTAMP_NEGATIVE_INFINITY : micros;
}

/** DuckDB's days as sql/value.ts has them. */
export function dayNumber(days: number): number {
  return days >= RAW_DATE_INFINITY ? Infinity : days <= -RAW_DATE_INFINITY ? -Infinity : days;
}
