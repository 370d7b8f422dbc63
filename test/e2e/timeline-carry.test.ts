import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { Dice } from './oracle-dice.js';

const DAYS = 8;
const OPERATORS = {
  s: 'latest(state)',
  short: "latest(state, INTERVAL '7 hours')",
  cleared: "latest_when(kind = 'set', state)",
  seen: "has_existed(kind = 'seek')",
  within: "has_existed_within(kind = 'seek', INTERVAL '30 hours')",
  count: "count_so_far(kind = 'seek')",
  total: 'sum_so_far(n)',
  last: "last_event_time(kind = 'set')",
  long: "duration_in_state(latest(state)) >= INTERVAL '5 hours'",
  was: "has_existed(latest(state) = 'b')",
  soon: "has_existed_within(latest(state) = 'c', INTERVAL '2 days')",
  buffered: "duration_where(latest(state) = 'a') >= INTERVAL '3 hours'",
} as const;
const OPTIONS = [
  '',
  ", idle => INTERVAL '9 hours'",
  ", ends => kind = 'end'",
  ", every => INTERVAL '5 hours'",
  ", timezone => 'Europe/Paris'",
];

/** States that are kept at the end of a day: the next query begins with them, whatever comes to the table in between. */
for (const driver of ['local', 'temporal'] as const) {
  describe(`states of TIMELINE from query to query, driver ${driver}`, function () {
    this.timeout(240_000);
    let home: Awaited<ReturnType<typeof tempFolder>>;
    let server: TimelineServer;
    let client: pg.Client;
    const dice = new Dice(20251121);

    before(async function () {
      if (driver === 'temporal' && (await findTemporal('')) === undefined) this.skip();
      home = await tempFolder('timeline-carry');
      const catalog = { type: 'filesystem', warehouse: `file://${home.path}/warehouse` };
      const lake = { type: 'iceberg', catalog, write: { schemas: ['results'] } };
      server = await startTimeline({
        home: home.path,
        config: JSON.stringify({ catalogs: { lake } }),
        temporal: driver === 'temporal' ? 'dev' : 'off',
      });
      client = await server.connect();
      await client.query(`set timeline.driver = ${driver}; set timezone = 'UTC'`);
      await client.query(
        "create table results.ev (id int8, key text, at timestamptz, kind text, state text, n int4) with (sorted_by = 'at, id', \"timeline.key\" = 'key', \"timeline.ts\" = 'at')",
      );
      for (let day = 0; day < DAYS; day++) await insert(day, 60);
    });

    after(async () => {
      await client?.end();
      await server?.stop();
      await home?.remove();
    });

    let ids = 0;
    /** Events from the beginning of a day on, in one file. */
    const insert = async (day: number, events: number, days = 1): Promise<void> => {
      const values = Array.from({ length: events }, () => {
        const state = dice.chance(0.2) ? 'NULL' : `'${dice.pick(['a', 'b', 'c'])}'`;
        const at = `timestamptz '2025-03-0${day + 1}Z' + ${dice.whole(0, days * 24 * 60 - 1)} * interval '1 minute'`;
        return `(${ids++}, 'k${dice.whole(0, 8)}', ${at}, '${dice.pick(['set', 'seek', 'end', 'other'])}', ${state}, ${dice.whole(0, 99)})`;
      });
      await client.query(`insert into results.ev values ${values.join(', ')}`);
    };

    /** Few, so that what one question keeps is there for others, before and after late events. */
    const shapes = Array.from({ length: 5 }, () => {
      const names = Object.keys(OPERATORS).filter(() => dice.chance(0.4)) as (keyof typeof OPERATORS)[];
      return { names: names.length === 0 ? (['s'] as const) : names, option: dice.pick(OPTIONS) };
    });

    const question = (since: number, until: number | undefined): string => {
      const { names, option } = dice.pick(until === undefined ? shapes.filter((one) => !one.option.includes('every')) : shapes);
      const bound = (hours: number): string => `timestamptz '2025-03-01Z' + interval '${hours} hours'`;
      const signals = names.map((name) => `${name} => ${OPERATORS[name]}`).join(', ');
      const to = until === undefined ? '' : `, until => ${bound(until)}`;
      const call = `timeline(results.ev, order_by => id, ${signals}, since => ${bound(since)}${to}${option}) t`;
      return dice.chance(0.3)
        ? `select ${names[0]}, sum(seconds), count(*) from ${call} group by 1 order by 1`
        : `select * from ${call} order by key, started_at`;
    };

    const rows = async (sql: string): Promise<unknown> => (await client.query({ text: sql, rowMode: 'array' })).rows;
    const unread = async (sql: string): Promise<number> => {
      const plan = (await rows(`explain analyze ${sql}`)) as string[][];
      return Number(/kept state[^\n]*; (\d+) files? before it not read/.exec(plan.flat().join('\n'))?.[1] ?? 0);
    };
    const kept = async (): Promise<number> => {
      const files = await readdir(home.path, { recursive: true });
      return new Set(files.filter((file) => /carries\/[0-9a-f]{64}\/state$/.test(file))).size;
    };

    it('give the same rows, and read less, as days and late events come', async () => {
      let [used, saved] = [0, 0];
      for (let n = 0; n < 60; n++) {
        if (n % 10 === 5) await insert(dice.whole(0, DAYS - 1), 3);
        // a file with events of all days is read with every state
        if (n === 30) await insert(0, 40, DAYS);
        const since = dice.chance(0.5) ? 24 * dice.whole(0, DAYS - 1) : dice.whole(0, 24 * DAYS - 1);
        const sql = question(since, dice.chance(0.2) ? undefined : since + dice.pick([24, 48, 5, 24 * DAYS]));
        await client.query('set timeline.carry = off');
        const expected = await rows(sql);
        await client.query('set timeline.carry = on');
        assert.deepEqual(await rows(sql), expected, sql);
        assert.deepEqual(await rows(sql), expected, `again: ${sql}`);
        used += await unread(sql);
      }
      saved = await kept();
      assert.ok(used > 60 && saved > 30, `${used} files unread, ${saved} states`);
    });

    it('are left aside where their files are damaged, and kept anew', async () => {
      await client.query('set timeline.carry = on');
      const sql =
        "select * from timeline(results.ev, order_by => id, s => latest(state), since => '2025-03-05Z', until => '2025-03-06Z') t order by key, started_at";
      const expected = await rows(sql);
      const remarks: string[] = [];
      client.on('notice', ({ message }) => remarks.push(message ?? ''));
      const files = (await readdir(home.path, { recursive: true })).filter((file) => /carries\/[0-9a-f]{64}\/state$/.test(file));
      for (const damage of [(bytes: Buffer) => bytes.subarray(0, bytes.length >> 1), () => Buffer.alloc(0), () => Buffer.from('state')]) {
        for (const file of files) await writeFile(join(home.path, file), damage(await readFile(join(home.path, file))));
        remarks.length = 0;
        assert.deepEqual(await rows(sql), expected);
        assert.match(remarks.join('\n'), /a kept state of 2025-03-05 00:00:00\+00 cannot be read/);
        assert.ok((await unread(sql)) >= 4);
      }
      // whole, but no state: nothing that comes of it is an answer
      for (const file of files) await writeFile(join(home.path, file), gzipSync('null'));
      await assert.rejects(rows(sql), { code: '58030' });
      await client.query('set timeline.carry = off');
      assert.deepEqual(await rows(sql), expected);
      client.removeAllListeners('notice');
      for (const file of files) await rm(join(home.path, file));
    });

    it('a day after the other reads a day, and an event that comes late is seen', async () => {
      await client.query('set timeline.carry = on');
      const daily = (day: number): string =>
        `select key, s, sum(seconds) from timeline(results.ev, order_by => id, s => latest(state), since => '2025-03-0${day}Z', until => '2025-03-0${day + 1}Z') t group by 1, 2 order by 1, 2`;
      const answers: unknown[] = [];
      for (let day = 2; day <= 7; day++) {
        answers.push(await rows(daily(day)));
        if (day > 2) assert.ok((await unread(daily(day))) >= day - 2, `day ${day}`);
      }
      await client.query("insert into results.ev values (-1, 'k0', '2025-03-03 00:00:00.000001Z', 'set', 'late', 1)");
      const changed = await rows(daily(3));
      assert.notDeepEqual(changed, answers[1]);
      await client.query('set timeline.carry = off');
      assert.deepEqual(await rows(daily(3)), changed);
      assert.deepEqual(await rows(daily(2)), answers[0]);
    });

    it('are of their own columns and filters, though all else is alike', async () => {
      const asked = [
        ['results.ev', 'state'],
        ['results.ev', 'kind'],
        ["(select * from results.ev where kind <> 'seek')", 'state'],
        ["(select * from results.ev where kind <> 'set')", 'state'],
      ].map(
        ([source, column]) =>
          `select key, s, sum(seconds) from timeline(${source}, key => key, ts => at, order_by => id, s => latest(${column}), since => '2025-03-06Z', until => '2025-03-07Z') t group by 1, 2 order by 1, 2`,
      );
      const expected: unknown[] = [];
      for (const sql of asked) expected.push(await rows(sql));
      assert.equal(new Set(expected.map((answer) => JSON.stringify(answer))).size, asked.length);
      await client.query('set timeline.carry = on');
      for (const again of [false, true]) {
        for (const [n, sql] of asked.entries()) {
          assert.deepEqual(await rows(sql), expected[n], sql);
          if (again) assert.ok((await unread(sql)) > 0, sql);
        }
      }
    });
  });
}
