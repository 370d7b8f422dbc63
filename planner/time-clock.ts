import { daysFromCivil, MICROS_PER_DAY, MICROS_PER_SECOND } from '../sql/calendar.js';
import { typeOf } from '../sql/expression-type.js';
import { isInfinite } from '../sql/functions/timestamp-arithmetic.js';
import { Oid, type Type } from '../sql/types.js';
import { parseDate, parseTimestamp, parseTimestampTz } from '../sql/value-time.js';
import type { ColumnRef, PlanExpr, PlanLeaf } from './physical-plan.js';
import { type Comparison, everyMicros, everyMonths, localsOf, type Steps, truncSteps } from './time-steps.js';

/** Which expressions are step functions of a time column (date_trunc, extract, casts, time zones), and how constants compare with them. */

/** A wall clock read from a column: of the column's own (`zone` undefined) or of an instant in a zone. */
export interface Clock {
  readonly column: ColumnRef;
  readonly zone: string | undefined;
  /** The wall clock went through instants of this zone: it may be another where the zone skips a time. */
  readonly through?: string;
}

/** A constant as PostgreSQL writes it. */
export interface Text {
  readonly type: Type;
  readonly value: string;
}

/** Years 2 to 9998: outside of these nothing is concluded, here nor in computing the bounds. */
export const FIRST = BigInt(daysFromCivil(2, 1, 1)) * MICROS_PER_DAY;
export const LAST = BigInt(daysFromCivil(9998, 1, 1)) * MICROS_PER_DAY;

export interface Stepped {
  readonly clock: Clock;
  readonly steps: Steps;
  /** How far the function may be off. */
  readonly margin: bigint;
  /** It raises an error for some times. */
  readonly fails?: boolean;
  /** The constant on the scale of the steps' starts, and the comparison there. */
  readonly value: (
    constant: Text,
    op: Comparison,
  ) => { readonly least: bigint; readonly most: bigint; readonly op: Comparison } | undefined;
}

export const EVERY = everyMicros(1n);

/** The step function of a column that an expression is. */
export function steppedClock(expr: PlanExpr & { readonly kind: 'call' }, zone: string): Stepped | undefined {
  const [first, second] = expr.args;
  const at = clockOf(expr, zone);
  if (at !== undefined) return { clock: at, steps: EVERY, margin: 0n, value: localValue };
  switch (expr.fn) {
    case 'date(timestamp)':
    case 'date(timestamptz)': {
      const clock = first === undefined ? undefined : clockOf(first, zone);
      return clock === undefined ? undefined : { clock, steps: everyMicros(MICROS_PER_DAY), margin: 0n, value: localValue };
    }
    case 'date_trunc(text,timestamp)':
    case 'date_trunc(text,timestamptz)':
    case 'date_trunc(text,timestamptz,text)': {
      const unit = textOf(first);
      const third = expr.args[2];
      const inZone = third === undefined ? zone : zoneName(textOf(third));
      const steps = unit === undefined ? undefined : truncSteps(unit.toLowerCase());
      const clock = second === undefined || inZone === undefined ? undefined : clockOf(second, inZone);
      if (steps === undefined || clock === undefined) return undefined;
      // its value is an instant again, if it was given one directly
      const value =
        second !== undefined && typeOf<PlanLeaf>(second).oid === Oid.timestamptz && inZone !== undefined
          ? instantValue(inZone)
          : localValue;
      return { clock, steps, margin: 0n, value };
    }
    case 'extract(text,timestamp)':
    case 'extract(text,timestamptz)':
    case 'extract(text,date)':
    case 'date_part(text,timestamp)':
    case 'date_part(text,timestamptz)':
    case 'date_part(text,date)': {
      const field = textOf(first)?.toLowerCase();
      if (second === undefined) return undefined;
      if (field === 'year') {
        const clock = clockOf(second, zone);
        return clock === undefined ? undefined : { clock, steps: everyMonths(12), margin: 0n, value: yearValue };
      }
      if (field !== 'epoch') return undefined;
      // seconds since 1970 of an instant, of a wall clock for the other types
      const clock = clockOf(second, 'UTC');
      return clock === undefined ? undefined : { clock, steps: EVERY, margin: MICROS_PER_SECOND, value: secondsValue };
    }
    // whole numbers stay what they are, infinity is an error
    case 'int4(numeric)':
    case 'int8(numeric)':
    case 'int4(float8)':
    case 'int8(float8)': {
      const inner = first?.kind === 'call' ? steppedClock(first, zone) : undefined;
      return inner?.value === yearValue ? { ...inner, fails: true } : undefined;
    }
    case 'numeric_mul(numeric,numeric)':
    case 'float8mul(float8,float8)':
      return flooredEpoch(expr);
    default:
      return undefined;
  }
}

/** `floor(extract(epoch from ts) / n) * n`, in numeric or float8; a second of margin for what division rounds. */
function flooredEpoch(expr: PlanExpr & { readonly kind: 'call' }): Stepped | undefined {
  const [floor, size] = expr.args;
  if (floor?.kind !== 'call' || !/^floor\((numeric|float8)\)$/.test(floor.fn)) return undefined;
  const [quotient] = floor.args;
  if (quotient?.kind !== 'call' || !/^(numeric_div\(numeric,numeric|float8div\(float8,float8)\)$/.test(quotient.fn)) return undefined;
  const [epoch, divisor] = quotient.args;
  const seconds = textOf(size);
  if (epoch?.kind !== 'call' || seconds === undefined || seconds !== textOf(divisor) || !/^[1-9]\d{0,7}$/.test(seconds)) return undefined;
  const inner = steppedClock(epoch, 'UTC');
  if (inner === undefined || inner.value !== secondsValue) return undefined;
  return { ...inner, steps: everyMicros(BigInt(seconds) * MICROS_PER_SECOND) };
}

/** A wall clock or an instant read straight from a column. In `zone`, where it is an instant. */
export function clockOf(expr: PlanExpr, zone: string): Clock | undefined {
  if (expr.kind === 'column') {
    switch (expr.type.oid) {
      case Oid.timestamp:
      case Oid.date:
        return { column: expr, zone: undefined };
      case Oid.timestamptz:
        return { column: expr, zone };
      default:
        return undefined;
    }
  }
  if (expr.kind !== 'call') return undefined;
  const [first, second] = expr.args;
  switch (expr.fn) {
    case 'timestamp(date)':
      return first === undefined ? undefined : clockOf(first, zone);
    case 'timestamptz(date)':
      return first?.kind === 'column' ? { column: first, zone: undefined, through: zone } : undefined;
    case 'timestamp(timestamptz)':
      return first?.kind === 'column' ? clockOf(first, zone) : undefined;
    case 'timezone(text,timestamptz)': {
      const name = zoneName(textOf(first));
      return second?.kind === 'column' && name !== undefined ? clockOf(second, name) : undefined;
    }
    default:
      return undefined;
  }
}

function zoneName(name: string | undefined): string | undefined {
  return name !== undefined && /^(UTC|GMT|[A-Z][A-Za-z_]+(\/[A-Z][A-Za-z_+-]+){1,2})$/.test(name) ? name : undefined;
}

export function textOf(expr: PlanExpr | undefined): string | undefined {
  return expr?.kind === 'constant' && expr.value !== null ? expr.value : undefined;
}

type Value = ReturnType<Stepped['value']>;

function localValue(constant: Text, op: Comparison): Value {
  let micros: bigint;
  if (constant.type.oid === Oid.date) {
    const days = parseDate(constant.value);
    if (!Number.isFinite(days)) return undefined;
    micros = BigInt(days) * MICROS_PER_DAY;
  } else if (constant.type.oid === Oid.timestamp) micros = parseTimestamp(constant.value);
  else return undefined;
  return isInfinite(micros) ? undefined : { least: micros, most: micros, op };
}

function instantValue(zone: string): Stepped['value'] {
  return (constant, op) => {
    if (constant.type.oid !== Oid.timestamptz) return undefined;
    const micros = parseTimestampTz(constant.value, 'UTC');
    return isInfinite(micros) || micros < FIRST || micros > LAST ? undefined : { ...localsOf(zone, micros), op };
  };
}

/** A year as the start of it; one with a fraction lies after the start. */
function yearValue(constant: Text, op: Comparison): Value {
  const number = Number(constant.value);
  if (!Number.isFinite(number) || number < 2 || number > 9998) return undefined;
  const whole = Math.floor(number);
  const start = BigInt(daysFromCivil(whole, 1, 1)) * MICROS_PER_DAY + (whole === number ? 0n : 1n);
  return { least: start, most: start, op };
}

function secondsValue(constant: Text, op: Comparison): Value {
  const number = Number(constant.value);
  if (!Number.isFinite(number) || Math.abs(number) > 1e12) return undefined;
  return { least: BigInt(Math.floor(number)) * MICROS_PER_SECOND, most: BigInt(Math.ceil(number)) * MICROS_PER_SECOND, op };
}
