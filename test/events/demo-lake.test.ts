import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { DuckDBInstance } from '@duckdb/node-api';
import { makeDemoLake } from '../../src/events/demo-lake.js';
import { pyicebergPython, runPython } from '../connectors/pyiceberg.js';

const ROWS = 3000;

describe('makeDemoLake', () => {
  let scratch: string;
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'timeline-lake-'));
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
  });

  after(async () => {
    connection.closeSync();
    instance.closeSync();
    await rm(scratch, { recursive: true, force: true });
  });

  const files = (folder: string) =>
    `read_parquet('${folder}/warehouse/lake/events/data/*/*.parquet', hive_partitioning = false, filename = true)`;
  const first = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJson()[0];
  const digest = async (folder: string) =>
    (
      await first(
        `SELECT md5(string_agg(row(COLUMNS(* EXCLUDE filename))::VARCHAR, chr(10) ORDER BY parse_filename(filename), file_row_number)) FROM ${files(folder).replace(')', ', file_row_number = true)')}`,
      )
    )?.[0];

  it('gives the same rows in the same order for the same seed', async () => {
    for (const name of ['a', 'b']) await makeDemoLake({ folder: join(scratch, name), rows: ROWS, days: 3 });
    await makeDemoLake({ folder: join(scratch, 'c'), rows: ROWS, days: 3, seed: 8 });
    const [a, b, c] = [await digest(join(scratch, 'a')), await digest(join(scratch, 'b')), await digest(join(scratch, 'c'))];
    assert.equal(a, b);
    assert.notEqual(a, c);
    // Whoever changes what the generator makes changes what the README shows: raise LAKE_VERSION and this digest together.
    assert.equal(a, 'f13f8359af358c0c51364f9493c73dc4');
  });

  it('has the columns, one file a day, unique version 7 ids, and ids in the order of time within a session', async () => {
    const folder = join(scratch, 'shape');
    const days: number[] = [];
    const lake = await makeDemoLake({ folder, rows: ROWS, days: 3, onProgress: ({ day }) => days.push(day) });
    assert.deepEqual(days, [1, 2, 3]);
    const described = (await connection.runAndReadAll(`DESCRIBE SELECT * EXCLUDE filename FROM ${files(folder)}`)).getRowsJson();
    assert.deepEqual(
      described.map(([name, type]) => [name, type]),
      [
        ['event_id', 'UUID'],
        ['ts', 'TIMESTAMP WITH TIME ZONE'],
        ['session_id', 'VARCHAR'],
        ['user_id', 'VARCHAR'],
        ['device_os', 'VARCHAR'],
        ['cdn', 'VARCHAR'],
        ['event_type', 'VARCHAR'],
        ['buffer_duration_ms', 'BIGINT'],
        ['bitrate_kbps', 'INTEGER'],
        ['country', 'VARCHAR'],
        ['attributes', 'MAP(VARCHAR, VARCHAR)'],
      ],
    );
    const facts = await first(`SELECT count(*), count(DISTINCT event_id), count(DISTINCT session_id), count(DISTINCT filename),
      bool_and(filename LIKE '%/ts_day=' || strftime(ts, '%Y-%m-%d') || '/%'), bool_and(substr(event_id::VARCHAR, 15, 1) = '7' AND substr(event_id::VARCHAR, 20, 1) IN ('8', '9', 'a', 'b')),
      bool_and((buffer_duration_ms IS NOT NULL) = (event_type = 'rebuffer')), count(*) FILTER (WHERE epoch_us(ts) % 1000 <> 0) > 1000,
      bool_and((attributes['reason'] IS NOT NULL) = (event_type = 'rebuffer') AND (attributes['ad_id'] IS NOT NULL) = (event_type = 'ad_marker'))
      FROM ${files(folder)}`);
    assert.deepEqual(facts, [String(lake.rows), String(lake.rows), String(lake.sessions), '3', true, true, true, true, true]);
    assert.ok(lake.rows >= ROWS);
    const disorder = await first(
      `SELECT count(*) FROM (SELECT event_id < lag(event_id) OVER (PARTITION BY session_id ORDER BY ts) AS wrong FROM ${files(folder)}) WHERE wrong`,
    );
    assert.deepEqual(disorder, ['0']);
    const unsorted = await first(
      `SELECT count(*) FROM (SELECT ts < lag(ts) OVER (PARTITION BY filename ORDER BY file_row_number) AS wrong FROM ${files(folder).replace(')', ', file_row_number = true)')}) WHERE wrong`,
    );
    assert.deepEqual(unsorted, ['0']);
  });

  it('is used again when it is whole, and made again when it is not or when other options are asked for', async () => {
    const folder = join(scratch, 'again');
    await makeDemoLake({ folder, rows: ROWS, days: 1 });
    const made = (await stat(join(folder, 'catalog.db'), { bigint: true })).birthtimeNs;
    const second = await makeDemoLake({ folder, rows: ROWS, days: 1 });
    assert.equal((await stat(join(folder, 'catalog.db'), { bigint: true })).birthtimeNs, made);
    assert.deepEqual(second.locations, {});
    await rm(join(folder, 'lake.json'));
    await rm(join(folder, 'catalog.db'));
    await makeDemoLake({ folder, rows: ROWS, days: 1 });
    assert.notEqual((await stat(join(folder, 'catalog.db'), { bigint: true })).birthtimeNs, made);
    const more = await makeDemoLake({ folder, rows: ROWS * 2, days: 2 });
    assert.ok(more.rows >= ROWS * 2);
    assert.deepEqual(await first(`SELECT count(*) FROM ${files(folder)}`), [String(more.rows)]);
  });

  it('does not remove what is not its own', async () => {
    const folder = join(scratch, 'foreign');
    await mkdir(folder);
    await writeFile(join(folder, 'letter.txt'), 'dear reader');
    await assert.rejects(makeDemoLake({ folder, rows: 10, days: 1 }), /not empty/);
    assert.equal(await readFile(join(folder, 'letter.txt'), 'utf8'), 'dear reader');
  });

  it('sweeps what a killed process left, and leaves nothing itself', async () => {
    const folder = join(scratch, 'swept');
    // Process ids end below 2^22 on Linux.
    await mkdir(join(scratch, 'swept.making-99999999-abcd', 'warehouse'), { recursive: true });
    await makeDemoLake({ folder, rows: 10, days: 1 });
    assert.deepEqual(
      (await readdir(scratch)).filter((name) => name.startsWith('swept')),
      ['swept'],
    );
  });

  it('is made once by two at a time', async () => {
    const folder = join(scratch, 'twice');
    const [a, b] = await Promise.all([makeDemoLake({ folder, rows: ROWS, days: 1 }), makeDemoLake({ folder, rows: ROWS, days: 1 })]);
    assert.deepEqual(a, b);
    assert.deepEqual(await first(`SELECT count(*) FROM ${files(folder)}`), [String(a.rows)]);
  });

  it('tells how to relocate it after its folder was moved', async () => {
    const [from, to] = [join(scratch, 'from'), join(scratch, 'to')];
    await makeDemoLake({ folder: from, rows: ROWS, days: 1 });
    await rename(from, to);
    const lake = await makeDemoLake({ folder: to, rows: ROWS, days: 1 });
    assert.deepEqual(lake.locations, { [`file://${from}`]: `file://${to}` });
    assert.equal(lake.warehouse, `file://${join(to, 'warehouse')}`);
    assert.equal(lake.catalogUri, `sqlite:///${join(to, 'catalog.db')}`);
  });

  describe('read by pyiceberg', () => {
    let python: string;

    before(async function () {
      this.timeout(600_000);
      const found = await pyicebergPython();
      if (found === undefined) return this.skip();
      python = found;
    });

    it('has all rows, its properties, and is pruned by day', async () => {
      const folder = join(scratch, 'py');
      const lake = await makeDemoLake({ folder, rows: ROWS, days: 3 });
      const script = `
import sys, json
from pyiceberg.catalog.sql import SqlCatalog
catalog = SqlCatalog(sys.argv[1], uri=sys.argv[2])
table = catalog.load_table('lake.events')
one = table.scan(row_filter="ts >= '2025-03-02T00:00:00+00:00' and ts < '2025-03-03T00:00:00+00:00'")
none = table.scan(row_filter="cdn = 'CDN9'")
print(json.dumps({'namespaces': catalog.list_namespaces(), 'rows': table.scan().to_arrow().num_rows, 'files': len(list(one.plan_files())), 'none': len(list(none.plan_files())),
  'total': table.current_snapshot().summary['total-records'], 'key': table.properties['timeline.key'], 'ids': table.scan(selected_fields=('event_id',)).to_arrow().schema.field(0).type.__str__()}))`;
      assert.deepEqual(await runPython(python, script, [lake.catalogName, lake.catalogUri]), {
        namespaces: [['lake']],
        rows: lake.rows,
        files: 1,
        none: 0,
        total: String(lake.rows),
        key: 'session_id',
        ids: 'extension<arrow.uuid>',
      });
    });
  });
});
