import { type Operator, scaledDecimal } from '../../../sql/comparison.js';
import { Oid, type Type } from '../../../sql/types.js';
import type { Datum } from '../format/datum.js';
import { dateDays, timeMicros, timestampMicros } from './constant.js';
import { ANY, allOf, type Condition, type ConditionColumn, NEVER } from './predicate.js';

/**
 * A constant on the column's scale: the greatest value of the column's domain that is not above it, and whether it is that value.
 * Undefined where the conversion is not certain (other types, infinities, dates before the year 1, time zones that decide).
 */
interface Placed {
  readonly floor: Datum;
  readonly exact: boolean;
}

export function place(column: ConditionColumn, type: Type, text: string): Placed | undefined {
  const target = column.type;
  if (target.kind === 'decimal') return isNumber(type) ? scaledDecimal(text, target.scale) : undefined;
  if (target.kind === 'fixed') return type.oid === Oid.bytea ? bytes(text) : undefined;
  if (target.kind !== 'primitive') return undefined;
  switch (target.name) {
    case 'int':
    case 'long':
      return isNumber(type) ? scaledDecimal(text, 0) : undefined;
    case 'float':
    case 'double':
      return float(type, text);
    case 'boolean':
      return type.oid === Oid.bool ? exactly(text === 't' || text === 'true' ? 1n : 0n) : undefined;
    case 'date':
      return dateOrMidnight(type, text);
    case 'timestamp':
      return type.oid === Oid.timestamp || type.oid === Oid.date ? exactly(timestampMicros(text)) : undefined;
    case 'timestamptz':
      return type.oid === Oid.timestamptz ? exactly(timestampMicros(text)) : undefined;
    // Shown without their last digits: see compareNanos.
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return undefined;
    case 'time':
      return type.oid === Oid.time ? exactly(timeMicros(text)) : undefined;
    case 'string':
      return type.oid === Oid.text || type.oid === Oid.varchar ? exactly(new TextEncoder().encode(text)) : undefined;
    case 'uuid':
      return type.oid === Oid.uuid && /^[0-9a-f-]{36}$/i.test(text) ? exactly(Buffer.from(text.replaceAll('-', ''), 'hex')) : undefined;
    case 'binary':
      return type.oid === Oid.bytea ? bytes(text) : undefined;
  }
}

/** `column op constant` in the column's domain. */
export function compare(column: ConditionColumn, op: Operator, type: Type, text: string | null): Condition {
  // A comparison with NULL is never true.
  if (text === null) return NEVER;
  if (column.type.kind === 'primitive' && column.type.name.endsWith('_ns')) return compareNanos(column, op, type, text);
  const placed = place(column, type, text);
  if (placed === undefined) return ANY;
  const { floor, exact } = placed;
  const test = (kind: '=' | '<' | '<=' | '>' | '>='): Condition => ({
    kind: 'test',
    column,
    test: { kind: 'compare', op: kind, value: floor },
  });
  switch (op) {
    case '=':
      return exact ? test('=') : NEVER;
    // Bounds say nothing of what is not equal; but NULL is not.
    case '<>':
      return { kind: 'test', column, test: { kind: 'not_null' } };
    // Below 2.5 is at most 2; from 2.5 on is above 2.
    case '<':
      return exact ? test('<') : test('<=');
    case '<=':
      return test('<=');
    case '>':
      return test('>');
    case '>=':
      return exact ? test('>=') : test('>');
  }
}

/**
 * Columns of nanoseconds show microseconds: digits are cut off towards the past, or (with a zone, before 1970) towards 1970. So a value that
 * shows as c lies in c's microsecond or in the one before.
 */
function compareNanos(column: ConditionColumn, op: Operator, type: Type, text: string): Condition {
  const isZoned = column.type.kind === 'primitive' && column.type.name === 'timestamptz_ns';
  const fits = isZoned ? type.oid === Oid.timestamptz : type.oid === Oid.timestamp || type.oid === Oid.date;
  const micros = fits ? timestampMicros(text) : undefined;
  if (micros === undefined) return ANY;
  const [first, last] = [micros * 1000n - 999n, micros * 1000n + 999n];
  const test = (kind: '<' | '<=' | '>' | '>=', value: bigint): Condition => ({
    kind: 'test',
    column,
    test: { kind: 'compare', op: kind, value },
  });
  switch (op) {
    case '=':
      return allOf([test('>=', first), test('<=', last)]);
    case '<>':
      return { kind: 'test', column, test: { kind: 'not_null' } };
    case '<':
      return test('<', micros * 1000n);
    case '<=':
      return test('<=', last);
    case '>':
      return test('>', micros * 1000n);
    case '>=':
      return test('>=', first);
  }
}

function dateOrMidnight(type: Type, text: string): Placed | undefined {
  if (type.oid === Oid.date) return exactly(dateDays(text));
  if (type.oid !== Oid.timestamp) return undefined;
  const micros = timestampMicros(text);
  if (micros === undefined) return undefined;
  const rest = ((micros % 86_400_000_000n) + 86_400_000_000n) % 86_400_000_000n;
  return { floor: (micros - rest) / 86_400_000_000n, exact: rest === 0n };
}

function float(type: Type, text: string): Placed | undefined {
  if (type.oid !== Oid.float8 && type.oid !== Oid.float4) return undefined;
  const value = text === 'Infinity' ? Number.POSITIVE_INFINITY : text === '-Infinity' ? Number.NEGATIVE_INFINITY : Number(text);
  if (Number.isNaN(value) || text.trim() === '') return undefined;
  return exactly(type.oid === Oid.float4 ? Math.fround(value) : value);
}

function bytes(text: string): Placed | undefined {
  return /^\\x([0-9a-f]{2})*$/i.test(text) ? exactly(Buffer.from(text.slice(2), 'hex')) : undefined;
}

function exactly(floor: Datum | undefined): Placed | undefined {
  return floor === undefined ? undefined : { floor, exact: true };
}

function isNumber(type: Type): boolean {
  return type.oid === Oid.int2 || type.oid === Oid.int4 || type.oid === Oid.int8 || type.oid === Oid.numeric;
}
