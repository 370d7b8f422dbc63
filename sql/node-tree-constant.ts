import { jsonbText } from './node-tree-jsonb.js';
import { numericText } from './node-tree-numeric.js';
import { ELEMENT_OF, Oid, type Type } from './types.js';
import { TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from './value.js';
import { formatArrayText } from './value-array.js';
import { decodeUtf8 } from './value-binary.js';
import { formatBytea, formatValue } from './value-text.js';

const UTC = { timeZone: 'UTC' };
/** Days and microseconds between PostgreSQL's epoch and 1970. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS = 946_684_800_000_000n;
const DATE_INFINITY = 2_147_483_647;
const DATE_NEGATIVE_INFINITY = -2_147_483_648;

/**
 * A datum of a Const node in PostgreSQL's text form (ISO, UTC, `postgres` intervals). The bytes are those of a little-endian
 * PostgreSQL's memory, with the header of variable-length types. Undefined: a type that is not read here.
 */
export function constantText(type: Type, bytes: Uint8Array): string | undefined {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type.oid) {
    case Oid.bool:
      return (data[0] ?? 0) === 0 ? 'f' : 't';
    case Oid.char:
      return charText(data[0] ?? 0);
    case Oid.int2:
      return String(data.readInt16LE(0));
    case Oid.int4:
      return String(data.readInt32LE(0));
    // reg* types take the number as input, too.
    case Oid.oid:
    case Oid.regproc:
    case Oid.regclass:
    case Oid.regtype:
      return String(data.readUInt32LE(0));
    case Oid.int8:
      return String(data.readBigInt64LE(0));
    case Oid.float4:
      return formatValue(type, data.readFloatLE(0), UTC);
    case Oid.float8:
      return formatValue(type, data.readDoubleLE(0), UTC);
    case Oid.date:
      return formatValue(type, date(data.readInt32LE(0)), UTC);
    case Oid.time:
      return formatValue(type, data.readBigInt64LE(0), UTC);
    case Oid.timestamp:
    case Oid.timestamptz: {
      const micros = timestamp(data.readBigInt64LE(0));
      // Later than ours can be: left to PostgreSQL.
      return BigInt.asIntN(64, micros) === micros ? formatValue(type, micros, UTC) : undefined;
    }
    case Oid.interval:
      return formatValue(type, { micros: data.readBigInt64LE(0), days: data.readInt32LE(8), months: data.readInt32LE(12) }, UTC);
    case Oid.uuid:
      return uuidText(data.subarray(0, 16));
    case Oid.name:
      return decodeUtf8(data.subarray(0, zeroByte(data)));
    case Oid.unknown:
      return decodeUtf8(data.subarray(0, zeroByte(data)));
    case Oid.text:
    case Oid.varchar:
    case Oid.bpchar:
    case Oid.json: {
      const content = varlena(data);
      return content === undefined ? undefined : decodeUtf8(content);
    }
    case Oid.bytea: {
      const content = varlena(data);
      return content === undefined ? undefined : formatBytea(content);
    }
    case Oid.numeric: {
      const content = varlena(data);
      return content === undefined ? undefined : numericText(content);
    }
    case Oid.jsonb: {
      const content = varlena(data);
      return content === undefined ? undefined : jsonbText(content);
    }
    default: {
      const element = ELEMENT_OF.get(type.oid);
      const content = element === undefined ? undefined : varlena(data);
      return element === undefined || content === undefined ? undefined : arrayText({ oid: element, typmod: type.typmod }, content);
    }
  }
}

/** What follows the header; undefined when compressed or kept elsewhere. */
function varlena(data: Buffer): Buffer | undefined {
  const first = data[0] ?? 0;
  if ((first & 1) === 1) return first === 1 ? undefined : data.subarray(1, first >> 1);
  if ((first & 3) !== 0) return undefined;
  return data.subarray(4, data.readUInt32LE(0) >>> 2);
}

/** A byte with the high bit set is written in octal. */
function charText(byte: number): string {
  if (byte === 0) return '';
  return byte < 0x80 ? String.fromCharCode(byte) : `\\${byte.toString(8)}`;
}

function date(days: number): number {
  if (days === DATE_INFINITY) return Number.POSITIVE_INFINITY;
  return days === DATE_NEGATIVE_INFINITY ? Number.NEGATIVE_INFINITY : days + EPOCH_DAYS;
}

function timestamp(micros: bigint): bigint {
  return micros === TIMESTAMP_INFINITY || micros === TIMESTAMP_NEGATIVE_INFINITY ? micros : micros + EPOCH_MICROS;
}

function uuidText(data: Buffer): string {
  const hex = data.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function zeroByte(data: Buffer): number {
  const zero = data.indexOf(0);
  return zero < 0 ? data.length : zero;
}

/** Bytes and alignment of fixed-length element types; all others that we read have a header, aligned to 4. */
const FIXED: ReadonlyMap<number, { readonly length: number; readonly align: number }> = new Map([
  [Oid.bool, { length: 1, align: 1 }],
  [Oid.char, { length: 1, align: 1 }],
  [Oid.name, { length: 64, align: 1 }],
  [Oid.int2, { length: 2, align: 2 }],
  [Oid.int4, { length: 4, align: 4 }],
  [Oid.oid, { length: 4, align: 4 }],
  [Oid.int8, { length: 8, align: 8 }],
  [Oid.float4, { length: 4, align: 4 }],
  [Oid.float8, { length: 8, align: 8 }],
  [Oid.date, { length: 4, align: 4 }],
  [Oid.time, { length: 8, align: 8 }],
  [Oid.timestamp, { length: 8, align: 8 }],
  [Oid.timestamptz, { length: 8, align: 8 }],
  [Oid.interval, { length: 16, align: 8 }],
  [Oid.uuid, { length: 16, align: 1 }],
]);

/** ArrayType after its length word: ndim, dataoffset, elemtype, dimensions, lower bounds, null bitmap, elements. */
function arrayText(element: Type, data: Buffer): string | undefined {
  const dimensions = data.readInt32LE(0);
  const dataOffset = data.readInt32LE(4);
  if (dimensions === 0) return '{}';
  if (dimensions < 0 || dimensions > 6) return undefined;
  const sizes = Array.from({ length: dimensions }, (_, i) => data.readInt32LE(12 + 4 * i));
  const bounds = Array.from({ length: dimensions }, (_, i) => data.readInt32LE(12 + 4 * (dimensions + i)));
  const count = sizes.reduce((product, size) => product * size, 1);
  const bitmap = 12 + 8 * dimensions;
  // Offsets and alignment count from the start of the datum, which is 4 bytes before `data`.
  const start = dataOffset === 0 ? align(16 + 8 * dimensions, 8) : dataOffset;
  const isNull = (i: number) => dataOffset !== 0 && ((data[bitmap + (i >> 3)] ?? 0) & (1 << (i & 7))) === 0;
  const items: (string | null)[] = [];
  let at = start;
  for (let i = 0; i < count; i += 1) {
    if (isNull(i)) {
      items.push(null);
      continue;
    }
    const fixed = FIXED.get(element.oid);
    let length: number;
    if (fixed !== undefined) {
      at = align(at, fixed.align);
      length = fixed.length;
    } else if (((data[at - 4] ?? 0) & 1) === 1) {
      length = (data[at - 4] ?? 0) >> 1;
    } else {
      at = align(at, 4);
      length = data.readUInt32LE(at - 4) >>> 2;
    }
    const text = constantText(element, data.subarray(at - 4, at - 4 + length));
    if (text === undefined || length === 0) return undefined;
    items.push(text);
    at += length;
  }
  const prefix = bounds.some((bound) => bound !== 1)
    ? `${bounds.map((bound, i) => `[${bound}:${bound + (sizes[i] ?? 0) - 1}]`).join('')}=`
    : '';
  return prefix + nested(items, sizes);
}

/** `{{1,2},{3,4}}` from the elements in row order. */
function nested(items: readonly (string | null)[], sizes: readonly number[]): string {
  const [size = 0, ...inner] = sizes;
  if (inner.length === 0) return formatArrayText(items);
  const step = items.length / size;
  return `{${Array.from({ length: size }, (_, i) => nested(items.slice(i * step, (i + 1) * step), inner)).join(',')}}`;
}

function align(offset: number, to: number): number {
  return Math.ceil(offset / to) * to;
}
