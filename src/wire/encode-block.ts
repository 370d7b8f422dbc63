import { civilFromDays } from '../../sql/calendar.js';
import { int32s, isValid, RAW_DATE_INFINITY, type RawColumn, valueReader } from '../../sql/column-block.js';
import { timeZone } from '../../sql/time-zone.js';
import { Oid, type Type } from '../../sql/types.js';
import type { TextSettings } from '../../sql/value.js';
import { encodeBinary } from '../../sql/value-binary.js';
import { formatFloat4, formatFloat8 } from '../../sql/value-number.js';
import { formatValue } from '../../sql/value-text.js';
import { formatOffset } from '../../sql/value-time.js';
import { binaryCell } from './encode-block-binary.js';
import type { MessageWriter } from './message-writer.js';
import { putAscii, putDigits, putInt32, putInteger, putTwo } from './put-digits.js';

/** Writes a row's field: its length and its bytes. */
export type FieldWriter = (writer: MessageWriter, row: number) => void;

/** Writes a value at a place in a buffer that has room for `room` bytes; gives the place behind it. -1: not this value, in this way. */
export interface CellWriter {
  readonly room: number;
  readonly write: (buffer: Uint8Array, at: number, row: number) => number;
}

export interface CellContext {
  /** As the client was told. */
  readonly type: Type;
  readonly binary: boolean;
  readonly settings: TextSettings;
}

/** Fields of a raw column. What has no short way here goes through its value, as rows without a block do. */
export function blockField(column: RawColumn, context: CellContext): FieldWriter {
  const { valid } = column;
  const slow = slowField(column, context);
  if (column.form === 'bytes') {
    const prefix = textPrefix(column.type, context);
    if (prefix === undefined) return (writer, row) => (isValid(valid, row) ? slow(writer, row) : writer.int32(-1));
    const ends = int32s(column.data);
    const { bytes } = column;
    return (writer, row) => {
      if (!isValid(valid, row)) writer.int32(-1);
      else writer.slice(bytes, row === 0 ? 0 : (ends[row - 1] as number), ends[row] as number, prefix);
    };
  }
  const cell = sameRepresentation(column.type, context.type)
    ? context.binary
      ? binaryCell(column)
      : textCell(column, context.settings)
    : undefined;
  if (cell === undefined) return (writer, row) => (isValid(valid, row) ? slow(writer, row) : writer.int32(-1));
  const { room, write } = cell;
  return (writer, row) => {
    if (!isValid(valid, row)) return writer.int32(-1);
    const start = writer.length;
    const buffer = writer.reserve(4 + room);
    const end = write(buffer, start + 4, row);
    if (end < 0) return slow(writer, row);
    putInt32(buffer, start, end - start - 4);
    writer.length = end;
  };
}

function slowField(column: RawColumn, { type, binary, settings }: CellContext): FieldWriter {
  let read: ((row: number) => Parameters<typeof formatValue>[1]) | undefined;
  return (writer, row) => {
    read ??= valueReader(column);
    const value = read(row);
    if (binary) writer.binaryValue(encodeBinary(type, value));
    else writer.textValue(formatValue(type, value, settings));
  };
}

function sameRepresentation(have: Type, told: Type): boolean {
  return have.oid === told.oid;
}

const TEXTS: ReadonlySet<number> = new Set([Oid.text, Oid.varchar, Oid.bpchar, Oid.name, Oid.unknown, Oid.json]);

/** Bytes that go out as they are, behind one byte where there is a number; undefined: they do not. */
function textPrefix(have: Type, { type, binary }: CellContext): number | undefined {
  const isText = TEXTS.has(have.oid) && TEXTS.has(type.oid);
  const sameText = have.oid === type.oid && (have.oid === Oid.jsonb || have.oid === Oid.numeric || have.oid === Oid.char);
  if (!binary) return isText || sameText ? NO_PREFIX : undefined;
  if (isText || (have.oid === Oid.bytea && type.oid === Oid.bytea)) return NO_PREFIX;
  return have.oid === Oid.jsonb && type.oid === Oid.jsonb ? 1 : undefined;
}

const NO_PREFIX = -1;
const TRUE = 't'.charCodeAt(0);
const FALSE = 'f'.charCodeAt(0);

function textCell({ type, form, data }: RawColumn, settings: TextSettings): CellWriter | undefined {
  const words = int32s(data);
  switch (type.oid) {
    case Oid.bool:
      return {
        room: 1,
        write: (buffer, at, row) => {
          buffer[at] = data[row] === 0 ? FALSE : TRUE;
          return at + 1;
        },
      };
    case Oid.int2: {
      const items = new Int16Array(data.buffer, data.byteOffset, data.byteLength >> 1);
      return { room: 6, write: (buffer, at, row) => putInteger(buffer, at, items[row] as number) };
    }
    case Oid.int4:
      return { room: 11, write: (buffer, at, row) => putInteger(buffer, at, words[row] as number) };
    case Oid.oid:
      return { room: 10, write: (buffer, at, row) => putDigits(buffer, at, (words[row] as number) >>> 0) };
    case Oid.int8:
      return {
        room: 20,
        write: (buffer, at, row) => {
          const value = safeInt64(words, row);
          return value === undefined ? -1 : putInteger(buffer, at, value);
        },
      };
    case Oid.float8: {
      const items = new Float64Array(data.buffer, data.byteOffset, data.byteLength >> 3);
      return {
        room: 32,
        write: (buffer, at, row) => {
          const value = items[row] as number;
          // -0 has a sign that integers do not have.
          if (Number.isInteger(value) && value > -1e15 && value < 1e15 && (value !== 0 || 1 / value > 0))
            return putInteger(buffer, at, value);
          return putAscii(buffer, at, formatFloat8(value));
        },
      };
    }
    case Oid.float4: {
      const items = new Float32Array(data.buffer, data.byteOffset, data.byteLength >> 2);
      return { room: 32, write: (buffer, at, row) => putAscii(buffer, at, formatFloat4(items[row] as number)) };
    }
    case Oid.numeric:
      return form === 'int128' ? numericCell(words, (type.typmod - 4) & 0x7ff) : undefined;
    case Oid.uuid:
      return { room: 36, write: (buffer, at, row) => putUuid(buffer, at, data, row * 16) };
    case Oid.date: {
      const putDate = dateWriter();
      return {
        room: 10,
        write: (buffer, at, row) => {
          const days = words[row] as number;
          return days >= RAW_DATE_INFINITY || days <= -RAW_DATE_INFINITY ? -1 : putDate(buffer, at, days);
        },
      };
    }
    case Oid.timestamp:
      return timestampCell(words, undefined);
    case Oid.timestamptz:
      return timestampCell(words, settings.timeZone);
    case Oid.time:
      return {
        room: 15,
        write: (buffer, at, row) => {
          const micros = safeInt64(words, row);
          return micros === undefined ? -1 : putClock(buffer, at, micros);
        },
      };
    default:
      return undefined;
  }
}

/** Undefined: not exactly a JavaScript number. */
function safeInt64(words: Int32Array, row: number): number | undefined {
  const high = words[row * 2 + 1] as number;
  if (high >= 2_097_152 || high < -2_097_152) return undefined;
  return high * 4_294_967_296 + ((words[row * 2] as number) >>> 0);
}

function numericCell(words: Int32Array, scale: number): CellWriter | undefined {
  if (scale > 15) return undefined;
  const unit = 10 ** scale;
  return {
    room: 40,
    write: (buffer, at, row) => {
      const [second, third, fourth] = [words[row * 4 + 1] as number, words[row * 4 + 2] as number, words[row * 4 + 3] as number];
      if (third !== fourth || third !== second >> 31 || second >= 2_097_152 || second < -2_097_152) return -1;
      let digits = second * 4_294_967_296 + ((words[row * 4] as number) >>> 0);
      let to = at;
      if (digits < 0) {
        buffer[to++] = 45;
        digits = -digits;
      }
      let whole = Math.floor(digits / unit);
      let rest = digits - whole * unit;
      // The quotient may have been rounded up to the next whole number.
      if (rest < 0) {
        whole -= 1;
        rest += unit;
      }
      to = putDigits(buffer, to, whole);
      if (scale === 0) return to;
      buffer[to++] = 46;
      return putPadded(buffer, to, rest, scale);
    },
  };
}

function putPadded(buffer: Uint8Array, at: number, value: number, width: number): number {
  let rest = value;
  for (let place = at + width - 1; place >= at; place--) {
    const next = Math.floor(rest / 10);
    buffer[place] = 48 + (rest - next * 10);
    rest = next;
  }
  return at + width;
}

const HEX = Buffer.from(Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0')).join(''), 'latin1');

function putUuid(buffer: Uint8Array, start: number, data: Uint8Array, from: number): number {
  let at = start;
  for (let n = 15; n >= 0; n--) {
    // The last byte in memory is the first, and has its first bit turned round so that it sorts as a number.
    const byte = n === 15 ? (data[from + 15] as number) ^ 0x80 : (data[from + n] as number);
    buffer[at] = HEX[byte * 2] as number;
    buffer[at + 1] = HEX[byte * 2 + 1] as number;
    at += 2;
    if (n === 12 || n === 10 || n === 8 || n === 6) buffer[at++] = 45;
  }
  return at;
}

const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;

/** Dates of the years 1 to 9999 (-1 for others); neighbours often have the same. */
function dateWriter(): (buffer: Uint8Array, at: number, days: number) => number {
  const text = new Uint8Array(10);
  let last = Number.NaN;
  return (buffer, at, days) => {
    if (days < FIRST_DAY || days > LAST_DAY) return -1;
    if (days !== last) {
      const { year, month, day } = civilFromDays(days);
      putTwo(text, 0, Math.floor(year / 100));
      putTwo(text, 2, year % 100);
      text[4] = 45;
      putTwo(text, 5, month);
      text[7] = 45;
      putTwo(text, 8, day);
      last = days;
    }
    for (let n = 0; n < 10; n++) buffer[at + n] = text[n] as number;
    return at + 10;
  };
}

const DAY_MICROS = 86_400_000_000;

/** `zone` undefined: a timestamp without one. */
function timestampCell(words: Int32Array, zone: string | undefined): CellWriter {
  const putDate = dateWriter();
  const fixed = zone === undefined || zone === 'UTC';
  const offsets = fixed ? undefined : timeZone(zone);
  let [offset, suffix] = [0, zone === undefined ? '' : formatOffset(0)];
  return {
    room: 48,
    write: (buffer, start, row) => {
      const utc = safeInt64(words, row);
      if (utc === undefined) return -1;
      let micros = utc;
      if (offsets !== undefined) {
        const now = offsets.offsetAt(Math.floor(utc / 1e6));
        if (now !== offset) [offset, suffix] = [now, formatOffset(now)];
        micros += offset * 1e6;
      }
      const days = Math.floor(micros / DAY_MICROS);
      let at = putDate(buffer, start, days);
      if (at < 0) return -1;
      buffer[at++] = 32;
      at = putClock(buffer, at, micros - days * DAY_MICROS);
      return putAscii(buffer, at, suffix);
    },
  };
}

/** HH:MM:SS and the fraction without its trailing zeros. */
function putClock(buffer: Uint8Array, start: number, micros: number): number {
  const seconds = Math.floor(micros / 1e6);
  let fraction = micros - seconds * 1e6;
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  putTwo(buffer, start, hours);
  buffer[start + 2] = 58;
  putTwo(buffer, start + 3, minutes - hours * 60);
  buffer[start + 5] = 58;
  putTwo(buffer, start + 6, seconds - minutes * 60);
  if (fraction === 0) return start + 8;
  buffer[start + 8] = 46;
  let width = 6;
  while (fraction % 10 === 0) {
    fraction /= 10;
    width -= 1;
  }
  return putPadded(buffer, start + 9, fraction, width);
}
