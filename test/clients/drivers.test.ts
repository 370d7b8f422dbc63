import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { expectedTables, FIXTURES } from '../connectors/iceberg-fixtures.js';
import { digest, fixtureConfig } from '../e2e/fixtures.js';
import { pythonWith } from '../support/python.js';
import { runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { findVersitygw, startVersitygw } from '../support/versitygw.js';

const PSYCOPG = `
import sys, datetime, psycopg
conn = psycopg.connect(host='127.0.0.1', port=int(sys.argv[1]), user='ann', dbname='timeline', autocommit=True)
sql = 'SELECT event_id, ts, value, attributes FROM py.events_day WHERE event_type = %s AND ts >= %s ORDER BY event_id LIMIT %s'
args = ('rebuffer', datetime.datetime(2025, 3, 2, tzinfo=datetime.timezone.utc), 5)
text = conn.execute(sql, args).fetchall()
assert len(text) == 5 and text[0][1].tzinfo is not None and isinstance(text[0][3], dict), text
for _ in range(8):  # prepared on the way
    assert conn.execute(sql, args).fetchall() == text
assert conn.cursor(binary=True).execute(sql, args).fetchall() == text
with conn.transaction():
    assert conn.execute('SELECT count(*) FROM py.events_day').fetchone() == (180,)
    try:
        with conn.transaction():
            conn.execute('SELECT nope FROM py.events_day')
    except psycopg.errors.UndefinedColumn as e:
        assert e.diag.statement_position == '8'
    assert conn.execute('SELECT 1').fetchone() == (1,)
with conn.pipeline():
    a = conn.execute('SELECT count(*) FROM py.refs'); b = conn.execute('SELECT 2')
    assert a.fetchone() == (3,) and b.fetchone() == (2,)
assert sum(1 for _ in conn.cursor().stream('SELECT * FROM py.events_day')) == 180
spans = conn.execute('''SELECT entity_id, s, seconds FROM timeline(py.events_day, key => entity_id, ts => ts, s => latest(event_type), until => %s) t
                        ORDER BY entity_id, started_at LIMIT 3''', (args[1],)).fetchall()
assert len(spans) == 3 and isinstance(spans[0][2], float), spans
conn.close()
print('done')
`;

describe('drivers against the real server', () => {
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;

  before(async () => {
    home = await tempFolder('clients');
    server = await startTimeline({ home: home.path, config: fixtureConfig() });
  });
  after(async () => {
    await server?.stop();
    await home?.remove();
  });

  it('psycopg 3: parameters, prepared statements, binary, transactions, pipeline, stream, TIMELINE', async function () {
    this.timeout(300_000);
    const python = await pythonWith('psycopg[binary]>=3.2,<4', 'psycopg');
    if (python === undefined) return this.skip();
    const result = await runProgram(python, ['-c', PSYCOPG, String(server.port)]);
    assert.equal(result.stdout.trim(), 'done', result.stderr);
  });

  it('node-postgres: a named statement, a failed transaction and its savepoint', async () => {
    const client = await server.connect();
    try {
      const named = { name: 'q1', text: 'SELECT count(*)::int AS n FROM py.events_day WHERE event_type = $1' };
      assert.deepEqual(
        (await client.query({ ...named, values: ['seek'] })).rows,
        (await client.query({ ...named, values: ['seek'] })).rows,
      );
      await client.query('BEGIN; SAVEPOINT a');
      await assert.rejects(client.query('SELECT 1/0'), { code: '22012' });
      await assert.rejects(client.query('SELECT 1'), { code: '25P02' });
      await client.query('ROLLBACK TO SAVEPOINT a');
      assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.one, 1);
      await client.query('COMMIT');
    } finally {
      await client.end();
    }
  });

  it('the same tables on S3, through the server', async function () {
    this.timeout(120_000);
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    const s3 = await startVersitygw(program);
    const folder = await tempFolder('clients-s3');
    try {
      await cp(FIXTURES, join(s3.folder, 'lake'), { recursive: true });
      const { endpoint, region, accessKeyId, secretAccessKey } = s3.options;
      const config = {
        catalogs: {
          fx: {
            type: 'iceberg',
            catalog: { type: 'sql', uri: join(FIXTURES, 'py/catalog.db') },
            locations: { 'file:///fixtures/iceberg': `s3://${s3.bucket}/lake` },
            s3: { endpoint, region, access_key_id: accessKeyId, secret_access_key: secretAccessKey, path_style: true },
          },
        },
      };
      const remote = await startTimeline({ home: folder.path, config: JSON.stringify(config) });
      const client = await remote.connect();
      try {
        const table = expectedTables()['events_day'];
        const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;
        const result = await client.query({ text: 'SELECT * FROM py.events_day', rowMode: 'array', types });
        assert.equal(digest(result.fields, result.rows as (string | null)[][]), table?.current.sha256);
        const plan = (await client.query('EXPLAIN ANALYZE SELECT count(*) FROM py.events_day')).rows
          .map((row) => row['QUERY PLAN'])
          .join('\n');
        assert.ok(secretAccessKey !== undefined && !plan.includes(secretAccessKey) && !remote.output().includes(secretAccessKey));
      } finally {
        await client.end();
        await remote.stop();
      }
    } finally {
      await s3.close();
      await rm(folder.path, { recursive: true, force: true });
    }
  });
});
