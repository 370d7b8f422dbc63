import { MICROS_PER_SECOND } from './calendar.js';
import { internal, TimelineError, unsupported } from './errors.js';
import { ELEMENT_OF, Oid, type Type, typeName } from './types.js';
import { TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY, type Value } from './value.js';
import { formatArrayText } from './value-array.js';
import { formatFloat4, formatFloat8 } from './value-number.js';
import { decodeNumeric, encodeNumeric } from './value-numeric-binary.js';
import { formatBytea, isInterval } from './value-text.js';
import {
  formatDate,
  formatInterval,
  formatOffset,
  formatTime,
  formatTimestamp,
  formatTimestampTz,
  isTimestampInRange,
  parseTime,
} from './value-time.js';

/** 2000-01-01, where PostgreSQL counts from. */
const EPOCH_DAYS = 10_957;
const EPOCH_MICROS = 946_684_800_000_000n;

type Form =
  | 'bool'
  | 'bytes'
  | 'text'
  | 'char'
  | 'jsonb'
  | 'int2'
  | 'int4'
  | 'int8'
  | 'oid'
  | 'float4'
  | 'float8'
  | 'numeric'
  | 'date'
  | 'time'
  | 'timetz'
  | 'timestamp'
  | 'timestamptz'
  | 'interval'
  | 'uuid'
  | 'void'
  | 'vector2'
  | 'vectorOid';

const FORMS: ReadonlyMap<number, Form> = new Map<number, Form>([
  [Oid.bool, 'bool'],
  [Oid.bytea, 'bytes'],
  [Oid.char, 'char'],
  [Oid.jsonb, 'jsonb'],
  [Oid.int2, 'int2'],
  [Oid.int4, 'int4'],
  [Oid.int8, 'int8'],
  [Oid.oid, 'oid'],
  [Oid.float4, 'float4'],
  [Oid.float8, 'float8'],
  [Oid.numeric, 'numeric'],
  [Oid.date, 'date'],
  [Oid.time, 'time'],
  [Oid.timetz, 'timetz'],
  [Oid.timestamp, 'timestamp'],
  [Oid.timestamptz, 'timestamptz'],
  [Oid.interval, 'interval'],
  [Oid.uuid, 'uuid'],
  [Oid.void, 'void'],
  [Oid.name, 'text'],
  [Oid.text, 'text'],
  [Oid.varchar, 'text'],
  [Oid.bpchar, 'text'],
  [Oid.json, 'text'],
  [Oid.unknown, 'text'],
  // Catalogue types: xml, pg_node_tree, cstring; xid, cid; the reg family; int2vector, oidvector.
  [142, 'text'],
  [194, 'text'],
  [2275, 'text'],
  [28, 'oid'],
  [29, 'oid'],
  [Oid.regproc, 'oid'],
  [2202, 'oid'],
  [2203, 'oid'],
  [2204, 'oid'],
  [Oid.regclass, 'oid'],
  [Oid.regtype, 'oid'],
  [3734, 'oid'],
  [3769, 'oid'],
  [4089, 'oid'],
  [4096, 'oid'],
  [4191, 'oid'],
  [22, 'vector2'],
  [30, 'vectorOid'],
]);

/** The binary form of a value (sql/value.ts). Throws 42883 or 0A000 where there is none. */
export function encodeBinary(type: Type, value: Value): Uint8Array {
  const form = FORMS.get(type.oid);
  if (form === undefined) return encodeArray(type, value);
  switch (form) {
    case 'bool':
      if (typeof value === 'boolean') return Uint8Array.of(value ? 1 : 0);
      break;
    case 'bytes':
      if (value instanceof Uint8Array) return value;
      break;
    case 'text':
      if (typeof value === 'string') return Buffer.from(value, 'utf8');
      break;
    case 'char':
      if (typeof value === 'string') return encodeChar(value);
      break;
    case 'jsonb':
      if (typeof value === 'string') return Buffer.from(`\u0001${value}`, 'utf8');
      break;
    case 'int2':
      if (isInt(value, -0x8000, 0x7fff)) return make(2, (b) => b.writeInt16BE(value));
      break;
    case 'int4':
      if (isInt(value, -0x80000000, 0x7fffffff)) return make(4, (b) => b.writeInt32BE(value));
      break;
    case 'oid': {
      const number = typeof value === 'string' ? oidOfText(type, value) : value;
      if (isInt(number, 0, 0xffffffff)) return make(4, (b) => b.writeUInt32BE(number));
      break;
    }
    case 'int8':
      if (typeof value === 'bigint' && BigInt.asIntN(64, value) === value) return make(8, (b) => b.writeBigInt64BE(value));
      break;
    case 'float4':
      if (typeof value === 'number') return make(4, (b) => b.writeFloatBE(value));
      break;
    case 'float8':
      if (typeof value === 'number') return make(8, (b) => b.writeDoubleBE(value));
      break;
    case 'numeric':
      if (typeof value === 'string') return encodeNumeric(value);
      break;
    case 'date':
      if (typeof value === 'number') {
        const days = Number.isFinite(value) ? value - EPOCH_DAYS : value > 0 ? 0x7fffffff : -0x80000000;
        if (isInt(days, -0x80000000, 0x7fffffff)) return make(4, (b) => b.writeInt32BE(days));
      }
      break;
    case 'time':
      if (typeof value === 'bigint') return make(8, (b) => b.writeBigInt64BE(value));
      break;
    case 'timetz':
      if (typeof value === 'string') return encodeTimeTz(value);
      break;
    case 'timestamp':
    case 'timestamptz':
      if (typeof value === 'bigint') {
        const infinite = value === TIMESTAMP_INFINITY || value === TIMESTAMP_NEGATIVE_INFINITY;
        return make(8, (b) => b.writeBigInt64BE(infinite ? value : value - EPOCH_MICROS));
      }
      break;
    case 'interval':
      if (isInterval(value)) {
        return make(16, (b) => {
          b.writeBigInt64BE(value.micros, 0);
          b.writeInt32BE(value.days, 8);
          b.writeInt32BE(value.months, 12);
        });
      }
      break;
    case 'uuid':
      if (typeof value === 'string' && value.length === 36) return Buffer.from(value.replaceAll('-', ''), 'hex');
      break;
    case 'void':
      return new Uint8Array(0);
    case 'vector2':
    case 'vectorOid':
      if (typeof value === 'string') return encodeVector(form, value);
      break;
  }
  throw internal(`a value of type ${typeName(type)} has the wrong representation (${typeof value})`);
}

function make(size: number, write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  write(bytes);
  return bytes;
}

function isInt(value: Value, low: number, high: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high;
}

/** A reg* value as text is a name, whose OID only the catalogue knows, or already a number. */
function oidOfText(type: Type, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  if (text === '-') return 0;
  throw unsupported(`the binary form of type ${typeName(type)}`);
}

function encodeChar(text: string): Uint8Array {
  if (text === '') return Uint8Array.of(0);
  const octal = /^\\([0-3][0-7]{2})$/.exec(text);
  return octal === null ? Buffer.from(text, 'utf8').subarray(0, 1) : Uint8Array.of(Number.parseInt(octal[1] ?? '', 8));
}

function encodeTimeTz(text: string): Buffer {
  const match = /^([\d:.]+)([+-])(\d{2})(?::(\d{2}))?(?::(\d{2}))?$/.exec(text);
  if (match === null) throw internal(`a timetz has the wrong form: ${text}`);
  const east = (match[2] === '-' ? -1 : 1) * (Number(match[3]) * 3600 + Number(match[4] ?? 0) * 60 + Number(match[5] ?? 0));
  return make(12, (b) => {
    b.writeBigInt64BE(parseTime(match[1] ?? ''), 0);
    b.writeInt32BE(east === 0 ? 0 : -east, 8);
  });
}

/** int2vector and oidvector: arrays whose index starts at 0. */
function encodeVector(form: 'vector2' | 'vectorOid', text: string): Buffer {
  const items = text === '' ? [] : text.split(' ').map(Number);
  const element = form === 'vector2' ? Oid.int2 : Oid.oid;
  const parts = items.map((item) => encodeBinary({ oid: element, typmod: -1 }, item));
  return joinArray(element, parts, 0, true);
}

function encodeArray(type: Type, value: Value): Uint8Array {
  const element = ELEMENT_OF.get(type.oid);
  if (element === undefined) throw noBinary(type, 'output');
  if (!Array.isArray(value)) throw internal(`a value of type ${typeName(type)} is no array`);
  const elementType: Type = { oid: element, typmod: type.typmod };
  const parts = (value as readonly (Value | null)[]).map((item) => (item === null ? null : encodeBinary(elementType, item)));
  return joinArray(element, parts, 1, false);
}

function joinArray(element: number, parts: readonly (Uint8Array | null)[], lowerBound: number, alwaysDimension: boolean): Buffer {
  const dimensions = parts.length === 0 && !alwaysDimension ? 0 : 1;
  const size = parts.reduce((sum, part) => sum + 4 + (part?.length ?? 0), 12 + 8 * dimensions);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(dimensions, 0);
  bytes.writeInt32BE(parts.includes(null) ? 1 : 0, 4);
  bytes.writeUInt32BE(element, 8);
  if (dimensions === 0) return bytes;
  bytes.writeInt32BE(parts.length, 12);
  bytes.writeInt32BE(lowerBound, 16);
  let at = 20;
  for (const part of parts) {
    at = bytes.writeInt32BE(part === null ? -1 : part.length, at);
    if (part !== null) {
      bytes.set(part, at);
      at += part.length;
    }
  }
  return bytes;
}

function noBinary(type: Type, direction: 'input' | 'output'): TimelineError {
  // aclitem and its array are the catalogue's only types without binary functions.
  if (type.oid === 1033 || type.oid === 1034) {
    return new TimelineError({
      kind: 'semantic',
      sqlstate: '42883',
      message: `no binary ${direction} function available for type aclitem`,
    });
  }
  return unsupported(`the binary form of type ${typeName(type)}`);
}

/**
 * A parameter's binary form as text that PostgreSQL reads back as the same value (timestamptz in UTC).
 * Throws 22P03 for bytes of the wrong length or shape, 22021 for invalid UTF-8, 42883 or 0A000 for types without a binary form.
 */
export function decodeBinaryToText(type: Type, bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const form = FORMS.get(type.oid);
  if (form === undefined) return decodeArray(type, view);
  switch (form) {
    case 'bool':
      return sized(view, 1)[0] === 0 ? 'f' : 't';
    case 'bytes':
      return formatBytea(view);
    case 'text':
      return decodeUtf8(view);
    case 'char': {
      const byte = sized(view, 1)[0] ?? 0;
      return byte === 0 ? '' : byte > 127 ? `\\${byte.toString(8)}` : String.fromCharCode(byte);
    }
    case 'jsonb':
      if (view.length < 1) throw malformed();
      if (view[0] !== 1)
        throw new TimelineError({ kind: 'data', sqlstate: 'XX000', message: `unsupported jsonb version number ${view[0]}` });
      return decodeUtf8(view.subarray(1));
    case 'int2':
      return String(sized(view, 2).readInt16BE());
    case 'int4':
      return String(sized(view, 4).readInt32BE());
    case 'int8':
      return String(sized(view, 8).readBigInt64BE());
    case 'oid':
      return String(sized(view, 4).readUInt32BE());
    case 'float4':
      return formatFloat4(sized(view, 4).readFloatBE());
    case 'float8':
      return formatFloat8(sized(view, 8).readDoubleBE());
    case 'numeric':
      return decodeNumeric(view) ?? fail();
    case 'date': {
      const days = sized(view, 4).readInt32BE();
      return formatDate(days === 0x7fffffff ? Infinity : days === -0x80000000 ? -Infinity : days + EPOCH_DAYS);
    }
    case 'time':
      return decodeTime(sized(view, 8));
    case 'timetz': {
      const west = sized(view, 12).readInt32BE(8);
      if (Math.abs(west) >= 16 * 3600)
        throw new TimelineError({ kind: 'data', sqlstate: '22009', message: 'time zone displacement out of range' });
      return decodeTime(view) + formatOffset(west === 0 ? 0 : -west);
    }
    case 'timestamp':
      return formatTimestamp(decodeTimestamp(sized(view, 8)));
    case 'timestamptz':
      return formatTimestampTz(decodeTimestamp(sized(view, 8)), 'UTC');
    case 'interval': {
      sized(view, 16);
      return formatInterval({ micros: view.readBigInt64BE(0), days: view.readInt32BE(8), months: view.readInt32BE(12) });
    }
    case 'uuid': {
      const hex = sized(view, 16).toString('hex');
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    }
    case 'void':
      return '';
    case 'vector2':
      return decodeItems(Oid.int2, view).items.join(' ');
    case 'vectorOid':
      return decodeItems(Oid.oid, view).items.join(' ');
  }
}

function sized(view: Buffer, size: number): Buffer {
  if (view.length !== size) throw malformed();
  return view;
}

function fail(): never {
  throw malformed();
}

function malformed(): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22P03', message: 'incorrect binary data format' });
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text from a client. Throws 22021 for what is not UTF-8, and for NUL characters, which PostgreSQL's text cannot hold. */
export function decodeUtf8(bytes: Uint8Array): string {
  if (bytes.includes(0)) throw invalidEncoding('0x00');
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalidEncoding(firstInvalid(bytes));
  }
}

function firstInvalid(bytes: Uint8Array): string {
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0;
    const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    const slice = bytes.subarray(at, at + size);
    try {
      utf8.decode(slice);
    } catch {
      return [...slice].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ');
    }
    at += size;
  }
  return '';
}

function invalidEncoding(sequence: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22021', message: `invalid byte sequence for encoding "UTF8": ${sequence}` });
}

function decodeTime(view: Buffer): string {
  const micros = view.readBigInt64BE();
  if (micros < 0n || micros > 86_400n * MICROS_PER_SECOND)
    throw new TimelineError({ kind: 'data', sqlstate: '22008', message: 'time out of range' });
  return formatTime(micros);
}

function decodeTimestamp(view: Buffer): bigint {
  const raw = view.readBigInt64BE();
  if (raw === TIMESTAMP_INFINITY || raw === TIMESTAMP_NEGATIVE_INFINITY) return raw;
  if (!isTimestampInRange(raw + EPOCH_MICROS))
    throw new TimelineError({ kind: 'data', sqlstate: '22008', message: 'timestamp out of range' });
  return raw + EPOCH_MICROS;
}

function decodeArray(type: Type, view: Buffer): string {
  const element = ELEMENT_OF.get(type.oid);
  if (element === undefined) throw noBinary(type, 'input');
  const { items, lowerBound } = decodeItems(element, view);
  const text = formatArrayText(items);
  return lowerBound === 1 || items.length === 0 ? text : `[${lowerBound}:${lowerBound + items.length - 1}]=${text}`;
}

function decodeItems(element: number, view: Buffer): { items: (string | null)[]; lowerBound: number } {
  if (view.length < 12) throw malformed();
  const dimensions = view.readInt32BE(0);
  const sent = view.readUInt32BE(8);
  if (dimensions < 0 || dimensions > 6) throw malformed();
  if (sent !== element) {
    throw new TimelineError({
      kind: 'data',
      sqlstate: '42804',
      message: `binary data has array element type ${sent} (${typeName(sent)}) instead of expected ${element} (${typeName(element)})`,
    });
  }
  if (dimensions === 0) {
    sized(view, 12);
    return { items: [], lowerBound: 1 };
  }
  if (dimensions > 1) throw unsupported('an array with several dimensions');
  if (view.length < 20) throw malformed();
  const count = view.readInt32BE(12);
  const lowerBound = view.readInt32BE(16);
  // Each element takes four bytes at least: checked before anything is made of that size.
  if (count < 0 || count * 4 > view.length - 20) throw malformed();
  const items: (string | null)[] = [];
  let at = 20;
  for (let index = 0; index < count; index += 1) {
    if (at + 4 > view.length) throw malformed();
    const size = view.readInt32BE(at);
    at += 4;
    if (size === -1) {
      items.push(null);
      continue;
    }
    if (size < 0 || size > view.length - at) throw malformed();
    items.push(decodeBinaryToText({ oid: element, typmod: -1 }, view.subarray(at, at + size)));
    at += size;
  }
  if (at !== view.length) throw malformed();
  return { items, lowerBound };
}
