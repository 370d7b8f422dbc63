import { civilFromDays, daysFromCivil } from '../../sql/calendar.js';
import { type TimeZone, timeZone } from '../../sql/time-zone.js';

export type IntervalUnit = 'hour' | 'day' | 'week' | 'month';

const MICROS = 1_000_000n;
const DAY = 86_400;

/**
 * Cuts [from, until) (microseconds since 1970) where hours, days, weeks (from Monday) or months begin in a time zone; the first and the
 * last piece may be shorter. At most `limit` pieces; `next`: where the rest begins.
 */
export function unitChunks(options: {
  readonly from: bigint;
  readonly until: bigint;
  readonly unit: IntervalUnit;
  readonly zone: string;
  readonly limit: number;
}): { readonly intervals: readonly (readonly [from: bigint, until: bigint])[]; readonly next: bigint | undefined } {
  const zone = timeZone(options.zone);
  const intervals: (readonly [bigint, bigint])[] = [];
  let at = options.from;
  while (at < options.until && intervals.length < options.limit) {
    const border = BigInt(nextBorder(zone, floorSeconds(at), options.unit)) * MICROS;
    const end = border < options.until ? border : options.until;
    intervals.push([at, end]);
    at = end;
  }
  return { intervals, next: at < options.until ? at : undefined };
}

function floorSeconds(micros: bigint): number {
  const seconds = micros / MICROS;
  return Number(micros < 0n && seconds * MICROS !== micros ? seconds - 1n : seconds);
}

/** The first instant after `at` (seconds since 1970) where a unit begins on the wall clock. */
function nextBorder(zone: TimeZone, at: number, unit: IntervalUnit): number {
  const local = at + zone.offsetAt(at);
  if (unit === 'hour') return at + 3600 - modulo(local, 3600);
  let day = Math.floor(local / DAY);
  for (;;) {
    day = nextDay(day, unit);
    const border = day * DAY - zone.offsetAtLocal(day * DAY);
    // A midnight that comes twice is the later one: `at` may lie between both.
    if (border > at) return border;
  }
}

function nextDay(day: number, unit: 'day' | 'week' | 'month'): number {
  if (unit === 'day') return day + 1;
  // 1970-01-01 was a Thursday.
  if (unit === 'week') return day + 7 - modulo(day + 3, 7);
  const { year, month } = civilFromDays(day);
  return month === 12 ? daysFromCivil(year + 1, 1, 1) : daysFromCivil(year, month + 1, 1);
}

function modulo(value: number, divisor: number): number {
  return ((value % divisor) + divisor) % divisor;
}
