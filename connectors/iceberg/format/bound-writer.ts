import { type Datum, isNaNDatum } from './datum.js';
import type { IcebergType } from './schema.js';

export interface BoundRequest {
  readonly type: IcebergType;
  /** The least or greatest value in DuckDB's text form (binary and fixed: hexadecimal digits). */
  readonly text: string;
  readonly side: 'lower' | 'upper';
  /** Strings and binaries are cut to this many code points or bytes; undefined: kept whole. */
  readonly truncate: number | undefined;
}

const DAY_MS = 86_400_000;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const TIME = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/;

/** A bound in Iceberg's single-value serialization; undefined where none can be told (it is then left out: "may hold anything"). */
export function encodeBound({ type, text, side, truncate }: BoundRequest): Uint8Array | undefined {
  if (type.kind === 'primitive' && type.name === 'string') {
    if (truncate === undefined) return Buffer.from(text);
    return side === 'lower' ? Buffer.from(truncateText(text, truncate)) : upperText(text, truncate);
  }
  if (type.kind === 'fixed' || (type.kind === 'primitive' && type.name === 'binary')) {
    const bytes = Buffer.from(text, 'hex');
    if (truncate === undefined || type.kind === 'fixed') return bytes;
    return side === 'lower' ? bytes.subarray(0, truncate) : upperBytes(bytes, truncate);
  }
  const datum = datumOf(type, text);
  if (datum === undefined || isNaNDatum(datum)) return undefined;
  // A zero may stand for both zeros: the bound takes the outer one.
  return encodeDatum(type, datum === 0 ? (side === 'lower' ? -0 : 0) : datum);
}

/** A value in Iceberg's single-value serialization; undefined: the type has none. */
export function encodeDatum(type: IcebergType, datum: Datum): Uint8Array | undefined {
  if (datum instanceof Uint8Array) return datum;
  if (type.kind === 'decimal') return typeof datum === 'bigint' ? bigEndian(datum) : undefined;
  if (type.kind !== 'primitive') return undefined;
  switch (type.name) {
    case 'boolean':
      return Buffer.from([datum === 0n ? 0 : 1]);
    case 'int':
    case 'date':
      return int32(Number(datum));
    case 'long':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return int64(BigInt(datum));
    case 'float':
    case 'double':
      return floating(type.name, Number(datum));
    default:
      return undefined;
  }
}

/** A scalar's datum from DuckDB's text form; undefined: a text that has none (dates beyond 9999, BC, infinity) or a type that is no number or uuid. */
function datumOf(type: IcebergType, text: string): Datum | undefined {
  if (type.kind === 'decimal') return BigInt(text.replace('.', ''));
  if (type.kind !== 'primitive') return undefined;
  switch (type.name) {
    case 'boolean':
      return text === '1' || text === 'true' ? 1n : 0n;
    case 'int':
    case 'long':
      return BigInt(text);
    case 'float':
    case 'double':
      return Number(text);
    case 'date': {
      const days = dayNumber(text);
      return days === undefined ? undefined : BigInt(days);
    }
    case 'time':
      return timeMicros(text);
    case 'timestamp':
    case 'timestamptz':
      return timestampMicros(text);
    case 'uuid':
      return Buffer.from(text.replaceAll('-', ''), 'hex');
    default:
      return undefined;
  }
}

/** Days since 1970-01-01 of YYYY-MM-DD; undefined for anything else (years beyond 9999, BC, infinity). */
function dayNumber(text: string): number | undefined {
  const match = DATE.exec(text);
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  return match ? new Date(0).setUTCFullYear(Number(match[1]), Number(match[2]) - 1, Number(match[3])) / DAY_MS : undefined;
}

function timeMicros(text: string): bigint | undefined {
  const match = TIME.exec(text);
  if (!match) return undefined;
  const seconds = Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3]);
  return BigInt(seconds) * 1_000_000n + BigInt((match[4] ?? '').padEnd(6, '0'));
}

function timestampMicros(text: string): bigint | undefined {
  // RETURN_STATS gives timestamptz in UTC, whatever the session's zone is.
  const [date, time] = text.replace(/\+00(:00)?$/, '').split(' ');
  const day = date === undefined ? undefined : dayNumber(date);
  const micros = time === undefined ? undefined : timeMicros(time);
  return day === undefined || micros === undefined ? undefined : BigInt(day) * BigInt(DAY_MS) * 1000n + micros;
}

function int32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function int64(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

function floating(type: 'float' | 'double', value: number): Uint8Array {
  const bytes = Buffer.alloc(type === 'float' ? 4 : 8);
  if (type === 'float') bytes.writeFloatLE(value);
  else bytes.writeDoubleLE(value);
  return bytes;
}

/** Two's complement in as few bytes as hold it, or in `length` bytes. */
export function bigEndian(value: bigint, length?: number): Uint8Array {
  let size = length ?? 1;
  if (length === undefined) while (BigInt.asIntN(size * 8, value) !== value) size++;
  const hex = BigInt.asUintN(size * 8, value).toString(16);
  return Buffer.from(hex.padStart(size * 2, '0'), 'hex');
}

function truncateText(text: string, length: number): string {
  return [...text].slice(0, length).join('');
}

/**
 * The least text of at most `length` code points that is not below `text`: 'abcd' cut to 3 is 'abd'.
 * Iceberg orders strings by their UTF-8 bytes, which is the order of code points.
 */
function upperText(text: string, length: number): Uint8Array | undefined {
  const points = [...text];
  if (points.length <= length) return Buffer.from(text);
  for (let last = length - 1; last >= 0; last--) {
    const next = nextCodePoint(points[last]?.codePointAt(0) ?? 0);
    if (next !== undefined) return Buffer.from(points.slice(0, last).join('') + String.fromCodePoint(next));
  }
  return undefined;
}

function nextCodePoint(point: number): number | undefined {
  if (point >= 0x10ffff) return undefined;
  // Surrogates are no characters: after U+D7FF comes U+E000.
  return point + 1 >= 0xd800 && point + 1 <= 0xdfff ? 0xe000 : point + 1;
}

function upperBytes(bytes: Uint8Array, length: number): Uint8Array | undefined {
  if (bytes.length <= length) return bytes;
  for (let last = length - 1; last >= 0; last--) {
    const byte = bytes[last] ?? 0xff;
    if (byte === 0xff) continue;
    const bound = Buffer.from(bytes.subarray(0, last + 1));
    bound[last] = byte + 1;
    return bound;
  }
  return undefined;
}
