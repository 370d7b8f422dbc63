import assert from 'node:assert/strict';
import { join } from 'node:path';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { oracleTables, writeLake } from './oracle-lake.js';

/** Queries that would not end by themselves; the server must be as good as new after each. */
const ENDLESS: readonly string[] = [
  'with recursive t(n) as (select k from o.dims where k = 3 union all select n from t) select count(*) from t',
  'with recursive t(n) as (select id from o.facts union select t.n + 1 from t) select count(*) from t',
  'with recursive t(n) as (select k from o.dims union all select t.n + 1 from t, o.dims) select count(*) from t',
  'select count(*) from o.dims d, generate_series(1, 1000000000000) g',
  "select count(*) from o.facts f, generate_series(ts, ts + interval '1 year', '1 microsecond') g",
];

describe('queries without end', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;

  before(async () => {
    home = await tempFolder('endless');
    server = await startTimeline({ home: home.path, config: await writeLake(join(home.path, 'lake'), oracleTables(7)) });
  });
  after(async () => {
    await server?.stop();
    await home?.remove();
  });

  for (const sql of ENDLESS) {
    it(`end with statement_timeout or a limit: ${sql.slice(0, 70)}`, async () => {
      const client = await server.connect();
      try {
        await client.query("set statement_timeout = '500ms'");
        await assert.rejects(client.query(sql), (error: Error & { code?: string }) => {
          assert.ok(error.code === '57014' || error.code === '54000', `${error.code} ${error.message}`);
          return true;
        });
        await client.query('set statement_timeout = 0');
        const { rows } = await client.query('select count(*)::int as n from o.facts');
        assert.deepEqual(rows, [{ n: 360 }]);
      } finally {
        await client.end();
      }
    });
  }

  it('a recursion that a LIMIT ends is ended by it', async () => {
    const client = await server.connect();
    try {
      const { rows } = await client.query(
        'with recursive t(n) as (select k from o.dims where k = 3 union all select n + 1 from t) select n from t limit 2',
      );
      assert.deepEqual(
        rows.map((row: { n: number }) => row.n),
        [3, rows[1].n],
      );
    } finally {
      await client.end();
    }
  });
});
