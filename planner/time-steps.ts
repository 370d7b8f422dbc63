import { civilFromDays, daysFromCivil, MICROS_PER_DAY, MICROS_PER_SECOND } from '../sql/calendar.js';
import { timeZone } from '../sql/time-zone.js';

/** A step function of a wall clock: constant from one start to the next. In microseconds since 1970 as if it were UTC. */
export interface Steps {
  /** The start of the step that `local` is in. */
  readonly floor: (local: bigint) => bigint;
  /** The start after it. */
  readonly next: (start: bigint) => bigint;
}

const FIXED: Readonly<Record<string, bigint>> = {
  microseconds: 1n,
  milliseconds: 1000n,
  second: MICROS_PER_SECOND,
  minute: 60n * MICROS_PER_SECOND,
  hour: 3600n * MICROS_PER_SECOND,
  day: MICROS_PER_DAY,
};

const MONTHS: Readonly<Record<string, number>> = { month: 1, quarter: 3, year: 12, decade: 120 };

/** The steps of date_trunc by this unit. */
export function truncSteps(unit: string): Steps | undefined {
  const micros = FIXED[unit];
  if (micros !== undefined) return everyMicros(micros);
  if (unit === 'week') {
    // 1970-01-05 was a Monday
    const shift = 4n * MICROS_PER_DAY;
    const week = everyMicros(7n * MICROS_PER_DAY);
    return { floor: (local) => week.floor(local - shift) + shift, next: (start) => start + 7n * MICROS_PER_DAY };
  }
  const months = MONTHS[unit];
  return months === undefined ? undefined : everyMonths(months);
}

export function everyMicros(size: bigint): Steps {
  return { floor: (local) => local - (((local % size) + size) % size), next: (start) => start + size };
}

export function everyMonths(size: number): Steps {
  return {
    floor: (local) => {
      const { year, month } = civilFromDays(Number(everyMicros(MICROS_PER_DAY).floor(local) / MICROS_PER_DAY));
      const count = year * 12 + month - 1;
      return monthStart(Math.floor(count / size) * size);
    },
    next: (start) => {
      const { year, month } = civilFromDays(Number(start / MICROS_PER_DAY));
      return monthStart(year * 12 + month - 1 + size);
    },
  };
}

function monthStart(count: number): bigint {
  return BigInt(daysFromCivil(Math.floor(count / 12), (((count % 12) + 12) % 12) + 1, 1)) * MICROS_PER_DAY;
}

export type Comparison = '=' | '<' | '<=' | '>' | '>=';

/** From `low` on and before `high`; undefined: without end. */
export interface Range {
  readonly low: bigint | undefined;
  readonly high: bigint | undefined;
}

/**
 * The wall clocks whose step compares so with some value from `least` to `most` (one value, where both are the same: then it is
 * exact). For `=` with one value between two steps the range is empty.
 */
export function stepRange(steps: Steps, op: Comparison, least: bigint, most: bigint): Range {
  const up = (value: bigint): bigint => (steps.floor(value) === value ? value : steps.next(steps.floor(value)));
  const after = (value: bigint): bigint => steps.next(steps.floor(value));
  switch (op) {
    case '=':
      return { low: up(least), high: after(most) };
    case '<':
      return { low: undefined, high: up(most) };
    case '<=':
      return { low: undefined, high: after(most) };
    case '>':
      return { low: after(least), high: undefined };
    case '>=':
      return { low: up(least), high: undefined };
  }
}

/** Offsets and dates are at most so far from each other that what is further away needs no look. */
const WINDOW_HOURS = 48;

/** The least and the greatest offset from UTC (in microseconds) of a zone within two days of a time. */
export function offsetsNear(zone: string, micros: bigint): { readonly least: bigint; readonly most: bigint } {
  const { offsetAt } = timeZone(zone);
  const at = Number(micros / MICROS_PER_SECOND);
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let hour = -WINDOW_HOURS; hour <= WINDOW_HOURS; hour += 1) {
    const offset = offsetAt(at + hour * 3600);
    least = Math.min(least, offset);
    most = Math.max(most, offset);
  }
  return { least: BigInt(least) * MICROS_PER_SECOND, most: BigInt(most) * MICROS_PER_SECOND };
}

/** Instants that may show a wall clock of this range in a zone. */
export function instantRange(zone: string, { low, high }: Range): Range {
  return {
    low: low === undefined ? undefined : low - offsetsNear(zone, low).most,
    high: high === undefined ? undefined : high - offsetsNear(zone, high).least,
  };
}

/** The wall clocks that an instant may come from, wherever a zone's offset changes near it. */
export function localsOf(zone: string, instant: bigint): { readonly least: bigint; readonly most: bigint } {
  const { least, most } = offsetsNear(zone, instant);
  return { least: instant + least, most: instant + most };
}
