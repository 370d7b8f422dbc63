import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { planGroups } from '../../connectors/victorialogs/aggregate/group-plan.js';
import { writeGroups } from '../../connectors/victorialogs/aggregate/read-groups.js';
import { allLogs } from '../../connectors/victorialogs/discover/logs-table.js';
import type { LogsSplit, LogsWindow } from '../../connectors/victorialogs/handle.js';
import { OrderedWindows } from '../../connectors/victorialogs/windows/ordered-windows.js';
import { planWindows, WINDOW_ROWS } from '../../connectors/victorialogs/windows/plan-windows.js';
import { windowSequence } from '../../connectors/victorialogs/windows/window-sequence.js';
import { Oid, type } from '../../sql/types.js';
import { formatValue } from '../../sql/value-text.js';
import { Random } from '../../src/events/random.js';
import { cases } from '../support/cases.js';
import { tookTooLong } from './fake-logs-client.js';

const SECOND = 1_000_000_000n;
const DAY = 86_400n * SECOND;
const START = 20_000n * DAY;

/** Instants with how many entries each has. */
type Crowd = readonly { readonly at: bigint; readonly rows: number }[];

function counter(crowd: Crowd, asked: number[]) {
  return async ({ from, to, step }: { readonly from: bigint; readonly to: bigint; readonly step: number }) => {
    asked.push(step);
    const width = BigInt(step) * SECOND;
    const counts = new Map<bigint, number>();
    for (const { at, rows } of crowd)
      if (at >= from && at < to) counts.set((at / width) * width, (counts.get((at / width) * width) ?? 0) + rows);
    return [...counts].map(([start, hits]) => ({ from: start, hits }));
  };
}

function rowsIn(crowd: Crowd, [from, to]: LogsWindow): number {
  return crowd.filter(({ at }) => at >= BigInt(from) && at < BigInt(to)).reduce((sum, { rows }) => sum + rows, 0);
}

/** One that is parted blindly. */
function hasCrowdedSecond(crowd: Crowd, [from, to]: LogsWindow, most: number): boolean {
  const seconds = crowd.map(({ at }) => (at / SECOND) * SECOND).filter((second) => second + SECOND > BigInt(from) && second < BigInt(to));
  return seconds.some((second) => rowsIn(crowd, [String(second), String(second + SECOND), 0]) > most);
}

function randomCrowd(random: Random): Crowd {
  const scales = [DAY, 3_600n * SECOND, 60n * SECOND, SECOND, 1_000_000n];
  return Array.from({ length: 1 + random.integer(0, 60) }, () => {
    const scale = scales[random.integer(0, scales.length)] ?? DAY;
    return {
      at: START + BigInt(random.integer(0, 40)) * scale + BigInt(random.integer(0, 1_000_000)),
      rows: 1 + random.integer(0, 150_000),
    };
  });
}

describe('Windows of time over VictoriaLogs', () => {
  it('are side by side, have every entry once, and few enough of them', async () => {
    for (let seed = 0; seed < cases('TIMELINE_LOGS_WINDOWS', { usual: 300, full: 20_000 }); seed++) {
      const crowd = randomCrowd(new Random(seed, 1));
      const from = START + BigInt(seed % 3) * 3_600n * SECOND;
      const to = START + 40n * DAY + SECOND;
      const most = seed % 4 === 3 ? 50_000 : WINDOW_ROWS;
      const windows = await planWindows({ from, to, rows: most, count: counter(crowd, []) });
      const wanted = crowd.filter(({ at }) => at >= from && at < to).reduce((sum, { rows }) => sum + rows, 0);
      assert.equal(
        windows.map((window) => rowsIn(crowd, window)).reduce((a, b) => a + b, 0),
        wanted,
        `seed ${seed}`,
      );
      for (const [index, window] of windows.entries()) {
        assert.ok(BigInt(window[0]) >= from && BigInt(window[1]) <= to && BigInt(window[0]) < BigInt(window[1]), `seed ${seed}`);
        assert.equal(BigInt(window[0]) % 1_000n, 0n);
        if (index > 0) assert.equal(window[0], windows[index - 1]?.[1], `seed ${seed}`);
        if (!hasCrowdedSecond(crowd, window, most)) assert.ok(rowsIn(crowd, window) <= most, `seed ${seed}: ${window}`);
      }
    }
  });

  it('of few entries cost one request; of none there are none', async () => {
    const asked: number[] = [];
    const crowd = [
      { at: START, rows: 5 },
      { at: START + 3n * DAY, rows: 7 },
    ];
    const windows = await planWindows({ from: 0n, to: START + 10n * DAY, count: counter(crowd, asked) });
    assert.deepEqual(windows, [[String(START), String(START + 4n * DAY), 12]]);
    assert.deepEqual(asked, [86_400]);
    assert.deepEqual(await planWindows({ from: 0n, to: START, count: counter(crowd, []) }), []);
  });

  it('part one crowded second blindly, into whole microseconds', async () => {
    const windows = await planWindows({ from: START, to: START + DAY, count: counter([{ at: START, rows: 1_000_000 }], []) });
    assert.equal(windows.length, 5);
    assert.ok(windows.every(([from, to]) => BigInt(from) % 1_000n === 0n && BigInt(to) > BigInt(from)));
    assert.equal(windows.at(-1)?.[1], String(START + SECOND));
  });

  it('are too many for a plan at some time', async () => {
    const crowd = Array.from({ length: 20_001 }, (_, day) => ({ at: BigInt(day) * DAY, rows: 150_000 }));
    await assert.rejects(planWindows({ from: 0n, to: 30_000n * DAY, count: counter(crowd, []) }), { sqlstate: '54000' });
  });

  it('are given best first, and only while one may have a row of the answer', async () => {
    for (let seed = 0; seed < cases('TIMELINE_LOGS_ORDERED', { usual: 300, full: 20_000 }); seed++) {
      const random = new Random(seed, 1);
      const times = Array.from(
        { length: 1 + random.integer(0, 3_000) },
        () => START + BigInt(random.integer(0, 300)) * 1_000_000_000n + BigInt(random.integer(0, 3_000)),
      );
      const crowd = times.map((at) => ({ at, rows: 1 }));
      const cuts = [...new Set([0, 301, ...Array.from({ length: random.integer(0, 6) }, () => random.integer(0, 300))])].sort(
        (a, b) => a - b,
      );
      const windows = cuts.slice(1).map((end, n): LogsWindow => {
        const window: LogsWindow = [String(START + BigInt(cuts[n] ?? 0) * SECOND), String(START + BigInt(end) * SECOND), 0];
        // Estimates may be wrong.
        return [window[0], window[1], seed % 2 === 0 ? rowsIn(crowd, window) : random.integer(0, 100_000)];
      });
      const descending = random.integer(0, 2) === 0;
      const ties = random.integer(0, 2) === 0;
      const wanted = 1 + random.integer(0, 40);
      const parts = new OrderedWindows([{ windows }], descending);
      const order = (a: bigint, b: bigint): number => (a === b ? 0 : a < b === descending ? 1 : -1);
      let found: bigint[] = [];
      let rows = wanted;
      for (;;) {
        const last = found.length >= wanted ? found.sort(order)[wanted - 1] : undefined;
        const value = last === undefined ? undefined : formatValue(type(Oid.timestamptz), last / 1_000n, { timeZone: 'UTC' });
        const constant = { kind: 'constant', type: type(Oid.timestamptz), value: value ?? null } as const;
        const splits = await parts.next({ rows, last: value === undefined ? undefined : { constant, ties } });
        if (splits === undefined) break;
        for (const [from, to] of (splits as readonly LogsSplit[]).flatMap((split) => split.windows))
          found = [...found, ...times.filter((at) => at >= BigInt(from) && at < BigInt(to))];
        rows *= 2;
      }
      const micros = (list: readonly bigint[]): bigint[] =>
        list
          .map((at) => at / 1_000n)
          .sort(order)
          .slice(0, wanted);
      assert.deepEqual(micros(found), micros(times), `seed ${seed}`);
      const border = micros(times).at(-1);
      const tied = (list: readonly bigint[]): number => list.filter((at) => at / 1_000n === border).length;
      if (ties) assert.equal(tied(found), tied(times), `ties, seed ${seed}`);
      assert.equal(new Set(found).size, new Set(found.map(String)).size);
      assert.ok(found.length <= times.length, `twice, seed ${seed}`);
    }
  });

  it('of splits follow one another where they do not overlap', () => {
    const split = (from: number, to: number): LogsSplit => ({
      windows: [
        [String(from), String((from + to) / 2), 1],
        [String((from + to) / 2), String(to), 1],
      ],
    });
    assert.deepEqual(windowSequence([split(20, 30), split(0, 20), split(40, 50)], false), [[1], [0], [2]]);
    assert.deepEqual(windowSequence([split(20, 30), split(0, 20)], true), [[0], [1]]);
    assert.deepEqual(windowSequence([split(20, 30), split(0, 22)], true), [[0, 1]]);
  });

  it('of groups are not halved for ever, where the server is slow', async () => {
    const plan = planGroups({ keys: [], aggregates: [{ fn: 'count' }] }, allLogs);
    assert.ok(plan !== undefined);
    const folder = await mkdtemp(join(tmpdir(), 'timeline-groups-'));
    const windows: readonly LogsWindow[] = [['0', String(START), 1]];
    let asked = 0;
    const client = {
      // biome-ignore lint/correctness/useYield: there is no answer
      async *query() {
        asked++;
        throw tookTooLong();
      },
    };
    const request = {
      client,
      folder,
      plan,
      parts: [{ windows, filter: allLogs.filter }],
      options: { signal: new AbortController().signal },
    };
    await assert.rejects(writeGroups(request), { sqlstate: '57014' });
    assert.equal(asked, 12);
    assert.deepEqual(await readdir(folder), []);
    await rm(folder, { recursive: true });
  });
});
