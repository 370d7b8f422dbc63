import assert from 'node:assert/strict';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';

describe('logsql() in FROM', function () {
  this.timeout(120_000);
  let logs: LogsServer;
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async function () {
    const started = await startVictoriaLogs();
    if (started === undefined) return this.skip();
    logs = started;
    await logs.insert(
      Array.from({ length: 20 }, (_, n) => ({
        _time: `2025-03-01T10:00:${String(n).padStart(2, '0')}Z`,
        _msg: n % 4 === 0 ? 'disk is full' : 'all is well',
        app: n < 15 ? 'shop' : 'bank',
        level: n % 2 === 0 ? 'error' : 'info',
        n: String(n),
      })),
      ['app'],
    );
    home = await tempFolder('e2e-logsql');
    const bank = { encoding: 'foreign', columns: { level: 'text', n: 'int' }, filter: { app: 'bank' } };
    const config = { catalogs: { vl: { type: 'victorialogs', url: logs.url, tenant: logs.tenant, tables: { bank } } } };
    server = await startTimeline({ home: home.path, config: JSON.stringify(config) });
    client = await server.connect();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
    await logs?.close();
  });

  async function rows(sql: string, values: readonly unknown[] = []): Promise<unknown[][]> {
    return (await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows as unknown[][];
  }

  async function fails(sql: string, sqlstate: string, position: number | undefined, message: RegExp, hint?: RegExp): Promise<void> {
    await assert.rejects(client.query(sql), (error: pg.DatabaseError) => {
      assert.equal(error.code, sqlstate, error.message);
      assert.match(error.message, message);
      assert.equal(error.position, position === undefined ? undefined : String(position), error.message);
      if (hint !== undefined) assert.match(error.hint ?? '', hint);
      return true;
    });
  }

  it('gives the entries that pass, with the columns of the table', async () => {
    assert.deepEqual(await rows("SELECT n FROM logsql('vl', $$disk n:<9$$) ORDER BY _time"), [['0'], ['4'], ['8']]);
    assert.deepEqual(await rows("SELECT logsql.n FROM logsql('vl.bank', 'level:error') ORDER BY n"), [[16], [18]]);
    assert.deepEqual(await rows("SELECT count(*) FROM logsql('vl', '{app=\"bank\"} or (n:0)')"), [['6']]);
  });

  it('goes with WHERE on top, joins, parameters, subqueries and views', async () => {
    assert.deepEqual(
      await rows("SELECT l.n FROM logsql('vl', 'disk') AS l WHERE l.app = 'shop' AND l._time >= '2025-03-01 10:00:05Z' ORDER BY l._time"),
      [['8'], ['12']],
    );
    assert.deepEqual(
      await rows("SELECT a.n FROM logsql('vl', 'disk') a JOIN logsql('vl', 'app:bank') b ON a.n = b.n JOIN vl.bank c ON c.n::text = b.n"),
      [['16']],
    );
    assert.deepEqual(await rows('SELECT count(*) FROM logsql($1, $2) WHERE level = $3', ['vl', 'disk', 'error']), [['5']]);
    assert.deepEqual(await rows("SELECT count(*) FROM vl.logs WHERE n IN (SELECT n FROM logsql('vl', 'app:bank'))"), [['5']]);
    await client.query("CREATE TEMP VIEW full_disks AS SELECT n, app FROM logsql('vl', $$disk$$)");
    assert.deepEqual(await rows("SELECT n FROM full_disks WHERE app = 'bank'"), [['16']]);
    await client.query('DROP VIEW full_disks');
  });

  it('reads from its own and other ranges of time in several tasks', async () => {
    await client.query("SET timeline.small_bytes = '0'");
    await client.query("SET timeline.split_bytes = '100'");
    assert.deepEqual(
      await rows(
        "SELECT count(*), min(n::int), max(n::int) FROM logsql('vl', 'level:info _time:[2025-03-01T10:00:05Z, 2025-03-01T10:00:15Z)')",
      ),
      [['5', 5, 13]],
    );
    await client.query('RESET ALL');
  });

  it('shows in EXPLAIN', async () => {
    const plan = (await rows("EXPLAIN SELECT n FROM logsql('vl', 'disk')")).flat().join('\n');
    assert.match(plan, /logsql\(logs, disk\)/);
  });

  it('refuses what is no filter, where it stands', async () => {
    await fails("SELECT 1 FROM logsql('vl', 'a | delete b')", '42601', 31, /pipe/);
    await fails("SELECT 1 FROM logsql('vl', $x$a) or (*$x$)", '42601', 32, /closes nothing/);
    await fails("SELECT 1 FROM logsql('vl', 'it''s')", '42601', 28, /string/);
    await fails("SELECT 1 FROM logsql('vl', 'level:')", '42601', undefined, /rejects the query.*unexpected token/);
    await fails("SELECT 1 FROM logsql('vl', 'n:range(a, b)')", '42601', undefined, /rejects the query/);
    await fails("SELECT 1 FROM logsql('vl')", '42601', 15, /takes a table/);
    await fails("SELECT 1 FROM logsql('vl', NULL)", '22004', 28, /null/);
    await fails("SELECT 1 FROM logsql('vl', 'a' || 'b')", '0A000', 28, /neither a string nor a parameter/);
    await fails("SELECT 1 FROM logsql('vl', 'a') WITH ORDINALITY", '0A000', 15, /ORDINALITY/);
    await fails("SELECT 1 FROM logsql('bl', 'a')", '42P01', 22, /no table of log entries/);
    await fails("SELECT 1 FROM logsql('vl.bnak', 'a')", '42P01', 22, /no table/, /"vl\.bank"/);
    await fails("SELECT 1 FROM logsql('timeline.queries', 'a')", '42P01', 22, /no table/, /vl/);
  });

  it('asks a second filter nothing of the first, and knows the same one again', async () => {
    const long = `disk or "${'x'.repeat(300)}`;
    assert.deepEqual(
      await rows(
        `SELECT (SELECT count(*) FROM logsql('vl', $$${long}1"$$)), (SELECT count(*) FROM logsql('vl', $$not (${long}2")$$)), (SELECT count(*) FROM logsql('vl', $$${long}1"$$))`,
      ),
      [['5', '15', '5']],
    );
  });
});
