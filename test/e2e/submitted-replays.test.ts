import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SystemConnector } from '../../connectors/system/connector.js';
import type { Config } from '../../src/config.js';
import { buildConfig } from '../../src/config-file.js';
import { openSources, TimelineEngine } from '../../src/engine.js';
import type { ReplayControl } from '../../src/replay/replay-control.js';
import { createReplayRegistry } from '../../src/replay/replay-registry.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createReplayControl } from '../../src/replay/temporal/replay-control.js';
import { startTemporalWorker } from '../../src/replay/temporal/worker.js';
import { withDemoLake } from '../../src/serve.js';
import { stageParts } from '../../src/stage-parts.js';
import { taskParts } from '../../src/task-parts.js';
import { startWireServer } from '../../src/wire/server.js';
import { createWorkerPlanner } from '../../src/worker-planner.js';
import { freshBundle, openServer, until } from '../replay/temporal-support.js';

const QUEUE = 'sql-test';

interface Gateway {
  readonly engine: TimelineEngine;
  readonly client: pg.Client;
  readonly notices: string[];
  connect(): Promise<pg.Client>;
  close(): Promise<void>;
}

/** What `timeline serve` is made of, in this process, with workers of the test's own. */
async function openGateway(config: Config, control: ReplayControl | undefined): Promise<Gateway> {
  const engine = await TimelineEngine.open(config);
  engine.setTemporal(undefined, 'only submitted replays run on it');
  engine.setControl(control);
  const wire = await startWireServer({
    engine,
    host: '127.0.0.1',
    port: 0,
    limits: { maxConnections: 10, maxMessageBytes: 1 << 24, loginTimeoutMs: 10_000 },
  });
  const notices: string[] = [];
  const clients: pg.Client[] = [];
  const connect = async (): Promise<pg.Client> => {
    const client = new pg.Client({ host: '127.0.0.1', port: wire.port, user: 'ann', database: 'timeline', types: TEXT });
    client.on('error', () => undefined);
    client.on('notice', (notice) => notices.push(String(notice.message)));
    await client.connect();
    clients.push(client);
    return client;
  };
  return {
    engine,
    client: await connect(),
    notices,
    connect,
    async close() {
      for (const client of clients) await client.end().catch(() => undefined);
      await wire.close();
      await engine.close();
    },
  };
}

const TEXT = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;

async function rowsOf(client: pg.Client, sql: string, values: readonly unknown[] = []): Promise<string[][]> {
  const answer = await client.query({ text: sql, values: [...values], rowMode: 'array' });
  return answer.rows as string[][];
}

async function one(client: pg.Client, sql: string, values: readonly unknown[] = []): Promise<string> {
  return (await rowsOf(client, sql, values))[0]?.[0] as string;
}

/** A parameter of the extended protocol goes where a string goes in the simple one. */
const PER_DAY = `SELECT ts::date AS day, event_type, count(*) AS n FROM lake.events GROUP BY 1, 2 ORDER BY 1, 2`;

describe('e2e: submitted replays', function () {
  this.timeout(120_000);
  let home: string;
  let config: Config;
  let server: DevServer | undefined;
  let control: (ReplayControl & { close(): Promise<void> }) | undefined;
  let gateway: Gateway;
  const closers: (() => Promise<void>)[] = [];

  before(async function () {
    this.timeout(300_000);
    server = await openServer();
    if (server === undefined) {
      this.skip();
      return;
    }
    home = await mkdtemp(join(tmpdir(), 'timeline-submitted-'));
    const sources = { env: { TIMELINE_HOME: join(home, 'home') }, cwd: home, folder: home };
    config = await withDemoLake(buildConfig({ copy: { locations: [join(home, 'files')] } }, sources));
    const stages = stageParts(config);
    const tables = await openSources(config, [new SystemConnector([])], stages);
    const parts = taskParts(config, tables, stages);
    const planner = createWorkerPlanner(config);
    const { address } = server;
    const bundlePath = await freshBundle();
    const worker = await startTemporalWorker({
      address,
      namespace: 'default',
      taskQueue: QUEUE,
      bundlePath,
      handleSignals: false,
      ...parts,
      planner,
    });
    control = createReplayControl({ address, namespace: 'default', taskQueue: QUEUE, store: stages.store });
    const { close } = control;
    closers.push(
      () => close(),
      () => worker.shutdown(),
      () => planner.close(),
      () => parts.kernel.close(),
      async () => void (await Promise.all(tables.map(({ connector }) => connector.close()))),
      () => stages.files.close(),
    );
    gateway = await openGateway(config, control);
  });

  after(async () => {
    await gateway?.close();
    for (const close of closers) await close().catch(() => undefined);
    await server?.close();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  });

  const ask = (sql: string, values: readonly unknown[] = []): Promise<string[][]> => rowsOf(gateway.client, sql, values);
  const submit = (sql: string, more = ''): Promise<string> => one(gateway.client, `SELECT timeline.submit($1${more})`, [sql]);
  const wait = (id: string): Promise<string> => one(gateway.client, 'SELECT timeline.wait($1)', [id]);
  const completed = async (id: string): Promise<void> => {
    const state = await wait(id);
    const [error] = await ask('SELECT error FROM timeline.replays WHERE id = $1', [id]);
    assert.equal(state, 'completed', String(error));
  };
  const fails = async (sql: string, expected: Readonly<Record<string, unknown>>, values: readonly unknown[] = []): Promise<void> => {
    await assert.rejects(ask(sql, values), (error: Readonly<Record<string, unknown>>) => {
      for (const [key, value] of Object.entries(expected)) {
        if (value instanceof RegExp) assert.match(String(error[key]), value);
        else assert.equal(error[key], value, `${key}: ${String(error['message'])}`);
      }
      return true;
    });
  };

  it('gives the rows of the query itself, in its order', async () => {
    const id = await submit(PER_DAY);
    await completed(id);
    assert.deepEqual(await ask(`SELECT * FROM timeline.result('${id}')`), await ask(PER_DAY));
    assert.deepEqual(await ask('SELECT * FROM timeline.result($1)', [id]), await ask(PER_DAY));
  });

  it('reads a result like a table: alias, join, filter, prepared, named', async () => {
    const id = await submit(PER_DAY);
    await completed(id);
    const expected = await ask(`SELECT event_type, sum(n) FROM (${PER_DAY}) q GROUP BY 1 ORDER BY 1`);
    assert.deepEqual(await ask(`SELECT r.event_type, sum(r.n) FROM timeline.result('${id}') AS r GROUP BY 1 ORDER BY 1`), expected);
    assert.deepEqual(await ask(`SELECT result.event_type, sum(n) FROM timeline.result(id => '${id}') GROUP BY 1 ORDER BY 1`), expected);
    const joined = `SELECT count(*) FROM timeline.result('${id}') a JOIN timeline.result('${id}') b USING (day, event_type) WHERE a.n > $1`;
    assert.equal(await one(gateway.client, joined, [10]), await one(gateway.client, `SELECT count(*) FROM (${PER_DAY}) q WHERE n > 10`));
    await gateway.client.query('PREPARE r(text) AS SELECT event_type, sum(n) FROM timeline.result($1) GROUP BY 1 ORDER BY 1');
    assert.deepEqual(await ask(`EXECUTE r('${id}')`), expected);
    await gateway.client.query(`CREATE TEMP VIEW seen AS SELECT * FROM timeline.result('${id}')`);
    assert.deepEqual(await ask('SELECT event_type, sum(n) FROM seen GROUP BY 1 ORDER BY 1'), expected);
    await gateway.client.query('DROP VIEW seen');
    assert.match(String(await ask(`EXPLAIN SELECT * FROM timeline.result('${id}')`)), new RegExp(id));
    await gateway.client.query('CREATE TABLE results.kept AS SELECT * FROM timeline.result($1)', [id]);
    await gateway.client.query(`INSERT INTO results.kept SELECT * FROM timeline.result('${id}') LIMIT 0`);
    assert.deepEqual(await ask('SELECT event_type, sum(n) FROM results.kept GROUP BY 1 ORDER BY 1'), expected);
    await gateway.client.query('DROP TABLE results.kept');
    await gateway.client.query('BEGIN');
    await gateway.client.query(`DECLARE c CURSOR FOR SELECT event_type, sum(n) FROM timeline.result('${id}') GROUP BY 1 ORDER BY 1`);
    assert.deepEqual(await ask('FETCH ALL FROM c'), expected);
    await gateway.client.query('COMMIT');
    const second = await submit(`SELECT event_type, sum(n) AS n FROM timeline.result('${id}') GROUP BY 1 ORDER BY 1`);
    await completed(second);
    assert.deepEqual(await ask('SELECT * FROM timeline.result($1)', [second]), expected);
  });

  it('shows what there is of it in timeline.replays', async () => {
    const id = await submit(PER_DAY, ", name => 'shown'");
    await completed(id);
    const rows = await ask(
      'SELECT driver, state, user_name, sql, tasks_done = tasks, rows, error, name, kind, result, ended_at >= started_at FROM timeline.replays WHERE id = $1',
      [id],
    );
    const count = await one(gateway.client, `SELECT count(*) FROM (${PER_DAY}) q`);
    assert.deepEqual(rows, [['temporal', 'completed', 'ann', PER_DAY, 't', count, null, 'shown', 'replay', 'inline', 't']]);
  });

  it('makes files: Parquet among the results, CSV and JSON where files may be written', async () => {
    const parquet = await submit(PER_DAY, ", result => 'file'");
    const csv = await submit(PER_DAY, `, result => 'file://${home}/files/a.csv'`);
    const json = await submit(PER_DAY, `, result => 'file://${home}/files/a.json'`);
    for (const id of [parquet, csv, json]) await completed(id);
    assert.deepEqual(await ask('SELECT * FROM timeline.result($1)', [parquet]), await ask(PER_DAY));
    assert.equal(
      await one(gateway.client, 'SELECT result FROM timeline.replays WHERE id = $1', [parquet]),
      `${config.replays.results}/${parquet}.parquet`,
    );
    const expected = await ask(PER_DAY);
    const lines = readFileSync(join(home, 'files', 'a.csv'), 'utf8')
      .trimEnd()
      .split('\n');
    assert.deepEqual(lines, ['day,event_type,n', ...expected.map((row) => row.join(','))]);
    assert.equal(
      readFileSync(join(home, 'files', 'a.json'), 'utf8')
        .trimEnd()
        .split('\n').length,
      expected.length,
    );
    await fails('SELECT * FROM timeline.result($1)', { code: '55000', message: /not Parquet/ }, [csv]);
    const taken = `SELECT timeline.submit('SELECT 1', result => 'file://${home}/files/a.csv')`;
    await fails(taken, { code: '58P02', hint: /replaces no file/ });
    await fails(`SELECT timeline.submit('SELECT 1', result => 'file:///etc/passwd.csv')`, { code: '42501' });
    await fails(`SELECT timeline.submit('SELECT 1', result => 'file://${home}/files/../../x.csv')`, { code: '42501' });
    await fails(`SELECT timeline.submit('SELECT 1', result => 'file://${home}/files/x.exe')`, { code: '22023' });
  });

  it('makes a table, then adds to it, with its origin in the snapshot', async () => {
    const first = await submit(PER_DAY, ", result => 'results.per_day'");
    await completed(first);
    assert.deepEqual(await ask('SELECT * FROM results.per_day ORDER BY 1, 2'), await ask(PER_DAY));
    const second = await submit("SELECT '2026-01-01', 'none', 1", ", result => 'results.per_day'");
    await completed(second);
    assert.deepEqual(await ask("SELECT * FROM results.per_day WHERE day = '2026-01-01'"), [['2026-01-01', 'none', '1']]);
    const summaries = await ask('SELECT summary FROM results."per_day$snapshots" ORDER BY committed_at');
    assert.match(String(summaries[0]), new RegExp(`timeline.replay.*${first}`));
    assert.match(String(summaries[0]), /timeline\.snapshots.*events/);
    await fails('SELECT * FROM timeline.result($1)', { code: '55000', message: /into a table/ }, [second]);
    await fails(`SELECT timeline.submit('SELECT 1', result => 'lake.mine')`, { code: '42501' });
    await fails(`SELECT timeline.submit('SELECT 1', result => 'nowhere.mine')`, { code: '3F000' });
    await fails(`SELECT timeline.submit('SELECT 1', result => 'results.per_day')`, { code: '42804' });
    await fails(`SELECT timeline.submit('SELECT 1', result => 'not a name')`, { code: '22023' });
    await gateway.client.query('DROP TABLE results.per_day');
  });

  it('uses a named result again over the same data only', async () => {
    await gateway.client.query('CREATE TABLE results.grows AS SELECT 1 AS n');
    const sql = 'SELECT sum(n) AS s FROM results.grows';
    const first = await submit(sql, ", name => 'sum'");
    await completed(first);
    gateway.notices.length = 0;
    assert.equal(await submit(sql, ", name => 'sum'"), first);
    assert.match(gateway.notices.join(), /has the result already/);
    assert.notEqual(await submit(sql, ", name => 'other'"), first, 'another name');
    assert.notEqual(await submit(`${sql} WHERE n > 0`, ", name => 'sum'"), first, 'another query');
    assert.notEqual(await submit(sql), first, 'no name');
    await gateway.client.query('INSERT INTO results.grows VALUES (2)');
    const later = await submit(sql, ", name => 'sum'");
    assert.notEqual(later, first, 'another snapshot');
    await completed(later);
    assert.equal(await one(gateway.client, 'SELECT s FROM timeline.result($1)', [later]), '3');
    assert.equal(await one(gateway.client, 'SELECT s FROM timeline.result($1)', [first]), '1');
    const now = 'SELECT now() AS t, n FROM results.grows';
    assert.notEqual(await submit(now, ", name => 'now'"), await submit(now, ", name => 'now'"), 'the time is another');
    const chance = 'SELECT n FROM results.grows WHERE random() < 2';
    assert.notEqual(await submit(chance, ", name => 'chance'"), await submit(chance, ", name => 'chance'"), 'so is chance');
    const ages = "SELECT age(timestamp '2020-01-01' + n * interval '1 day') FROM results.grows";
    assert.notEqual(await submit(ages, ", name => 'age'"), await submit(ages, ", name => 'age'"), 'and age');
    const days = "SELECT (timestamptz '2020-01-01' + n * interval '1 day')::date FROM results.grows";
    assert.equal(await submit(days, ", name => 'days'"), await submit(days, ", name => 'days'"), 'days of the time zone are not');
    await gateway.client.query("SET TimeZone = 'Asia/Tokyo'");
    const tokyo = await submit(days, ", name => 'days'");
    await gateway.client.query('RESET TimeZone');
    assert.notEqual(tokyo, await submit(days, ", name => 'days'"), 'days of another one');
    await gateway.client.query('DROP TABLE results.grows');
  });

  it('runs a named replay anew that failed', async () => {
    await gateway.client.query('CREATE TABLE results.zero AS SELECT 0 AS n');
    const sql = 'SELECT 1 / n FROM results.zero';
    const first = await submit(sql, ", name => 'division'");
    gateway.notices.length = 0;
    assert.equal(await wait(first), 'failed');
    assert.match(gateway.notices.join(), /failed: division by zero/);
    const second = await submit(sql, ", name => 'division'");
    assert.equal(second, first.replace(/-1$/, '-2'));
    assert.equal(await wait(second), 'failed');
    await fails('SELECT * FROM timeline.result($1)', { code: '55000', message: /has failed/, detail: /22012/ }, [first]);
    assert.deepEqual(await ask('SELECT state, error FROM timeline.replays WHERE id = $1', [first]), [['failed', 'division by zero']]);
    await gateway.client.query('DROP TABLE results.zero');
  });

  it('pins its snapshots: rows that come after submit are not in it', async () => {
    await gateway.client.query('CREATE TABLE results.pinned AS SELECT 1 AS n');
    const id = await submit('SELECT count(*) AS n FROM results.pinned, generate_series(1, 3)');
    await gateway.client.query('INSERT INTO results.pinned VALUES (2), (3)');
    await completed(id);
    assert.equal(await one(gateway.client, 'SELECT n FROM timeline.result($1)', [id]), '3');
    await gateway.client.query('DROP TABLE results.pinned');
  });

  it('plans with the settings of the session', async () => {
    await gateway.client.query("SET TimeZone = 'America/New_York'; SET search_path = lake");
    const id = await submit('SELECT min(ts)::text AS first, count(*) AS n FROM events');
    const expected = await ask('SELECT min(ts)::text, count(*) FROM events');
    await completed(id);
    await gateway.client.query('RESET TimeZone; RESET search_path');
    assert.deepEqual(await ask('SELECT * FROM timeline.result($1)', [id]), expected);
    assert.match(String(expected[0]?.[0]), /-0[45]$/);
  });

  it('takes tables about the engine and catalogue as they were when it was submitted', async () => {
    const before = await one(
      gateway.client,
      "SELECT timeline.submit('SELECT count(*) AS n FROM timeline.replays, pg_catalog.pg_class LIMIT 1')",
    );
    await completed(before);
    assert.equal((await ask('SELECT n > 0 FROM timeline.result($1)', [before]))[0]?.[0], 't');
    const values = await submit("VALUES (1, 'a'), (2, NULL)");
    await completed(values);
    assert.deepEqual(await ask('SELECT * FROM timeline.result($1) ORDER BY 1', [values]), [
      ['1', 'a'],
      ['2', null],
    ]);
  });

  it('a wait ends when the records of its replay go', async () => {
    const registry = createReplayRegistry(createFolderFiles(join(home, 'home', 'stages')));
    const nothing = { name: null, kind: 'replay', user: 'me', sql: 'SELECT 1', parameters: [], reuse: null } as const;
    const rest = { columns: [], snapshots: [], stages: [{ id: 0, tasks: 1 }], result: { kind: 'inline' } } as const;
    await registry.submit({ version: 1, id: 'forgotten', submittedAt: Date.now(), ...nothing, ...rest });
    assert.equal(await one(gateway.client, "SELECT timeline.wait('forgotten', timeout => '0')"), 'submitted');
    await registry.remove('forgotten');
    await ask('SELECT count(*) FROM timeline.replays');
    await registry.submit({ version: 1, id: 'forgotten', submittedAt: Date.now(), ...nothing, ...rest });
    const gone = sleep(300).then(async () => {
      await registry.remove('forgotten');
      const other = await gateway.connect();
      await other.query('SELECT count(*) FROM timeline.replays').finally(() => other.end());
    });
    await fails("SELECT timeline.wait('forgotten', timeout => '30 s')", { code: '42704' });
    await gone;
  });

  it('tells errors of the SQL when it is submitted, at their place', async () => {
    const client = gateway.client;
    const text = 'SELECT timeline.submit($$SELECT nope FROM lake.events$$)';
    await fails(text, { code: '42703', position: String(text.indexOf('nope') + 1) });
    const quoted = "SELECT timeline.submit('SELECT ''é'', nope FROM lake.events')";
    await fails(quoted, { code: '42703', position: String(quoted.indexOf('nope') + 1) });
    await fails('SELECT timeline.submit($1)', { code: '42703', position: undefined, detail: /at character 8/ }, [
      'SELECT nope FROM lake.events',
    ]);
    await fails('SELECT timeline.submit($1)', { code: '42601' }, ['SELEC 1']);
    await fails('SELECT timeline.submit($1)', { code: '42601' }, ['']);
    await fails('SELECT timeline.submit($1)', { code: '42601' }, ['SELECT 1; SELECT 2']);
    await fails('SELECT timeline.submit($1)', { code: '42P02' }, ['SELECT $1::int']);
    // No result could be read again that has such a column.
    const rows = 'SELECT row(1, 2) AS r, array[row(1, 2)] AS s';
    for (const result of ['inline', 'file'])
      await fails('SELECT timeline.submit($1, result => $2)', { code: '0A000', message: /column "r" of type record/ }, [rows, result]);
    await fails('SELECT timeline.submit($1)', { code: '42P01' }, ['SELECT * FROM lake.nothing']);
    await fails('SELECT timeline.submit($1)', { code: '22004' }, [null]);
    for (const sql of ['DROP TABLE lake.events', 'SET TimeZone = UTC', 'SELECT 1 FOR UPDATE', 'EXPLAIN SELECT 1'])
      await fails('SELECT timeline.submit($1)', { code: '0A000' }, [sql]);
    await fails('SELECT timeline.submit($1)', { code: '0A000' }, ["SELECT timeline.submit('SELECT 1')"]);
    await fails('SELECT timeline.submit($1, name => $2)', { code: '22023' }, ['SELECT 1', '']);
    const mapped = "SELECT timeline.submit('SELECT 1 AS n, ''x'' AS y', result => 'results.typed')";
    const made = await one(client, mapped);
    await completed(made);
    await fails('SELECT timeline.submit($1)', { code: '0A000' }, ["INSERT INTO results.typed SELECT 2, 'z'"]);
    const wrong = "SELECT timeline.submit('SELECT ''x'', nope', result => 'results.typed')";
    await fails(wrong, { code: '42703', position: String(wrong.indexOf('nope') + 1) });
    await client.query('DROP TABLE results.typed');
  });

  it('plans in the dialect of the session', async () => {
    await gateway.client.query("SET timeline.dialect = 'bigquery'");
    let id: string;
    try {
      id = await one(gateway.client, 'SELECT timeline.submit($1)', ['SELECT COUNTIF(event_type = "play") AS n FROM lake.events']);
      await fails('SELECT timeline.submit($1)', { code: '42703', detail: /was read as/ }, ['SELECT nope FROM lake.events']);
    } finally {
      await gateway.client.query('RESET timeline.dialect');
    }
    await completed(id);
    const plays = "SELECT count(*) FROM lake.events WHERE event_type = 'play'";
    assert.equal(await one(gateway.client, 'SELECT n FROM timeline.result($1)', [id]), await one(gateway.client, plays));
  });

  it('starts a replay whose gateway died before it could', async () => {
    const request = {
      name: 'orphan',
      kind: 'replay',
      user: 'ann',
      sql: PER_DAY,
      settings: { database: 'timeline' },
      result: 'inline',
    } as const;
    const planned = await gateway.engine.planner.plan(request, new AbortController().signal);
    assert.ok(planned.kind === 'planned');
    assert.deepEqual(await ask('SELECT state FROM timeline.replays WHERE id = $1', [planned.replay.id]), [['submitted']]);
    assert.equal(await submit(PER_DAY, ", name => 'orphan'"), planned.replay.id);
    await completed(planned.replay.id);
  });

  it('plans the same interval once, whoever asks how often; anew when it failed or another thing is asked for', async () => {
    const { planner, registry } = gateway.engine;
    const { signal } = new AbortController();
    const interval = { schedule: 'never', from: '1740787200000000', until: '1740873600000000' };
    const request = { name: null, kind: 'interval', interval, user: 'ann', settings: {}, result: 'inline' } as const;
    const sql = 'SELECT $1::text AS a, $2 - $1 AS b';
    const first = await planner.plan({ ...request, sql }, signal);
    assert.ok(first.kind === 'planned');
    assert.deepEqual((await registry.submission(first.replay.id))?.parameters, ['2025-03-01 00:00:00+00', '2025-03-02 00:00:00+00']);
    assert.deepEqual(await planner.plan({ ...request, sql }, signal), first, 'as long as it has not ended');
    await registry.end({ version: 1, id: first.replay.id, state: 'failed', endedAt: Date.now(), rows: 0 });
    const second = await planner.plan({ ...request, sql }, signal);
    assert.ok(second.kind === 'planned' && second.replay.id !== first.replay.id);
    await registry.end({ version: 1, id: second.replay.id, state: 'completed', endedAt: 0, rows: 0, place: { kind: 'inline', bytes: 0 } });
    assert.deepEqual(await planner.plan({ ...request, sql }, signal), { kind: 'exists', id: second.replay.id, ended: true });
    const other = await planner.plan({ ...request, sql: 'SELECT 1' }, signal);
    assert.ok(other.kind === 'planned' && other.replay.id !== second.replay.id);
    const mine = await planner.plan({ ...request, sql, parent: 'backfill-1' }, signal);
    assert.ok(mine.kind === 'planned' && mine.replay.id.startsWith(first.replay.id));
  });

  it('survives hostile arguments', async () => {
    const hostile = [
      '../../etc/passwd',
      '.',
      '..',
      '',
      'a/b',
      `${'x'.repeat(5000)}`,
      "'; DROP TABLE lake.events --",
      '\u{1F600}',
      'replay-\n',
    ];
    for (const id of hostile) {
      assert.equal(await one(gateway.client, 'SELECT timeline.cancel($1)', [id]), 'f');
      assert.equal(await one(gateway.client, 'SELECT timeline.pause($1)', [id]), 'f');
      assert.equal(await one(gateway.client, 'SELECT timeline.unschedule($1)', [id]), 'f');
      await fails('SELECT timeline.wait($1)', { code: '42704' }, [id]);
      await fails('SELECT * FROM timeline.result($1)', { code: '42704' }, [id]);
      await fails("SELECT timeline.backfill($1, now(), now() + interval '1 day')", { code: '42704' }, [id]);
      await fails("SELECT timeline.schedule($1 || ' ', '@daily', 'SELECT 1')", { code: '22023' }, [id]);
    }
    await fails('SELECT * FROM timeline.result($1)', { code: '22004' }, [null]);
    await fails('SELECT timeline.submit($1)', { code: '54000' }, [`SELECT '${'x'.repeat(1 << 20)}'`]);
    await fails("SELECT timeline.schedule('long', '@daily', $1)", { code: '54000' }, [`SELECT '${'x'.repeat(1 << 16)}'`]);
    await fails("SELECT timeline.cancel(x) FROM generate_series(1, 10001) n, repeat('x', n) x", {
      code: '54000',
      hint: /Nothing was done/,
    });
    const name = `"quoted" 'name' \\ ${'n'.repeat(150)}`;
    const id = await one(gateway.client, 'SELECT timeline.submit($1, $2)', ['SELECT 1 AS one', name]);
    await completed(id);
    assert.equal(await one(gateway.client, 'SELECT name FROM timeline.replays WHERE id = $1', [id]), name);
    await fails("SELECT timeline.backfill('x', 'infinity', 'infinity')", { code: '22008' });
  });

  it('acts once for each row, in both protocols', async () => {
    const ids = [await submit('SELECT 1 AS a'), await submit('SELECT 2 AS a')];
    for (const id of ids) await completed(id);
    const answer = await gateway.client.query(
      `SELECT timeline.cancel(id) AS gone, id, timeline.wait(id, interval '1 s') FROM timeline.replays WHERE id IN ('${ids.join("', '")}') ORDER BY id`,
    );
    assert.deepEqual(
      answer.fields.map((field) => [field.name, field.dataTypeID]),
      [
        ['gone', 16],
        ['id', 25],
        ['wait', 25],
      ],
    );
    assert.deepEqual(
      answer.rows.map((row) => Object.values(row)),
      [...ids].sort().map((id) => ['f', id, 'completed']),
    );
    const again = await rowsOf(
      gateway.client,
      'SELECT *, timeline.wait(id) FROM (SELECT id FROM timeline.replays WHERE id = ANY($1::text[])) q',
      [ids],
    );
    assert.deepEqual(
      again.map((row) => row[1]),
      ['completed', 'completed'],
    );
  });

  it('pauses, resumes and cancels, and tells progress', async () => {
    const client = await gateway.connect();
    await client.query("SET timeline.small_bytes = 0; SET timeline.split_bytes = '100kB'; SET timeline.progress = on");
    const slow = `SELECT count(*) AS n FROM lake.events a JOIN generate_series(1, 400) s ON length(a.session_id || s::text) > 0`;
    const id = await one(client, 'SELECT timeline.submit($1)', [slow]);
    await until(
      'a running replay',
      async () => (await one(client, 'SELECT state FROM timeline.replays WHERE id = $1', [id])) === 'running',
    );
    assert.equal(await one(client, 'SELECT timeline.pause($1)', [id]), 't');
    await until('a paused replay', async () => (await one(client, 'SELECT state FROM timeline.replays WHERE id = $1', [id])) === 'paused');
    assert.equal(await one(client, "SELECT timeline.wait($1, '100 ms')", [id]), 'paused');
    assert.equal(await one(client, 'SELECT timeline.resume($1)', [id]), 't');
    gateway.notices.length = 0;
    await until('a replay that goes on', async () => (await one(client, "SELECT timeline.wait($1, '50 ms')", [id])) === 'running');
    assert.equal(await one(client, "SELECT timeline.cancel($1, 'enough')", [id]), 't');
    assert.equal(await one(client, 'SELECT timeline.wait($1)', [id]), 'cancelled');
    assert.match(gateway.notices.join('\n'), /stage \d of \d: \d+ of \d+ tasks, .* rows?, .* read/);
    assert.match(gateway.notices.join('\n'), /cancelled: enough/);
    assert.equal(await one(client, 'SELECT timeline.cancel($1)', [id]), 'f');
  });

  it('is there after the gateway was restarted', async () => {
    const done = await submit('SELECT 7 AS n');
    await completed(done);
    const before = await one(gateway.client, 'SELECT timeline.submit($1)', [PER_DAY]);
    await gateway.close();
    gateway = await openGateway(config, control);
    assert.equal(await one(gateway.client, 'SELECT n FROM timeline.result($1)', [done]), '7');
    await completed(before);
    assert.deepEqual(await ask('SELECT * FROM timeline.result($1)', [before]), await ask(PER_DAY));
    assert.deepEqual(await ask('SELECT state, kind FROM timeline.replays WHERE id = $1', [done]), [['completed', 'replay']]);
    const metrics = await gateway.engine.metrics.registry.metrics();
    assert.match(metrics, /timeline_replays\{state="completed"\} [1-9]/);
    assert.match(metrics, /timeline_replays\{state="running"\} 0/);
    assert.match(metrics, /timeline_replays_bytes_read [1-9]/);
  });

  it('fills a table from the past of a schedule, as one query over the whole range would', async () => {
    const per = 'SELECT ts::date AS day, event_type, count(*) AS n FROM lake.events WHERE ts >= $1 AND ts < $2 GROUP BY 1, 2';
    const made = await one(gateway.client, "SELECT timeline.schedule('daily', '0 0 * * *', $1, result => 'results.daily')", [per]);
    assert.equal(made, 'daily');
    await fails("SELECT timeline.schedule('daily', '0 0 * * *', 'SELECT 1')", { code: '42710' });
    await fails("SELECT timeline.schedule('wrong', '0 0 * * *', 'SELECT $3::int')", { code: '42P02' });
    await fails("SELECT timeline.schedule('wrong', '0 0 * * *', 'SELECT nope')", { code: '42703' });
    await fails("SELECT timeline.schedule('wrong', 'whenever', 'SELECT 1')", { code: '22023' });
    await fails("SELECT timeline.schedule('wrong', '0 0 * * *', 'SELECT 1', overlap => 'perhaps')", { code: '22023' });
    await fails("SELECT timeline.schedule('wrong', '0 0 * * *', 'SELECT 1', time_zone => 'Nowhere/Land')", { code: '22023' });
    const [row] = await ask(
      'SELECT name, cron, time_zone, sql, result, overlap, paused, user_name, next_run > now() FROM timeline.schedules',
    );
    assert.deepEqual(row, ['daily', '0 0 * * *', 'UTC', per, 'results.daily', 'skip', 'f', 'ann', 't']);
    const id = await one(gateway.client, "SELECT timeline.backfill('daily', '2025-03-01', '2025-03-08', parallel => 3)");
    await completed(id);
    const whole =
      "SELECT ts::date AS day, event_type, count(*) AS n FROM lake.events WHERE ts >= '2025-03-01' AND ts < '2025-03-08' GROUP BY 1, 2 ORDER BY 1, 2";
    assert.deepEqual(await ask('SELECT * FROM results.daily ORDER BY 1, 2'), await ask(whole));
    assert.deepEqual(
      await ask(
        'SELECT kind, state, tasks, tasks_done, rows, schedule, interval_from, interval_until FROM timeline.replays WHERE id = $1',
        [id],
      ),
      [['backfill', 'completed', '7', '7', String((await ask(whole)).length), 'daily', '2025-03-01 00:00:00+00', '2025-03-08 00:00:00+00']],
    );
    // What is in the table is not added again, whoever asks for it, and how many at once.
    const again = ['2025-03-05', '2025-03-06'].map((from) => `SELECT timeline.backfill('daily', '${from}', '2025-03-10')`);
    for (const other of [await one(gateway.client, again[0] ?? ''), await one(gateway.client, again[1] ?? '')]) await completed(other);
    assert.deepEqual(await ask('SELECT * FROM results.daily ORDER BY 1, 2'), await ask(whole.replace('2025-03-08', '2025-03-10')));
    assert.equal(
      await one(gateway.client, "SELECT count(*) FROM timeline.replays WHERE parent = $1 AND kind = 'interval' AND state = 'completed'", [
        id,
      ]),
      '7',
    );
    const missing = await one(gateway.client, "SELECT timeline.backfill('daily', '2025-03-07', '2025-03-10', missing_only => true)");
    await completed(missing);
    assert.equal(await one(gateway.client, 'SELECT count(DISTINCT day) FROM results.daily'), '9');
    assert.equal(
      await one(gateway.client, 'SELECT sum(n) FROM results.daily'),
      await one(gateway.client, "SELECT count(*) FROM lake.events WHERE ts >= '2025-03-01' AND ts < '2025-03-10'"),
    );
    assert.equal(await one(gateway.client, "SELECT timeline.pause_schedule('daily')"), 't');
    await until('a paused schedule', async () => (await one(gateway.client, 'SELECT paused FROM timeline.schedules')) === 't');
    assert.equal(await one(gateway.client, "SELECT timeline.resume_schedule('daily')"), 't');
    assert.equal(await one(gateway.client, "SELECT timeline.unschedule('daily')"), 't');
    assert.equal(await one(gateway.client, "SELECT timeline.unschedule('daily')"), 'f');
    await gateway.client.query('DROP TABLE results.daily');
  });

  it('leaves nothing half-submitted where Temporal is away, and goes on telling what it knows', async () => {
    const done = await submit('SELECT 1 AS n');
    await completed(done);
    const away = createReplayControl({ address: '127.0.0.1:1', namespace: 'default', taskQueue: QUEUE, store: gateway.engine.stageStore });
    gateway.engine.setControl(away);
    try {
      await fails("SELECT timeline.submit('SELECT 5 AS five', name => 'away')", { code: '08001' });
      const begun = performance.now();
      assert.deepEqual(await ask("SELECT state FROM timeline.replays WHERE name = 'away'"), [['failed']]);
      assert.equal(await one(gateway.client, 'SELECT n FROM timeline.result($1)', [done]), '1');
      assert.ok(performance.now() - begun < 20_000);
      await fails('SELECT * FROM timeline.schedules', { code: '08001' });
      gateway.engine.setControl(undefined);
      await fails("SELECT timeline.submit('SELECT 5')", { code: '55000' });
      assert.deepEqual(await ask('SELECT * FROM timeline.schedules'), []);
    } finally {
      gateway.engine.setControl(control);
      await away.close();
    }
    const id = await submit('SELECT 5 AS five', ", name => 'away'");
    await completed(id);
    await sleep(0);
  });
});
