import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { cases } from '../support/cases.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { Dice } from './oracle-dice.js';
import { GROUP_ROWS, manyStreams, oneStream, type ReplayEvent, START, writeReplayLake } from './replay-lake.js';

const SEED = Number(process.env['REPLAY_SEED'] ?? Date.now() % 1_000_000);
const READS = cases('REPLAY_READS', { usual: 100, full: 250 });
const TOPS = cases('REPLAY_TOPS', { usual: 60, full: 150 });
const ROWS = 60_000;
const GROUPS = Math.ceil(ROWS / GROUP_ROWS);

describe(`replay reads (seed ${SEED})`, function () {
  this.timeout(600_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let temporal: boolean;
  const tables: Record<string, readonly ReplayEvent[]> = {};

  before(async () => {
    home = await tempFolder('replay-reads');
    const lake = join(home.path, 'lake');
    await mkdir(lake, { recursive: true });
    const [one, many] = [oneStream(ROWS), manyStreams(30_000, new Dice(SEED))];
    Object.assign(tables, { one, few: one, many });
    const config = await writeReplayLake(lake, { one, many, values: 30_000, seed: SEED });
    temporal = (await findTemporal(home.path)) !== undefined;
    server = await startTimeline({ home: home.path, config, temporal: temporal ? 'dev' : 'off' });
    client = await server.connect({ types: { getTypeParser: () => (value: unknown) => value } } as pg.ClientConfig);
    await client.query("SET TimeZone = 'UTC'; SET timeline.top_n = on; SET timeline.driver = local; SET search_path = o");
  });

  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  async function rows(sql: string): Promise<readonly (readonly (string | null)[])[]> {
    const result = await client.query({ text: sql, rowMode: 'array' });
    return result.rows as (string | null)[][];
  }

  async function analysed(sql: string): Promise<string> {
    return (await rows(`EXPLAIN (ANALYZE) ${sql}`)).map(([line]) => line).join('\n');
  }

  /** Row groups read, of how many: as EXPLAIN says. */
  async function groups(sql: string): Promise<readonly [read: number, of: number]> {
    const text = await analysed(sql);
    const match = /row groups by top-N: (\d+) -> (\d+)/.exec(text);
    assert.ok(match !== null, text);
    return [Number(match[2]), Number(match[1])];
  }

  async function off<T>(work: () => Promise<T>): Promise<T> {
    await client.query('SET timeline.top_n = off');
    try {
      return await work();
    } finally {
      await client.query('SET timeline.top_n = on');
    }
  }

  it('read one row group of a stream that lies in order, from either end', async () => {
    for (const table of ['one', 'few']) {
      const [until, middle] = ["'2026-01-01'", `'${new Date(START + 10_000_000).toISOString()}'`];
      for (const direction of ['forward', 'backward']) {
        const call = (at: string, n: number): string =>
          `SELECT * FROM read_until(${table}, 'orders-1', ${at}, direction => '${direction}', max_events => ${n}) AS e`;
        assert.deepEqual(await groups(call(until, 100)), [1, table === 'one' ? GROUPS : GROUPS / 3], `${table} ${direction}`);
        // Of groups that the time leaves, one or both of those at the border.
        const [read] = await groups(call(middle, 100));
        assert.ok(read <= 2, `${read} row groups`);
        // The file's last row group is not full.
        const [many] = await groups(call(until, 5000));
        assert.ok(many >= 3 && many <= 4, `${many} row groups`);
        const got = await rows(call(middle, 100));
        assert.deepEqual(
          got.map((row) => row[1]),
          expectedReads(tables['one'] ?? [], {
            stream: 'orders-1',
            limits: [['<=', START + 10_000_000]],
            backward: direction === 'backward',
          })
            .slice(0, 100)
            .map(({ version }) => String(version)),
        );
      }
    }
  });

  it('charge bytes for what they read', async () => {
    const bytes = async (sql: string): Promise<number> => {
      await rows(sql);
      const [[found]] = (await rows(`SELECT bytes_read FROM timeline.queries WHERE sql = $$${sql}$$ ORDER BY started_at DESC LIMIT 1`)) as [
        [string],
      ];
      return Number(found);
    };
    const sql = "SELECT * FROM read_until(one, 'orders-1', '2026-01-01', direction => 'backward', max_events => 10) AS e";
    const [some, all] = [await bytes(sql), await off(() => bytes(sql))];
    assert.ok(some * 6 < all, `${some} of ${all}`);
  });

  it('take a date without a time as a parameter, in the session zone', async () => {
    const until = async (sql: string, values: readonly string[]): Promise<unknown> =>
      (await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows;
    const calls = (at: string): string[] => [
      `SELECT count(*) FROM read_until(one, 'orders-1', ${at}, max_events => 10) AS e`,
      `SELECT count(*) FROM read_range(one, 'orders-1', '2024-01-01', ${at}) AS e`,
      `SELECT * FROM version_at(one, 'orders-1', ${at}) AS e`,
    ];
    for (const cast of ['', '::timestamptz']) {
      for (const [n, call] of calls(`$1${cast}`).entries())
        assert.deepEqual(await until(call, ['2026-01-01']), await rows(calls("'2026-01-01'")[n] as string), call);
    }
  });

  it('are told of in timeline.queries and in the metrics', async () => {
    const sql = 'SELECT count(*) FROM read_until(one, $1, $2::timestamptz, direction => $$backward$$, max_events => 10) AS e';
    await client.query({ text: sql, values: ['orders-1', '2026-01-01T00:00:00Z'] });
    const [[read, groupsRead, groupsTotal]] = (await rows(
      "SELECT replay, row_groups_read, row_groups_total FROM timeline.queries WHERE sql LIKE '%$$backward%' AND sql NOT LIKE '%queries%'",
    )) as [[string, string, string]];
    const args = { stream: 'orders-1', until: '2026-01-01T00:00:00Z', direction: 'backward', max_events: '10' };
    assert.deepEqual(JSON.parse(read), [{ function: 'read_until', source: 'one', ...args }]);
    assert.deepEqual([groupsRead, groupsTotal], ['1', String(GROUPS)]);
    const text = await (await fetch(`http://${server.host}:${server.httpPort}/metrics`)).text();
    assert.match(text, /timeline_replay_read_seconds_count\{function="read_until"\} [1-9]/);
    assert.match(text, /timeline_replay_events_total\{function="read_until"\} [1-9]/);
    assert.doesNotMatch(text, /orders-1/);
  });

  it('say in EXPLAIN what they will do, and keep plans as they were where it is off', async () => {
    const sql = "EXPLAIN SELECT * FROM read_until(one, 'orders-1', '2026-01-01', max_events => 10) AS e";
    assert.match((await rows(sql)).join('\n'), /Top-N by bounds of version/);
    assert.doesNotMatch((await off(() => rows(sql))).join('\n'), /Top-N by bounds/);
    assert.doesNotMatch((await rows("EXPLAIN SELECT * FROM read_until(one, 'orders-1', '2026-01-01') AS e")).join('\n'), /Top-N by bounds/);
  });

  it(`answer ${READS} random reads as the model does`, async () => {
    const dice = new Dice(SEED + 1);
    let limited = 0;
    for (let n = 0; n < READS; n++) {
      const { sql, table, read, max, driver } = randomRead(dice, temporal);
      await client.query(`SET timeline.driver = ${driver}`);
      await client.query(
        `SET timeline.small_bytes = ${dice.pick(['0', '67108864'])}; SET timeline.split_bytes = ${dice.pick(['0', '67108864'])}`,
      );
      const all = expectedReads(tables[table] ?? [], read);
      const wanted = all.slice(0, max ?? all.length);
      const got = await rows(sql);
      const message = `${sql} (${driver})`;
      // Events without a version are in no order among themselves.
      const key = (version: string | null, time: string | null, stream: string): string =>
        read.pattern ? `${time} ${stream} ${version}` : `${version}`;
      const at = (time: number | null): string | null => (time === null ? null : String(time / 1000));
      assert.deepEqual(
        got.map(([stream, version, time]) => key(version ?? null, time ?? null, stream ?? '')),
        wanted.map(({ stream, version, time }) => key(version === null ? null : String(version), at(time), stream)),
        message,
      );
      const ids = new Set(got.map((row) => row[3]));
      assert.equal(ids.size, got.length, message);
      const possible = new Set(all.map(({ id }) => String(id)));
      assert.ok(
        [...ids].every((id) => possible.has(id ?? '')),
        message,
      );
      if (max !== undefined && wanted.length < all.length) limited++;
    }
    await client.query('RESET timeline.small_bytes; RESET timeline.split_bytes; SET timeline.driver = local');
    assert.ok(limited > READS / 4, `${limited}`);
  });

  it('sort files that follow each other one by one, so that rows come before all is read', async () => {
    await client.query('SET timeline.small_bytes = 0; SET timeline.split_bytes = 0');
    try {
      const read = (table: string, direction: string): string =>
        `SELECT version FROM read_until(${table}, '*', '2026-01-01', direction => '${direction}') AS e`;
      const stages = async (sql: string): Promise<string[]> =>
        (await rows(`EXPLAIN ${sql}`)).flatMap(([line]) => (line?.startsWith('Stage') ? [line] : []));
      for (const direction of ['forward', 'backward']) {
        assert.match((await stages(read('few', direction))).join('\n'), /^Stage 1 \(final\): 3 tasks · .* · in order$/);
        const expected = expectedReads(tables['few'] ?? [], { stream: '*', pattern: true, limits: [], backward: direction === 'backward' });
        assert.deepEqual(
          (await rows(read('few', direction))).map(([version]) => version),
          expected.map(({ version }) => String(version)),
        );
      }
      // These overlap.
      assert.equal((await stages(read('many', 'forward'))).length, 2);
      assert.equal((await off(() => stages(read('few', 'forward')))).length, 2);
    } finally {
      await client.query('RESET timeline.small_bytes; RESET timeline.split_bytes');
    }
  });

  it('tell the version at an instant from two row groups', async () => {
    const at = new Date(START + 10_000_000).toISOString();
    const [read, all] = await groups(`SELECT * FROM version_at(one, 'orders-1', '${at}') AS v`);
    // For the version itself, at the border of the time, and for there being such a stream.
    assert.ok(read <= 3 && all > GROUPS, `${read} of ${all}`);
    assert.deepEqual(await groups('SELECT max(event_time) FROM one'), [1, GROUPS]);
    assert.deepEqual(await groups('SELECT min(version) FROM few'), [1, GROUPS / 3]);
    assert.deepEqual(await rows('SELECT max(version), min(event_time)::text FROM few'), [
      [String((ROWS - 1) * 2), '2025-01-01 00:00:00+00'],
    ]);
    assert.deepEqual(await rows('SELECT max(version) FROM few'), [[String((ROWS - 1) * 2)]]);
    assert.deepEqual(await rows('SELECT max(f), max(id) FILTER (WHERE false) FROM vals'), [['NaN', null]]);
    assert.deepEqual(await rows('SELECT max(f) FROM vals'), [['NaN']]);
    assert.deepEqual(await rows('SELECT min(n) FROM vals WHERE n < 0'), [[null]]);
  });

  it('tell versions at instants as the model does', async () => {
    const dice = new Dice(SEED + 3);
    let single = 0;
    for (let n = 0; n < READS / 2; n++) {
      const table = dice.pick(['one', 'many', 'many']);
      const events = tables[table] ?? [];
      const name = dice.pick(['orders-1', 'orders-12', 'carts\\*1', 'carts*1', 'nobody', '*', 'o*2', 'nobody*']);
      const pattern = name.replaceAll('\\*', '').includes('*');
      const time = START + dice.whole(-100, 22_000) * 1000;
      const instant = dice.chance(0.05) ? null : new Date(time).toISOString();
      const bound = dice.chance(0.5);
      const text = `SELECT stream_id, version FROM version_at(${table}, ${bound ? '$1' : `'${name}'`}, ${bound ? '$2' : `${instant === null ? 'NULL' : `'${instant}'`}`}) AS v`;
      const result = await client.query({ text, values: bound ? [name, instant] : [], rowMode: 'array' });
      const read = { stream: name.replaceAll('\\*', '*'), pattern, backward: false };
      const expected = new Map<string, number>();
      for (const { stream } of expectedReads(events, { ...read, limits: [] })) expected.set(stream, -1);
      if (instant !== null) {
        for (const { stream, version } of expectedReads(events, { ...read, limits: [['<=', time]] }))
          expected.set(stream, Math.max(expected.get(stream) ?? -1, version ?? -1));
      }
      const wanted = [...expected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([stream, version]) => [stream, String(version)]);
      assert.deepEqual(result.rows, wanted, `${text} ${name} ${instant}`);
      single += pattern ? 0 : 1;
    }
    assert.ok(single > READS / 8);
    const missing = "SELECT * FROM version_at(many, 'nobody', now(), missing => 'error') AS v";
    await assert.rejects(rows(missing), { code: '42704' });
    await assert.rejects(rows("SELECT * FROM read_until(many, 'nobody', now(), missing => 'error', max_events => 3) AS v"), {
      code: '42704',
    });
    assert.equal((await rows("SELECT * FROM version_at(many, 'orders-1', '1999-01-01', missing => 'error') AS v"))[0]?.[1], '-1');
  });

  it(`answer ${TOPS} random ORDER BY … LIMIT as without it`, async () => {
    const dice = new Dice(SEED + 2);
    let skipping = 0;
    for (let n = 0; n < TOPS; n++) {
      const sql = randomTop(dice);
      await client.query(
        `SET timeline.small_bytes = ${dice.pick(['0', '67108864'])}; SET timeline.split_bytes = ${dice.pick(['0', '67108864'])}`,
      );
      const [on, plain] = [await rows(sql), await off(() => rows(sql))];
      assert.deepEqual(on, plain, sql);
      const steps = [...(await analysed(sql)).matchAll(/(?:files|row groups) by top-N: (\d+) -> (\d+)/g)];
      if (steps.some(([, before, after]) => Number(after) < Number(before))) skipping++;
    }
    await client.query('RESET timeline.small_bytes; RESET timeline.split_bytes');
    assert.ok(skipping > TOPS / 4, `${skipping} queries left something unread`);
  });
});

interface Read {
  readonly stream: string;
  readonly pattern?: boolean;
  readonly limits: readonly (readonly [op: '<=' | '<' | '>=' | '>', time: number])[];
  readonly backward: boolean;
}

/** Section 7 of the specification, word by word. */
function expectedReads(events: readonly ReplayEvent[], { stream, pattern = false, limits, backward }: Read): readonly ReplayEvent[] {
  const like = new RegExp(
    `^${stream
      .split('*')
      .map((part) => part.replace(/[.+?^$()|[\]{}\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  );
  const passes = ({ stream: name, time }: ReplayEvent): boolean =>
    (pattern ? like.test(name) : name === stream) &&
    limits.every(([op, limit]) => {
      if (time === null) return false;
      return op === '<=' ? time <= limit : op === '<' ? time < limit : op === '>=' ? time >= limit : time > limit;
    });
  const compare = (a: number | null, b: number | null): number => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a - b);
  const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const byVersion = (a: ReplayEvent, b: ReplayEvent): number => compare(a.version, b.version);
  const order = pattern
    ? (a: ReplayEvent, b: ReplayEvent) => compare(a.time, b.time) || text(a.stream, b.stream) || byVersion(a, b)
    : byVersion;
  const found = events.filter(passes).sort(order);
  return backward ? found.reverse() : found;
}

function randomRead(dice: Dice, temporal: boolean) {
  const table = dice.pick(['one', 'few', 'many', 'many', 'many']);
  const [name, pattern] = dice.pick([
    ['orders-1', false],
    ['orders-1', false],
    ['orders-12', false],
    ['carts\\*1', false],
    ['nobody', false],
    ['*', true],
    ['orders-*', true],
    ['*1', true],
  ] as const);
  const instant = (): number => START + dice.whole(-1000, 22_000) * 1000;
  const backward = dice.chance(0.5);
  const max = dice.chance(0.85) ? dice.pick([1, 2, 3, 10, 100, 1000, 3000, 100_000]) : undefined;
  const options = `${dice.chance(0.5) || backward ? `, direction => '${backward ? 'backward' : 'forward'}'` : ''}${max === undefined ? '' : `, max_events => ${max}`}`;
  const at = (time: number): string => `'${new Date(time).toISOString()}'`;
  let limits: Read['limits'];
  let call: string;
  if (dice.chance(0.5)) {
    const until = instant();
    limits = [['<=', until]];
    call = `read_until(${table}, '${name}', ${at(until)}${options})`;
  } else {
    const [from, to] = [instant(), instant()].sort((a, b) => a - b) as [number, number];
    const bounds = dice.pick(['[]', '[)', '(]', '()']);
    limits = [
      [bounds.startsWith('[') ? '>=' : '>', from],
      [bounds.endsWith(']') ? '<=' : '<', to],
    ];
    call = `read_range(${table}, '${name}', ${at(from)}, ${at(to)}, bounds => '${bounds}'${options})`;
  }
  const sql = `SELECT stream_id, version, extract(epoch FROM event_time)::int8 AS t, id FROM ${call} AS e`;
  const stream = name.replaceAll('\\*', '*');
  return { sql, table, max, driver: temporal && dice.chance(0.1) ? 'temporal' : 'local', read: { stream, pattern, limits, backward } };
}

/** Ordered by a column and by the id last, so that one answer is right. */
function randomTop(dice: Dice): string {
  const key = (column: string): string =>
    `${column}${dice.pick(['', ' ASC', ' DESC', ' DESC'])}${dice.pick(['', '', ' NULLS FIRST', ' NULLS LAST'])}`;
  const columns = ['n', 'i', 'f', 'd', 's', 'day', 'ts', 'tz', 'b', 'u'];
  const keys = [dice.pick(columns), ...(dice.chance(0.4) ? [dice.pick(columns)] : []), 'id'];
  const where = dice.pick([
    'true',
    'true',
    `n > ${dice.whole(0, 30_000)}`,
    `i BETWEEN ${dice.whole(-30_000, 0)} AND ${dice.whole(-5000, 100)}`,
    `id % ${dice.whole(2, 900)} = 0`,
    `s LIKE '%${dice.whole(0, 999)}'`,
    'ts IS NULL',
    'ts IS NOT NULL',
    'f <> f + 1 AND b',
    'd < 0',
  ]);
  const from = dice.pick(['vals', 'vals', '(SELECT *, n::int8 AS wide FROM vals) AS v']);
  const first = from.includes('wide') && dice.chance(0.7) ? 'wide' : keys[0];
  const order = [key(first ?? 'id'), ...keys.slice(1).map(key)].join(', ');
  const limit = `LIMIT ${dice.pick([1, 2, 5, 20, 20, 100, 100, 2500, dice.whole(1, 20_000)])}${dice.chance(0.3) ? ` OFFSET ${dice.pick([0, 1, 7, 300, 4000])}` : ''}`;
  if (dice.chance(0.15)) return `SELECT id, ${keys[0]} FROM ${from} WHERE ${where} ORDER BY ${order}`;
  const list = dice.pick(['*', 'id', 'id, s, f', `${keys[0]}, id`]);
  return `SELECT ${list} FROM ${from} WHERE ${where} ORDER BY ${order} ${limit}`;
}
