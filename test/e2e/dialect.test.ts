import assert from 'node:assert/strict';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

describe('SQL of other engines over the wire', function () {
  this.timeout(60_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  const notices: string[] = [];

  before(async () => {
    home = await tempFolder('e2e-dialect');
    server = await startTimeline({ home: home.path, config: '{"catalogs": {}}' });
    client = await server.connect();
    client.on('notice', (notice) => notices.push(notice.message ?? ''));
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });
  beforeEach(() => notices.splice(0));

  async function inDialect(dialect: string, sql: string, values: readonly unknown[] = []): Promise<unknown[][]> {
    await client.query(`SET timeline.dialect = '${dialect}'`);
    const types = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;
    const { rows } = await client.query({ text: sql, values: [...values], rowMode: 'array', types });
    return rows as unknown[][];
  }

  it('answers, and shows the text that it became', async () => {
    assert.deepEqual(await inDialect('mysql', 'select 7/2, 7 div 2, ifnull(null, "x"), greatest(1, null)'), [['3.5000', '3', 'x', null]]);
    assert.match(notices.join('\n'), /the MySQL query is read as: SELECT round\(/);
    assert.deepEqual(
      await inDialect('trino', "select 7/2, date_diff('hour', timestamp '2024-01-01 00:00:00', timestamp '2024-01-02 01:59:59')"),
      [['3', '25']],
    );
    assert.deepEqual(await inDialect('bigquery', "select 7/2, safe_divide(1, 0), date_add(date '2024-01-31', interval 1 month)"), [
      ['3.5', null, '2024-02-29'],
    ]);
    assert.deepEqual(
      await inDialect('snowflake', "select datediff('month', '2024-01-31'::date, '2024-02-01'::date), iff(1 > 2, 'a', 'b')"),
      [['1', 'b']],
    );
    assert.deepEqual(
      await inDialect('athena', 'select x from unnest(array_of) as t(x)').catch((error: Error) => error.message),
      'column "array_of" does not exist',
    );
  });

  it('answers over tables, with parameters', async () => {
    assert.deepEqual(
      await inDialect('mysql', 'select count(*) from `timeline`.`replays` where `driver` = ? and tasks > ?', ['nobody', 1]),
      [['0']],
    );
    assert.deepEqual(await inDialect('trino', "select count_if(tasks > 1), avg(tasks) from timeline.replays where driver = 'nobody'"), [
      ['0', null],
    ]);
  });

  it('refuses what the types make another', async () => {
    for (const [dialect, sql, message] of [
      ['trino', 'select sum(bytes_read) / 2 from timeline.replays', /division of decimals/],
      ['snowflake', 'select tasks / 2 from timeline.replays', /division of whole numbers/],
      ['bigquery', 'select round(tasks) from timeline.replays', /round of/],
      ['trino', 'select cast(started_at as varchar) from timeline.replays', /text form/],
      ['trino', "select date_trunc('month', cast(started_at as date)) from timeline.replays", /date_trunc of a date/],
      ['mysql', 'select cast(id as signed) from timeline.replays', /cast of text/],
      ['trino', 'select 1.5 / 2', /division of decimals/],
    ] as const) {
      await assert.rejects(
        inDialect(dialect, sql),
        (error: Error & { code?: string }) => error.code === '0A000' && message.test(error.message),
        sql,
      );
    }
    // A date with an interval is a date there: it may be compared, and not be shown.
    await inDialect('trino', "select count(*) from timeline.replays where cast(started_at as date) >= current_date - interval '7' day");
    await assert.rejects(
      inDialect('trino', "select cast(started_at as date) - interval '7' day from timeline.replays"),
      /date with an interval/,
    );
  });

  it('errors name the dialect and the place in its text', async () => {
    const sql = 'select `driver`, ifnull(nope, 1) from timeline.replays';
    await assert.rejects(inDialect('mysql', sql), (error: pg.DatabaseError) => {
      assert.equal(error.code, '42703');
      assert.equal(Number(error.position), sql.indexOf('nope') + 1);
      assert.match(error.detail ?? '', /The MySQL query was read as: SELECT/);
      return true;
    });
    await assert.rejects(
      inDialect('mysql', 'select from'),
      (error: pg.DatabaseError) => error.code === '42601' && Number(error.position) === 8,
    );
  });

  it('BigQuery needs UTC; statements of the session are ours in every dialect', async () => {
    await client.query("SET TimeZone = 'Europe/Paris'");
    await assert.rejects(inDialect('bigquery', 'select 1'), /other than UTC/);
    await client.query("SET TimeZone = 'UTC'");
    await client.query("BEGIN; SET LOCAL timeline.dialect = 'mysql'; COMMIT");
    await assert.rejects(client.query("SET timeline.dialect = 'oracle'"), (error: pg.DatabaseError) => error.code === '22023');
    await client.query("SET timeline.dialect = 'mysql'");
    const both = (await client.query('select "a;b" as `x`; select 2 as y')) as unknown as pg.QueryResult[];
    assert.deepEqual(
      both.map((result) => result.rows[0]),
      [{ x: 'a;b' }, { y: 2 }],
    );
    await client.query('RESET timeline.dialect');
    assert.deepEqual((await client.query('SELECT 7/2 AS n')).rows, [{ n: 3 }]);
  });
});
