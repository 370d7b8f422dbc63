import assert from 'node:assert/strict';
import type pg from 'pg';
import { type ExpectedTable, expectedTables } from '../connectors/iceberg-fixtures.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { digest, fixtureConfig } from './fixtures.js';

const REQUIRED = ['events_day', 'events_bucket', 'refs', 'empty', 'v2_posdel', 'v2_eqdel', 'v3_dv', 'avro_data'];
const NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

describe('Iceberg tables through the server', () => {
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  const tables = expectedTables();

  before(async () => {
    home = await tempFolder('e2e-iceberg');
    server = await startTimeline({ home: home.path, config: fixtureConfig() });
    client = await server.connect();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  async function rowsOf(sql: string): Promise<{ count: number; sha256: string }> {
    const result = await client.query({
      text: sql,
      rowMode: 'array',
      types: { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig,
    });
    return { count: result.rows.length, sha256: digest(result.fields, result.rows as (string | null)[][]) };
  }

  for (const name of REQUIRED) {
    const table = tables[name] as ExpectedTable;
    const full = `${table.writer === 'pyiceberg' ? 'py' : 'db'}.${name}`;
    it(`${name}: all rows of the current snapshot`, async () => {
      const { count, sha256 } = await rowsOf(`SELECT * FROM ${full}`);
      assert.equal(count, table.current.rows);
      assert.equal(sha256, table.current.sha256 ?? NOTHING);
    });
    for (const query of table.queries) {
      it(`${name}: ${query.filter}`, async () => {
        assert.deepEqual(await rowsOf(`SELECT * FROM ${full} WHERE ${query.filter}`), { count: query.rows, sha256: query.sha256 });
      });
    }
    it(`${name}: every snapshot and ref`, async () => {
      const versions = [...table.snapshots.map((snapshot) => [snapshot.id, snapshot] as const), ...Object.entries(table.refs ?? {})];
      for (const [version, expected] of versions) {
        await client.query(`SET timeline.as_of = '${version}'`);
        const rows = await rowsOf(`SELECT * FROM ${full}`).finally(() => client.query('RESET timeline.as_of'));
        assert.deepEqual(rows, { count: expected.rows, sha256: expected.sha256 }, version);
      }
    });
  }

  it('shows where rows are and whence they come, by the name with $rows', async () => {
    const wanted = (tables['v3_dv'] as ExpectedTable & { lineage: { rows: number; sha256: string } }).lineage;
    const lineage = await rowsOf('SELECT event_id, _row_id, _last_updated_sequence_number FROM db."v3_dv$rows"');
    assert.deepEqual(lineage, { count: wanted.rows, sha256: wanted.sha256 });
    const places = await client.query('SELECT count(*)::int AS n, count(DISTINCT (_file, _pos))::int AS places FROM db."v3_dv$rows"');
    assert.deepEqual(places.rows, [{ n: wanted.rows, places: wanted.rows }]);
  });

  it('reads files without field ids by the name mapping', async () => {
    const { rows } = await client.query({ text: 'SELECT * FROM py.imported ORDER BY 1', rowMode: 'array' });
    assert.equal(rows.length, tables['imported']!.current.rows);
    assert.deepEqual(rows[0], ['1', 'x', { k: 1 }]);
  });

  it('reads variants and nested values as jsonb', async () => {
    const { rows } = await client.query("SELECT v->>'k' AS k, v->'a'->3->>'z' AS z, s->'b'->0->>'d' AS d, m FROM db.v3_types WHERE id = 2");
    assert.deepEqual(rows, [{ k: '2', z: '1.5', d: '2025-01-01T00:00:00', m: { 1: { x: 2 } } }]);
  });

  it('psql sees the same rows and \\d works', async function () {
    if (!(await hasPsql())) return this.skip();
    const count = await runPsql(server, 'SELECT count(*), min(ts), max(event_id) FROM py.events_day');
    assert.equal(count.stderr, '');
    assert.match(count.stdout, /^180\|2025-03-0\d \d\d:\d\d:\d\d\.\d+\+00\|\d+\n$/);
    const described = await runPsql(server, '\\d py.events_day\n\\dt py.*\n\\dn\n', []);
    assert.equal(described.stderr, '');
    assert.match(described.stdout, /entity_id\s*\|\s*text/);
    assert.match(described.stdout, /events_bucket\s*\|\s*table/);
  });
});
