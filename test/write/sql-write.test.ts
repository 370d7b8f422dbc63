import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { openEngine, type TestEngine } from './engine.js';
import { createWritableConnector } from './writable-connector.js';

async function failure(work: Promise<unknown>): Promise<{ code: string; message: string; hint?: string; position?: string }> {
  try {
    await work;
  } catch (error) {
    const { code, message, hint, position } = error as pg.DatabaseError;
    return { code: code ?? '', message, ...(hint === undefined ? {} : { hint }), ...(position === undefined ? {} : { position }) };
  }
  throw new Error('it did not fail');
}

describe('SQL that writes', function () {
  this.timeout(60_000);
  let folder: string;
  let test: TestEngine;
  let client: pg.Client;
  const connectorOptions: { onStep?: (step: string) => void | Promise<void> } = {};

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'timeline-write-'));
    const connector = createWritableConnector({
      folder: join(folder, 'lake'),
      splitBytes: 100e6,
      onStep: (step) => connectorOptions.onStep?.(step),
    });
    test = await openEngine({ folder, connector });
    client = await test.connect();
  });

  after(async () => {
    await test?.close();
    await rm(folder, { recursive: true, force: true });
  });

  afterEach(() => {
    delete connectorOptions.onStep;
  });

  const rows = async (sql: string, values?: unknown[]): Promise<unknown[][]> =>
    (await client.query({ text: sql, rowMode: 'array', ...(values === undefined ? {} : { values }) })).rows as unknown[][];
  const tag = async (sql: string, values?: unknown[]): Promise<string> => {
    const { command, rowCount } = await client.query(values === undefined ? sql : { text: sql, values });
    return `${command} ${rowCount}`;
  };

  it('CREATE TABLE AS, and what other sessions see of it', async () => {
    const other = await test.connect();
    assert.equal(
      await tag(`create table results.made (k, v) with (partitioning = 'day(ts)') as
        select n, 'v' || n as name, n * 1.5 as f, timestamptz '2025-01-01 00:00:00+00' + n * interval '1 hour' as ts from generate_series(1, 100) n`),
      'SELECT 100',
    );
    const sum = await other.query({ text: 'select count(*), sum(k), max(v), min(ts)::text, sum(f) from results.made', rowMode: 'array' });
    assert.deepEqual(sum.rows, [['100', '5050', 'v99', '2025-01-01 01:00:00+00', '7575.0']]);
    const shape = await other.query({
      text: "select column_name, data_type from information_schema.columns where table_schema = 'results' and table_name = 'made' order by ordinal_position",
      rowMode: 'array',
    });
    assert.deepEqual(shape.rows, [
      ['k', 'integer'],
      ['v', 'text'],
      ['f', 'numeric'],
      ['ts', 'timestamp with time zone'],
    ]);
    assert.deepEqual(await failure(client.query('create table results.made as select 1 as a')), {
      code: '42P07',
      message: 'relation "made" already exists',
    });
    assert.equal(await tag('create table if not exists results.made as select 1 as a'), 'CREATE null');
    assert.equal(await tag('create table results.empty as select 1 as a, null::int[] as b with no data'), 'CREATE null');
    assert.deepEqual(await rows('select * from results.empty'), []);
    assert.equal(await tag('select k, v into results.taken from results.made where k < 4 union all select 9, null'), 'SELECT 4');
    assert.deepEqual(await rows('select k from results.taken order by k'), [[1], [2], [3], [9]]);
    for (const table of ['made', 'empty', 'taken']) assert.equal(await tag(`drop table results.${table}`), 'DROP null');
  });

  it('INSERT assigns as PostgreSQL does', async () => {
    await client.query(
      'create table results.typed (a int, b numeric(6,2), c text not null, d timestamptz, e int[], f jsonb, g bool, h date)',
    );
    assert.equal(await tag("insert into results.typed (c, a, b) values ('x', 1.6, 2.345), ('y', default, '7')"), 'INSERT 2');
    assert.equal(
      await tag(
        `insert into results.typed select 3, 1e3, 5, '2025-02-03', '{1,2}', '{"b":1, "a":[true]}', 'on', '2025-02-03 10:00'::timestamp`,
      ),
      'INSERT 1',
    );
    assert.deepEqual(await rows('select a, b, c, d::text, e, f::text, g, h::text from results.typed order by a'), [
      [2, '2.35', 'x', null, null, null, null, null],
      [3, '1000.00', '5', '2025-02-03 00:00:00+00', [1, 2], '{"a": [true], "b": 1}', true, '2025-02-03'],
      [null, '7.00', 'y', null, null, null, null, null],
    ]);
    assert.equal(await tag('insert into results.typed (a, c) select a + 100, c from results.typed where a is not null', []), 'INSERT 2');
    assert.equal(await tag('insert into results.typed (a, c) values ($1, $2)', [7, 'seven']), 'INSERT 1');
    assert.equal(await tag('insert into results.typed (c, a) select $1, $2', ['eight', '8']), 'INSERT 1');
    assert.deepEqual(await rows('select count(*) from results.typed'), [['7']]);
    assert.equal(await tag('insert into results.typed table results.typed'), 'INSERT 7');
    assert.equal(await tag('insert into results.typed select * from results.typed where false'), 'INSERT 0');
    await client.query('prepare ins(int) as insert into results.typed (a, c) values ($1, $1 || $1::text)');
    assert.equal(await tag('execute ins(42)'), 'INSERT 1');
    assert.deepEqual(await rows('select c from results.typed where a = 42'), [['4242']]);
  });

  it("errors are PostgreSQL's, and leave nothing", async () => {
    const before = await rows('select count(*) from results.typed');
    const told = async (sql: string): Promise<unknown[]> => {
      const { code, message } = await failure(client.query(sql));
      return [code, message];
    };
    assert.deepEqual(await told("insert into results.typed (a, c) values ('x', 'y')"), [
      '22P02',
      'invalid input syntax for type integer: "x"',
    ]);
    assert.deepEqual(await told('insert into results.typed (nope) values (1)'), [
      '42703',
      'column "nope" of relation "typed" does not exist',
    ]);
    assert.deepEqual(await told('insert into results.typed (a, a) values (1, 2)'), ['42701', 'column "a" specified more than once']);
    assert.deepEqual(await told('insert into results.typed (a) values (1, 2)'), [
      '42601',
      'INSERT has more expressions than target columns',
    ]);
    assert.deepEqual(await told('insert into results.typed (a, c) values (true, 1)'), [
      '42804',
      'column "a" is of type integer but expression is of type boolean',
    ]);
    assert.deepEqual(await told("insert into results.typed (b, c) values (123456.7, 'x')"), ['22003', 'numeric field overflow']);
    assert.deepEqual(await told('insert into results.nope values (1)'), ['42P01', 'relation "results.nope" does not exist']);
    assert.deepEqual(await told('insert into results.typed (a) values (1)'), [
      '23502',
      'null value in column "c" of relation "typed" violates not-null constraint',
    ]);
    assert.deepEqual(await told("insert into results.typed (a, c) select 1 / (n - 50), 'x' from generate_series(1, 100) n"), [
      '22012',
      'division by zero',
    ]);
    assert.equal((await told("insert into results.typed (a, c) values (1, 'x') returning a"))[0], '0A000');
    assert.equal((await told("insert into results.typed (a, c) values (1, 'x') on conflict do nothing"))[0], '0A000');
    assert.equal((await told('update results.typed set a = 1'))[0], '0A000');
    assert.deepEqual(await told('create table results.twice as select 1 as a, 2 as a'), ['42701', 'column "a" specified more than once']);
    assert.deepEqual(await told('create table results.many (a, b) as select 1'), ['42601', 'too many column names were specified']);
    assert.deepEqual(await told('drop table results.nope'), ['42P01', 'table "nope" does not exist']);
    assert.deepEqual(await rows('select count(*) from results.typed'), before);
  });

  it('what the configuration does not list is refused', async () => {
    const told = async (sql: string): Promise<string> => (await failure(client.query(sql))).code;
    assert.equal(await told('create table elsewhere.x as select 1 as a'), '3F000');
    assert.equal(await told('create table pg_catalog.x as select 1 as a'), '42501');
    assert.equal(await told('create table timeline.x as select 1 as a'), '42501');
    assert.equal(await told("insert into pg_catalog.pg_class (relname) values ('x')"), '42501');
    assert.equal(await told("insert into timeline.queries (id) values ('x')"), '42501');
    assert.equal(await told('drop table timeline.queries'), '42501');
    assert.equal(await told('create temp table x as select 1 as a'), '0A000');
    assert.equal(await told("copy (select 1) to '/tmp/x.csv'"), '42501');
    assert.equal(await told("copy (select 1) to program 'cat'"), '42501');
  });

  it('transactions: refused in blocks and where they are read-only', async () => {
    await client.query('begin');
    assert.deepEqual(await failure(client.query('create table results.t as select 1 as a')), {
      code: '25001',
      message: 'CREATE TABLE AS cannot run inside a transaction block',
      hint: 'Each statement that writes is a transaction of its own here.',
    });
    await client.query('rollback');
    await client.query('begin read only');
    assert.equal((await failure(client.query('drop table results.typed'))).code, '25006');
    await client.query('rollback');
    await client.query('set default_transaction_read_only = on');
    assert.deepEqual(await failure(client.query("insert into results.typed (c) values ('x')")), {
      code: '25006',
      message: 'cannot execute INSERT in a read-only transaction',
    });
    await client.query('reset default_transaction_read_only');
    assert.equal((await failure(client.query("select 1; insert into results.typed (c) values ('x')"))).code, '25001');
  });

  it('EXPLAIN shows what is written and writes nothing; EXPLAIN ANALYZE does', async () => {
    const count = async (): Promise<unknown> => (await rows('select count(*) from results.typed'))[0]?.[0];
    const before = Number(await count());
    const plan = (await rows("explain insert into results.typed (a, c) values (1, 'x')")).map(([line]) => line).join('\n');
    assert.match(plan, /Commit to results\.typed what stage 1 wrote/);
    assert.match(plan, /Write files for results\.typed: a, b, c, d, e, f, g, h/);
    assert.match((await rows('explain create table results.new as select 1 as a')).join('\n'), /Commit to results\.new/);
    assert.equal(await count(), String(before));
    await rows("explain analyze insert into results.typed (a, c) values (1, 'x')");
    assert.equal(await count(), String(before + 1));
  });

  it('a million rows over several tasks, and two sessions at once', async () => {
    await client.query('create table results.big as select n, n % 1000 as k from generate_series(1, 250000) n');
    for (let i = 0; i < 2; i++) await client.query('insert into results.big select * from results.big');
    const plan = (await rows('explain create table results.copy as select n, k from results.big where k >= 0')).map(([line]) =>
      String(line),
    );
    assert.ok(
      plan.some((line) => /Stage 1 \(scan\): [2-9] tasks/.test(line)),
      plan.join('\n'),
    );
    assert.equal(await tag('create table results.copy as select n, k from results.big'), 'SELECT 1000000');
    assert.deepEqual(await rows('select count(*), sum(n) from results.copy'), [['1000000', '125000500000']]);
    const other = await test.connect();
    await Promise.all([
      client.query('insert into results.copy select 0, -1 from generate_series(1, 10)'),
      other.query('insert into results.copy select 0, -2 from generate_series(1, 20)'),
    ]);
    assert.deepEqual(await rows('select k, count(*) from results.copy where k < 0 group by k order by k'), [
      [-2, '20'],
      [-1, '10'],
    ]);
  });

  it('a failing write or commit is tried again, and every row comes once', async () => {
    const { TimelineError } = await import('../../sql/errors.js');
    await client.query('create table results.flaky (a int)');
    for (const step of ['write', 'before commit', 'after commit']) {
      let failures = 2;
      connectorOptions.onStep = (at) => {
        if (at !== step || failures-- <= 0) return;
        throw new TimelineError({ kind: 'connector', sqlstate: '58030', message: `lost at ${step}`, retryable: true });
      };
      assert.equal(await tag('insert into results.flaky select n from generate_series(1, 10) n'), 'INSERT 10');
    }
    assert.deepEqual(await rows('select count(*), count(distinct a) from results.flaky'), [['30', '10']]);
  });

  it('a cancelled write leaves nothing to be seen', async () => {
    connectorOptions.onStep = (at) => (at === 'write' ? new Promise((resolve) => setTimeout(resolve, 1500)) : undefined);
    const other = await test.connect();
    const { rows: pid } = await other.query({ text: 'select pg_backend_pid()', rowMode: 'array' });
    void pid;
    await other.query('set statement_timeout = 300');
    assert.equal((await failure(other.query('insert into results.flaky values (1)'))).code, '57014');
    assert.deepEqual(await rows('select count(*) from results.flaky'), [['30']]);
  });

  it('CALL: arguments by name and position, errors of arguments', async () => {
    assert.deepEqual(await rows("call timeline.optimize('results.flaky')"), [[null, null, null, null, '7', 'optimize results.flaky']]);
    const { rows: orphans } = await client.query(
      "call timeline.remove_orphan_files('results.flaky', older_than => '2025-01-01 00:00+00', dry_run => true)",
    );
    assert.deepEqual(orphans, [{ path: '{"older_than":"2025-01-01 00:00:00+00","dry_run":"true"}', bytes: null }]);
    assert.deepEqual((await client.query('call timeline.optimize($1)', ['results.flaky'])).rows[0]?.rows, '7');
    assert.deepEqual(await failure(client.query("call timeline.optimize('results.flaky', nope => 1)")), {
      code: '42883',
      message: 'procedure timeline.optimize(unknown, nope => integer) does not exist',
      hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
    });
    assert.equal((await failure(client.query("call timeline.vacuum('results.flaky')"))).code, '42883');
    assert.equal((await failure(client.query("call timeline.optimize('timeline.queries')"))).code, '42501');
    assert.equal((await failure(client.query("call timeline.optimize('a b c')"))).code, '42602');
  });

  it('TIMELINE and views as sources', async () => {
    await client.query(
      "create table results.ev as select 'a' as k, timestamptz '2025-01-01 00:00+00' + n * interval '1 min' as ts, n as x from generate_series(1, 5) n",
    );
    await client.query('create temp view v as select k, x from results.ev where x > 3');
    await client.query('create table results.views (k text, x int)');
    assert.equal(await tag('insert into results.views select k, x from v'), 'INSERT 2');
    assert.equal(await tag('insert into results.views with w as (select * from v) select * from w'), 'INSERT 2');
    assert.equal(
      await tag(
        "insert into results.views select k, s from timeline(results.ev, key => k, ts => ts, s => latest(x), until => timestamptz '2025-01-02 00:00+00')",
      ),
      'INSERT 5',
    );
    assert.deepEqual(await rows('select x, count(*) from results.views where x > 2 group by x order by x'), [
      [3, '1'],
      [4, '3'],
      [5, '3'],
    ]);
    assert.equal((await failure(client.query('insert into v values (1)'))).code, '0A000');
    assert.equal((await failure(client.query('drop table v'))).code, '42809');
  });
});
