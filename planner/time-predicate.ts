import { civilFromDays, daysFromCivil, MICROS_PER_DAY } from '../sql/calendar.js';
import { isInfinite } from '../sql/functions/timestamp-arithmetic.js';
import { ELEMENT_OF, Oid } from '../sql/types.js';
import { parseArrayText } from '../sql/value-array.js';
import { formatDate, formatTimestamp, formatTimestampTz, parseInterval, parseTimestamp, parseTimestampTz } from '../sql/value-time.js';
import { FALSE } from './expression.js';
import type { ColumnRef, PlanExpr } from './physical-plan.js';
import { clockOf, EVERY, FIRST, LAST, steppedClock, type Text, textOf } from './time-clock.js';
import { type Comparison, everyMicros, everyMonths, instantRange, offsetsNear, type Range, stepRange } from './time-steps.js';

/** What a conjunct says of a time column, as conjuncts over the column; `exact`: nothing else. */
export interface TimeRange {
  readonly parts: readonly PlanExpr[];
  readonly exact: boolean;
}

const FLIPPED: Readonly<Record<string, Comparison>> = { '=': '=', '<': '>', '<=': '>=', '>': '<', '>=': '<=' };
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
