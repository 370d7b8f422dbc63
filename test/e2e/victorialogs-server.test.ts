import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { Random } from '../../src/events/random.js';
import { cases } from '../support/cases.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';

const ROWS = cases('TIMELINE_LOGS_ROWS', { usual: 60_000, full: 1_000_000 });
const KILLS = cases('TIMELINE_LOGS_KILLS', { usual: 6, full: 60 });
const START = Date.UTC(2025, 2, 1);
const SPAN_MS = 30 * 86_400_000;

function documents(from: number, to: number): object[] {
  return Array.from({ length: to - from }, (_, n) => from + n).map((n) => ({
    _time: new Date(START + Math.floor((n * SPAN_MS) / ROWS)).toISOString(),
    _msg: `request ${n}`,
    app: `app${n % 5}`,
    user: `u${(n * 7919) % 10_000}`,
    num: String(n),
  }));
}

/** Each number once: the sum tells of rows that are missing or there twice. */
const SUM = String((BigInt(ROWS) * BigInt(ROWS - 1)) / 2n);

describe(`${ROWS} log entries, and a VictoriaLogs that goes away`, function () {
  this.timeout(900_000);
  let logs: LogsServer | undefined;
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let own: LogsServer;

  before(async function () {
    logs = await startVictoriaLogs({ own: true });
    if (logs === undefined) this.skip();
    own = logs;
    for (let n = 0; n < ROWS; n += 50_000) await logs.insert(documents(n, Math.min(ROWS, n + 50_000)), ['app']);
    // What is on its disk outlives a kill.
    await logs.stop();
    home = await tempFolder('e2e-logs-server');
    const lake = {
      type: 'iceberg',
      catalog: { type: 'filesystem', warehouse: `file://${home.path}/warehouse` },
      write: { schemas: ['lake'] },
    };
    const auth = { type: 'bearer', token: 'sesame-and-more' };
    const tables = { numbers: { columns: { num: 'int8', user: 'text' } } };
    const vl = { type: 'victorialogs', url: logs.url, tenant: logs.tenant, auth, tables };
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: { lake, vl } }), temporal: 'off' });
    client = await server.connect();
    await client.query("CREATE TABLE lake.keys AS SELECT 'u' || n AS id FROM generate_series(1, 20) n");
    // Several windows and tasks.
    await client.query(`SET timeline.split_bytes = ${Math.ceil((ROWS * 95) / 12)}`);
    await client.query('SET timeline.small_bytes = 0');
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
    await logs?.close();
  });

  const rows = async (sql: string): Promise<unknown[][]> => (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
  const scratch = (): Promise<string[]> => readdir(join(home.path, 'scratch'));

  /** A CancelRequest, on a connection of its own. */
  function cancel(of: object): void {
    const { processID, secretKey } = of as { processID: number; secretKey: number };
    const packet = Buffer.alloc(16);
    [16, 80_877_102, processID, secretKey].forEach((word, n) => void packet.writeInt32BE(word, n * 4));
    connect(server.port, server.host).end(packet);
  }

  it('the gateway starts without it, says so, and has the other tables', async () => {
    assert.match(server.output(), /catalog vl cannot be read: .*"vl"/);
    assert.ok(!server.output().includes('sesame'));
    assert.deepEqual(await rows('SELECT count(*) FROM lake.keys'), [['20']]);
    await assert.rejects(client.query('SELECT * FROM vl.logs'), { code: '08001', message: /vl/ });
  });

  it('its tables are there as soon as it is', async () => {
    await own.restart();
    for (let tries = 0; ; tries++) {
      const found = await rows('SELECT count(*) FROM vl.logs').catch((error: unknown) => error);
      if (Array.isArray(found)) {
        assert.deepEqual(found, [[String(ROWS)]]);
        break;
      }
      assert.ok(tries < 100, String(found));
      await sleep(100);
    }
  });

  it('psql describes them', async function () {
    if (!(await hasPsql())) this.skip();
    const { stdout } = await runPsql(server, '\\d vl.logs\n\\d vl.numbers\n', []);
    assert.match(stdout, /_time +\| timestamp with time zone +\| +\| not null/);
    for (const column of ['_msg', '_stream', 'app', 'num', 'user']) assert.match(stdout, new RegExp(`\\n ${column} +\\| text`));
    assert.match(stdout, /num +\| bigint/);
  });

  it('every row comes once, in windows', async () => {
    const plan = (await rows('EXPLAIN SELECT num FROM vl.numbers')).flat().join('\n');
    assert.match(plan, /1\d tasks/);
    assert.match(plan, /windows: 1\d of _time/);
    assert.deepEqual(await rows('SELECT count(*), count(DISTINCT num), sum(num) FROM vl.numbers WHERE num IS NOT NULL'), [
      [String(ROWS), String(ROWS), SUM],
    ]);
    let [seen, sum, last] = [0, 0n, ''];
    await client.query('BEGIN');
    await client.query('DECLARE c CURSOR FOR SELECT _time::text, num, "user" FROM vl.numbers ORDER BY _time');
    for (;;) {
      const batch = (await rows('FETCH 20000 FROM c')) as [string, string, string][];
      if (batch.length === 0) break;
      seen += batch.length;
      for (const [time, num] of batch) {
        assert.ok(time >= last);
        last = time.length >= last.length ? time : last;
        sum += BigInt(num);
      }
    }
    await client.query('COMMIT');
    assert.deepEqual([seen, String(sum)], [ROWS, SUM]);
    assert.deepEqual(await scratch(), []);
  });

  it("a join asks for the keys of the lake's table only", async () => {
    const sql = 'SELECT count(*) FROM vl.logs l JOIN lake.keys k ON k.id = l."user" WHERE length(k.id) > 1';
    await client.query('SET timeline.dynamic_filters = on');
    const expected = documents(0, ROWS).filter((one) => /^u(?:[1-9]|1\d|20)$/.test((one as { user: string }).user)).length;
    assert.deepEqual(await rows(sql), [[String(expected)]]);
    const analyzed = (await rows(`EXPLAIN ANALYZE ${sql}`)).flat().join('\n');
    const read = /Rows: .*read ([\d.]+ \w+)/.exec(analyzed)?.[1] ?? '';
    assert.match(read, /^[\d.]+ (?:B|kB)$/, analyzed);
    await client.query('SET timeline.dynamic_filters = auto');
  });

  it('a limit, and the newest entries, read little', async () => {
    for (const sql of ['SELECT num FROM vl.numbers LIMIT 10', 'SELECT _time, num FROM vl.numbers ORDER BY _time DESC LIMIT 10']) {
      await client.query('SET timeline.top_n = on');
      const plan = (await rows(`EXPLAIN ANALYZE ${sql}`)).flat().join('\n');
      const [, number = '', unit = ''] = /Rows: 10 rows · read ([\d.]+) (\w+)/.exec(plan) ?? [];
      assert.ok(unit === 'B' || (unit === 'kB' && Number(number) < 200), plan);
    }
    assert.deepEqual(await rows('SELECT num FROM vl.numbers ORDER BY _time DESC LIMIT 2'), [[String(ROWS - 1)], [String(ROWS - 2)]]);
  });

  it('writing is refused', async () => {
    await assert.rejects(client.query("INSERT INTO vl.logs(_msg) VALUES ('x')"), { code: '42501', hint: /read only/ });
    await assert.rejects(client.query('CREATE TABLE vl.t AS SELECT 1 AS a'), { code: '42501', hint: /read only/ });
    await assert.rejects(client.query('CREATE TABLE vl.t (a int)'), { code: '42501', hint: /read only/ });
    await assert.rejects(client.query('DROP TABLE vl.logs'), { code: '42501', hint: /read only/ });
  });

  it('a query that is cancelled ends at once and leaves nothing', async () => {
    const other = await server.connect();
    const running = other.query('SELECT count(*) FROM vl.logs a, vl.logs b WHERE a._msg < b._msg');
    running.catch(() => undefined);
    await sleep(300);
    cancel(other);
    await assert.rejects(running, { code: '57014' });
    await other.end();
    for (let tries = 0; (await scratch()).length > 0; tries++) {
      assert.ok(tries < 50, String(await scratch()));
      await sleep(100);
    }
  });

  it('a budget ends a scan', async () => {
    await client.query('SET timeline.max_bytes = 100000');
    await assert.rejects(client.query('SELECT _msg FROM vl.logs'), { code: '53400' });
    await client.query('SET timeline.max_bytes = 0');
  });

  it('killed in the middle of a read: an error, never fewer rows', async () => {
    const random = new Random(20250301, 1);
    let failed = 0;
    const begun = performance.now();
    await rows('SELECT num, "user" FROM vl.numbers');
    const usual = performance.now() - begun;
    for (let n = 0; n < KILLS; n++) {
      const running = rows('SELECT num, "user" FROM vl.numbers').then(
        (found) => ({ found, error: undefined }),
        (error: Error & { code?: string }) => ({ found: undefined, error }),
      );
      await sleep(random.integer(0, Math.ceil(usual)));
      await own.kill();
      const { found, error } = await running;
      if (found === undefined) {
        failed++;
        assert.match(error?.code ?? '', /^08(?:001|006)$/, error?.message);
        assert.match(error?.message ?? '', /"vl"/);
      } else assert.equal(found.length, ROWS);
      assert.deepEqual(await rows('SELECT count(*) FROM lake.keys'), [['20']]);
      await own.restart();
    }
    assert.ok(failed > 0, 'no kill came in the middle of a read');
    assert.deepEqual(await rows('SELECT count(*) FROM vl.logs'), [[String(ROWS)]]);
  });

  it('stopped: a clear error, its tables are still shown, others work', async () => {
    await own.stop();
    await assert.rejects(client.query('SELECT count(*) FROM vl.logs'), { code: '08001', message: /"vl"/ });
    assert.deepEqual(await rows('SELECT count(*) FROM lake.keys'), [['20']]);
    assert.deepEqual(await rows("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'vl'"), [['2']]);
    await own.restart();
  });
});
