import { civilFromDays, daysFromCivil, daysInMonth, MICROS_PER_DAY } from '../calendar.js';
import { TimelineError, unsupported } from '../errors.js';
import { timeZone } from '../time-zone.js';
import { type Interval, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from '../value.js';

/** PostgreSQL's calendar arithmetic over microseconds since 1970-01-01; `zone` undefined: a wall clock (timestamp). */

const FIRST = -2_440_588n * MICROS_PER_DAY;
const END = 9_224_318_016_000_000_000n;
/** PostgreSQL counts from 2000-01-01, where a double has more digits to spare. */
const EPOCH_2000_SECONDS = 946_684_800;

function outOfRange(): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22008', message: 'timestamp out of range' });
}

/** 22008 outside of PostgreSQL's range; its last 30 years don't fit 64 bits that count from 1970. */
export function checkTimestamp(micros: bigint): bigint {
  if (micros < FIRST || micros >= END) throw outOfRange();
  if (micros >= TIMESTAMP_INFINITY) throw unsupported('a timestamp this late');
  return micros;
}

export function isInfinite(micros: bigint): boolean {
  return micros === TIMESTAMP_INFINITY || micros === TIMESTAMP_NEGATIVE_INFINITY;
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

/** Wall clock of an instant in a zone. */
export function toLocal(micros: bigint, zone: string): bigint {
  if (isInfinite(micros)) return micros;
  const seconds = Number(floorDivide(micros, 1_000_000n));
  return checkTimestamp(micros + BigInt(timeZone(zone).offsetAt(seconds)) * 1_000_000n);
}

/** Instant of a wall clock in a zone; in gaps and overlaps as PostgreSQL decides. */
export function fromLocal(micros: bigint, zone: string): bigint {
  if (isInfinite(micros)) return micros;
  const seconds = Number(floorDivide(micros, 1_000_000n));
  return checkTimestamp(micros - BigInt(timeZone(zone).offsetAtLocal(seconds)) * 1_000_000n);
}

function addMonths(local: bigint, months: number): bigint {
  const day = floorDivide(local, MICROS_PER_DAY);
  const civil = civilFromDays(Number(day));
  const count = civil.year * 12 + civil.month - 1 + months;
  const year = Math.floor(count / 12);
  const month = count - year * 12 + 1;
  if (year > 300_000 || year < -5000) throw outOfRange();
  const days = daysFromCivil(year, month, Math.min(civil.day, daysInMonth(year, month)));
  return BigInt(days) * MICROS_PER_DAY + (local - day * MICROS_PER_DAY);
}

/** Months, then days (both on the wall clock), then time. */
export function addInterval(micros: bigint, interval: Interval, zone: string | undefined): bigint {
  if (isInfinite(micros)) return micros;
  let at = micros;
  const onWallClock = (change: (local: bigint) => bigint): void => {
    at = zone === undefined ? checkTimestamp(change(at)) : fromLocal(checkTimestamp(change(toLocal(at, zone))), zone);
  };
  if (interval.months !== 0) onWallClock((local) => addMonths(local, interval.months));
  if (interval.days !== 0) onWallClock((local) => local + BigInt(interval.days) * MICROS_PER_DAY);
  return checkTimestamp(at + interval.micros);
}

/** to_timestamp(double precision). */
export function timestampFromSeconds(seconds: number): bigint {
  if (Number.isNaN(seconds)) throw new TimelineError({ kind: 'data', sqlstate: '22008', message: 'timestamp cannot be NaN' });
  if (!Number.isFinite(seconds)) return seconds > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEGATIVE_INFINITY;
  if (seconds < -210_866_803_200 || seconds >= 9_224_318_016_000) {
    throw new TimelineError({ kind: 'data', sqlstate: '22008', message: `timestamp out of range: "${seconds}"` });
  }
  return checkTimestamp(BigInt(roundHalfEven((seconds - EPOCH_2000_SECONDS) * 1_000_000)) + BigInt(EPOCH_2000_SECONDS) * 1_000_000n);
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * interval times a factor: fractions of months go down to days (30 a month), fractions of days to time, with PostgreSQL's
 * roundings to a microsecond on the way.
 */
export function multiplyInterval(interval: Interval, factor: number): Interval {
  return scaleInterval(interval, (field) => field * factor);
}

export function divideInterval(interval: Interval, divisor: number): Interval {
  return scaleInterval(interval, (field) => field / divisor);
}

function scaleInterval({ months, days, micros }: Interval, scale: (field: number) => number): Interval {
  const bad = (): TimelineError => new TimelineError({ kind: 'data', sqlstate: '22008', message: 'interval out of range' });
  const whole = (x: number): number => {
    if (!(Math.abs(x) <= 2_147_483_647)) throw bad();
    return Math.trunc(x);
  };
  const newMonths = whole(scale(months));
  let newDays = whole(scale(days));
  const toMicros = (x: number): number => roundHalfEven(x * 1_000_000) / 1_000_000;
  const monthDays = toMicros((scale(months) - newMonths) * 30);
  let seconds = toMicros((scale(days) - newDays + monthDays - Math.trunc(monthDays)) * 86_400);
  if (Math.abs(seconds) >= 86_400) {
    newDays += Math.trunc(seconds / 86_400);
    seconds -= Math.trunc(seconds / 86_400) * 86_400;
  }
  newDays = whole(newDays + Math.trunc(monthDays));
  const total = roundHalfEven(scale(Number(micros)) + seconds * 1_000_000);
  if (!(Math.abs(total) < 9.2e18)) throw bad();
  return { months: newMonths + 0, days: newDays + 0, micros: BigInt(total) };
}

/** A field of an interval as numeric text; undefined: a field that is not known here. */
export function intervalField(interval: Interval, field: string): string | undefined {
  const { months, days, micros } = interval;
  const years = Math.trunc(months / 12);
  switch (field) {
    case 'year':
      return String(years);
    case 'month':
      return String(months % 12);
    case 'day':
      return String(days);
    case 'hour':
      return String(micros / 3_600_000_000n);
    case 'minute':
      return String((micros / 60_000_000n) % 60n);
    case 'second':
      return decimalText(micros % 60_000_000n, 6);
    case 'milliseconds':
      return decimalText(micros % 60_000_000n, 3);
    case 'microseconds':
      return String(micros % 60_000_000n);
    case 'epoch': {
      // A year counts 365.25 days, a month 30.
      const wholeDays = BigInt(years) * 1461n * 6n + BigInt(months % 12) * 30n * 24n + BigInt(days) * 24n;
      return decimalText(wholeDays * 3_600_000_000n + micros, 6);
    }
    default:
      return undefined;
  }
}

/** date_part of an interval: epoch adds up in floating point, as PostgreSQL does it. */
export function intervalPart(interval: Interval, field: string): number | undefined {
  if (field === 'epoch') {
    const { months, days, micros } = interval;
    return Number(micros) / 1_000_000 + 365.25 * 86_400 * Math.trunc(months / 12) + 30 * 86_400 * (months % 12) + 86_400 * days;
  }
  const text = intervalField(interval, field);
  return text === undefined ? undefined : Number(text);
}

function decimalText(digits: bigint, scale: number): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  return `${digits < 0n ? '-' : ''}${text.slice(0, -scale)}.${text.slice(-scale)}`;
}
