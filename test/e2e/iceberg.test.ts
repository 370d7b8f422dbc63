import assert from 'node:assert/strict';
import type pg from 'pg';
import { type ExpectedTable, expectedTables } from '../connectors/iceberg-fixtures.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { digest, fixtureConfig } from './fixtures.js';

const REQUIRED = ['events_day', 'events_bucket', 'refs', 'empty'];
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
    it(`${name}: all rows of the current snapshot`, async () => {
      const { count, sha256 } = await rowsOf(`SELECT * FROM py.${name}`);
      assert.equal(count, table.current.rows);
      assert.equal(sha256, table.current.sha256 ?? NOTHING);
    });
    for (const query of table.queries) {
      it(`${name}: ${query.filter}`, async () => {
        assert.deepEqual(await rowsOf(`SELECT * FROM py.${name} WHERE ${query.filter}`), { count: query.rows, sha256: query.sha256 });
      });
    }
    it(`${name}: every snapshot and ref`, async () => {
      const versions = [...table.snapshots.map((snapshot) => [snapshot.id, snapshot] as const), ...Object.entries(table.refs ?? {})];
      for (const [version, expected] of versions) {
        await client.query(`SET timeline.as_of = '${version}'`);
        assert.deepEqual(await rowsOf(`SELECT * FROM py.${name}`), { count: expected.rows, sha256: expected.sha256 }, version);
      }
      await client.query('RESET timeline.as_of');
    });
  }

  it('refuses features it does not read, naming them', async () => {
    for (const table of ['db.v2_posdel', 'db.v2_eqdel', 'db.avro_data', 'db.v3_dv']) {
      await assert.rejects(client.query(`SELECT count(*) FROM ${table}`), (error: { code?: string; message: string }) => {
        assert.equal(error.code, '0A000', `${table}: ${error.message}`);
        return true;
      });
    }
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
