import assert from 'node:assert/strict';
import type { DayEvents } from '../../src/events/day-events.js';
import { DAY_MICROS, dayEvents } from '../../src/events/day-events.js';
import { CDNS, EVENT_TYPES } from '../../src/events/vocabulary.js';

const FIRST_DAY = 20148;

interface Event {
  readonly ts: number;
  readonly type: string;
  readonly bufferMs: number;
  readonly cdn: string;
}

function bySession(days: readonly DayEvents[]): Map<number, Event[]> {
  const sessions = new Map<number, Event[]>();
  for (const day of days) {
    for (let i = 0; i < day.count; i++) {
      const session = day.session[i] ?? -1;
      const events = sessions.get(session) ?? [];
      events.push({
        ts: day.ts[i] ?? 0,
        type: EVENT_TYPES[day.type[i] ?? -1] ?? '?',
        bufferMs: day.bufferMs[i] ?? -1,
        cdn: CDNS[day.cdn[i] ?? -1] ?? '?',
      });
      sessions.set(session, events);
    }
  }
  return sessions;
}

describe('dayEvents', () => {
  const options = { seed: 11, rows: 60_000, days: 4, firstDay: FIRST_DAY };
  const days = [...dayEvents(options)];
  const sessions = bySession(days);

  it('makes the rows asked for, in the days asked for', () => {
    const rows = days.reduce((sum, day) => sum + day.count, 0);
    assert.ok(rows >= 60_000 && rows < 66_000, String(rows));
    assert.deepEqual(
      days.map(({ day }) => day),
      [0, 1, 2, 3].map((day) => FIRST_DAY + day),
    );
    for (const day of days) {
      assert.ok(day.ts.every((ts) => ts >= day.day * DAY_MICROS && ts < (day.day + 1) * DAY_MICROS));
      assert.ok(day.ts.every(Number.isInteger));
    }
  });

  it('makes exactly the rows for one day and few rows', () => {
    const one = [...dayEvents({ seed: 1, rows: 1, days: 1, firstDay: 0 })];
    assert.equal(one.length, 1);
    assert.ok((one[0]?.count ?? 0) >= 1);
  });

  it('has sessions that go on past midnight, told of on their first day only', () => {
    const numbers = days.flatMap((day) => day.sessions.map(({ number }) => number));
    assert.deepEqual(
      numbers,
      numbers.map((_, at) => at),
    );
    const spilled = days.some((day, at) => at > 0 && day.session.some((session) => session < (day.sessions[0]?.number ?? 0)));
    assert.ok(spilled);
    assert.equal(new Set(days.flatMap((day) => day.sessions.map(({ id }) => id))).size, numbers.length);
  });

  it('has every type of event, and CDN1 rebuffers most', () => {
    const all = [...sessions.values()].flat();
    assert.deepEqual(new Set(all.map(({ type }) => type)), new Set(EVENT_TYPES));
    const rate = (cdn: string) =>
      all.filter((e) => e.cdn === cdn && e.type === 'rebuffer').length / all.filter((e) => e.cdn === cdn).length;
    assert.ok(CDNS.every((cdn) => cdn === 'CDN1' || rate(cdn) < rate('CDN1')));
  });

  it('rises in time by a millisecond at least within a session', () => {
    for (const events of sessions.values()) {
      for (let i = 1; i < events.length; i++) assert.ok((events[i]?.ts ?? 0) - (events[i - 1]?.ts ?? 0) >= 1000);
    }
  });

  it('ends every rebuffer by a play exactly buffer_duration_ms later, with only heartbeats between', () => {
    let ended = 0;
    for (const events of sessions.values()) {
      for (const [at, event] of events.entries()) {
        assert.equal(event.bufferMs >= 0, event.type === 'rebuffer');
        if (event.type !== 'rebuffer') continue;
        const next = events.slice(at + 1).find(({ type }) => type !== 'heartbeat');
        if (next === undefined) {
          // Only the end of the last day may cut it off.
          assert.ok(event.ts + event.bufferMs * 1000 >= (FIRST_DAY + options.days) * DAY_MICROS);
          continue;
        }
        assert.equal(next.type, 'play');
        assert.equal(next.ts - event.ts, event.bufferMs * 1000);
        ended++;
      }
    }
    assert.ok(ended > 1000);
  });

  it('has rebuffers within 5 s of a seek, and others: the question of connection-induced rebuffering has two sides', () => {
    let [induced, other] = [0, 0];
    for (const events of sessions.values()) {
      let seek = Number.NEGATIVE_INFINITY;
      for (const event of events) {
        if (event.type === 'seek') seek = event.ts;
        if (event.type === 'rebuffer') event.ts - seek < 5_000_000 ? induced++ : other++;
      }
    }
    assert.ok(induced > 200 && other > 500, `${induced} ${other}`);
  });

  it('is the same for the same seed and differs for another', () => {
    const again = [...dayEvents(options)];
    assert.deepEqual(again, days);
    const [other] = dayEvents({ ...options, seed: 12 });
    assert.notDeepEqual(other?.ts.slice(0, 10), days[0]?.ts.slice(0, 10));
  });
});
