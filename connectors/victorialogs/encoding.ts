import { TimelineError } from '../../sql/errors.js';
import { numericModifier, Oid, type Type } from '../../sql/types.js';
import { formatFloat4, formatFloat8 } from '../../sql/value-number.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { parseTimestampTz } from '../../sql/value-time.js';
import { isWellFormed } from './logsql/print.js';

/** How a column's values stand in documents. */
export interface LogsColumn {
  /** The field's name in documents. */
  readonly field: string;
  readonly type: Type;
  /** `own`: as `encodeValue` writes them; NULL is absent. `foreign`: as anybody wrote them; NULL and '' are one. `time`: `_time`. */
  readonly encoding: 'own' | 'foreign' | 'time';
}

/** Of a value's UTF-8: longer ones are left out, and their rows marked. */
const MAX_VALUE_BYTES = 65_536;

/**
 * A value (PostgreSQL's text form) as a document has it; null: left out, as NULL is. Undefined: it cannot be written (NaN, infinities,
 * years beyond 9999, too long): the row is marked.
 *
 * The store takes texts that look like numbers, dates or addresses apart and gives them back changed. So everything begins with `~`, but whole
 * numbers (canonical ones come back as they are) and floats (always with an exponent, which the store leaves alone).
 */
export function encodeValue(type: Type, value: string | null): string | null | undefined {
  if (value === null) return null;
  switch (type.oid) {
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
      return /^(?:0|-?[1-9]\d{0,18})$/.test(value) ? value : String(parseValue(type, value));
    case Oid.float4:
    case Oid.float8:
      return encodeFloat(parseValue(type, value));
    case Oid.bool:
      return parseValue(type, value) === true ? '~true' : '~false';
    case Oid.date:
      return /^\d{4}-\d{2}-\d{2}$/.test(value) ? `~${value}` : undefined;
    case Oid.timestamp:
      return encodeTimestamp(value, '');
    case Oid.timestamptz:
      return encodeTimestamp(value.endsWith('+00') ? value.slice(0, -3) : inUtc(value), 'Z');
    case Oid.time:
      return encodeTime(value);
    default:
      return encodeText(value);
  }
}

function encodeText(value: string): string | undefined {
  const fits = value.length * 3 <= MAX_VALUE_BYTES || Buffer.byteLength(value) <= MAX_VALUE_BYTES;
  return fits && isWellFormed(value) ? `~${value}` : undefined;
}

function encodeFloat(value: unknown): string | undefined {
  // -0 becomes 0, which it equals.
  return typeof value === 'number' && Number.isFinite(value) ? value.toExponential() : undefined;
}

/** Fixed width, so that the order of bytes is the order of instants. */
function encodeTimestamp(value: string, zone: string): string | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?$/.exec(value);
  return match === null ? undefined : `~${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}${zone}`;
}

function encodeTime(value: string): string | undefined {
  const match = /^(\d{2}:\d{2}:\d{2})(?:\.(\d{1,6}))?$/.exec(value);
  return match === null ? undefined : `~${match[1]}.${(match[2] ?? '').padEnd(6, '0')}`;
}

function inUtc(value: string): string {
  const type = { oid: Oid.timestamptz, typmod: -1 };
  return formatValue(type, parseValue(type, value, UTC), UTC).replace(/\+00$/, '');
}

const UTC = { timeZone: 'UTC' } as const;

/**
 * A document's text as a value in PostgreSQL's text form. Throws 22P02, with a hint, for a text that is none of the type: NULL, or leaving the row
 * out, would be a wrong answer, and such a column can be declared as text.
 */
export function decodeValue(column: LogsColumn, text: string | undefined): string | null {
  return decoder(column)(text);
}

/** `decodeValue` of one column, for many values. */
export function decoder(column: LogsColumn): (text: string | undefined) => string | null {
  const decode =
    column.encoding === 'time'
      ? timeDecoder(column.type)
      : column.encoding === 'own'
        ? ownDecoder(column.type)
        : foreignDecoder(column.type);
  return (text) => {
    if (text === undefined || text === '') return null;
    try {
      return decode(text);
    } catch (error) {
      if (error instanceof TimelineError && error.kind === 'data') throw badValue(column, error);
      throw error;
    }
  };
}

function badValue(column: LogsColumn, error: TimelineError): TimelineError {
  const own = column.encoding === 'own';
  return new TimelineError({
    kind: 'data',
    sqlstate: '22P02',
    message: `field ${JSON.stringify(column.field)}: ${error.message}`,
    hint: own
      ? 'The document is none of those that were written in our encoding: declare the table as foreign.'
      : 'Declare the column as text to read every document, or filter such documents out.',
    cause: error,
  });
}

type Decode = (text: string) => string;

function ownDecoder(type: Type): Decode {
  switch (type.oid) {
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
      return (text) => (/^(?:0|-?[1-9]\d{0,18})$/.test(text) ? text : refuse(text));
    case Oid.float8:
      return (text) => formatFloat8(exponentForm(text));
    case Oid.float4:
      return (text) => formatFloat4(Math.fround(exponentForm(text)));
    case Oid.bool:
      return (text) => (text === '~true' ? 't' : text === '~false' ? 'f' : refuse(text));
    case Oid.timestamp:
      return (text) => wallClock(text, /^~(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d{6})$/);
    case Oid.timestamptz:
      return (text) => `${wallClock(text, /^~(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d{6})Z$/)}+00`;
    case Oid.time:
      return (text) => {
        const match = /^~(\d{2}:\d{2}:\d{2})(\.\d{6})$/.exec(text);
        return match === null ? refuse(text) : match[1] + withoutZeros(match[2]);
      };
    default:
      return (text) => (text.startsWith('~') ? text.slice(1) : refuse(text));
  }
}

function exponentForm(text: string): number {
  return /^-?\d(?:\.\d{1,17})?e[+-]\d{1,3}$/.test(text) ? Number(text) : refuse(text);
}

function wallClock(text: string, form: RegExp): string {
  const match = form.exec(text);
  return match === null ? refuse(text) : `${match[1]} ${match[2]}${withoutZeros(match[3])}`;
}

function withoutZeros(fraction = ''): string {
  return fraction.replace(/\.?0+$/, '');
}

/** Nanoseconds become microseconds by cutting off: a document never shows at or after an instant that it came before. */
function timeDecoder(type: Type): Decode {
  const zone = type.oid === Oid.timestamptz ? '+00' : '';
  return (text) => {
    const match = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:(\.\d{1,6})\d*)?Z$/.exec(text);
    return match === null ? refuse(text) : `${match[1]} ${match[2]}${withoutZeros(match[3])}${zone}`;
  };
}

/** As PostgreSQL's input function reads it; text as it stands. */
function foreignDecoder(type: Type): Decode {
  switch (type.oid) {
    case Oid.text:
    case Oid.varchar:
      return (text) => text;
    case Oid.timestamptz:
      return (text) => formatValue(type, parseTimestampTz(cutToMicros(text), 'UTC'), UTC);
    case Oid.timestamp:
      return (text) => formatValue(type, parseValue(type, cutToMicros(text), UTC), UTC);
    case Oid.numeric:
      return (text) => ofModifier(type, formatValue(type, parseValue(type, text, UTC), UTC));
    default:
      return (text) => formatValue(type, parseValue(type, text, UTC), UTC);
  }
}

/** A numeric with the digits that its column has; refused where it has more, for what was logged is not to be rounded. */
function ofModifier(type: Type, text: string): string {
  const modifier = numericModifier(type);
  if (modifier === undefined || text === 'NaN') return text;
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text);
  const [, sign = '', whole = '', fraction = ''] = match ?? [];
  const { precision, scale } = modifier;
  const kept = fraction.slice(0, Math.max(scale, 0)).padEnd(Math.max(scale, 0), '0');
  const fits = match !== null && scale >= 0 && /^0*$/.test(fraction.slice(scale)) && whole.replace(/^0+/, '').length <= precision - scale;
  return fits ? `${sign}${whole}${scale === 0 ? '' : `.${kept}`}` : refuse(text);
}

/** Digits beyond microseconds are cut off as those of `_time` are, where PostgreSQL would round. */
function cutToMicros(text: string): string {
  return text.replace(/(\.\d{6})\d+/, '$1');
}

/** Can the columns of foreign documents be declared as this? Types whose text forms need no PostgreSQL to be read; of modifiers, those of numeric. */
export function isDeclarable(type: Type): boolean {
  return DECLARABLE.has(type.oid) && (type.typmod === -1 || (numericModifier(type)?.scale ?? -1) >= 0);
}

const DECLARABLE: ReadonlySet<number> = new Set<number>([
  Oid.text,
  Oid.varchar,
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.float4,
  Oid.float8,
  Oid.numeric,
  Oid.uuid,
  Oid.bytea,
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
]);

function refuse(text: string): never {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  throw new TimelineError({ kind: 'data', sqlstate: '22P02', message: `${JSON.stringify(shown)} is no value of the column's type` });
}
