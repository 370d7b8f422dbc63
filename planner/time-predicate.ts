import { civilFromDays, daysFromCivil, MICROS_PER_DAY, MICROS_PER_SECOND } from '../sql/calendar.js';
import { typeOf } from '../sql/expression-type.js';
import { ELEMENT_OF, Oid, type Type } from '../sql/types.js';
import { TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from '../sql/value.js';
import { parseArrayText } from '../sql/value-array.js';
import {
  formatDate,
  formatTimestamp,
  formatTimestampTz,
  parseDate,
  parseInterval,
  parseTimestamp,
  parseTimestampTz,
} from '../sql/value-time.js';
import { FALSE } from './expression.js';
import type { ColumnRef, PlanExpr, PlanLeaf } from './physical-plan.js';
import {
  type Comparison,
  everyMicros,
  everyMonths,
  instantRange,
  localsOf,
  offsetsNear,
  type Range,
  type Steps,
  stepRange,
  truncSteps,
} from './time-steps.js';

/** What a conjunct says of a time column, as conjuncts over the column; `exact`: nothing else. */
export interface TimeRange {
  readonly parts: readonly PlanExpr[];
  readonly exact: boolean;
}

/** A wall clock read from a column: of the column's own (`zone` undefined) or of an instant in a zone. */
interface Clock {
  readonly column: ColumnRef;
  readonly zone: string | undefined;
  /** The wall clock went through instants of this zone: it may be another where the zone skips a time. */
  readonly through?: string;
}

const FLIPPED: Readonly<Record<string, Comparison>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
/** Years 2 to 9998: outside of these nothing is concluded, here nor in computing the bounds. */
const FIRST = BigInt(daysFromCivil(2, 1, 1)) * MICROS_PER_DAY;
const LAST = BigInt(daysFromCivil(9998, 1, 1)) * MICROS_PER_DAY;

/** Ranges by conjunct; conjuncts that say nothing of a time column are not in it. */
export function rangesOf(parts: readonly PlanExpr[], zone: string): ReadonlyMap<PlanExpr, TimeRange> {
  const found = new Map<PlanExpr, TimeRange>();
  for (const part of parts) {
    const range = rangeOf(part, zone) ?? monthRange(part, parts, zone);
    if (range !== undefined) found.set(part, range);
  }
  return found;
}

function rangeOf(part: PlanExpr, zone: string): TimeRange | undefined {
  if (part.kind === 'any_all') return listRange(part, zone);
  if (part.kind !== 'call' || part.operator === undefined) return undefined;
  const [a, b] = part.args;
  const op = FLIPPED[part.operator];
  if (a === undefined || b === undefined || op === undefined) return undefined;
  if (b.kind === 'constant' && b.value !== null) return compared(a, FLIPPED[op] as Comparison, { type: b.type, value: b.value }, zone);
  if (a.kind === 'constant' && a.value !== null) return compared(b, op, { type: a.type, value: a.value }, zone);
  return undefined;
}

/** The least to the greatest element: wider than the list. */
function listRange(part: PlanExpr & { readonly kind: 'any_all' }, zone: string): TimeRange | undefined {
  if (part.quantifier !== 'any' || part.operator !== '=' || part.arg.kind === 'column') return undefined;
  const elements = elementsOf(part.array);
  if (elements === undefined || elements.length > 1000) return undefined;
  const ranges: Located[] = [];
  for (const element of elements) {
    const range = located(part.arg, '=', element, zone);
    if (range?.low === undefined || range.high === undefined) return undefined;
    ranges.push(range);
  }
  const [first] = ranges;
  if (first === undefined) return undefined;
  let [low, high] = [first.low as bigint, first.high as bigint];
  for (const range of ranges) {
    if ((range.low as bigint) < low) low = range.low as bigint;
    if ((range.high as bigint) > high) high = range.high as bigint;
  }
  return printed({ column: first.column, low, high, exact: false });
}

/** The elements of a constant array that are not NULL. */
function elementsOf(array: PlanExpr): readonly Text[] | undefined {
  const elements: Text[] = [];
  if (array.kind === 'array') {
    for (const element of array.elements) {
      if (element.kind !== 'constant') return undefined;
      if (element.value !== null) elements.push({ type: element.type, value: element.value });
    }
    return elements;
  }
  const oid = array.kind === 'constant' ? ELEMENT_OF.get(array.type.oid) : undefined;
  if (array.kind !== 'constant' || array.value === null || oid === undefined || !/^\{[^{]*$/.test(array.value)) return undefined;
  for (const value of parseArrayText(array.value)) if (value !== null) elements.push({ type: { oid, typmod: -1 }, value });
  return elements;
}

interface Text {
  readonly type: Type;
  readonly value: string;
}

interface Located extends Range {
  readonly column: ColumnRef;
  readonly exact: boolean;
}

function compared(expr: PlanExpr, op: Comparison, constant: Text, zone: string): TimeRange | undefined {
  if (expr.kind === 'column') return undefined;
  const range = located(expr, op, constant, zone);
  return range === undefined ? undefined : printed(range);
}

/** The values of a column (instants for timestamptz) for which `expr op constant` may hold. */
function located(expr: PlanExpr, op: Comparison, constant: Text, zone: string): Located | undefined {
  if (expr.kind !== 'call') return undefined;
  const moved = shifted(expr, op, constant);
  if (moved !== undefined) return moved;
  const stepped = steppedClock(expr, zone);
  if (stepped === undefined) return undefined;
  const { clock, steps } = stepped;
  const value = stepped.value(constant, op);
  if (value === undefined || value.least < FIRST || value.most > LAST) return undefined;
  const range = skipped(clock.through, stepRange(steps, value.op, value.least - stepped.margin, value.most + stepped.margin));
  const steady = clock.zone === undefined ? clock.through === undefined : /^(Etc\/)?(UTC|GMT)$/.test(clock.zone);
  const exact = steady && stepped.fails !== true && value.least === value.most && stepped.margin === 0n;
  return { column: clock.column, ...(clock.zone === undefined ? range : instantRange(clock.zone, range)), exact };
}

function skipped(zone: string | undefined, { low, high }: Range): Range {
  const wide = (at: bigint): bigint => {
    const { least, most } = offsetsNear(zone ?? 'UTC', at);
    return most - least;
  };
  if (zone === undefined) return { low, high };
  return { low: low === undefined ? undefined : low - wide(low), high: high === undefined ? undefined : high + wide(high) };
}

interface Stepped {
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

const EVERY = everyMicros(1n);

/** The step function of a column that an expression is. */
function steppedClock(expr: PlanExpr & { readonly kind: 'call' }, zone: string): Stepped | undefined {
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
function clockOf(expr: PlanExpr, zone: string): Clock | undefined {
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

function textOf(expr: PlanExpr | undefined): string | undefined {
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

function isInfinite(micros: bigint): boolean {
  return micros === TIMESTAMP_INFINITY || micros === TIMESTAMP_NEGATIVE_INFINITY;
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

/** `extract(year from ts) = y` beside `extract(month from ts) = m`, of the same ts: the month's range. */
function monthRange(part: PlanExpr, parts: readonly PlanExpr[], zone: string): TimeRange | undefined {
  const month = fieldEquals(part, 'month');
  if (month === undefined || !Number.isInteger(month.value) || month.value < 1 || month.value > 12) return undefined;
  const clock = clockOf(month.source, zone);
  if (clock === undefined) return undefined;
  for (const other of parts) {
    const year = fieldEquals(other, 'year');
    if (year === undefined || JSON.stringify(year.source) !== JSON.stringify(month.source)) continue;
    if (!Number.isInteger(year.value) || year.value < 2 || year.value > 9997) return undefined;
    const low = BigInt(daysFromCivil(year.value, month.value, 1)) * MICROS_PER_DAY;
    const range = { low, high: everyMonths(1).next(low) };
    return printed({ column: clock.column, ...(clock.zone === undefined ? range : instantRange(clock.zone, range)), exact: false });
  }
  return undefined;
}

function fieldEquals(part: PlanExpr, field: string): { readonly source: PlanExpr; readonly value: number } | undefined {
  if (part.kind !== 'call' || part.operator !== '=') return undefined;
  const [a, b] = part.args;
  const [call, constant] = a?.kind === 'call' ? [a, b] : [b, a];
  const value = textOf(constant);
  if (call?.kind !== 'call' || value === undefined || !/^(extract|date_part)\(/.test(call.fn)) return undefined;
  const [name, source] = call.args;
  return source !== undefined && textOf(name)?.toLowerCase() === field ? { source, value: Number(value) } : undefined;
}

const SHIFTS: Readonly<Record<string, 1n | -1n>> = {
  'timestamp_pl_interval(timestamp,interval)': 1n,
  'timestamp_mi_interval(timestamp,interval)': -1n,
  'timestamptz_pl_interval(timestamptz,interval)': 1n,
  'timestamptz_mi_interval(timestamptz,interval)': -1n,
};

/** `ts + interval op constant`: exact where the interval is time only; else as wide as months and offsets differ. */
function shifted(expr: PlanExpr & { readonly kind: 'call' }, op: Comparison, constant: Text): Located | undefined {
  const sign = SHIFTS[expr.fn];
  const [column, by] = expr.args;
  const text = textOf(by);
  if (sign === undefined || column?.kind !== 'column' || text === undefined || constant.type.oid !== column.type.oid) return undefined;
  const { months, days, micros } = parseInterval(text);
  if (Math.abs(months) > 12_000 || Math.abs(days) > 400_000 || micros > 400_000n * MICROS_PER_DAY || micros < -400_000n * MICROS_PER_DAY)
    return undefined;
  const value = column.type.oid === Oid.timestamptz ? parseTimestampTz(constant.value, 'UTC') : parseTimestamp(constant.value);
  if (isInfinite(value) || value < FIRST || value > LAST) return undefined;
  const civil = civilFromDays(Number(everyMicros(MICROS_PER_DAY).floor(value) / MICROS_PER_DAY));
  const count = civil.year * 12 + civil.month - 1 - Number(sign) * months;
  // a month's last days fall on its last one, and a zone's days are not all of 24 hours
  const byMonths =
    months === 0
      ? 0n
      : BigInt(daysFromCivil(Math.floor(count / 12), (((count % 12) + 12) % 12) + 1, 1) - daysFromCivil(civil.year, civil.month, 1)) *
        MICROS_PER_DAY;
  const moved = value + byMonths - sign * (BigInt(days) * MICROS_PER_DAY + micros);
  const margin = months !== 0 ? 5n * MICROS_PER_DAY : days !== 0 && column.type.oid === Oid.timestamptz ? 2n * MICROS_PER_DAY : 0n;
  if (moved < FIRST || moved > LAST) return undefined;
  return { column, ...stepRange(EVERY, op, moved - margin, moved + margin), exact: margin === 0n };
}

const PREFIX: Readonly<Record<number, string>> = { [Oid.date]: 'date', [Oid.timestamp]: 'timestamp', [Oid.timestamptz]: 'timestamptz' };

function printed({ column, low, high, exact }: Located): TimeRange | undefined {
  const prefix = PREFIX[column.type.oid];
  if (prefix === undefined) return undefined;
  if (exact && low !== undefined && high !== undefined && low >= high) return { parts: [FALSE], exact: true };
  const compare = (name: string, operator: string, micros: bigint | undefined): readonly PlanExpr[] => {
    if (micros === undefined) return [];
    const value = textAt(column.type.oid, micros);
    return [
      {
        kind: 'call',
        fn: `${prefix}_${name}(${prefix},${prefix})`,
        operator,
        args: [column, { kind: 'constant', type: { oid: column.type.oid, typmod: -1 }, value }],
        type: { oid: Oid.bool, typmod: -1 },
        volatility: 'immutable',
      },
    ];
  };
  return { parts: [...compare('ge', '>=', low), ...compare('lt', '<', high)], exact };
}

/** Dates lie on days: both bounds go up to the next one. */
function textAt(oid: number, micros: bigint): string {
  if (oid === Oid.timestamptz) return formatTimestampTz(micros, 'UTC');
  if (oid === Oid.timestamp) return formatTimestamp(micros);
  const day = everyMicros(MICROS_PER_DAY).floor(micros);
  return formatDate(Number(day / MICROS_PER_DAY) + (day === micros ? 0 : 1));
}
