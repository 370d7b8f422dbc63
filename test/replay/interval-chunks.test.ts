import assert from 'node:assert/strict';
import { type IntervalUnit, unitChunks } from '../../src/replay/interval-chunks.js';
import { intervalHead, intervalReplayId } from '../../src/replay/interval-id.js';
import type { BackfillRequest } from '../../src/replay/replay-control.js';
import { countIntervals, intervalsOf, lastInterval, type MatchingTimes } from '../../src/replay/temporal/schedule-times.js';
import { Dice } from '../e2e/oracle-dice.js';

const micros = (time: string): bigint => BigInt(Date.parse(time)) * 1000n;
const iso = (at: bigint): string => new Date(Number(at / 1000n)).toISOString().replace(':00.000Z', 'Z');

function cut(from: string, until: string, unit: IntervalUnit, zone: string): string[] {
  const { intervals, next } = unitChunks({ from: micros(from), until: micros(until), unit, zone, limit: 1000 });
  assert.equal(next, undefined);
  for (const [n, [begin]] of intervals.entries()) assert.ok(n === 0 || begin === intervals[n - 1]?.[1]);
  return [...intervals.map(([begin]) => iso(begin)), iso(intervals.at(-1)?.[1] ?? 0n)];
}

describe('replay/interval-chunks', () => {
  it('cuts at midnights of the zone, days of 23 and 25 hours', () => {
    assert.deepEqual(cut('2026-03-27T23:00:00Z', '2026-03-30T22:00:00Z', 'day', 'Europe/Berlin'), [
      '2026-03-27T23:00Z',
      '2026-03-28T23:00Z',
      '2026-03-29T22:00Z',
      '2026-03-30T22:00Z',
    ]);
    assert.deepEqual(cut('2026-10-24T12:00:00Z', '2026-10-26T01:00:00Z', 'day', 'Europe/Berlin'), [
      '2026-10-24T12:00Z',
      '2026-10-24T22:00Z',
      '2026-10-25T23:00Z',
      '2026-10-26T01:00Z',
    ]);
    assert.equal(cut('2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z', 'hour', 'Europe/Berlin').length, 26);
  });

  it('knows zones without a midnight on some day, without a day, and with half hours', () => {
    assert.deepEqual(cut('2018-11-03T03:00:00Z', '2018-11-05T02:00:00Z', 'day', 'America/Sao_Paulo'), [
      '2018-11-03T03:00Z',
      '2018-11-04T03:00Z',
      '2018-11-05T02:00Z',
    ]);
    assert.deepEqual(cut('2011-12-29T10:00:00Z', '2011-12-31T10:00:00Z', 'day', 'Pacific/Apia'), [
      '2011-12-29T10:00Z',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
    ]);
    assert.deepEqual(cut('2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z', 'hour', 'Asia/Kolkata'), [
      '2026-01-01T00:00Z',
      '2026-01-01T00:30Z',
      '2026-01-01T01:30Z',
      '2026-01-01T02:00Z',
    ]);
    // Midnight comes twice in Havana: the day ends at the later one.
    assert.deepEqual(cut('2026-11-01T03:30:00Z', '2026-11-02T05:00:00Z', 'day', 'America/Havana'), [
      '2026-11-01T03:30Z',
      '2026-11-01T05:00Z',
      '2026-11-02T05:00Z',
    ]);
    assert.deepEqual(cut('2026-11-01T04:30:00Z', '2026-11-02T05:00:00Z', 'day', 'America/Havana').slice(0, 2), [
      '2026-11-01T04:30Z',
      '2026-11-02T05:00Z',
    ]);
  });

  it('cuts at Mondays and at firsts of months', () => {
    assert.deepEqual(cut('2026-01-01T00:00:00Z', '2026-01-19T00:00:00Z', 'week', 'UTC'), [
      '2026-01-01T00:00Z',
      '2026-01-05T00:00Z',
      '2026-01-12T00:00Z',
      '2026-01-19T00:00Z',
    ]);
    assert.deepEqual(cut('2025-12-31T23:00:00Z', '2026-03-01T00:00:00Z', 'month', 'Europe/Berlin'), [
      '2025-12-31T23:00Z',
      '2026-01-31T23:00Z',
      '2026-02-28T23:00Z',
      '2026-03-01T00:00Z',
    ]);
    assert.deepEqual(cut('1969-12-25T00:00:00Z', '1970-01-08T00:00:00Z', 'week', 'UTC'), [
      '1969-12-25T00:00Z',
      '1969-12-29T00:00Z',
      '1970-01-05T00:00Z',
      '1970-01-08T00:00Z',
    ]);
  });

  it('gives pages that together are the whole', () => {
    const dice = new Dice(3);
    for (let n = 0; n < 300; n++) {
      const from = micros('2026-01-01T00:00:00Z') + BigInt(dice.whole(0, 300 * 86_400)) * 1_000_000n + BigInt(dice.whole(0, 1));
      const options = {
        until: from + BigInt(dice.whole(1, 40 * 86_400)) * 1_000_000n,
        unit: dice.pick(['hour', 'day', 'week', 'month'] as const),
        zone: dice.pick(['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu']),
      };
      const whole = unitChunks({ ...options, from, limit: 5000 }).intervals;
      const paged: (readonly [bigint, bigint])[] = [];
      for (let at: bigint | undefined = from; at !== undefined; ) {
        const page = unitChunks({ ...options, from: at, limit: dice.whole(1, 30) });
        paged.push(...page.intervals);
        at = page.next;
      }
      assert.deepEqual(paged, whole);
      assert.equal(whole[0]?.[0], from);
      assert.equal(whole.at(-1)?.[1], options.until);
      for (const [begin, end] of whole) assert.ok(begin < end);
    }
  });
});

describe('replay/schedule-times', () => {
  /** A server that gives few times a call. */
  const server =
    (all: readonly bigint[], most: number): MatchingTimes =>
    async (_schedule, after, until) =>
      all.filter((time) => time > after && time <= until).slice(0, most);
  const hours = Array.from({ length: 500 }, (_, n) => BigInt(n) * 3_600_000_000n);
  const request = (from: bigint, until: bigint): BackfillRequest => ({
    id: 'b',
    schedule: {
      version: 1,
      name: 's',
      cron: '0 * * * *',
      timeZone: 'UTC',
      user: 'u',
      sql: '',
      settings: {},
      result: 'inline',
      overlap: 'skip',
      catchUp: 0,
      createdAt: 0,
    },
    from: String(from),
    until: String(until),
    chunk: 'interval',
    missingOnly: false,
    parallel: 1,
  });

  it('finds the same intervals whatever the server gives a call, and whatever a page holds', async () => {
    const dice = new Dice(5);
    for (let n = 0; n < 300; n++) {
      const most = dice.pick([1, 2, 7, 1000]);
      const from = BigInt(dice.whole(0, 400) * 3600) * 1_000_000n - BigInt(dice.whole(0, 1));
      const until = from + BigInt(dice.whole(0, 60) * 3600) * 1_000_000n + BigInt(dice.whole(0, 1));
      const bounds = hours.filter((time) => time >= from && time <= until);
      const expected = bounds.slice(1).map((end, at) => [bounds[at], end]);
      const found: unknown[] = [];
      const limit = dice.whole(1, 25);
      for (let at: bigint | undefined = from; at !== undefined; ) {
        const page = await intervalsOf(server(hours, most), request(from, until), at, limit);
        assert.ok(page.intervals.length <= limit && (page.next === undefined || page.intervals.length > 0));
        found.push(...page.intervals);
        at = page.next;
      }
      assert.deepEqual(found, expected);
      const counted = countIntervals(server(hours, most), request(from, until), Date.now());
      if (expected.length > 0) assert.equal(await counted, expected.length);
      else await assert.rejects(counted, { sqlstate: '22023' });
    }
  });

  it('ends where a server gives the time that it was asked for times after', async () => {
    const inclusive: MatchingTimes = async (_schedule, after, until) => hours.filter((time) => time >= after && time <= until).slice(0, 3);
    assert.equal((await intervalsOf(inclusive, request(0n, hours[10] as bigint), 0n, 100)).intervals.length, 10);
  });

  it('finds the last whole interval at a time, however far back it lies', async () => {
    const leap = ['2016-02-29T00:00:00Z', '2020-02-29T00:00:00Z', '2024-02-29T00:00:00Z'].map(micros);
    for (const most of [1, 2, 1000]) {
      assert.deepEqual(await lastInterval(server(hours, most), 's', 7_200_000_000n * 5n), [hours[9], hours[10]]);
      assert.deepEqual(await lastInterval(server(hours, most), 's', 7_200_000_000n * 5n + 1n), [hours[9], hours[10]]);
      assert.deepEqual(await lastInterval(server(hours, most), 's', 7_200_000_000n * 5n - 1n), [hours[8], hours[9]]);
      assert.deepEqual(await lastInterval(server(leap, most), 's', micros('2026-01-01T00:00:00Z')), [leap[1], leap[2]]);
      assert.deepEqual(await lastInterval(server(leap, most), 's', leap[1] as bigint), [leap[0], leap[1]]);
      await assert.rejects(lastInterval(server(leap, most), 's', leap[0] as bigint), { sqlstate: '22023' });
    }
  });

  it('names the replays of an interval so that they are found by it', () => {
    const interval = { schedule: 's', from: '0', until: '1' };
    assert.equal(intervalReplayId(interval), intervalHead(interval));
    assert.ok(intervalReplayId(interval, 'b').startsWith(`${intervalHead(interval)}-`));
    assert.notEqual(intervalReplayId(interval, 'b'), intervalReplayId(interval, 'c'));
    assert.notEqual(intervalHead(interval), intervalHead({ ...interval, until: '2' }));
    assert.match(intervalReplayId(interval, 'b'), /^[\w.-]{1,100}$/);
  });
});
