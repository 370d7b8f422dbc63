import assert from 'node:assert/strict';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

const KEYS = ['a', 'b', 'c', 'd', 'e'];

/** TIMELINE() whose `at` is another one for each row, against one call with constants for each of those rows. */
describe('timeline() with an at of each row', function () {
  this.timeout(240_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let asks: { readonly id: number; readonly k: string | null; readonly t0: string | null; readonly t1: string | null }[];

  before(async () => {
    home = await tempFolder('timeline-lateral');
    const lake = {
      type: 'iceberg',
      catalog: { type: 'filesystem', warehouse: `file://${home.path}/warehouse` },
      write: { schemas: ['lake'] },
    };
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: { lake } }) });
    client = await server.connect();
    await client.query("SET TimeZone = 'UTC'");
    let seed = 20261;
    const dice = (below: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return Math.floor((seed / 2147483648) * below);
    };
    const instant = (): string => new Date(Date.UTC(2025, 0, 1) + dice(48) * 600_000).toISOString();
    const quoted = (text: string | null): string => (text === null ? 'NULL' : `'${text}'`);
    const events = Array.from({ length: 120 }, (_, n) => {
      const value = dice(8) === 0 ? null : ['x', 'y', 'z'][dice(3)];
      return `(${n}, ${quoted(dice(20) === 0 ? null : (KEYS[dice(4)] ?? ''))}, timestamptz '${instant()}', ${quoted(value ?? null)})`;
    });
    asks = Array.from({ length: 40 }, (_, id) => ({
      id,
      k: dice(10) === 0 ? null : (KEYS[dice(5)] ?? ''),
      t0: dice(10) === 0 ? null : instant(),
      t1: dice(4) === 0 ? null : instant(),
    }));
    const rows = asks.map(({ id, k, t0, t1 }) => `(${id}, ${quoted(k)}, ${quoted(t0)}::timestamptz, ${quoted(t1)}::timestamptz)`);
    await client.query(`CREATE TABLE lake.ev AS SELECT * FROM (VALUES ${events.join(', ')}) v(n, k, ts, st)`);
    await client.query(`CREATE TABLE lake.ask AS SELECT * FROM (VALUES ${rows.join(', ')}) v(id, k, t0, t1)`);
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  const SIGNALS = [
    'st => latest(st), n => count_so_far(true)',
    "st => latest(st), d => duration_where(latest(st) = 'x'), i => duration_in_state(latest(st)), h => has_existed_within(latest(st) = 'y', '25 min')",
    "w => has_existed_within(st = 'z', '15 min'), long => duration_in_state(latest(st)) >= interval '40 min', idle => '1 h'",
    "st => latest(st, '20 min'), l => last_event_time(st = 'x'), since => '2025-01-01 02:00', ends => st = 'z', dedupe => (st, ts)",
  ];

  async function lines(sql: string): Promise<string[]> {
    const { rows } = await client.query<unknown[]>({
      text: sql,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig,
    });
    return rows.map((row) => JSON.stringify(row)).sort();
  }

  async function oneAfterAnother(queries: readonly string[]): Promise<string[]> {
    const all: string[] = [];
    for (const query of queries) all.push(...(await lines(query)));
    return all.sort();
  }

  const known = new Map<string, Promise<string[]>>();

  /** What calls with constants give for each row that asks; `at` gives its instants; with `sameKey` its key must be the call's. */
  function oneByOne(signals: string, at: (row: (typeof asks)[number]) => (string | null)[], sameKey: boolean): Promise<string[]> {
    const queries = asks.flatMap((row) => {
      const instants = at(row).map((text) => (text === null ? 'NULL' : `'${text}'`));
      if (sameKey && row.k === null) return [];
      const only = sameKey ? ` WHERE t.k = '${row.k ?? ''}'` : '';
      return [
        `SELECT ${row.id}, t.* FROM timeline(lake.ev, key => k, ts => ts, order_by => n, ${signals}, at => ARRAY[${instants.join(', ')}]::timestamptz[]) t${only}`,
      ];
    });
    const text = queries.join(';');
    const found = known.get(text) ?? oneAfterAnother(queries);
    known.set(text, found);
    return found;
  }

  for (const [n, signals] of SIGNALS.entries()) {
    const call = (at: string): string => `timeline(lake.ev, key => k, ts => ts, order_by => n, ${signals}, at => ${at})`;
    for (const staged of [false, true]) {
      it(`signals ${n}, ${staged ? 'stages' : 'one task'}`, async () => {
        await client.query(`SET timeline.small_bytes = ${staged ? '0' : 'DEFAULT'}`);
        await client.query(`SET timeline.split_bytes = ${staged ? '0' : 'DEFAULT'}`);
        const byKey = await oneByOne(signals, (row) => [row.t0], true);
        assert.ok(byKey.length > 10);
        assert.deepEqual(await lines(`SELECT s.id, t.* FROM lake.ask s, LATERAL ${call('s.t0')} t WHERE t.k = s.k`), byKey);
        assert.deepEqual(await lines(`SELECT s.id, t.* FROM lake.ask s JOIN ${call('s.t0')} t ON s.k = t.k`), byKey);
        const left = await lines(`SELECT s.id, t.* FROM lake.ask s LEFT JOIN LATERAL ${call('s.t0')} t ON t.k = s.k`);
        assert.deepEqual(
          left.filter((line) => !/^\["\d+",null,null/.test(line)),
          byKey,
        );
        assert.equal(new Set(left.map((line) => JSON.parse(line)[0])).size, asks.length);

        const everyKey = await oneByOne(signals, (row) => [row.t0], false);
        assert.deepEqual(await lines(`SELECT s.id, t.* FROM lake.ask s, LATERAL ${call('s.t0')} t`), everyKey);
        const two = await oneByOne(signals, (row) => [row.t0, row.t1, row.t0], true);
        assert.deepEqual(await lines(`SELECT s.id, t.* FROM lake.ask s, ${call('ARRAY[s.t0, s.t1, s.t0]')} t WHERE s.k = t.k`), two);
        const within = await lines(`SELECT s.id, x.* FROM lake.ask s, LATERAL (SELECT t.* FROM ${call('s.t0')} t WHERE t.k = s.k) x`);
        assert.deepEqual(within, byKey);
        const scalar = await lines(
          `SELECT s.id, (SELECT to_json(t.evaluated_at) FROM ${call('s.t0')} t WHERE t.k = s.k) FROM lake.ask s WHERE s.id < 30`,
        );
        assert.equal(scalar.length, 30);
        assert.equal(
          scalar.filter((line) => !line.endsWith('null]')).length,
          byKey.filter((line) => Number(JSON.parse(line)[0]) < 30).length,
        );
        const some = byKey.filter((line) => Number(JSON.parse(line)[0]) % 3 === 1);
        assert.deepEqual(await lines(`SELECT s.id, t.* FROM lake.ask s, ${call('s.t0')} t WHERE t.k = s.k AND s.id % 3 = 1`), some);
      });
    }
  }

  it('an at from a query of its own', async () => {
    const call = (at: string): string =>
      `SELECT * FROM timeline(lake.ev, key => k, ts => ts, order_by => n, st => latest(st), at => ${at}) t`;
    const { rows } = await client.query<{ at: string }>('SELECT max(t0)::text AS at FROM lake.ask');
    assert.deepEqual(await lines(call('(SELECT max(t0) FROM lake.ask)')), await lines(call(`'${rows[0]?.at ?? ''}'`)));
    const all = [...new Set(asks.map((row) => row.t0))].map((text) => (text === null ? 'NULL' : `'${text}'`));
    assert.deepEqual(await lines(call('ARRAY(SELECT t0 FROM lake.ask)')), await lines(call(`ARRAY[${all.join(', ')}]`)));
    assert.deepEqual(await lines(call('(SELECT t0 FROM lake.ask WHERE id < 0)')), []);
  });

  const refused: readonly (readonly [sqlstate: string, sql: string, hint: RegExp])[] = [
    ['0A000', 'SELECT * FROM lake.ask s, timeline(lake.ev, key => k, ts => ts, c => latest(st), until => s.t0) t', /Only "at" may differ/],
    [
      '0A000',
      'SELECT * FROM timeline(lake.ev, key => k, ts => ts, c => latest(st), since => (SELECT min(t0) FROM lake.ask)) t',
      /Only "at"/,
    ],
    [
      '42703',
      'SELECT * FROM lake.ask s, timeline(lake.ev, key => k, ts => ts, c => latest(st), at => ts) t',
      /one value for the whole call/,
    ],
    [
      '0A000',
      "SELECT * FROM lake.ask s, timeline(lake.ev, key => k, ts => ts, c => latest(st), at => s.t0, lookback => '1 h') t",
      /Give "since"/,
    ],
    [
      '0A000',
      "SELECT * FROM lake.ask s, timeline(lake.ev, key => k, ts => ts, c => latest(st), at => s.t0, fill => true, since => '2020-01-01') t",
      /^$/,
    ],
    [
      '22008',
      "SELECT * FROM (VALUES (timestamptz 'infinity')) s(t0), timeline(lake.ev, key => k, ts => ts, c => latest(st), at => s.t0) t",
      /^$/,
    ],
    [
      '0A000',
      'SELECT (SELECT max(c) FROM timeline(lake.ev, key => k, ts => ts, c => latest(st), at => max(s.t0)) t) FROM lake.ask s',
      /a LATERAL of their own/,
    ],
  ];
  for (const [sqlstate, sql, hint] of refused) {
    it(`${sqlstate}: ${sql}`, async () => {
      await assert.rejects(client.query(sql), (thrown: { code?: string; hint?: string }) => {
        assert.equal(thrown.code, sqlstate);
        assert.match(thrown.hint ?? '', hint);
        return true;
      });
    });
  }
});
