import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

/** Events of each table. TIMELINE_SIZE: another number of thousands. */
const EVENTS = Number(process.env['TIMELINE_SIZE'] ?? 200) * 1000;
const START = "timestamptz '2025-01-01Z'";

/** One key with all events, and as many keys as events: over stored tables, through the server. */
describe(`timelines of ${EVENTS} events of one key, and of ${EVENTS} keys`, function () {
  this.timeout(1_800_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('timeline-sizes');
    const catalog = { type: 'filesystem', warehouse: `file://${home.path}/warehouse` };
    server = await startTimeline({
      home: home.path,
      config: JSON.stringify({ catalogs: { lake: { type: 'iceberg', catalog, write: { schemas: ['results'] } } } }),
    });
    client = await server.connect();
    await client.query("set timezone = 'UTC'");
    const columns = `n::int8 as id, ${START} + n * interval '1 second' as at, n % 3 = 0 as f, n % 7 as v`;
    await client.query(
      `create table results.one with (sorted_by = 'at') as select 1 as key, ${columns} from generate_series(0, ${EVENTS - 1}) n`,
    );
    await client.query(`create table results.each as select n as key, ${columns} from generate_series(0, ${EVENTS - 1}) n`);
    // the same, in an order that is none of time
    await client.query('create table results.mixed as select * from results.each order by id * 7919 % 100003, id');
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  const call = (table: string, more = ''): string =>
    `timeline(results.${table}, key => key, ts => at, order_by => id, s => latest(f), c => count_so_far(true)${more}) t`;
  const rows = async (sql: string): Promise<readonly unknown[][]> => {
    const begun = Date.now();
    const answer = (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
    if (process.env['TIMELINE_SIZE'] !== undefined) console.log(`${Date.now() - begun} ms: ${sql}`);
    return answer;
  };

  it('are right for the one key: each event but the last begins a span', async () => {
    assert.deepEqual(await rows(`select count(*), sum(seconds), max(c), count(*) filter (where s) from ${call('one')}`), [
      [String(EVENTS - 1), EVENTS - 1, String(EVENTS - 1), String(Math.ceil((EVENTS - 1) / 3))],
    ]);
    assert.deepEqual(
      await rows(
        `select s, sum(seconds), count(*) from timeline(results.one, key => key, ts => at, order_by => id, s => latest(f)) t group by 1 order by 1`,
      ),
      [
        [false, EVENTS - 1 - Math.ceil((EVENTS - 1) / 3), String(Math.floor(EVENTS / 3))],
        [true, Math.ceil((EVENTS - 1) / 3), String(Math.ceil((EVENTS - 1) / 3))],
      ],
    );
  });

  for (const table of ['each', 'mixed']) {
    it(`are right for as many keys as events, table ${table}`, async () => {
      // the last one begins at the horizon; the n-th before it lasts n seconds
      const total = (EVENTS * (EVENTS - 1)) / 2;
      assert.deepEqual(await rows(`select count(*), sum(seconds), max(c) from ${call(table)}`), [[String(EVENTS - 1), total, '1']]);
      assert.deepEqual(await rows(`select count(*), sum(x) from (select key, sum(seconds) as x from ${call(table)} group by key) g`), [
        [String(EVENTS - 1), total],
      ]);
      assert.deepEqual(await rows(`select key, s, c from ${call(table, `, at => ${START} + interval '2 days'`)} where key in (1, 3)`), [
        [1, false, '1'],
        [3, true, '1'],
      ]);
    });
  }

  /** A CancelRequest, on a connection of its own. */
  function cancel(): void {
    const { processID, secretKey } = client as unknown as { readonly processID: number; readonly secretKey: number };
    const packet = Buffer.alloc(16);
    [16, 80_877_102, processID, secretKey].forEach((word, n) => void packet.writeInt32BE(word, n * 4));
    connect(server.port, server.host).end(packet);
  }

  it('stop in the middle at statement_timeout and when they are cancelled, and leave nothing that hinders the next', async () => {
    const sqls = ['one', 'each', 'mixed'].map((table) => `select count(*), sum(length(key::text || c::text)) from ${call(table)}`);
    for (const sql of sqls) {
      await client.query('set statement_timeout = 40');
      await assert.rejects(rows(sql), { code: '57014' });
      await client.query('set statement_timeout = 0');
      const running = assert.rejects(rows(sql), { code: '57014' });
      await new Promise((resolve) => setTimeout(resolve, 60));
      cancel();
      await running;
      assert.equal((await rows(`select count(*) from ${call('one', `, until => ${START} + interval '10 s'`)}`))[0]?.[0], '10');
    }
  });
});
