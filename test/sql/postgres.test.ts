import assert from 'node:assert/strict';
import { truncate, writeFile } from 'node:fs/promises';
import { TimelineError } from '../../sql/errors.js';
import { EmbeddedPostgres } from '../../sql/postgres.js';
import { isImageCurrent } from '../../sql/postgres-image.js';
import { ARRAY_OF, Oid, type } from '../../sql/types.js';
import { CONTEXT, embedded, imagePath, TABLES } from './embedded.js';

async function rejection(work: Promise<unknown>): Promise<TimelineError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof TimelineError, String(error));
    return error;
  }
  assert.fail('it did not fail');
}

describe('the embedded Postgres', function () {
  this.timeout(60_000);
  let postgres: EmbeddedPostgres;
  before(async () => {
    postgres = await embedded();
  });
  const rows = async (sql: string, parameters: readonly (string | null)[] = [], context = CONTEXT) =>
    (await postgres.query(sql, parameters, context)).rows;

  it('tells its version', () => {
    assert.match(postgres.version, /^18\.\d+$/);
  });

  it('infers parameter types and names the columns of results', async () => {
    const described = await postgres.describe(
      'select stream_id, version + $1 as v, amount, $2 from events where tags @> $3 limit $4',
      [0, 0, 0],
      CONTEXT,
    );
    assert.deepEqual(described.parameterTypes, [Oid.int8, Oid.text, ARRAY_OF.get(Oid.text), Oid.int8]);
    const relation = postgres.relationId('lake', 'events');
    assert.deepEqual(described.columns, [
      { name: 'stream_id', type: type(Oid.text), tableOid: relation, columnNumber: 1 },
      { name: 'v', type: type(Oid.int8), tableOid: 0, columnNumber: 0 },
      { name: 'amount', type: type(Oid.numeric, ((18 << 16) | 2) + 4), tableOid: relation, columnNumber: 10 },
      { name: '?column?', type: type(Oid.text), tableOid: 0, columnNumber: 0 },
    ]);
    assert.deepEqual((await postgres.describe('select version > $1 from events', [Oid.int2], CONTEXT)).parameterTypes, [Oid.int2]);
  });

  it("passes on PostgreSQL's errors with code, place and hint", async () => {
    const unknownColumn = await rejection(postgres.describe("select 'é', strem_id from events", [], CONTEXT));
    assert.deepEqual([unknownColumn.sqlstate, unknownColumn.position, unknownColumn.kind], ['42703', 13, 'semantic']);
    assert.match(unknownColumn.hint ?? '', /Perhaps you meant to reference the column "events.stream_id"/);
    // The text that is analysed has words before it.
    const analysed = await rejection(postgres.analyse("select 'é', strem_id from events", [], CONTEXT));
    assert.deepEqual([analysed.sqlstate, analysed.position, analysed.message], ['42703', 13, unknownColumn.message]);
    const mismatch = await rejection(postgres.analyse('select $1 + stream_id from events', [Oid.int4], CONTEXT));
    assert.deepEqual([mismatch.sqlstate, mismatch.position], ['42883', 11]);
    const comment = await postgres.analyse('select 1 -- the end', [], CONTEXT);
    assert.match(comment, /QUERY/);
  });

  it('says so when a statement is nested too deeply, and goes on', async () => {
    for (const terms of [2500, 3500, 5000]) {
      const sql = `select a${'+a'.repeat(terms)} as sum from (select 1 as a) t`;
      const asked: (() => Promise<unknown>)[] = [
        () => postgres.query(sql, [], CONTEXT),
        () => postgres.describe(sql, [], CONTEXT),
        () => postgres.analyse(sql, [], CONTEXT),
      ];
      for (const [i, ask] of asked.entries()) {
        const outcome: unknown = await ask().catch((error: unknown) => error);
        if (outcome instanceof TimelineError) assert.equal(outcome.sqlstate, '54001', `${terms} ${i}: ${outcome.message}`);
        else assert.notDeepEqual((outcome as { columns?: unknown }).columns, [], `${terms} ${i}: an answer without columns`);
      }
      assert.deepEqual(await rows('select count(*) from pg_class where relname = $1', ['events']), [['1']]);
    }
  });

  it('analyses nothing but one SELECT that does not write', async () => {
    for (const text of [
      'create table t()',
      'select 1; select 2',
      '',
      'select 1; end; drop table lake.events; begin',
      'select 1 into x',
      'select * from events for update',
    ]) {
      const error = await rejection(postgres.analyse(text, [], CONTEXT));
      assert.ok(['XX000', '42601', '0A000'].includes(error.sqlstate), `${text}: ${error.sqlstate}`);
    }
    assert.notEqual(postgres.relationId('lake', 'events'), undefined);
  });

  it('refuses to find nothing in a mirrored table, but lets the catalogue see it', async () => {
    for (const text of [
      'select * from events',
      'select count(*) from events',
      'select exists (select from lake.accounts)',
      'select 1 where 1 in (select id from orders)',
    ]) {
      const error = await rejection(postgres.query(text, [], CONTEXT));
      assert.deepEqual([error.sqlstate, error.message], ['XX000', 'the query was sent to the catalogue instead of the engine'], text);
    }
    assert.deepEqual(await rows('select * from events limit 0'), []);
    assert.deepEqual(await rows("select has_table_privilege('lake.events', 'select')"), [['t']]);
    assert.deepEqual(await rows("select reltuples, obj_description(oid, 'pg_class') from pg_class where oid = 'lake.events'::regclass"), [
      ['50', 'Durable event store (Iceberg)'],
    ]);
    assert.deepEqual(
      await rows(
        "select attname, format_type(atttypid, atttypmod), attnotnull from pg_attribute where attrelid = 'orders'::regclass and attnum in (1, 3, 5) order by attnum",
      ),
      [
        ['id', 'bigint', 't'],
        ['total', 'numeric(10,2)', 'f'],
        ['status', 'character(1)', 'f'],
      ],
    );
  });

  it("answers as the session's user, in its database, with its settings; nothing stays", async () => {
    const context = {
      ...CONTEXT,
      user: 'o"hara',
      database: 'shop',
      settings: { 'timeline.driver': "a'b\\c", work_mem: '8MB', role: 'timeline_system' },
    };
    const text =
      "select current_user, session_user, current_database(), current_setting('timeline.driver'), current_setting('work_mem'), current_schema(), current_setting('TimeZone')";
    assert.deepEqual(await rows(text, [], context), [['o"hara', 'o"hara', 'shop', "a'b\\c", '8MB', 'lake', 'Europe/Berlin']]);
    assert.deepEqual(
      await rows("select current_user, current_database(), current_setting('timeline.driver', true), current_setting('work_mem')"),
      [['ann', 'timeline', '', '4MB']],
    );
    assert.deepEqual(await rows("select '2025-07-01 12:00+00'::timestamptz"), [['2025-07-01 14:00:00+02']]);
    assert.deepEqual((await postgres.query('show timeline.driver', [], context)).rows, [["a'b\\c"]]);
    // Names that are roles of Postgres or ours, or can't be roles.
    for (const user of ['postgres', 'timeline_system', 'pg_read_all_data', 'none', 'x'.repeat(70)]) {
      assert.deepEqual(await rows("select current_setting('is_superuser')", [], { ...CONTEXT, user }), [['off']], user);
    }
    // A setting that Postgres does not take costs the settings, not the query.
    assert.deepEqual(await rows('select 1', [], { ...CONTEXT, settings: { work_mem: 'banana' } }), [['1']]);
  });

  it('runs nothing that reaches out of the query', async () => {
    const denied = [
      "select set_config('role', 'timeline_system', false)",
      'select pg_sleep(1)',
      "select pg_read_file('/etc/passwd')",
      "select pg_ls_dir('.')",
      'select lo_create(1)',
      "select query_to_xml('select 1', true, true, '')",
      'select pg_terminate_backend(1)',
      'select pg_advisory_lock(1)',
      'select rolpassword from pg_authid',
    ];
    for (const text of denied) assert.equal((await rejection(postgres.query(text, [], CONTEXT))).sqlstate, '42501', text);
    for (const text of [
      'create table t()',
      'set role timeline_system',
      'begin',
      "copy (select 1) to '/tmp/x'",
      'do $$ begin end $$',
      'with a as (delete from events returning 1) select 1',
    ]) {
      assert.equal((await rejection(postgres.query(text, [], CONTEXT))).sqlstate, '0A000', text);
    }
  });

  it('takes parameters as text and gives text', async () => {
    const result = await postgres.query(
      "select $1::int + 1, $2::text, $3::timestamptz, 'x'::unknown, null",
      ['41', null, '2025-01-01 00:00+00'],
      CONTEXT,
    );
    assert.deepEqual(result.rows, [['42', null, '2025-01-01 01:00:00+01', 'x', null]]);
    assert.equal(result.tag, 'SELECT 1');
    assert.equal((await rejection(postgres.query('select $1::int', ['x'], CONTEXT))).sqlstate, '22P02');
    assert.equal((await rejection(postgres.query('select 1', ['1'], CONTEXT))).sqlstate, '08P01');
  });

  it('keeps OIDs of tables that do not change, and reports tables that cannot be mirrored', async () => {
    const other = await EmbeddedPostgres.open({ imagePath: await imagePath() });
    try {
      const [events, accounts] = TABLES;
      assert.ok(events !== undefined && accounts !== undefined);
      assert.deepEqual(await other.setMirror([events, accounts]), []);
      const before = other.relationId('lake', 'events');
      const first = accounts.columns[0];
      assert.ok(first !== undefined);
      const twice = { ...accounts, table: 'twice', columns: [first, first] };
      const failures = await other.setMirror([
        { ...events, comment: 'new', rowEstimate: 7 },
        { ...accounts, columns: [first] },
        twice,
        { ...accounts, schema: 'pg_catalog' },
      ]);
      assert.deepEqual(
        failures.map((failure) => [failure.schema, failure.table, failure.error.sqlstate]),
        [
          ['pg_catalog', 'accounts', '42939'],
          ['lake', 'twice', '42701'],
        ],
      );
      assert.equal(other.relationId('lake', 'events'), before);
      const result = await other.query(
        "select reltuples, obj_description(oid, 'pg_class') from pg_class where oid = 'lake.events'::regclass",
        [],
        CONTEXT,
      );
      assert.deepEqual(result.rows, [['7', 'new']]);
      assert.equal((await other.describe('select * from accounts', [], CONTEXT)).columns?.length, 1);
      assert.deepEqual(await other.setMirror([]), []);
      assert.equal((await rejection(other.describe('select * from lake.events', [], CONTEXT))).sqlstate, '42P01');
    } finally {
      await other.close();
    }
    assert.equal((await rejection(other.query('select 1', [], CONTEXT))).sqlstate, '57P01');
  });

  it('ends a request that takes too long or is cancelled, and comes back with its mirror', async () => {
    const other = await EmbeddedPostgres.open({ imagePath: await imagePath(), requestTimeout: 1500 });
    try {
      await other.setMirror(TABLES);
      const endless = 'select count(*) from generate_series(1, 1000000000) a';
      const slow = other.query(endless, [], CONTEXT);
      const behind = other.query('select 1', [], CONTEXT);
      assert.equal((await rejection(slow)).sqlstate, '57014');
      assert.deepEqual((await behind).rows, [['1']]);
      assert.equal((await other.describe('select * from lake.events', [], CONTEXT)).columns?.length, 14);
      const controller = new AbortController();
      const cancelled = other.query(endless, [], CONTEXT, { signal: controller.signal });
      setTimeout(() => controller.abort(new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'by the user' })), 50);
      assert.equal((await rejection(cancelled)).message, 'by the user');
      assert.deepEqual((await other.query('select 2', [], CONTEXT)).rows, [['2']]);
    } finally {
      await other.close();
    }
  });

  it('refuses what exhausts its stack, and answers the next request', async () => {
    const deep = `select ${'1+'.repeat(4000)}1`;
    for (const work of [() => postgres.query(deep, [], CONTEXT), () => postgres.analyse(deep, [], CONTEXT)]) {
      assert.equal((await rejection(work())).sqlstate, '54001');
      assert.deepEqual(await rows('select 1'), [['1']]);
    }
    assert.equal((await postgres.describe('select * from lake.events', [], CONTEXT)).columns?.length, 14);
  });

  it('replaces a thread that has grown too large', async () => {
    const other = await EmbeddedPostgres.open({ imagePath: await imagePath(), memoryLimit: 1 });
    try {
      await other.setMirror(TABLES);
      for (const value of ['1', '2', '3']) assert.deepEqual((await other.query('select $1', [value], CONTEXT)).rows, [[value]]);
      assert.equal((await other.describe('select * from lake.events', [], CONTEXT)).columns?.length, 14);
    } finally {
      await other.close();
    }
  });

  it('makes its image again when it is cut off, foreign or empty', async () => {
    const path = `${await imagePath()}.broken`;
    const opens = async () => {
      const other = await EmbeddedPostgres.open({ imagePath: path });
      try {
        assert.deepEqual((await other.query('select 1', [], CONTEXT)).rows, [['1']]);
      } finally {
        await other.close();
      }
    };
    await writeFile(path, 'something else\n');
    await opens();
    assert.equal(await isImageCurrent(path), true);
    await truncate(path, 1_000_000);
    assert.equal(await isImageCurrent(path), false);
    await opens();
  });
});
