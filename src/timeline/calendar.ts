import { civilFromDays, daysFromCivil, daysInMonth } from '../../sql/calendar.js';
import { TimelineError } from '../../sql/errors.js';
import { type TimeZone, timeZone } from '../../sql/time-zone.js';

const SECOND = 1e6;
const DAY_SECONDS = 86_400;
const DAY = DAY_SECONDS * SECOND;
/** More buckets than this in one call are refused (54000). */
const MAX_BUCKETS = 2_000_000;

export interface BucketOptions {
  readonly every: { readonly months: number; readonly days: number; readonly micros: number };
  /** The grid's zero; undefined: local 2000-01-03 00:00 (months: 2000-01-01 00:00). */
  readonly origin: number | undefined;
  readonly timeZone: string;
  readonly since: number;
  readonly until: number;
}

/**
 * Nominal bucket edges, ascending and distinct: the first is <= since, the last >= until. Instants are microseconds.
 * In Europe/Paris a day of late March has its edges 23 h apart, and 1 h buckets of late October name 02:00 twice.
 */
export function bucketEdges(options: BucketOptions): Float64Array {
  const { every, since, until } = options;
  const { months, days, micros } = every;
  if ([months !== 0, days !== 0, micros !== 0].filter(Boolean).length !== 1) {
    throw new TimelineError({
      kind: 'unsupported',
      sqlstate: '0A000',
      message: 'an interval of "every" that mixes months, days and time is not supported yet',
    });
  }
  const zone = timeZone(options.timeZone);
  const estimate = (until - since) / (months * 28 * DAY + days * DAY + micros);
  if (estimate > MAX_BUCKETS) {
    throw new TimelineError({
      kind: 'limit',
      sqlstate: '54000',
      message: `"every" makes more than ${MAX_BUCKETS} buckets between "since" and "until"`,
    });
  }
  const origin = options.origin === undefined ? Date.UTC(2000, 0, months === 0 ? 3 : 1) * 1000 : toLocal(zone, options.origin);
  if (micros >= DAY) return longEdges({ zone, origin, step: micros, since, until });
  if (micros !== 0) return wallClockEdges({ zone, origin, step: micros, since, until });
  if (days !== 0)
    return calendarEdges({
      zone,
      since,
      until,
      local: (k) => origin + k * days * DAY,
      near: (local) => Math.floor((local - origin) / (days * DAY)),
    });
  return calendarEdges({
    zone,
    since,
    until,
    local: (k) => addMonths(origin, k * months),
    near: (local) => Math.floor((local - origin) / (months * 31 * DAY)),
  });
}

function offset(zone: TimeZone, instant: number): number {
  return zone.offsetAt(Math.floor(instant / SECOND)) * SECOND;
}

function toLocal(zone: TimeZone, instant: number): number {
  return instant + offset(zone, instant);
}

/** The first instant with this wall clock time; inside a gap, the instant at which the clock jumps. */
function fromLocal(zone: TimeZone, local: number): number {
  const early = offset(zone, local - DAY);
  const late = offset(zone, local + DAY);
  if (early === late) return local - early;
  const fits = [local - early, local - late].filter((instant) => toLocal(zone, instant) === local);
  if (fits.length > 0) return Math.min(...fits);
  return transition(zone, local - DAY, local + DAY);
}

/** The first whole second in (low, high] at which the offset is not that of `low`; there is one change between. */
function transition(zone: TimeZone, low: number, high: number): number {
  const before = offset(zone, low);
  let a = Math.floor(low / SECOND);
  let b = Math.ceil(high / SECOND);
  while (b - a > 1) {
    const middle = Math.floor((a + b) / 2);
    if (zone.offsetAt(middle) * SECOND === before) a = middle;
    else b = middle;
  }
  return b * SECOND;
}

interface CalendarGrid {
  readonly zone: TimeZone;
  readonly since: number;
  readonly until: number;
  /** Local time of grid point k. */
  readonly local: (k: number) => number;
  /** A grid point near a local time: at most some too high. */
  readonly near: (local: number) => number;
}

function calendarEdges(grid: CalendarGrid): Float64Array {
  const { zone, since, until, local } = grid;
  const edge = (k: number): number => fromLocal(zone, local(k));
  let k = grid.near(toLocal(zone, since));
  while (edge(k) > since) k -= 1;
  while (edge(k + 1) <= since) k += 1;
  const edges = [edge(k)];
  while ((edges.at(-1) ?? until) < until) {
    k += 1;
    const next = edge(k);
    if (next > (edges.at(-1) ?? -Infinity)) edges.push(next);
    if (edges.length > MAX_BUCKETS + 2) break;
  }
  return Float64Array.from(edges);
}

function addMonths(local: number, months: number): number {
  const days = Math.floor(local / DAY);
  const { year, month, day } = civilFromDays(days);
  const index = year * 12 + (month - 1) + months;
  const y = Math.floor(index / 12);
  const m = index - y * 12 + 1;
  return daysFromCivil(y, m, Math.min(day, daysInMonth(y, m))) * DAY + (local - days * DAY);
}

interface WallClockGrid {
  readonly zone: TimeZone;
  readonly origin: number;
  readonly step: number;
  readonly since: number;
  readonly until: number;
}

/** wallClockEdges of steps of a day and more, grid point by grid point: days between them are not looked at. */
function longEdges({ zone, origin, step, since, until }: WallClockGrid): Float64Array {
  const edges: number[] = [];
  for (let k = Math.floor((toLocal(zone, since) - origin) / step) - 1; (edges.at(-1) ?? -Infinity) < until; k++) {
    const local = origin + k * step;
    const first = fromLocal(zone, local);
    const second = local - offset(zone, local + DAY);
    for (const edge of toLocal(zone, second) === local ? [first, second] : [first]) {
      if (edge > (edges.at(-1) ?? -Infinity) && (edges.at(-1) ?? -Infinity) < until) edges.push(edge);
    }
  }
  return trimmed(edges, since);
}

/** Every instant whose wall clock time is a grid point; a grid point inside a gap is the gap's instant. */
function wallClockEdges(grid: WallClockGrid): Float64Array {
  const { zone, origin, step, since, until } = grid;
  const edges: number[] = [];
  const add = (instant: number): void => {
    if (instant > (edges.at(-1) ?? -Infinity)) edges.push(instant);
  };
  const ceilPoint = (local: number): number => origin + Math.ceil((local - origin) / step) * step;
  // Neighbouring edges are at most two steps apart (a 6 h bucket of 7 h in autumn), so two steps back there is one.
  const earliest = since - 2 * step;
  const margin = Math.ceil((2 * step + DAY) / DAY) * DAY;
  const end = until + margin;
  let start = since - margin;
  while (start < end) {
    // [start, stop): constant offset, as far as it goes, but not beyond the end
    const shift = offset(zone, start);
    let stop = start;
    while (stop < end && offset(zone, stop) === shift) stop += DAY;
    const changes = offset(zone, stop) !== shift;
    stop = changes ? transition(zone, stop - DAY, stop) : Math.min(stop, end);
    for (let local = ceilPoint(Math.max(start, earliest) + shift); local < stop + shift; local += step) {
      const instant = local - shift;
      add(instant);
      if (instant >= until) return trimmed(edges, since);
    }
    if (changes) {
      const after = offset(zone, stop);
      if (after > shift && ceilPoint(stop + shift) < stop + after) add(stop);
      if ((edges.at(-1) ?? -Infinity) >= until) return trimmed(edges, since);
    }
    start = stop;
  }
  return trimmed(edges, since);
}

/** From the last edge <= since on. */
function trimmed(edges: readonly number[], since: number): Float64Array {
  let first = 0;
  while (first + 1 < edges.length && (edges[first + 1] as number) <= since) first += 1;
  return Float64Array.from(first === 0 ? edges : edges.slice(first));
}
