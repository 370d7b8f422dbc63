import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadParser } from '../../sql/parse.js';
import { DEFAULT_RENDER_LIMITS, RenderEndpoint } from '../../src/console/render-endpoint.js';
import type { Engine, Execution, Session } from '../../src/statement.js';
import { type HttpServer, startHttpServer } from '../../src/telemetry/http-server.js';
import { Metrics } from '../../src/telemetry/metrics.js';
import { fixtureConfig } from '../e2e/fixtures.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { parseXml } from '../support/xml.js';
import { ask, errorOf } from './http-request.js';
import { columns, lanesOf } from './picture-support.js';

const ORDERS = `SELECT * FROM timeline(
  (SELECT * FROM (VALUES ('o1', timestamptz '2024-10-24 10:00Z', 'placed'), ('o1', '2024-10-25 09:00Z', 'paid'), ('o2', '2024-10-25 00:00Z', 'placed'))
    AS e(order_id, ts, status)),
  key => order_id, ts => ts, status => latest(status), until => '2024-10-26 00:00Z') t`;
type Headers = Readonly<Record<string, string>>;

describe('GET and POST /render', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let port: number;

  before(async () => {
    home = await tempFolder('render');
    server = await startTimeline({ home: home.path, config: fixtureConfig() });
    port = server.httpPort;
  });
  after(async () => {
    await server.stop();
    await home.remove();
  });

  const get = (words: Readonly<Record<string, string>>, headers: Headers = {}) =>
    ask({ port, path: `/render?${new URLSearchParams(words)}`, headers });
  const post = (body: string, type: string, query = '', headers: Headers = {}) =>
    ask({ port, path: `/render${query}`, method: 'POST', body, headers: { 'content-type': type, ...headers } });

  it('draw the rows of a query, the same by each way', async () => {
    const pictures = [
      await get({ sql: ORDERS, width: '800' }),
      await post(ORDERS, 'text/plain; charset=utf-8', '?width=800'),
      await post(JSON.stringify({ sql: ORDERS, width: 800 }), 'application/json'),
    ];
    const [first] = pictures;
    for (const { status, headers, body } of pictures) {
      assert.equal(status, 200, body);
      assert.equal(headers['content-type'], 'image/svg+xml; charset=utf-8');
      assert.equal(body, first?.body);
    }
    const root = parseXml(first?.body ?? '');
    assert.equal(root.attributes['width'], '800');
    assert.deepEqual(
      lanesOf(root).map(({ segments }) => segments.map(({ told }) => told)),
      [['status: placed', 'status: paid'], ['status: placed']],
    );
    const only = await post(JSON.stringify({ sql: ORDERS, key: ['o2'], timezone: 'Europe/Berlin', title: 'of <one>' }), 'application/json');
    assert.equal(lanesOf(parseXml(only.body)).length, 1);
    assert.match(only.body, /Europe\/Berlin/);
    assert.match(only.body, /of &lt;one&gt;/);
  });

  it('send nothing that could run, load or be framed', async () => {
    for (const format of ['svg', 'html']) {
      const { headers, body } = await get({ sql: ORDERS, format });
      const policy = String(headers['content-security-policy']);
      assert.match(policy, /default-src 'none'/);
      assert.match(policy, /; sandbox;/);
      assert.doesNotMatch(policy, /unsafe|script-src/);
      for (const [, style = ''] of body.matchAll(/<style>([^<]*)<\/style>/g)) {
        assert.ok(policy.includes(`'sha256-${createHash('sha256').update(style).digest('base64')}'`), 'each style is named by the policy');
      }
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cross-origin-resource-policy'], 'same-origin');
      assert.equal(headers['cache-control'], 'no-store');
      assert.equal(headers['access-control-allow-origin'], undefined);
    }
    const page = await get({ sql: ORDERS, format: 'html' });
    assert.equal(page.headers['content-type'], 'text/html; charset=utf-8');
    assert.match(page.body, /^<!DOCTYPE html>/);
  });

  it('only read, one statement', async () => {
    for (const [sql, sqlstate] of [
      ['SET timezone = UTC', '25006'],
      ["SELECT set_config('timezone', 'UTC', false)", '25006'],
      ['CREATE TABLE results.x AS SELECT 1', '25006'],
      ['SELECT 1 AS started_at INTO results.y', '25006'],
      ['INSERT INTO py.refs SELECT 1', '25006'],
      ['DROP TABLE py.refs', '25006'],
      ["COPY (SELECT 1) TO '/tmp/x'", '25006'],
      ["CALL timeline.optimize('py.refs')", '25006'],
      ['EXPLAIN ANALYZE SELECT 1', '25006'],
      ['SELECT 1; SELECT 2', '42601'],
      ['', '42601'],
      ['-- nothing', '42601'],
      ['SELEC', '42601'],
      ['SELECT $1::timestamptz AS event_time', '42P02'],
      ['SELECT 1 AS n', '42703'],
      ["SELECT now() AS started_at, 'x' AS ended_at", '42804'],
      ['SELECT * FROM nowhere', '42P01'],
      ['SELECT now() AS event_time WHERE 1 / (random() * 0)::int = 1', '22012'],
    ] as const) {
      const answer = await get({ sql });
      assert.equal(answer.status, 400, `${sql}: ${answer.body}`);
      assert.equal(errorOf(answer).sqlstate, sqlstate, `${sql}: ${answer.body}`);
      assert.equal(answer.headers['content-type'], 'application/json; charset=utf-8');
    }
    assert.equal(errorOf(await get({ sql: 'SELECT * FROM nowhere' })).position, 15);
  });

  it('refuse requests that are malformed', async () => {
    for (const [words, message] of [
      [{ sql: ORDERS, width: '9' }, /320 to 8000/],
      [{ sql: ORDERS, width: '1e3' }, /320 to 8000/],
      [{ sql: ORDERS, format: 'png' }, /unknown format "png"/],
      [{ sql: ORDERS, timezone: 'Mars/Olympus' }, /Mars\/Olympus/],
      [{ sql: ORDERS, widht: '900' }, /unknown option "widht"/],
      [{ sql: ORDERS, by: 'order_id,' }, /empty/],
      [{}, /no query/],
    ] as const) {
      const answer = await get(words as Record<string, string>);
      assert.equal(answer.status, 400, answer.body);
      assert.match(errorOf(answer).message, message);
    }
    assert.equal((await ask({ port, path: '/render', method: 'DELETE' })).status, 405);
    assert.equal((await ask({ port, path: '/render', method: 'HEAD' })).status, 405);
    assert.equal((await post(ORDERS, 'application/x-www-form-urlencoded')).status, 415);
    assert.equal((await post('{', 'application/json')).status, 400);
    assert.equal((await post('[1]', 'application/json')).status, 400);
    assert.equal((await post('{"sql": {}}', 'application/json')).status, 400);
    assert.equal((await post(ORDERS, 'text/plain', '?sql=SELECT')).status, 400);
    assert.equal((await post(`-- ${'x'.repeat(DEFAULT_RENDER_LIMITS.bodyBytes)}`, 'text/plain')).status, 413);
    const chunked = await ask({
      port,
      path: '/render',
      method: 'POST',
      headers: { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' },
      body: Buffer.alloc(2_000_000, 'x'),
    }).catch(() => undefined);
    assert.ok(chunked === undefined || chunked.status === 413);
    const latin = await ask({
      port,
      path: '/render',
      method: 'POST',
      headers: { 'content-type': 'text/plain' },
      body: Buffer.from([0x53, 0xff]),
    });
    assert.equal(errorOf(latin).sqlstate, '22021');
    assert.equal((await get({ sql: ORDERS })).status, 200, 'the server goes on');
  });

  it('refuse what a page of another site sends', async () => {
    for (const headers of [
      { host: 'evil.example' },
      { host: `evil.example:${port}` },
      { host: '127.0.0.1.evil.example' },
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { origin: `http://localhost:${port + 1}` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ] as Headers[]) {
      for (const answer of [await get({ sql: ORDERS }, headers), await post(ORDERS, 'text/plain', '', headers)]) {
        assert.equal(answer.status, 403, JSON.stringify(headers));
        assert.equal(errorOf(answer).sqlstate, '28000');
      }
    }
    for (const headers of [
      { host: `localhost:${port}`, origin: `http://localhost:${port}`, 'sec-fetch-site': 'same-origin' },
      { host: '[::1]' },
      { 'sec-fetch-site': 'none' },
    ] as Headers[]) {
      assert.equal((await get({ sql: ORDERS }, headers)).status, 200, JSON.stringify(headers));
    }
  });

  it('leave the other paths as they are', async () => {
    assert.equal((await ask({ port, path: '/healthz' })).status, 200);
    assert.equal((await ask({ port, path: '/metrics', method: 'POST' })).status, 405);
    assert.equal((await ask({ port, path: '/renders' })).status, 404);
  });
});

/** Statements that end when they are stopped only, in sessions that can be counted. */
class StuckEngine implements Engine {
  readonly serverVersion = '18.6';
  readonly reasons: unknown[] = [];
  running = 0;
  settings: Readonly<Record<string, string>> = {};
  open = 0;

  async connect(options: Parameters<Engine['connect']>[0]): Promise<Session> {
    const engine = this;
    engine.open += 1;
    engine.settings = options.settings;
    const given = columns('event_time timestamptz');
    return {
      parameterStatuses: () => [['TimeZone', 'UTC']],
      split: async (text: string) => [{ text, offset: 0 }],
      prepare: async () => ({ empty: false, parameterTypes: [], columns: given }),
      execute: async (_: unknown, __: unknown, { signal }: { signal: AbortSignal }): Promise<Execution> => {
        async function* batches(): AsyncGenerator<never> {
          engine.running += 1;
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
          engine.running -= 1;
          engine.reasons.push(signal.reason);
          throw signal.reason;
        }
        return { columns: given, batches: batches(), tag: () => '', notices: [] };
      },
      close: async () => {
        engine.open -= 1;
      },
    } as unknown as Session;
  }

  async close(): Promise<void> {}
}

describe('/render with clients that go, and too many', () => {
  const engine = new StuckEngine();
  let server: HttpServer;

  before(async () => {
    await loadParser();
    const render = new RenderEndpoint(engine, { ...DEFAULT_RENDER_LIMITS, pictures: 2 });
    server = await startHttpServer({
      host: '127.0.0.1',
      port: 0,
      metrics: new Metrics(),
      notReady: () => [],
      further: new Map([['/render', (request, response) => render.handle(request, response)]]),
    });
  });
  after(() => server.close());

  it('stop the query of a client that went away, and take others again', async () => {
    const path = '/render?sql=SELECT+1';
    const abort = new AbortController();
    const asked = [1, 2].map(() => ask({ port: server.port, path, signal: abort.signal }).catch((error: Error) => error.name));
    while (engine.running < 2) await sleep(5);
    assert.equal(engine.settings['default_transaction_read_only'], 'on');
    assert.equal(engine.settings['statement_timeout'], String(DEFAULT_RENDER_LIMITS.statementMs));
    const third = await ask({ port: server.port, path });
    assert.deepEqual([third.status, errorOf(third).sqlstate, third.headers['retry-after']], [503, '53300', '1']);
    abort.abort();
    assert.deepEqual(await Promise.all(asked), ['AbortError', 'AbortError']);
    while (engine.running > 0 || engine.open > 0) await sleep(5);
    assert.deepEqual(
      engine.reasons.map((reason) => (reason as Error).message),
      ['the client went away', 'the client went away'],
    );
    // A client that only ends its connection, after a POST.
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST /render HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 8\r\n\r\nSELECT 1');
    while (engine.running < 1) await sleep(5);
    socket.destroy();
    while (engine.running > 0 || engine.open > 0) await sleep(5);
    assert.equal(engine.reasons.length, 3);
    // All places are free again.
    const again = new AbortController();
    const two = [1, 2].map(() => ask({ port: server.port, path, signal: again.signal }).catch((error: Error) => error.name));
    while (engine.running < 2) await sleep(5);
    again.abort();
    assert.deepEqual(await Promise.all(two), ['AbortError', 'AbortError']);
  });
});
