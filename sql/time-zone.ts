import { TimelineError } from './errors.js';

/** Offsets from UTC of one time zone. */
export interface TimeZone {
  /** Seconds east of UTC at an instant (seconds since 1970, may be fractional or far outside of JavaScript's dates). */
  offsetAt(epochSeconds: number): number;
  /** Seconds east of UTC for a wall clock time (seconds as if it were UTC); in a gap or overlap PostgreSQL's choice: standard time. */
  offsetAtLocal(localSeconds: number): number;
}

const zones = new Map<string, TimeZone>();

/** Throws 22023 for an unknown name. Knows IANA names and PostgreSQL's fixed-offset notation (`<+02>-02`, `UTC+3`). */
export function timeZone(name: string): TimeZone {
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = fixedZone(name) ?? namedZone(name);
    if (zones.size >= 1000) zones.clear();
    zones.set(name, zone);
  }
  return zone;
}

/** POSIX: `STDoffset` with the sign *west*; no daylight rule. */
function fixedZone(name: string): TimeZone | undefined {
  if (/^(utc|gmt|z|zulu|etc\/utc|etc\/gmt|uct)$/i.test(name)) return fixed(0);
  const posix = /^(?:<[A-Za-z0-9+-]+>|[A-Za-z]{3,})([+-]?)(\d{1,3})(?::(\d{2}))?(?::(\d{2}))?$/.exec(name);
  if (posix === null) return undefined;
  const seconds = Number(posix[2]) * 3600 + Number(posix[3] ?? 0) * 60 + Number(posix[4] ?? 0);
  return fixed(seconds === 0 ? 0 : posix[1] === '-' ? seconds : -seconds);
}

function fixed(seconds: number): TimeZone {
  return { offsetAt: () => seconds, offsetAtLocal: () => seconds };
}

const DAY = 86_400;
/** The Gregorian calendar (and so a zone's current rule) repeats after 400 years. */
const CYCLE = 146_097 * DAY;
/** Before this (1700-01-01) every zone is on local mean time. */
const OLDEST = -8_520_336_000;
const NEWEST = 7_000_000_000_000;

function namedZone(name: string): TimeZone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw new TimelineError({ kind: 'semantic', sqlstate: '22023', message: `invalid value for parameter "TimeZone": "${name}"` });
  }
  // Asking Intl costs microseconds, so the answer is kept for whole days: an offset, and where a day has a change, its second.
  const days = new Map<number, { before: number; change: number; after: number }>();
  const offsetAt = (epochSeconds: number): number => {
    let at = Math.floor(epochSeconds);
    if (at < OLDEST) at = OLDEST;
    if (at > NEWEST) at -= Math.ceil((at - NEWEST) / CYCLE) * CYCLE;
    const day = Math.floor(at / DAY);
    let entry = days.get(day);
    if (entry === undefined) {
      entry = scanDay(format, day * DAY);
      if (days.size >= 100_000) days.clear();
      days.set(day, entry);
    }
    return at < entry.change ? entry.before : entry.after;
  };
  const offsetAtLocal = (localSeconds: number): number => {
    const early = offsetAt(localSeconds - DAY);
    const late = offsetAt(localSeconds + DAY);
    if (early === late) return early;
    const earlyFits = offsetAt(localSeconds - early) === early;
    const lateFits = offsetAt(localSeconds - late) === late;
    if (earlyFits !== lateFits) return earlyFits ? early : late;
    // In the gap (neither fits) or the overlap (both): the offset of standard time, the smaller one.
    return earlyFits ? late : early;
  };
  return { offsetAt, offsetAtLocal };
}

function scanDay(format: Intl.DateTimeFormat, start: number): { before: number; change: number; after: number } {
  const before = askOffset(format, start);
  const after = askOffset(format, start + DAY);
  let low = start;
  let high = start + DAY;
  if (before !== after) {
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (askOffset(format, middle) === before) low = middle;
      else high = middle;
    }
  }
  return { before, change: high, after };
}

function askOffset(format: Intl.DateTimeFormat, epochSeconds: number): number {
  const part = { year: 0, month: 0, day: 0, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of format.formatToParts(epochSeconds * 1000)) {
    if (type in part) part[type as keyof typeof part] = Number(value);
  }
  return Date.UTC(part.year, part.month - 1, part.day, part.hour, part.minute, part.second) / 1000 - epochSeconds;
}
