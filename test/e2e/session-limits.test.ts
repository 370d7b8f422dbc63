import assert from 'node:assert/strict';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

/** The server's limits hold whatever a session sets; each has its SQLSTATE and says what to do. */
describe('limits of a session', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('session-limits');
    const env = {
      TIMELINE_LIMITS_MAX_ROWS: '50000',
      TIMELINE_LIMITS_TEMP_BYTES: '500000',
      TIMELINE_LIMITS_TASK_MEMORY: '64MB',
      TIMELINE_LIMITS_STATEMENT_TIMEOUT: '20000',
    };
    server = await startTimeline({ home: home.path, env });
    client = await server.connect();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });
  afterEach(() => client.query('rollback; reset all'));

  const fails = (sql: string, sqlstate: string, hint: RegExp): Promise<void> =>
    assert.rejects(client.query(sql), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, sqlstate, error.message);
      assert.match(error.hint ?? '', hint);
      return true;
    });

  it('rows of an answer, of a table and of the catalogue, through cursors and COPY', async () => {
    await fails('select event_id from lake.events', '54000', /LIMIT.*timeline\.max_rows/);
    await client.query('set timeline.max_rows = 1000000');
    await fails('select event_id from lake.events', '54000', /LIMIT/);
    await fails('copy (select event_id from lake.events) to stdout', '54000', /LIMIT/);
    await client.query('set timeline.max_rows = 10');
    await fails('select event_id from lake.events limit 11', '54000', /LIMIT/);
    await fails('select generate_series(1, 11)', '54000', /LIMIT/);
    assert.equal((await client.query('select event_id from lake.events limit 10')).rows.length, 10);
    assert.equal((await client.query('explain analyze select event_id from lake.events limit 100')).command, 'EXPLAIN');
  });

  it('memory of a task', async () => {
    await client.query("set timeline.memory = '1MB'");
    await fails('select event_id, ts from lake.events order by 2, 1 offset 1000 limit 40000', '53200', /timeline\.memory/);
    await client.query("set timeline.memory = '1TB'");
    const { rows } = await client.query('explain (analyze, format json) select count(*) from lake.events');
    assert.equal(rows[0]['QUERY PLAN'][0].actual.rows, 1);
  });

  it('disk space of SCROLL and held cursors, which is given back', async () => {
    for (let round = 0; round < 3; round += 1) {
      await client.query('begin');
      await client.query('declare c scroll cursor for select event_id, session_id from lake.events');
      await fails('fetch last from c', '53100', /NO SCROLL/);
      await client.query('rollback');
      await client.query('begin');
      await client.query('declare d scroll cursor for select event_id, session_id from lake.events limit 1500');
      assert.equal((await client.query('fetch last from d')).rows.length, 1);
      await client.query('commit');
    }
  });

  it('bytes that are read', async () => {
    await client.query('set timeline.max_bytes = 1000');
    await fails('select count(device_os) from lake.events', '53400', /time range.*timeline\.max_bytes/);
  });

  it('EXPLAIN answers in the types of its formats', async () => {
    for (const [format, oid, start] of [
      ['text', 25, /^Stage/],
      ['json', 114, /^\[/],
      ['xml', 142, /^<explain xmlns/],
      ['yaml', 25, /^- version/],
    ] as const) {
      const types = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;
      for (const analyze of ['', ', analyze']) {
        const answer = await client.query({ text: `explain (format ${format}${analyze}) select count(*) from lake.events`, types });
        assert.equal(answer.fields[0]?.dataTypeID, oid);
        assert.match(String(answer.rows[0]['QUERY PLAN']), start);
        assert.equal(answer.rows.length === 1, format !== 'text');
      }
    }
  });
});
