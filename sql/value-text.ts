import { internal } from './errors.js';
import { ELEMENT_OF, Oid, type Type, typeName } from './types.js';
import type { Interval, TextSettings, Value } from './value.js';
import { formatArrayText, parseArrayText } from './value-array.js';
import { invalidInput } from './value-error.js';
import { formatFloat4, formatFloat8, parseFloat4, parseFloat8, parseInteger, parseNumeric } from './value-number.js';
import {
  formatDate,
  formatInterval,
  formatTime,
  formatTimestamp,
  formatTimestampTz,
  parseDate,
  parseInterval,
  parseTime,
  parseTimestamp,
  parseTimestampTz,
} from './value-time.js';

/**
 * Reads PostgreSQL's text form of a value (what its output functions write, and the plain spellings that its input functions take
 * too). `settings` is needed only for a timestamptz without an offset. Types that sql/value.ts does not name (timetz, record, reg*)
 * stay text; jsonb is taken to be in normal form already. Throws 22P02, 22003, 22007, 22008 in PostgreSQL's words.
 */
export function parseValue(type: Type, text: string, settings?: TextSettings): Value {
  switch (type.oid) {
    case Oid.bool:
      return parseBool(text);
    case Oid.int2:
      return Number(parseInteger('int2', text));
    case Oid.int4:
      return Number(parseInteger('int4', text));
    case Oid.oid:
      return Number(parseInteger('oid', text));
    case Oid.int8:
      return parseInteger('int8', text);
    case Oid.float4:
      return parseFloat4(text);
    case Oid.float8:
      return parseFloat8(text);
    case Oid.numeric:
      return parseNumeric(text);
    case Oid.bytea:
      return parseBytea(text);
    case Oid.uuid:
      return parseUuid(text);
    case Oid.date:
      return parseDate(text);
    case Oid.time:
      return parseTime(text);
    case Oid.timestamp:
      return parseTimestamp(text);
    case Oid.timestamptz:
      return parseTimestampTz(text, settings?.timeZone);
    case Oid.interval:
      return parseInterval(text);
    default: {
      const element = ELEMENT_OF.get(type.oid);
      if (element === undefined) return text;
      const elementType: Type = { oid: element, typmod: type.typmod };
      return parseArrayText(text).map((item) => (item === null ? null : parseValue(elementType, item, settings)));
    }
  }
}

/** PostgreSQL's text form of a value, byte for byte. Throws XX000 when the value does not have the type's representation. */
export function formatValue(type: Type, value: Value, settings: TextSettings): string {
  switch (type.oid) {
    case Oid.bool:
      if (typeof value === 'boolean') return value ? 't' : 'f';
      break;
    case Oid.int2:
    case Oid.int4:
    case Oid.oid:
      if (typeof value === 'number' && Number.isInteger(value)) return String(value);
      break;
    case Oid.int8:
      if (typeof value === 'bigint') return String(value);
      break;
    case Oid.float4:
      if (typeof value === 'number') return formatFloat4(value);
      break;
    case Oid.float8:
      if (typeof value === 'number') return formatFloat8(value);
      break;
    case Oid.bytea:
      if (value instanceof Uint8Array) return formatBytea(value);
      break;
    case Oid.date:
      if (typeof value === 'number') return formatDate(value);
      break;
    case Oid.time:
      if (typeof value === 'bigint') return formatTime(value);
      break;
    case Oid.timestamp:
      if (typeof value === 'bigint') return formatTimestamp(value);
      break;
    case Oid.timestamptz:
      if (typeof value === 'bigint') return formatTimestampTz(value, settings.timeZone);
      break;
    case Oid.interval:
      if (isInterval(value)) return formatInterval(value);
      break;
    default: {
      const element = ELEMENT_OF.get(type.oid);
      if (element !== undefined && Array.isArray(value)) {
        const elementType: Type = { oid: element, typmod: type.typmod };
        const items = value as readonly (Value | null)[];
        return formatArrayText(items.map((item) => (item === null ? null : formatValue(elementType, item, settings))));
      }
      if (typeof value === 'string') return value;
    }
  }
  throw internal(`a value of type ${typeName(type)} has the wrong representation (${describe(value)})`);
}

export function isInterval(value: Value): value is Interval {
  return typeof value === 'object' && 'months' in value && 'days' in value && 'micros' in value;
}

function describe(value: Value): string {
  return value instanceof Uint8Array ? 'bytes' : Array.isArray(value) ? 'array' : typeof value;
}

function parseBool(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (word !== '') {
    if ('true'.startsWith(word) || 'yes'.startsWith(word) || word === 'on' || word === '1') return true;
    if ('false'.startsWith(word) || 'no'.startsWith(word) || word === 'off' || word === 'of' || word === '0') return false;
  }
  throw invalidInput('boolean', text);
}

export function formatBytea(bytes: Uint8Array): string {
  return `\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

function parseBytea(text: string): Uint8Array {
  if (text.startsWith('\\x')) {
    const hex = text.slice(2).replace(/[ \t\n\r]/g, '');
    if (hex.length % 2 !== 0 || /[^0-9a-fA-F]/.test(hex)) throw invalidInput('bytea', text);
    return new Uint8Array(Buffer.from(hex, 'hex'));
  }
  // The escape form: `\\` and `\ooo`, everything else as UTF-8.
  const bytes: Buffer[] = [];
  for (const part of text.match(/\\\\|\\[0-3][0-7]{2}|\\|[^\\]+/g) ?? []) {
    if (part === '\\') throw invalidInput('bytea', text);
    if (part === '\\\\') bytes.push(Buffer.from('\\'));
    else if (part.startsWith('\\')) bytes.push(Buffer.of(Number.parseInt(part.slice(1), 8)));
    else bytes.push(Buffer.from(part, 'utf8'));
  }
  return new Uint8Array(Buffer.concat(bytes));
}

function parseUuid(text: string): string {
  const trimmed = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (!/^[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}$/.test(trimmed)) throw invalidInput('uuid', text);
  const hex = trimmed.replaceAll('-', '').toLowerCase();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
