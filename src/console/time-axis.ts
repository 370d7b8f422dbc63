import { civilFromDays, daysFromCivil } from '../../sql/calendar.js';
import { timeZone } from '../../sql/time-zone.js';

export interface Tick {
  /** Microseconds since 1970. */
  readonly at: bigint;
  /** Time of day, or the date where steps are days and longer. */
  readonly label: string;
  /** The date, where it is another one than at the tick before. */
  readonly date: string | undefined;
}

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Microseconds; of steps below a second those that start with 1, 2 and 5. */
const STEPS = [
  ...[1, 10, 100, 1000, 10_000, 100_000].flatMap((unit) => [unit, 2 * unit, 5 * unit]),
  ...[1, 2, 5, 10, 15, 30].map((seconds) => seconds * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((minutes) => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map((hours) => hours * HOUR),
  ...[1, 2, 7, 14].map((days) => days * DAY),
];
const MONTH_STEPS = [1, 2, 3, 6, ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 20_000, 100_000].map((years) => years * 12)];
/** A Monday, in days since 1970. */
const MONDAY = 4;

/** Ticks on the local calendar of a zone, at most `most` of them, each in [from, to]. Throws 22023 for an unknown zone. */
export function timeTicks(options: {
  readonly from: bigint;
  readonly to: bigint;
  readonly zone: string;
  readonly most: number;
}): readonly Tick[] {
  const { from, to, most } = options;
  const zone = timeZone(options.zone);
  const length = Number(to - from);
  const offset = (instant: bigint): bigint => BigInt(zone.offsetAt(Number(instant / 1_000_000n))) * 1_000_000n;
  const step = STEPS.find((micros) => length / micros <= most);
  const instants = step === undefined ? months() : step >= DAY ? days(BigInt(step / DAY)) : shorter(BigInt(step));
  let dateBefore: string | undefined;
  return instants.map((at) => {
    const local = at + offset(at);
    const date = dateLabel(local);
    const isDay = step === undefined || step >= DAY;
    const changed = !isDay && date !== dateBefore;
    dateBefore = date;
    return { at, label: isDay ? date : timeLabel(local, step), date: changed ? date : undefined };
  });

  function shorter(micros: bigint): bigint[] {
    const found: bigint[] = [];
    // Where the zone's offset changes the grid starts anew; the bound is for zones that change it within a step.
    let at = aligned(from, micros);
    while (at <= to && found.length <= 2 * most) {
      if (at >= from) found.push(at);
      const next = at + micros;
      at = offset(next) === offset(at) ? next : aligned(at + 1n, micros);
    }
    return found;
  }

  /** The first instant from `instant` on whose wall clock time is on the grid. */
  function aligned(instant: bigint, micros: bigint): bigint {
    let at = instant;
    for (;;) {
      const rest = modulo(at + offset(at), micros);
      if (rest === 0n) return at;
      const next = at + micros - rest;
      const shift = offset(at) - offset(next);
      if (modulo(next + offset(next), micros) === 0n) return next;
      // The clocks change in between: 00:00 + 6 h is 06:00, though five or seven hours later.
      const shifted = next + shift;
      if (shifted > at && offset(shifted) === offset(next)) return shifted;
      at = next;
    }
  }

  function days(number: bigint): bigint[] {
    const first = localDay(from) - BigInt(MONDAY);
    const start = first - modulo(first, number) + BigInt(MONDAY);
    return within((i) => Number(start) + i * Number(number));
  }

  function months(): bigint[] {
    const number = MONTH_STEPS.find((count) => length / (count * 30.4 * DAY) <= most) ?? 1_200_000;
    const { year, month } = civilFromDays(Number(localDay(from)));
    const first = Math.floor((year * 12 + month - 1) / number) * number;
    return within((i) => daysFromCivil(Math.floor((first + i * number) / 12), ((((first + i * number) % 12) + 12) % 12) + 1, 1));
  }

  function localDay(instant: bigint): bigint {
    const local = instant + offset(instant);
    return (local - modulo(local, BigInt(DAY))) / BigInt(DAY);
  }

  /** Midnights of local days that lie in the bounds. */
  function within(day: (i: number) => number): bigint[] {
    const found: bigint[] = [];
    for (let i = 0; i <= most + 2; i++) {
      const localSeconds = day(i) * 86_400;
      const at = BigInt(localSeconds - zone.offsetAtLocal(localSeconds)) * 1_000_000n;
      if (at >= from && at <= to) found.push(at);
    }
    return found;
  }
}

/** Never negative. */
function modulo(value: bigint, by: bigint): bigint {
  return ((value % by) + by) % by;
}

function dateLabel(local: bigint): string {
  const { year, month, day } = civilFromDays(Number((local - modulo(local, BigInt(DAY))) / BigInt(DAY)));
  const two = (value: number): string => String(value).padStart(2, '0');
  return year > 0
    ? `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
    : `${String(1 - year).padStart(4, '0')}-${two(month)}-${two(day)} BC`;
}

function timeLabel(local: bigint, step: number): string {
  const micros = Number(modulo(local, BigInt(DAY)));
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const minutes = `${two(micros / HOUR)}:${two((micros % HOUR) / MINUTE)}`;
  if (step >= MINUTE) return minutes;
  const seconds = `${minutes}:${two((micros % MINUTE) / SECOND)}`;
  if (step >= SECOND) return seconds;
  const digits = step >= 100_000 ? 1 : step >= 10_000 ? 2 : step >= 1000 ? 3 : 6;
  return `${seconds}.${String(micros % SECOND)
    .padStart(6, '0')
    .slice(0, digits)}`;
}

/** A length of time as people say it, cut to two units: `12.345 s`, `3 min 04 s`, `2 h`, `5 d 02 h`. */
export function durationLabel(micros: number): string {
  if (micros === 0) return '0 s';
  if (micros < 1000) return `${micros} µs`;
  if (micros < SECOND) return `${rounded(micros / 1000)} ms`;
  if (micros < MINUTE) return `${rounded(micros / SECOND)} s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const [unit, small, names] =
    micros < HOUR
      ? ([MINUTE, SECOND, 'min s'] as const)
      : micros < DAY
        ? ([HOUR, MINUTE, 'h min'] as const)
        : ([DAY, HOUR, 'd h'] as const);
  const [name, smallName] = names.split(' ');
  const rest = (micros % unit) / small;
  const whole = `${Math.floor(micros / unit)} ${name}`;
  return Math.floor(rest) === 0 ? whole : `${whole} ${two(rest)} ${smallName}`;
}

function rounded(value: number): string {
  return String(Math.floor(value * 1000) / 1000);
}
