import type { TimelineSpec } from '../../planner/timeline-spec.js';

/** Offsets change at these instants only, in the zones and years that random cases use. */
const QUARTER = 900_000_000;
const DAY = 86_400_000_000;

/** Microseconds to add to an instant for the zone's wall clock, as ICU knows it. */
const offsets = new Map<string, Map<number, number>>();
const formats = new Map<string, Intl.DateTimeFormat>();
export function offsetAt(zone: string, instant: number): number {
  if (zone === 'UTC') return 0;
  const at = Math.floor(instant / QUARTER) * QUARTER;
  const known = offsets.get(zone) ?? new Map<number, number>();
  offsets.set(zone, known);
  const found = known.get(at);
  if (found !== undefined) return found;
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const parts = new Map(format.formatToParts(at / 1000).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? 0;
  const wall = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) * 1000;
  known.set(at, wall - at);
  return wall - at;
}

export function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return Math.abs(a);
}

/**
 * The nominal bucket edges from the last <= since to the first >= until, by looking at the wall clock: instant after instant for lengths
 * below a day, date after date for days and months. The instants looked at are those that an edge can be.
 */
export function gridOf(spec: TimelineSpec): readonly number[] {
  const { every, timeZone: zone } = spec;
  if (every === undefined) return [];
  if (spec.since === undefined || spec.until.kind !== 'at') throw new Error('every without since and until');
  const since = Number(spec.since);
  const until = Number(spec.until.instant);
  const wall = (instant: number): number => instant + offsetAt(zone, instant);
  const monthly = every.months !== 0;
  const origin = spec.origin === undefined ? Date.UTC(2000, 0, monthly ? 1 : 3) * 1000 : wall(Number(spec.origin));
  const length = Number(every.micros);

  if (length === 0) {
    const local = (k: number): number => {
      if (!monthly) return origin + k * every.days * DAY;
      const zero = new Date(Math.floor(origin / 1000));
      const first = new Date(Date.UTC(zero.getUTCFullYear(), zero.getUTCMonth() + k * every.months, 1));
      const days = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
      const date = Date.UTC(first.getUTCFullYear(), first.getUTCMonth(), Math.min(zero.getUTCDate(), days)) * 1000;
      return date + (((origin % DAY) + DAY) % DAY);
    };
    // the first instant whose wall clock shows this time or a later one: what a gap, or a repeated hour, makes of it
    const instant = (at: number): number => {
      const step = gcd(at, QUARTER);
      for (let t = at - 27 * 3.6e9; ; t += step) if (wall(t) >= at) return t;
    };
    const guess = Math.floor((since - origin) / ((every.months * 31 + every.days) * DAY));
    let k = guess - 2 - Math.abs(Math.ceil(guess / 40));
    while (instant(local(k)) > since) k -= 3;
    const edges: number[] = [];
    for (; edges.length === 0 || (edges.at(-1) ?? 0) < until; k++) {
      const edge = instant(local(k));
      if (edge <= since) edges.length = 0;
      if (edge !== edges.at(-1)) edges.push(edge);
    }
    return edges;
  }

  const step = gcd(gcd(since - (origin - offsetAt(zone, since)), length), zone === 'UTC' ? 0 : gcd(since, QUARTER));
  const isEdge = (t: number): boolean => {
    const now = wall(t);
    if ((now - origin) % length === 0) return true;
    // the clock jumps over a grid point
    const before = t + offsetAt(zone, t - 1);
    return before < now && Math.ceil((before - origin) / length) * length + origin < now;
  };
  let first = since;
  while (!isEdge(first)) first -= step;
  const edges: number[] = [];
  for (let t = first; edges.length === 0 || (edges.at(-1) ?? 0) < until; t += step) if (isEdge(t)) edges.push(t);
  return edges;
}
