import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { findTemporal } from '../../src/replay/temporal/dev-server.js';
import { runPsql } from '../support/psql.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

const QUERY = `select n::int4 as i, n::int8 * 10000000000 as big, n / 3.0::float8 as f, (n / 7.0)::numeric(20,6) as dec, n % 3 = 0 as b,
  case when n % 5 = 0 then null else 'v' || n end as t, date '2025-01-01' + n % 40 as d,
  timestamptz '2025-01-01 00:00:00.000001+00' + n * interval '1 minute' as ts, timestamp '2025-01-01 00:00:00' + n * interval '1 second' as local,
  '\\xdeadbeef'::bytea as bytes, '7b9ae2d8-51ae-4bd7-b1ee-2f2b7b0e0a11'::uuid as id, array[n::text, null] as list from generate_series(1, 5000) n`;

for (const driver of ['local', 'temporal'] as const) {
  describe(`SQL that writes Iceberg tables, driver ${driver}`, function () {
    this.timeout(180_000);
    let home: Awaited<ReturnType<typeof tempFolder>>;
    let server: TimelineServer;
    let client: pg.Client;

    before(async function () {
      if (driver === 'temporal' && (await findTemporal('')) === undefined) this.skip();
      home = await tempFolder('iceberg-sql-write');
      const lake = {
        type: 'iceberg',
        catalog: { type: 'filesystem', warehouse: `file://${home.path}/warehouse` },
        write: { schemas: ['results'] },
      };
      server = await startTimeline({
        home: home.path,
        config: JSON.stringify({ catalogs: { lake } }),
        temporal: driver === 'temporal' ? 'dev' : 'off',
      });
      client = await server.connect();
      await client.query(`set timeline.driver = ${driver}`);
    });

    after(async () => {
      await client?.end();
      await server?.stop();
      await home?.remove();
    });

    const rows = async (sql: string): Promise<unknown[][]> => (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];

    it('CREATE TABLE AS: the table has the rows of the SELECT', async () => {
      const made = await client.query(`create table results.made with (partitioning = 'day(ts)', sorted_by = 'i') as ${QUERY}`);
      assert.deepEqual([made.command, made.rowCount], ['SELECT', 5000]);
      assert.deepEqual(await rows('select count(*) from results.made'), [['5000']]);
      const columns = 'i, big, f, dec, b, t, d, ts, local, encode(bytes, $$hex$$), id, list';
      const expected = await rows(`select ${columns} from (${QUERY}) q order by i`);
      assert.deepEqual(await rows(`select ${columns} from results.made order by i`), expected);
      const other = await server.connect();
      await other.query('set timezone = UTC');
      const shape = await other.query({ text: "select to_regclass('results.made') is not null", rowMode: 'array' });
      assert.deepEqual(shape.rows, [[true]]);
      await other.end();
      const { stdout } = await runPsql(
        server,
        'create table results.seen as select 1 as a, $$x$$ as b;\n\\d results.seen\ndrop table results.seen;\n',
      );
      assert.match(stdout, /SELECT 1\na\|integer\|\|\|\nb\|text\|\|\|\nDROP TABLE/);
    });

    it('a numeric without a scale is kept with all of its digits, or refused', async () => {
      const notices: string[] = [];
      const noted = (notice: { message?: string | undefined }): void => void notices.push(notice.message ?? '');
      client.on('notice', noted);
      const numbers = `values (1 / 3.0), (-0.5), (null), (999999999999999999.5), (1.10), (sqrt(2::numeric))`;
      await client.query(`create table results.numbers as select x from (${numbers}) v(x)`);
      client.off('notice', noted);
      assert.ok(notices.includes('column "x" is kept as numeric(38,20)'), notices.join());
      const kept = await rows('select trim_scale(x) from results.numbers order by x');
      assert.deepEqual(kept, await rows(`select trim_scale(x) from (${numbers}) v(x) order by x`));
      for (const lost of ['1e-21', "'NaN'", '1e18', "'Infinity'"]) {
        await assert.rejects(client.query(`create table results.lost as select ${lost}::numeric as x from results.numbers`), {
          code: '22003',
          message: /a number has more digits than numeric\(38,20\) keeps/,
        });
        assert.deepEqual(await rows("select to_regclass('results.lost') is null"), [[true]]);
      }
      await client.query('drop table results.numbers');
    });

    it('INSERT, by two sessions at once, and snapshots of it', async () => {
      const other = await server.connect();
      await other.query(`set timeline.driver = ${driver}`);
      const inserts = [client, other].flatMap((session, n) =>
        Array.from({ length: 3 }, (_, i) =>
          session.query('insert into results.made (i, t) values ($1, $2), ($1, default)', [10_000 + n * 10 + i, 'x']),
        ),
      );
      for (const { rowCount } of await Promise.all(inserts)) assert.equal(rowCount, 2);
      assert.deepEqual(await rows('select count(*), count(distinct i), count(t) from results.made where i >= 10000'), [['12', '6', '6']]);
      assert.deepEqual(await rows('select count(*) from results."made$snapshots"'), [['7']]);
      await other.end();
    });

    it('a table that was dropped and made anew under its name is the new one', async () => {
      for (const [columns, values, row] of [
        ['(a text, n int)', "('x', 1)", ['x', 1]],
        ['(a text, at timestamptz, f float8)', "('y', '2025-01-01Z', 2.5)", ['y', new Date('2025-01-01'), 2.5]],
        ['(n int)', '(7)', [7]],
      ] as const) {
        await client.query(`create table results.again ${columns}`);
        await client.query(`insert into results.again values ${values}`);
        assert.deepEqual(await rows('select * from results.again'), [row]);
        await client.query('drop table results.again');
      }
    });

    it('errors leave nothing; DROP TABLE takes its files', async () => {
      await assert.rejects(client.query('insert into results.made (i) select 1 / (n - 50) from generate_series(1, 100) n'), {
        code: '22012',
      });
      await assert.rejects(client.query('create table results.made as select 1 as a'), { code: '42P07' });
      await assert.rejects(client.query('create table other.x as select 1 as a'), { code: '3F000' });
      await assert.rejects(client.query("create table results.x as select interval '1 day' as a"), { code: '0A000' });
      assert.deepEqual(await rows('select count(*) from results.made'), [['5012']]);
      await client.query('create table results.plain (a int not null, b text)');
      await assert.rejects(client.query("insert into results.plain (b) values ('x')"), { code: '23502' });
      await client.query("insert into results.plain values (1, 'x')");
      assert.deepEqual(await rows('table results.plain'), [[1, 'x']]);
      await client.query('drop table results.plain');
      await assert.rejects(client.query('table results.plain'), { code: '42P01' });
      const files = await readdir(join(home.path, 'warehouse', 'results'), { recursive: true, withFileTypes: true });
      assert.deepEqual(
        files.filter((file) => file.isFile() && file.parentPath.includes('/plain')).map((file) => file.name),
        [],
      );
    });
  });
}
