import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import type pg from 'pg';
import { openEngine, type TestEngine } from './engine.js';
import { createWritableConnector } from './writable-connector.js';

const ROWS = `select n::int2 as small, n as i, n * 10000000000 as big, n / 3.0::float8 as f, n::numeric(10,2) as dec, (n || '.50')::numeric as free,
  n % 2 = 0 as even, case when n = 3 then null else E'a "quoted",\\tback\\\\slash\\nline ü' || n end as text,
  date '2025-01-01' + n as day, timestamp '2025-01-01 00:00:00.123456' + n * interval '1 hour' as ts,
  timestamptz '2025-01-01 00:00:00+00' + n * interval '1 hour' as tz, array[n, null] as list, jsonb_build_object('n', n, 'a', array[1,2]) as doc,
  '\\xdeadbeef'::bytea as bytes, '7b9ae2d8-51ae-4bd7-b1ee-2f2b7b0e0a11'::uuid as id, n * interval '1 day 2 hours' as span from generate_series(1, 5) n`;

describe('COPY TO files', function () {
  this.timeout(60_000);
  let folder: string;
  let out: string;
  let test: TestEngine;
  let client: pg.Client;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'timeline-copy-'));
    out = join(folder, 'out');
    await mkdir(out);
    await writeFile(join(folder, 'secret'), 'secret');
    await symlink(folder, join(out, 'escape'));
    const connector = createWritableConnector({ folder: join(folder, 'lake'), splitBytes: 100e6 });
    test = await openEngine({ folder, connector, config: { copy: { locations: ['out/'] } } });
    client = await test.connect();
    await client.query(`set timezone = 'Europe/Berlin'`);
  });

  after(async () => {
    await test?.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function code(sql: string): Promise<string> {
    try {
      await client.query(sql);
      return 'done';
    } catch (error) {
      return (error as pg.DatabaseError).code ?? String(error);
    }
  }

  async function duck(sql: string): Promise<unknown[][]> {
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    try {
      return (await connection.runAndReadAll(sql)).getRowsJson() as unknown[][];
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  }

  it('Parquet, read back by DuckDB', async () => {
    const { command, rowCount } = await client.query(
      `copy (${ROWS} order by i desc) to 'file://${out}/rows.parquet' with (format parquet)`,
    );
    assert.deepEqual([command, rowCount], ['COPY', 5]);
    const found = await duck(
      `select small, i, big, f, dec, free, even, text, day::text, ts::text, epoch_us(tz), list, doc->>'n', hex(bytes), id::text, span from '${out}/rows.parquet'`,
    );
    assert.equal(found.length, 5);
    assert.deepEqual(
      found.map((row) => row[1]),
      [5, 4, 3, 2, 1],
      'in order',
    );
    assert.deepEqual(found[4], [
      1,
      1,
      '10000000000',
      1 / 3,
      '1.00',
      '1.50',
      false,
      'a "quoted",\tback\\slash\nline ü1',
      '2025-01-02',
      '2025-01-01 01:00:00.123456',
      '1735693200000000',
      [1, null],
      '1',
      'DEADBEEF',
      '7b9ae2d8-51ae-4bd7-b1ee-2f2b7b0e0a11',
      '1 day 02:00:00',
    ]);
    assert.equal(found[2]?.[7], null);
  });

  it("NDJSON is PostgreSQL's row_to_json, CSV and text are COPY's own", async () => {
    const expected = (await client.query({ text: `select row_to_json(q)::text from (${ROWS}) q`, rowMode: 'array' })).rows.map(([row]) =>
      String(row),
    );
    assert.equal(await code(`copy (${ROWS}) to '${out}/rows.ndjson'`), 'done');
    const lines = (await readFile(join(out, 'rows.ndjson'), 'utf8')).split('\n');
    assert.deepEqual(lines.slice(0, -1), expected);
    assert.equal(await code(`copy (${ROWS}) to '${out}/rows.json.gz' with (format json, compression gzip)`), 'done');
    assert.equal(gunzipSync(await readFile(join(out, 'rows.json.gz'))).toString(), lines.join('\n'));

    assert.equal(await code(`copy (${ROWS}) to '${out}/rows.csv' with (format csv, header, force_quote (i))`), 'done');
    const csv = await readFile(join(out, 'rows.csv'), 'utf8');
    assert.equal(csv.split('\n')[0], 'small,i,big,f,dec,free,even,text,day,ts,tz,list,doc,bytes,id,span');
    assert.match(
      csv,
      /^1,"1",10000000000,0\.3333333333333333,1\.00,1\.50,f,"a ""quoted"",\tback\\slash\nline ü1",2025-01-02,2025-01-01 01:00:00\.123456,2025-01-01 02:00:00\+01,"\{1,NULL\}"/m,
    );
    assert.deepEqual(
      (await duck(`select count(*), sum(i)::int from read_csv('${out}/rows.csv', header = true, quote = '"', escape = '"')`))[0],
      ['5', 15],
    );
    assert.equal(await code(`copy (select 1, null, E'a\\tb') to '${out}/rows.txt'`), 'done');
    assert.equal(await readFile(join(out, 'rows.txt'), 'utf8'), '1\t\\N\ta\\tb\n');
    assert.equal(await code(`copy (select 1 as a where false) to '${out}/none.csv' csv header`), 'done');
    assert.equal(await readFile(join(out, 'none.csv'), 'utf8'), 'a\n');
    assert.equal(await code(`copy (select 1 as a where false) to '${out}/none.parquet'`), 'done');
    assert.deepEqual(await duck(`select count(a) from '${out}/none.parquet'`), [['0']]);
  });

  it('rows of many tasks come in order', async () => {
    await client.query('create table results.part as select n from generate_series(1, 30000) n');
    for (let i = 0; i < 3; i++)
      await client.query(`insert into results.part select n + ${30000 * (i + 1)} from generate_series(1, 30000) n`);
    const { rowCount } = await client.query(`copy (select n from results.part order by n desc) to '${out}/many.csv' csv`);
    assert.equal(rowCount, 120000);
    const numbers = (await readFile(join(out, 'many.csv'), 'utf8')).trimEnd().split('\n').map(Number);
    assert.deepEqual([numbers.length, numbers[0], numbers.at(-1)], [120000, 120000, 1]);
    assert.ok(numbers.every((n, at) => n === 120000 - at));
    assert.equal(await code(`copy results.part (n) to '${out}/table.parquet' (format parquet, compression snappy)`), 'done');
    assert.deepEqual(await duck(`select count(*), sum(n)::varchar from '${out}/table.parquet'`), [['120000', '7200060000']]);
  });

  it('what lies there stays, unless OVERWRITE says so; errors leave nothing', async () => {
    assert.equal(await code(`copy (select 1) to '${out}/once.csv' csv`), 'done');
    assert.equal(await code(`copy (select 2) to '${out}/once.csv' csv`), '58P02');
    assert.equal(await readFile(join(out, 'once.csv'), 'utf8'), '1\n');
    assert.equal(await code(`copy (select 2) to '${out}/once.csv' with (format csv, overwrite)`), 'done');
    assert.equal(await readFile(join(out, 'once.csv'), 'utf8'), '2\n');
    const before = await readdir(out);
    assert.equal(await code(`copy (select 1 / (n - 500) from generate_series(1, 1000) n) to '${out}/failed.csv' csv`), '22012');
    assert.equal(await code(`copy (select 1) to '${out}/failed.csv' with (format csv, delimiter 'ab')`), '0A000');
    assert.equal(await code(`copy (select 1) to '${out}/failed.csv' with (format avro)`), '22023');
    assert.equal(await code(`copy (select 1) to '${out}/failed.parquet' with (format parquet, header)`), '22023');
    assert.deepEqual(await readdir(out), before);
  });

  it('only below configured locations', async () => {
    for (const place of [
      `${folder}/other.csv`,
      `${out}/../other.csv`,
      `${out}/escape/other.csv`,
      `${out}`,
      `${out}x/other.csv`,
      'other.csv',
      's3://bucket/x.csv',
      'http://host/x.csv',
      `${out}/a/../../other.csv`,
    ]) {
      assert.equal(await code(`copy (select 1) to '${place}' csv`), '42501', place);
    }
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('other')),
      [],
    );
    assert.equal(await code(`copy (select 1) to '${out}/a/b/c.csv' csv`), 'done');
    // A file is no part of a transaction.
    await client.query('begin read only');
    assert.equal(await code(`copy (select 1) to '${out}/in-block.csv' csv`), 'done');
    await client.query('commit');
  });
});
