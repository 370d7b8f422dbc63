import assert from 'node:assert/strict';
import type pg from 'pg';
import { type ExpectedRows, expectedTables } from '../connectors/iceberg-fixtures.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { digest, fixtureConfig } from './fixtures.js';

/** Tables whose types the digest of the harness can write. */
const DIGESTED = new Set(['events_day', 'events_bucket', 'refs', 'v2_posdel', 'v3_dv', 'avro_data']);
const ALWAYS_READ = new Set(['events_day', 'events_bucket', 'refs', 'evolve', 'types']);
const V1 = '8251207010538447621';
const EVOLVE_FIRST = '4028253584907372162';

describe('time travel through the server', () => {
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('e2e-time-travel');
    server = await startTimeline({ home: home.path, config: fixtureConfig() });
    client = await server.connect();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });
  afterEach(async () => void (await client.query('RESET timeline.as_of')));

  async function ask(sql: string, values: unknown[] = []): Promise<{ names: string[]; rows: (string | null)[][]; sha256: string }> {
    const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;
    const result = await client.query({ text: sql, values, rowMode: 'array', types });
    const rows = result.rows as (string | null)[][];
    return { names: result.fields.map((field) => field.name), rows, sha256: digest(result.fields, rows) };
  }

  async function refused(sql: string, code: string, message: RegExp, values: unknown[] = []): Promise<void> {
    await assert.rejects(ask(sql, values), (error: pg.DatabaseError) => {
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  }

  for (const table of Object.values(expectedTables())) {
    const name = `${table.writer === 'pyiceberg' ? 'py' : 'db'}.${table.table}`;
    const versions: (readonly [string, ExpectedRows])[] = [
      ...table.snapshots.map((snapshot) => [snapshot.id, snapshot] as const),
      ...Object.entries(table.refs ?? {}),
    ];
    if (versions.length === 0) continue;
    it(`${name}: every snapshot and ref by at_snapshot() and by timeline.as_of`, async function () {
      for (const [version, expected] of versions) {
        const literal = /^\d+$/.test(version) ? version : `'${version}'`;
        const called = await ask(`SELECT * FROM at_snapshot('${name}', ${literal})`).catch((error: pg.DatabaseError) => {
          // What the reader refuses by name is not this suite's.
          if (error.code === '0A000' && !ALWAYS_READ.has(table.table)) return undefined;
          throw error;
        });
        if (called === undefined) return this.skip();
        await client.query(`SET timeline.as_of = '${version}'`);
        const set = await ask(`SELECT * FROM ${name}`);
        await client.query('RESET timeline.as_of');
        for (const { names, rows, sha256 } of [called, set]) {
          assert.equal(rows.length, expected.rows, version);
          if (expected.columns !== undefined) assert.deepEqual(names, expected.columns, version);
          if (DIGESTED.has(table.table)) assert.equal(sha256, expected.sha256, version);
        }
      }
    });
  }

  it('reads several versions in one query, with aliases, in WITH, subqueries and timeline()', async () => {
    const { rows } = await ask(
      `WITH c AS (SELECT id FROM at_snapshot('py.refs', 'audit')) SELECT a.n, c.id, (SELECT count(*) FROM at_snapshot('py.refs', 'main'))
       FROM at_snapshot('py.refs', 'v1') AS a(n, w) JOIN c ON c.id = a.n JOIN py.refs ON refs.id = c.id`,
    );
    assert.deepEqual(rows, [['1', '1', '3']]);
    const spans = `timeline(SOURCE, key => entity_id, ts => ts, n => latest(event_id))`;
    const then = await ask(`SELECT * FROM ${spans.replace('SOURCE', `at_snapshot('py.events_day', 4488727584711871236)`)}`);
    const option = await ask(`SELECT * FROM ${spans.replace('SOURCE', 'py.events_day').replace(/\)$/, ', as_of => $1)')}`, [
      '4488727584711871236',
    ]);
    const now = await ask(`SELECT * FROM ${spans.replace('SOURCE', 'py.events_day')}`);
    assert.deepEqual(option.rows.map(String).sort(), then.rows.map(String).sort());
    assert.ok(then.rows.length > 0 && then.rows.length < now.rows.length);
    const replay = `read_until((SELECT entity_id AS stream_id, event_id AS version, ts AS event_time FROM at_snapshot('py.events_day', 4488727584711871236) e), '*', '2030-01-01')`;
    assert.equal((await ask(`SELECT * FROM ${replay}`)).rows.length, 60);
  });

  it('takes instants, also as text in the time zone of the session', async () => {
    const { ts = 0 } = expectedTables()['refs']?.snapshots[0] ?? {};
    const text = new Date(ts).toISOString();
    assert.equal((await ask(`SELECT * FROM at_snapshot('py.refs', $1::timestamptz)`, [text])).rows.length, 1);
    await client.query(`SET TimeZone = 'Asia/Tokyo'`);
    const local = new Date(ts + 9 * 3_600_000).toISOString().replace('T', ' ').replace('Z', '');
    assert.equal((await ask(`SELECT * FROM at_snapshot('py.refs', '${local}')`)).rows.length, 1);
    await client.query('RESET TimeZone');
    await refused(`SELECT * FROM at_snapshot('py.refs', '${local.slice(0, 4)}-01-01')`, '22023', /py\.refs has no snapshot as old as/);
    await refused(`SELECT * FROM at_snapshot('py.refs', '2001-01-01'::date)`, '22023', /py\.refs has no snapshot as old as/);
  });

  it('views keep the version, and no catalogue query is disturbed by them', async () => {
    await client.query(`CREATE TEMP VIEW old AS SELECT r.id FROM at_snapshot('py.refs', 'v1') r`);
    await client.query(`CREATE TEMP VIEW older(x) AS SELECT id + 1 FROM old`);
    assert.deepEqual((await ask('SELECT * FROM old')).rows, [['1']]);
    assert.deepEqual((await ask('SELECT x FROM older')).rows, [['2']]);
    assert.deepEqual((await ask(`SELECT count(*) FROM pg_views WHERE viewname IN ('old', 'older')`)).rows, [['2']]);
    assert.deepEqual((await ask(`SELECT relname FROM pg_class WHERE relname ~ '@|snapshot' AND relkind = 'r'`)).rows, []);
    await client.query('DROP VIEW older, old');
  });

  it('prepared statements follow their parameter and the setting, or say that the columns are others', async () => {
    const text = `SELECT id FROM at_snapshot('py.refs', $1) ORDER BY id`;
    const rows = async (version: string): Promise<unknown> =>
      (await client.query({ name: 'versions', text, values: [version], rowMode: 'array' })).rows;
    assert.deepEqual(await rows('v1'), [['1']]);
    assert.deepEqual(await rows('audit'), [['1'], ['10']]);
    await refused(`SELECT * FROM at_snapshot('py.evolve', $1)`, '0A000', /cached plan must not change result type/, [EVOLVE_FIRST]);
    const evolve = async (): Promise<unknown> => (await client.query({ name: 'evolve', text: 'SELECT * FROM py.evolve' })).rows.length;
    assert.equal(await evolve(), 35);
    await client.query(`SET timeline.as_of = '${EVOLVE_FIRST}'`);
    await assert.rejects(evolve(), /cached plan must not change result type/);
  });

  it('EXPLAIN tells the snapshot and what it was asked by', async () => {
    const lines = (await ask(`EXPLAIN SELECT * FROM at_snapshot('py.refs', 'v1')`)).rows.flat().join('\n');
    assert.match(lines, /Scan py\.refs@v1/);
    assert.match(lines, new RegExp(`Snapshot: ${V1} \\(as of v1\\)`));
  });

  it('errors name the table, the column, the place', async () => {
    await refused(`SELECT * FROM at_snapshot('py.refs', 'nope')`, '22023', /table py\.refs has no snapshot, branch or tag "nope"/);
    await refused(`SELECT refs.idd FROM at_snapshot('py.refs', 'v1')`, '42703', /column refs\.idd does not exist/);
    await refused(`SELECT * FROM at_snapshot('py.nope', 1)`, '42P01', /relation "py\.nope" does not exist/);
    await refused(`SELECT * FROM at_snapshot('timeline.queries', 1)`, '0A000', /time travel of table "timeline\.queries"/);
    await refused(`SELECT * FROM at_snapshot('py.refs', true)`, '42804', /version of a table must be/);
    await refused(`SELECT * FROM at_snapshot('py.refs', NULL)`, '22004', /must not be null/);
    await refused(`SELECT * FROM at_snapshot('py.refs')`, '42601', /takes a table and a version/);
    await client.query(`SET timeline.as_of = 'v1'`);
    await refused('SELECT * FROM py.events_day', '22023', /table py\.events_day has no snapshot, branch or tag "v1"/);
  });

  it('psql: \\gdesc shows the columns of the version', async function () {
    if (!(await hasPsql())) return this.skip();
    const { stdout } = await runPsql(server, `SELECT * FROM at_snapshot('py.evolve', ${EVOLVE_FIRST}) \\gdesc\n`, ['-At']);
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('|')[0]),
      expectedTables()['evolve']?.snapshots[0]?.columns,
    );
  });
});
