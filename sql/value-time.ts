import { civilFromDays, daysFromCivil, daysInMonth, MICROS_PER_DAY, MICROS_PER_SECOND } from './calendar.js';
import { timeZone } from './time-zone.js';
import { type Interval, TIMESTAMP_INFINITY, TIMESTAMP_NEGATIVE_INFINITY } from './value.js';
import { dateTimeOverflow, invalidDateTime } from './value-error.js';

const MICROS_PER_DAY_NUMBER = 86_400_000_000;
/**
 * Julian day 0 and the last day of PostgreSQL's date type. Timestamps end in 294247, 30 years before PostgreSQL's, because
 * microseconds since 1970 (not 2000) must fit into an int64 and its extremes stand for infinity.
 */
const FIRST_DAY = -2_440_588;
const LAST_DAY = 2_145_042_905;
const FIRST_TIMESTAMP = -2_440_588n * 86_400_000_000n;
const DATE = /^([+-]?\d{4,7})-(\d{1,2})-(\d{1,2})/;
const TIME = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?/;
const ZONE = /^\s*(?:(z|utc|gmt)|([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?)/i;
const ERA = /^\s+(ad|bc)$/i;

/** Days since 1970-01-01, ±Infinity. */
export function parseDate(text: string): number {
  const infinite = infinity(text);
  if (infinite !== undefined) return infinite;
  const parsed = parseDateTime('date', text);
  return parsed.days;
}

export function formatDate(days: number): string {
  if (!Number.isFinite(days)) return days > 0 ? 'infinity' : '-infinity';
  const { year, month, day } = civilFromDays(days);
  return year > 0 ? isoDate(year, month, day) : `${isoDate(1 - year, month, day)} BC`;
}

/** Microseconds since midnight; 24:00:00 is allowed. */
export function parseTime(text: string): bigint {
  const trimmed = text.trim();
  const match = TIME.exec(trimmed);
  if (match === null || match[0].length !== trimmed.length) throw invalidDateTime('time', text);
  return BigInt(timeMicros(match, text));
}

export function formatTime(micros: bigint): string {
  return clock(Number(micros));
}

/** Microseconds since 1970-01-01 as a wall clock (no zone); a zone in the text is ignored, as PostgreSQL does. */
export function parseTimestamp(text: string): bigint {
  const infinite = infinity(text);
  if (infinite !== undefined) return infinite > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEGATIVE_INFINITY;
  const { days, micros } = parseDateTime('timestamp', text);
  return inRange(BigInt(days) * MICROS_PER_DAY + BigInt(micros), text);
}

export function formatTimestamp(micros: bigint): string {
  return micros === TIMESTAMP_INFINITY || micros === TIMESTAMP_NEGATIVE_INFINITY
    ? formatDate(micros > 0n ? Infinity : -Infinity)
    : wallClock(micros, '');
}

/** Microseconds since 1970-01-01 UTC. `zone` is for text without an offset; without it such text is 22007. */
export function parseTimestampTz(text: string, zone: string | undefined): bigint {
  const infinite = infinity(text);
  if (infinite !== undefined) return infinite > 0 ? TIMESTAMP_INFINITY : TIMESTAMP_NEGATIVE_INFINITY;
  const { days, micros, offset } = parseDateTime('timestamp with time zone', text);
  const local = BigInt(days) * MICROS_PER_DAY + BigInt(micros);
  if (offset !== undefined) return inRange(local - BigInt(offset) * MICROS_PER_SECOND, text);
  if (zone === undefined) throw invalidDateTime('timestamp with time zone', text);
  const seconds = timeZone(zone).offsetAtLocal(days * 86_400 + Math.floor(micros / 1e6));
  return inRange(local - BigInt(seconds) * MICROS_PER_SECOND, text);
}

export function formatTimestampTz(micros: bigint, zone: string): string {
  if (micros === TIMESTAMP_INFINITY || micros === TIMESTAMP_NEGATIVE_INFINITY) return formatTimestamp(micros);
  const offset = zone === 'UTC' ? 0 : timeZone(zone).offsetAt(Number(floorDiv(micros, MICROS_PER_SECOND)));
  return wallClock(offset === 0 ? micros : micros + BigInt(offset) * MICROS_PER_SECOND, formatOffset(offset));
}

/** `+02`, `+05:30`, `-00:19:32`. */
export function formatOffset(seconds: number): string {
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? '-' : '+';
  let text = sign + two(Math.floor(size / 3600));
  if (size % 3600 !== 0) text += `:${two(Math.floor(size / 60) % 60)}`;
  return size % 60 === 0 ? text : `${text}:${two(size % 60)}`;
}

const INTERVAL_INFINITY: Interval = { months: 2_147_483_647, days: 2_147_483_647, micros: TIMESTAMP_INFINITY };
const INTERVAL_NEGATIVE_INFINITY: Interval = { months: -2_147_483_648, days: -2_147_483_648, micros: TIMESTAMP_NEGATIVE_INFINITY };

/** PostgreSQL's output form (`1 year 2 mons -3 days +04:05:06.7`) and the usual unit words. */
export function parseInterval(text: string): Interval {
  const infinite = infinity(text);
  if (infinite !== undefined) return infinite > 0 ? INTERVAL_INFINITY : INTERVAL_NEGATIVE_INFINITY;
  let rest = text.trim().toLowerCase();
  if (rest === '') throw invalidDateTime('interval', text);
  let months = 0;
  let days = 0;
  let micros = 0n;
  while (rest !== '') {
    const clockPart = /^([+-]?)(\d{1,10}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(?:\s+|$)/.exec(rest);
    if (clockPart !== null) {
      const seconds = BigInt(clockPart[2] ?? 0) * 3600n + BigInt(clockPart[3] ?? 0) * 60n + BigInt(clockPart[4] ?? 0);
      const size = seconds * MICROS_PER_SECOND + BigInt((clockPart[5] ?? '').padEnd(6, '0'));
      micros += clockPart[1] === '-' ? -size : size;
      rest = rest.slice(clockPart[0].length);
      continue;
    }
    const field = /^([+-]?)(\d{1,18})(?:\.(\d{1,6}))?\s*([a-z]+)(?:\s+|$)/.exec(rest);
    if (field === null) throw invalidDateTime('interval', text);
    const sign = field[1] === '-' ? -1 : 1;
    const amount = sign * Number(field[2]);
    const unit = field[4] ?? '';
    if (field[3] !== undefined && !/^s(ec(ond)?s?)?$/.test(unit)) throw invalidDateTime('interval', text);
    if (/^y(ears?|rs?)?$/.test(unit)) months += amount * 12;
    else if (/^mon(th)?s?$/.test(unit)) months += amount;
    else if (/^w(eeks?)?$/.test(unit)) days += amount * 7;
    else if (/^d(ays?)?$/.test(unit)) days += amount;
    else if (/^h(ours?|rs?)?$/.test(unit)) micros += BigInt(amount) * 3_600_000_000n;
    else if (/^m(in(ute)?s?)?$/.test(unit)) micros += BigInt(amount) * 60_000_000n;
    else if (/^s(ec(ond)?s?)?$/.test(unit)) {
      micros += BigInt(sign) * (BigInt(field[2] ?? 0) * MICROS_PER_SECOND + BigInt((field[3] ?? '').padEnd(6, '0')));
    } else throw invalidDateTime('interval', text);
    rest = rest.slice(field[0].length);
  }
  const fits = Math.abs(months) <= 2_147_483_647 && Math.abs(days) <= 2_147_483_647 && BigInt.asIntN(64, micros) === micros;
  if (!fits) throw dateTimeOverflow(text);
  return { months, days, micros };
}

/** IntervalStyle `postgres`. */
export function formatInterval({ months, days, micros }: Interval): string {
  if (months === 2_147_483_647 && days === 2_147_483_647 && micros === TIMESTAMP_INFINITY) return 'infinity';
  if (months === -2_147_483_648 && days === -2_147_483_648 && micros === TIMESTAMP_NEGATIVE_INFINITY) return '-infinity';
  const parts: string[] = [];
  let negative = false;
  const add = (value: number, unit: string): void => {
    if (value === 0) return;
    // After a negative field a positive one shows its sign.
    parts.push(`${negative && value > 0 ? '+' : ''}${value} ${unit}${value === 1 ? '' : 's'}`);
    negative = value < 0;
  };
  add(Math.trunc(months / 12), 'year');
  add(months % 12, 'mon');
  add(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const size = micros < 0n ? -micros : micros;
    const hours = size / 3_600_000_000n;
    const sign = micros < 0n ? '-' : negative ? '+' : '';
    parts.push(`${sign}${String(hours).padStart(2, '0')}${clock(Number(size % 3_600_000_000n)).slice(2)}`);
  }
  return parts.join(' ');
}

export function isTimestampInRange(micros: bigint): boolean {
  return micros >= FIRST_TIMESTAMP && micros < TIMESTAMP_INFINITY;
}

function inRange(micros: bigint, text: string): bigint {
  if (!isTimestampInRange(micros)) throw dateTimeOverflow(text);
  return micros;
}

function infinity(text: string): number | undefined {
  const match = /^\s*([+-]?)infinity\s*$/i.exec(text);
  return match === null ? undefined : match[1] === '-' ? -Infinity : Infinity;
}

interface ParsedDateTime {
  readonly days: number;
  readonly micros: number;
  /** Seconds east. */
  readonly offset: number | undefined;
}

function parseDateTime(type: string, text: string): ParsedDateTime {
  let rest = text.trim();
  const date = DATE.exec(rest);
  if (date === null) throw invalidDateTime(type, text);
  rest = rest.slice(date[0].length);
  let micros = 0;
  let offset: number | undefined;
  const separator = /^(?:[tT]|\s+)(?=\d)/.exec(rest);
  if (separator !== null) {
    rest = rest.slice(separator[0].length);
    const time = TIME.exec(rest);
    if (time === null) throw invalidDateTime(type, text);
    micros = timeMicros(time, text);
    rest = rest.slice(time[0].length);
  }
  const zone = ZONE.exec(rest);
  if (zone !== null) {
    const size = Number(zone[3] ?? 0) * 3600 + Number(zone[4] ?? 0) * 60 + Number(zone[5] ?? 0);
    if (size >= 16 * 3600) throw dateTimeOverflow(text);
    offset = zone[2] === '-' ? -size : size;
    rest = rest.slice(zone[0].length);
  }
  const era = ERA.exec(rest);
  if (era !== null) rest = '';
  if (rest !== '') throw invalidDateTime(type, text);
  const written = Number(date[1]);
  const month = Number(date[2]);
  const day = Number(date[3]);
  const year = era?.[1]?.toLowerCase() === 'bc' ? 1 - written : written;
  if (written <= 0 || year < -4713 || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) throw dateTimeOverflow(text);
  const days = daysFromCivil(year, month, day);
  if (days < FIRST_DAY || days > LAST_DAY) throw dateTimeOverflow(text);
  return { days, micros, offset };
}

/** Of a TIME match; digits beyond microseconds are rounded, as in PostgreSQL. */
function timeMicros(match: RegExpExecArray, text: string): number {
  const hour = Number(match[1]);
  const minute = Number(match[2]);
  const second = Number(match[3] ?? 0);
  const fraction = match[4] === undefined ? 0 : Math.round(Number(`0.${match[4]}`) * 1e6);
  const micros = (hour * 3600 + minute * 60 + second) * 1e6 + fraction;
  if (minute > 59 || second > 60 || micros > MICROS_PER_DAY_NUMBER) throw dateTimeOverflow(text);
  return micros;
}

function wallClock(micros: bigint, offset: string): string {
  const days = Number(floorDiv(micros, MICROS_PER_DAY));
  const { year, month, day } = civilFromDays(days);
  const time = clock(Number(micros - BigInt(days) * MICROS_PER_DAY));
  return year > 0 ? `${isoDate(year, month, day)} ${time}${offset}` : `${isoDate(1 - year, month, day)} ${time}${offset} BC`;
}

/** HH:MM:SS and the fraction without its trailing zeros. */
function clock(micros: number): string {
  const seconds = Math.floor(micros / 1e6);
  const fraction = micros - seconds * 1e6;
  const whole = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return fraction === 0 ? whole : `${whole}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

function isoDate(year: number, month: number, day: number): string {
  return `${year < 1000 ? String(year).padStart(4, '0') : year}-${two(month)}-${two(day)}`;
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}
