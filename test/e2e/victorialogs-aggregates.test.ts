import assert from 'node:assert/strict';
import type pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { durable } from '../support/durable.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';

const TYPES = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;
const ENTRIES = 3000;

/** Queries that VictoriaLogs answers with groups, and whether it does. */
const QUESTIONS: readonly (readonly [sql: string, pushed: boolean])[] = [
  ['SELECT count(*) FROM vl.requests', true],
  ['SELECT count(*) FROM vl.logs', true],
  ["SELECT count(*) FROM logsql('vl.logs', $$status:=500$$)", true],
  ["SELECT count(*) FROM vl.requests WHERE status >= 500 AND host = 'b'", true],
  ['SELECT host, count(*), count(status), sum(bytes), avg(bytes), min(_time), max(status) FROM vl.requests GROUP BY host', true],
  ["SELECT date_trunc('day', _time) AS day, count(*) FILTER (WHERE status >= 500) FROM vl.requests GROUP BY 1 HAVING count(*) > 10", true],
  ['SELECT host, status, count(*) FROM vl.requests GROUP BY ROLLUP (host, status) ORDER BY 1, 2', true],
  ['SELECT DISTINCT host FROM vl.requests', true],
  ['SELECT count(DISTINCT host) FROM vl.requests', true],
  [
    'SELECT r.host, h.n FROM (VALUES ($$a$$), ($$c$$)) AS r (host) JOIN (SELECT host, count(*) AS n FROM vl.requests GROUP BY 1) AS h USING (host)',
    true,
  ],
  ['SELECT host, (SELECT count(*) FROM vl.logs) FROM vl.requests WHERE status = 500 GROUP BY host', true],
  ["SELECT count(*) FROM vl.logs WHERE host = '~a'", false],
  ['SELECT host, count(*) FROM vl.logs GROUP BY host', false],
  ['SELECT round(sum(took)::numeric, 3) FROM vl.requests', false],
];

describe('aggregates over VictoriaLogs', function () {
  this.timeout(60_000);
  let logs: LogsServer | undefined;
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let temporal = false;

  before(async function () {
    logs = await startVictoriaLogs();
    if (logs === undefined) this.skip();
    const start = Date.UTC(2025, 2, 1);
    await logs.insert(
      Array.from({ length: ENTRIES }, (_, n) => ({
        _time: new Date(start + n * 601_007).toISOString().replace('Z', '000001Z'),
        _msg: '-',
        app: 'requests',
        ...(n % 7 === 0 ? {} : { host: `~${'abc'[n % 3]}` }),
        ...(n % 11 === 0 ? {} : { status: String([200, 404, 500][n % 3]) }),
        bytes: String((n * n) % 65_537),
        // Sums of eighths are the same in any order, which entries have none of.
        took: (n / 8).toExponential(),
      })),
      ['app'],
    );
    home = await tempFolder('e2e-log-groups');
    const columns = { host: 'text', status: 'int4', bytes: 'int8', took: 'float8' };
    const config = {
      catalogs: {
        vl: {
          type: 'victorialogs',
          url: logs.url,
          tenant: logs.tenant,
          tables: { requests: { encoding: 'own', columns, filter: { app: 'requests' } } },
        },
      },
    };
    temporal = (await findTemporal(home.path)) !== undefined;
    server = await startTimeline({ home: home.path, config: JSON.stringify(config), temporal: temporal ? 'dev' : 'off' });
    if (temporal) await durable(server);
    client = await server.connect({ types: TYPES });
  });

  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
    await logs?.close();
  });

  async function rows(sql: string): Promise<readonly string[]> {
    const result = (await client.query({ text: sql, rowMode: 'array' })) as unknown as { rows: unknown[][] };
    return result.rows.map((row) => JSON.stringify(row));
  }

  async function answer(sql: string, settings: Readonly<Record<string, string>>): Promise<readonly string[]> {
    for (const [name, value] of Object.entries(settings)) await client.query(`SET ${name} = '${value}'`);
    return [...(await rows(sql))].sort();
  }

  for (const [sql, pushed] of QUESTIONS) {
    it(`${pushed ? '' : 'not of '}${sql}`, async () => {
      const expected = await answer(sql, { 'timeline.driver': 'local', 'timeline.connector_aggregates': 'off' });
      assert.doesNotMatch((await rows(`EXPLAIN ${sql}`)).join('\n'), /Pushed aggregate/);
      assert.deepEqual(await answer(sql, { 'timeline.connector_aggregates': 'on' }), expected);
      assert.equal((await rows(`EXPLAIN ${sql}`)).join('\n').includes('Pushed aggregate'), pushed);
      assert.deepEqual(await answer(sql, { 'timeline.small_bytes': '0' }), expected);
      if (temporal) assert.deepEqual(await answer(sql, { 'timeline.driver': 'temporal' }), expected);
      await client.query("SET timeline.small_bytes = '64MB'");
      assert.ok(expected.length > 0);
    });
  }

  it('are a setting of the session', async () => {
    await assert.rejects(client.query('SET timeline.connector_aggregates = maybe'), { code: '22023' });
    await client.query('RESET timeline.connector_aggregates');
    assert.deepEqual(await rows('SHOW timeline.connector_aggregates'), ['["on"]']);
  });
});
