import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';
import { DEMO_QUERIES } from '../../src/demo-queries.js';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { hasPsql, runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

type Rows = readonly Readonly<Record<string, unknown>>[];

describe('the demo lake on both drivers', () => {
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let temporal: boolean;

  before(async function () {
    this.timeout(120_000);
    home = await tempFolder('e2e-demo');
    temporal = (await findTemporal(home.path)) !== undefined;
    server = await startTimeline({ home: home.path, temporal: temporal ? 'dev' : 'off' });
    client = await server.connect();
  });
  after(async function () {
    this.timeout(60_000);
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  async function on(driver: 'local' | 'temporal', sql: string): Promise<Rows> {
    await client.query(`SET timeline.driver = ${driver}`);
    return (await client.query(sql)).rows as Rows;
  }

  it('comes up with the durable engine beside it', function () {
    if (!temporal) return this.skip();
    assert.equal(server.driver, 'temporal', server.output());
  });

  for (const { title, sql } of DEMO_QUERIES) {
    it(`README: ${title}`, async function () {
      const local = await on('local', sql);
      assert.ok(local.length > 0);
      if (!temporal) return this.skip();
      assert.deepEqual(await on('temporal', sql), local);
    });
  }

  it('the worked example counts what a plain scan counts', async () => {
    const [row] = await on(
      'local',
      `SELECT sum(rebuffers) AS n, sum(seconds) AS s FROM (${DEMO_QUERIES[0]?.sql.replace(/;\s*$/, '').replace(', 1) AS seconds', ', 3) AS seconds')}) AS q`,
    );
    const [plain] = await on(
      'local',
      `SELECT count(*) AS n, sum(buffer_duration_ms) AS ms FROM lake.events WHERE event_type = 'rebuffer' AND cdn = 'CDN1' AND device_os = 'Android'`,
    );
    assert.equal(String(row?.['n']), String(plain?.['n']));
    assert.equal(Number(row?.['s']).toFixed(3), (Number(plain?.['ms']) / 1000).toFixed(3));
  });

  it('keeps every span of a large timeline', async function () {
    this.timeout(60_000);
    // More spans than DuckDB's appender holds back before it runs a statement of its own (204,800 rows).
    const twice = "SELECT session_id AS k, ts FROM lake.events UNION ALL SELECT session_id || '-again', ts FROM lake.events";
    const [spans] = await on(
      'local',
      `SELECT count(*)::int AS n, count(DISTINCT k)::int AS keys FROM timeline((${twice}), key => k, ts => ts, c => count_so_far(true), until => '2025-05-01') AS t`,
    );
    const [events] = await on(
      'local',
      'SELECT count(*)::int AS n, count(DISTINCT k)::int AS keys FROM (SELECT DISTINCT session_id AS k, ts FROM lake.events) AS e',
    );
    assert.deepEqual(spans, { n: 2 * Number(events?.['n']), keys: 2 * Number(events?.['keys']) });
  });

  it('lists what ran in timeline.replays', async () => {
    await on('local', 'SELECT count(*) FROM lake.events');
    const rows = await on(
      'local',
      "SELECT state, driver, rows::int AS rows FROM timeline.replays WHERE sql = 'SELECT count(*) FROM lake.events'",
    );
    assert.deepEqual(rows.at(-1), { state: 'completed', driver: 'local', rows: 1 });
  });

  const SLOW = `SELECT count(*) FROM lake.events a JOIN lake.events b ON a.device_os = b.device_os AND a.country = b.country AND a.bitrate_kbps <> b.bitrate_kbps
    AND length(a.session_id || b.user_id) > 3`;

  for (const driver of ['local', 'temporal'] as const) {
    it(`statement_timeout ends the work on ${driver}`, async function () {
      this.timeout(60_000);
      if (driver === 'temporal' && !temporal) return this.skip();
      await client.query(`SET timeline.driver = ${driver}; SET statement_timeout = '700ms'`);
      await assert.rejects(client.query(SLOW), { code: '57014', message: 'canceling statement due to statement timeout' });
      await client.query('RESET statement_timeout');
      assert.equal((await client.query('SELECT count(*)::int AS n FROM timeline.replays WHERE state = $1', ['running'])).rows[0]?.n, 0);
    });

    it(`cancel ends the work on ${driver}`, async function () {
      this.timeout(60_000);
      if (driver === 'temporal' && !temporal) return this.skip();
      const other = await server.connect();
      try {
        await other.query(`SET timeline.driver = ${driver}`);
        const failing = assert.rejects(other.query(SLOW), { code: '57014', message: 'canceling statement due to user request' });
        await until(
          async () =>
            (await client.query("SELECT 1 FROM timeline.replays WHERE state = 'running' AND sql LIKE '%a.bitrate%'")).rows.length > 0,
        );
        await cancel(server, other);
        await failing;
        assert.equal((await other.query('SELECT 1 AS one')).rows[0]?.one, 1);
      } finally {
        await other.end();
      }
    });

    it(`a client that goes away ends the work on ${driver}`, async function () {
      this.timeout(60_000);
      if (driver === 'temporal' && !temporal) return this.skip();
      const other = await server.connect();
      await other.query(`SET timeline.driver = ${driver}`);
      other.query(SLOW).catch(() => undefined);
      await until(
        async () =>
          (await client.query("SELECT 1 FROM timeline.replays WHERE state = 'running' AND sql LIKE '%a.bitrate%'")).rows.length > 0,
      );
      (other as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
      await until(
        async () =>
          (await client.query("SELECT 1 FROM timeline.replays WHERE state = 'running' AND sql LIKE '%a.bitrate%'")).rows.length === 0,
      );
    });
  }

  it('kill -9 of the worker in mid-query: the right answer all the same', async function () {
    this.timeout(120_000);
    if (!temporal) return this.skip();
    const sql = `SELECT a.device_os, count(*) AS n FROM lake.events a JOIN lake.events b ON a.session_id = b.session_id GROUP BY 1 ORDER BY 1`;
    const expected = await on('local', sql);
    await client.query('SET timeline.driver = temporal');
    const running = client.query(sql);
    const other = await server.connect();
    try {
      await other.query('SET timeline.driver = local');
      await until(
        async () => (await other.query("SELECT 1 FROM timeline.replays WHERE state = 'running' AND driver = 'temporal'")).rows.length > 0,
      );
      const pid = workerPid(server.pid);
      process.kill(pid, 'SIGKILL');
      // The fault fired: the worker is another process now.
      await until(async () => workerPid(server.pid) !== pid && workerPid(server.pid) > 0);
      assert.match(server.output(), /worker process ended \(SIGKILL\)/);
    } finally {
      await other.end();
    }
    assert.deepEqual((await running).rows, expected);
  });

  it('psql: describe, list, the worked example', async function () {
    if (!(await hasPsql())) return this.skip();
    const described = await runPsql(server, '\\d lake.events\n\\dt lake.*\n', []);
    assert.equal(described.stderr, '');
    for (const column of [
      'event_id\\s+\\| uuid',
      'ts\\s+\\| timestamp with time zone',
      'attributes\\s+\\| jsonb',
      'bitrate_kbps\\s+\\| integer',
    ]) {
      assert.match(described.stdout, new RegExp(column));
    }
    const answer = await runPsql(server, DEMO_QUERIES[0]?.sql ?? '');
    assert.equal(answer.stderr, '');
    assert.equal(answer.stdout.trim().split('\n').length, 31);
  });

  it('answers /healthz, /readyz and /metrics', async () => {
    const get = async (path: string): Promise<string> => (await fetch(`http://127.0.0.1:${server.httpPort}${path}`)).text();
    assert.equal(await get('/healthz'), 'ok\n');
    assert.equal(await get('/readyz'), 'ready\n');
    await on('local', 'SELECT count(*) FROM lake.events');
    const metrics = await get('/metrics');
    assert.match(metrics, /timeline_queries_total\{driver="local",outcome="completed"\} [1-9]/);
    assert.match(metrics, new RegExp(`timeline_temporal_up ${temporal ? 1 : 0}\\n`));
    assert.match(metrics, /timeline_connections [1-9]/);
  });

  it('EXPLAIN shows pruning, EXPLAIN ANALYZE what it cost', async () => {
    const sql = "SELECT count(*) FROM lake.events WHERE ts >= '2025-03-10' AND ts < '2025-03-12' AND cdn = 'CDN1'";
    const plan = (await client.query(`EXPLAIN ${sql}`)).rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n');
    assert.match(plan, /files/i);
    assert.match(plan, /31/);
    const actual = (await client.query(`EXPLAIN ANALYZE ${sql}`)).rows.map((row: Record<string, string>) => row['QUERY PLAN']).join('\n');
    assert.match(actual, /Actual/);
    assert.match(actual, /Driver: /);
  });

  it('Ctrl-C ends everything that it started', async function () {
    this.timeout(60_000);
    const children = descendants(server.pid);
    assert.ok(!temporal || children.length >= 2, 'a Temporal server and a worker');
    await client.end();
    assert.equal(await server.stop(), 0);
    await until(async () => children.every((pid) => !alive(pid)));
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 40_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, 'the condition did not come about');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** CancelRequest on a connection of its own, as psql's Ctrl-C sends it. */
async function cancel(server: TimelineServer, client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const { connect } = await import('node:net');
  const packet = Buffer.alloc(16);
  packet.writeInt32BE(16, 0);
  packet.writeInt32BE(80877102, 4);
  packet.writeInt32BE(processID, 8);
  packet.writeInt32BE(secretKey, 12);
  await new Promise<void>((resolve, reject) => {
    const socket = connect(server.port, server.host, () => socket.end(packet));
    socket.once('close', () => resolve());
    socket.once('error', reject);
    socket.resume();
  });
}

function descendants(pid: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => [Number(name), parentOf(Number(name))] as const);
  const found: number[] = [];
  const visit = (parent: number): void => {
    for (const [child, of] of parents) {
      if (of !== parent) continue;
      found.push(child);
      visit(child);
    }
  };
  visit(pid);
  return found;
}

/** 0 when the process has ended meanwhile. */
function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function workerPid(pid: number): number {
  return descendants(pid).find((child) => commandOf(child).includes('timeline.js\0worker')) ?? 0;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
