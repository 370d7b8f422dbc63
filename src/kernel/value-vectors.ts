import {
  DuckDBBlobValue,
  type DuckDBDataChunk,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  DuckDBTimeValue,
  DuckDBUUIDValue,
  type DuckDBValue,
  type DuckDBVector,
} from '@duckdb/node-api';
import { dayNumber, instant, RAW_DATE_INFINITY, RAW_NEGATIVE_INFINITY } from '../../sql/column-block.js';
import { decimalScale, decimalWidth } from '../../sql/duckdb-type.js';
import { internal } from '../../sql/errors.js';
import { normalizeJsonb } from '../../sql/functions/jsonb.js';
import { writeNumeric } from '../../sql/functions/numeric.js';
import { ELEMENT_OF, Oid, type Type, typeName } from '../../sql/types.js';
import { type Interval, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY, type Value } from '../../sql/value.js';
import { readPacked } from './packed-columns.js';

/** `jsonb`: normal form costs a parse per value; only results need it. */
export interface ReadOptions {
  readonly normalizeJsonb: boolean;
}

export function readColumn(vector: DuckDBVector, rowCount: number, type: Type, options: ReadOptions): (Value | null)[] {
  const plain = readPlain(vector, rowCount, type);
  if (plain !== undefined) return plain;
  const convert = reader(type, options);
  const out: (Value | null)[] = new Array(rowCount);
  for (let row = 0; row < rowCount; row++) {
    const item = vector.getItem(row) as DuckDBValue;
    out[row] = item === null ? null : convert(item);
  }
  return out;
}

/** The binding wraps each timestamp in an object; its vectors keep the numbers in `items`, which this reads. */
function readPlain(vector: DuckDBVector, rowCount: number, type: Type): (Value | null)[] | undefined {
  const items: unknown = (vector as unknown as { items?: unknown }).items;
  const validity = (vector as unknown as { validity?: { data?: unknown } }).validity;
  if (validity === undefined || (validity.data !== null && !(validity.data instanceof BigUint64Array))) return undefined;
  const bits =
    validity.data === null
      ? undefined
      : new Uint8Array((validity.data as BigUint64Array).buffer, (validity.data as BigUint64Array).byteOffset);
  const valid = (row: number): boolean => bits === undefined || (((bits[row >> 3] as number) >> (row & 7)) & 1) === 1;
  const packed = readPacked(vector, rowCount, type, bits === undefined ? undefined : valid);
  if (packed !== undefined) return packed;
  const out: (Value | null)[] = new Array(rowCount);
  if (items instanceof BigInt64Array) {
    switch (type.oid) {
      case Oid.int8:
        for (let row = 0; row < rowCount; row++) out[row] = valid(row) ? (items[row] as bigint) : null;
        return out;
      case Oid.timestamp:
      case Oid.timestamptz:
        for (let row = 0; row < rowCount; row++) out[row] = valid(row) ? instant(items[row] as bigint) : null;
        return out;
      default:
        return undefined;
    }
  }
  if (items instanceof Int32Array || items instanceof Int16Array || items instanceof Float64Array || items instanceof Float32Array) {
    if (type.oid === Oid.date) {
      for (let row = 0; row < rowCount; row++) out[row] = valid(row) ? dayNumber(items[row] as number) : null;
      return out;
    }
    for (let row = 0; row < rowCount; row++) out[row] = valid(row) ? (items[row] as number) : null;
    return out;
  }
  return undefined;
}

function reader(type: Type, options: ReadOptions): (item: NonNullable<DuckDBValue>) => Value {
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined) {
    const convert = reader({ oid: element, typmod: type.typmod }, options);
    return (item) => (item as DuckDBListValue).items.map((entry) => (entry === null ? null : convert(entry)));
  }
  switch (type.oid) {
    case Oid.date:
      return (item) => dayNumber((item as DuckDBDateValue).days);
    case Oid.time:
      return (item) => (item as DuckDBTimeValue).micros;
    case Oid.timestamp:
      return (item) => instant((item as DuckDBTimestampValue).micros);
    case Oid.timestamptz:
      return (item) => instant((item as DuckDBTimestampTZValue).micros);
    case Oid.uuid:
      return (item) => String(item);
    case Oid.bytea:
      return (item) => Uint8Array.from((item as DuckDBBlobValue).bytes);
    case Oid.interval:
      return (item) => {
        const { months, days, micros } = item as DuckDBIntervalValue;
        return { months, days, micros };
      };
    case Oid.numeric:
      if (decimalScale(type) === undefined) break;
      return (item) => writeNumeric({ digits: (item as DuckDBDecimalValue).value, scale: (item as DuckDBDecimalValue).scale });
    case Oid.jsonb:
      if (!options.normalizeJsonb) break;
      return (item) => normalizeJsonb(item as string);
    default:
      break;
  }
  return (item) => item as Value;
}

/** A value as the binding's vectors take it. */
export function toDuckdb(value: Value | null, type: Type): DuckDBValue {
  if (value === null) return null;
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined) {
    return new DuckDBListValue((value as readonly (Value | null)[]).map((item) => toDuckdb(item, { oid: element, typmod: type.typmod })));
  }
  switch (type.oid) {
    case Oid.date:
      return new DuckDBDateValue(
        Number.isFinite(value) ? (value as number) : (value as number) > 0 ? RAW_DATE_INFINITY : -RAW_DATE_INFINITY,
      );
    case Oid.time:
      return new DuckDBTimeValue(value as bigint);
    case Oid.timestamp:
      return new DuckDBTimestampValue(outInstant(value as bigint));
    case Oid.timestamptz:
      return new DuckDBTimestampTZValue(outInstant(value as bigint));
    case Oid.uuid:
      return DuckDBUUIDValue.fromUint128(BigInt(`0x${(value as string).replaceAll('-', '')}`));
    case Oid.bytea:
      return new DuckDBBlobValue(value as Uint8Array);
    case Oid.interval: {
      const { months, days, micros } = value as Interval;
      return new DuckDBIntervalValue(months, days, micros);
    }
    case Oid.numeric: {
      const scale = decimalScale(type);
      return scale === undefined ? (value as string) : decimal(value as string, decimalWidth(type), scale);
    }
    default:
      return value as DuckDBValue;
  }
}

function outInstant(micros: bigint): bigint {
  return micros === TIMESTAMP_INFINITY ? TIMESTAMP_INFINITY : micros === TIMESTAMP_NEGATIVE_INFINITY ? RAW_NEGATIVE_INFINITY : micros;
}

function decimal(text: string, width: number, scale: number): DuckDBDecimalValue {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const fraction = match?.[3] ?? '';
  if (match === null || fraction.length > scale) throw internal(`${text} is no ${typeName(Oid.numeric)} of scale ${scale}`);
  const digits = BigInt(`${match[2]}${fraction.padEnd(scale, '0')}`);
  return new DuckDBDecimalValue(match[1] === '-' ? -digits : digits, width, scale);
}

/** All columns of a chunk as values. */
export function readChunk(chunk: DuckDBDataChunk, types: readonly Type[], options: ReadOptions): (Value | null)[][] {
  return types.map((type, column) => readColumn(chunk.getColumnVector(column), chunk.rowCount, type, options));
}
