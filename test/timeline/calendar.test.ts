import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { bucketEdges } from '../../src/timeline/calendar.js';
import { Random } from './random.js';

const MINUTE = 60_000_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function at(text: string): number {
  return Date.parse(text) * 1000;
}

function texts(edges: Float64Array): string[] {
  return [...edges].map((edge) => new Date(edge / 1000).toISOString().slice(0, 16));
}

/** Wall clock by Intl alone, as microseconds of the same reading in UTC. */
function wallClock(zone: string): (instant: number) => number {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  return (instant) => Date.parse(`${format.format(instant / 1000).replace(' ', 'T')}Z`) * 1000;
}

describe('bucket edges', () => {
  it('have 23 and 25 hours on the days that clocks change', () => {
    const days = (since: string, until: string) =>
      texts(
        bucketEdges({
          every: { months: 0, days: 1, micros: 0 },
          origin: undefined,
          timeZone: 'Europe/Paris',
          since: at(since),
          until: at(until),
        }),
      );
    assert.deepEqual(days('2025-03-29T12:00Z', '2025-03-31T00:00Z'), [
      '2025-03-28T23:00',
      '2025-03-29T23:00',
      '2025-03-30T22:00',
      '2025-03-31T22:00',
    ]);
    assert.deepEqual(days('2025-10-26T00:00Z', '2025-10-26T23:00Z'), ['2025-10-25T22:00', '2025-10-26T23:00']);
  });

  it('put a grid point inside a gap at the jump, once', () => {
    const edges = bucketEdges({
      every: { months: 0, days: 0, micros: 30 * MINUTE },
      origin: undefined,
      timeZone: 'Europe/Paris',
      since: at('2025-03-30T00:30Z'),
      until: at('2025-03-30T01:30Z'),
    });
    assert.deepEqual(texts(edges), ['2025-03-30T00:30', '2025-03-30T01:00', '2025-03-30T01:30']);
    const daily = bucketEdges({
      every: { months: 0, days: 1, micros: 0 },
      origin: at('2025-03-28T01:30Z'),
      timeZone: 'Europe/Paris',
      since: at('2025-03-29T12:00Z'),
      until: at('2025-03-31T12:00Z'),
    });
    assert.deepEqual(texts(daily), ['2025-03-29T01:30', '2025-03-30T01:00', '2025-03-31T00:30', '2025-04-01T00:30']);
  });

  it('clamp months to their end, counting from the origin', () => {
    const edges = bucketEdges({
      every: { months: 1, days: 0, micros: 0 },
      origin: at('2024-01-31T00:00Z'),
      timeZone: 'UTC',
      since: at('2024-02-01T00:00Z'),
      until: at('2024-05-01T00:00Z'),
    });
    assert.deepEqual(texts(edges), ['2024-01-31T00:00', '2024-02-29T00:00', '2024-03-31T00:00', '2024-04-30T00:00', '2024-05-31T00:00']);
    const before = bucketEdges({
      every: { months: 3, days: 0, micros: 0 },
      origin: undefined,
      timeZone: 'UTC',
      since: at('1969-12-31T00:00Z'),
      until: at('1970-01-02T00:00Z'),
    });
    assert.deepEqual(texts(before), ['1969-10-01T00:00', '1970-01-01T00:00', '1970-04-01T00:00']);
  });

  it('of a day skipped whole are not doubled', () => {
    const edges = bucketEdges({
      every: { months: 0, days: 1, micros: 0 },
      origin: undefined,
      timeZone: 'Pacific/Apia',
      since: at('2011-12-29T12:00Z'),
      until: at('2012-01-01T00:00Z'),
    });
    assert.deepEqual(texts(edges), ['2011-12-29T10:00', '2011-12-30T10:00', '2011-12-31T10:00', '2012-01-01T10:00']);
  });

  it('of lengths below a day are every instant with a grid point on the wall clock', () => {
    const random = new Random(42);
    const changes = [
      '2025-03-30T01:00Z',
      '2025-10-26T01:00Z',
      '2025-03-09T10:00Z',
      '2025-11-02T09:00Z',
      '2025-04-05T15:00Z',
      '2025-10-04T15:30Z',
      '2025-07-01T00:00Z',
    ];
    for (let round = 0; round < 80; round++) {
      const zone = random.pick(['Europe/Paris', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Los_Angeles', 'UTC']);
      const step = random.pick([5, 7, 15, 30, 60, 90, 360, 720, 1000]) * MINUTE;
      const origin = random.chance(50) ? undefined : at('2025-01-01T00:00Z') + random.below(2000) * MINUTE;
      const since = at(random.pick(changes)) + (random.below(1440) - 720) * MINUTE;
      const until = since + (1 + random.below(1440)) * MINUTE;
      const wall = wallClock(zone);
      const zero = origin === undefined ? at('2000-01-03T00:00Z') : wall(origin);
      const expected: number[] = [];
      let before = wall(since - 2 * DAY - MINUTE);
      for (let t = since - 2 * DAY; t <= until + 2 * DAY; t += MINUTE) {
        const now = wall(t);
        const jumps = now - before > MINUTE;
        // the readings that come new with this minute: one, or those that a jump leaves out
        const low = jumps ? before + MINUTE : now;
        if (Math.floor((now - zero) / step) > Math.floor((low - MINUTE - zero) / step) && (jumps || (now - zero) % step === 0))
          expected.push(t);
        before = now;
      }
      const first = expected.filter((edge) => edge <= since).at(-1) as number;
      const last = expected.find((edge) => edge >= until) as number;
      const edges = bucketEdges({ every: { months: 0, days: 0, micros: step }, origin, timeZone: zone, since, until });
      assert.deepEqual(
        [...edges],
        expected.filter((edge) => edge >= first && edge <= last),
        `${zone} ${step / MINUTE} min since ${texts(Float64Array.of(since))}`,
      );
    }
  });

  it('are refused when there are too many, and when the length mixes units', () => {
    const edges = (every: { months: number; days: number; micros: number }) =>
      bucketEdges({ every, origin: undefined, timeZone: 'UTC', since: 0, until: 365 * DAY });
    assert.throws(
      () => edges({ months: 0, days: 0, micros: 1 }),
      (error: unknown) => error instanceof TimelineError && error.sqlstate === '54000',
    );
    assert.throws(
      () => edges({ months: 1, days: 1, micros: 0 }),
      (error: unknown) => error instanceof TimelineError && error.sqlstate === '0A000',
    );
    assert.equal(
      bucketEdges({ every: { months: 0, days: 0, micros: 1 }, origin: undefined, timeZone: 'Europe/Paris', since: DAY, until: DAY + 10 })
        .length,
      11,
    );
  });
});
