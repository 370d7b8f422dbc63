import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { openEngine, type TestEngine } from './engine.js';
import { createWritableConnector } from './writable-connector.js';

describe('what a write leaves and tells', function () {
  this.timeout(60_000);
  let folder: string;
  let test: TestEngine;
  let client: pg.Client;
  const notices: string[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'timeline-ends-'));
    const lake = {
      type: 'iceberg',
      catalog: { type: 'filesystem', warehouse: `file://${folder}/warehouse` },
      write: { schemas: ['lake', 'empty'] },
    };
    const connector = createWritableConnector({ folder: join(folder, 'own'), splitBytes: 100e6 });
    test = await openEngine({ folder, connector, config: { catalogs: { lake }, copy: { locations: ['out/'] } } });
    client = await test.connect();
    client.on('notice', ({ message }) => notices.push(message ?? ''));
  });

  after(async () => {
    await test?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const rows = async (sql: string): Promise<unknown[][]> => (await client.query({ text: sql, rowMode: 'array' })).rows as unknown[][];
  const dataFiles = async (): Promise<string[]> =>
    (await readdir(join(folder, 'warehouse'), { recursive: true })).filter((name) => name.endsWith('.parquet'));

  it('schemas that may be written are there before their tables', async () => {
    const schemas = (): Promise<unknown[][]> => rows("select nspname from pg_namespace where nspname in ('lake', 'empty') order by 1");
    assert.deepEqual(await schemas(), [['empty'], ['lake']]);
    await client.query('set search_path = empty');
    await client.query('create table first as select 1 as a');
    assert.deepEqual(await rows('table empty.first'), [[1]]);
    await client.query('drop table first');
    await client.query('reset search_path');
    assert.deepEqual(await schemas(), [['empty'], ['lake']]);
  });

  it('a notice says snapshot, files and rows, unless client_min_messages is above', async () => {
    notices.length = 0;
    await client.query("create table lake.told with (partitioning = 'k') as select n, n % 3 as k from generate_series(1, 1000) n");
    await client.query('insert into lake.told values (1, 1)');
    await client.query('create table lake.none (a int)');
    const snapshots = await rows('select snapshot_id from lake."told$snapshots" order by committed_at');
    assert.deepEqual(notices, [`snapshot ${snapshots[0]?.[0]}: 3 files, 1000 rows`, `snapshot ${snapshots[1]?.[0]}: 1 file, 1 row`]);
    await client.query('set client_min_messages = warning');
    await client.query('insert into lake.told values (1, 1)');
    await client.query('reset client_min_messages');
    assert.equal(notices.length, 2);
    assert.deepEqual(await rows("select rows, rows_written from timeline.queries where sql like 'create table lake.told%'"), [
      ['1000', '1000'],
    ]);
    assert.deepEqual(await rows("select count(*) from timeline.queries where rows_written is null and sql like 'select snapshot_id%'"), [
      ['1'],
    ]);
  });

  it('COPY says which numerics Parquet gets as text', async () => {
    notices.length = 0;
    await client.query(`copy (select 1.5 as n, array[2.5] as l, 3.5::numeric(5,1) as d, 4 as i) to '${folder}/out/n.parquet'`);
    await client.query(`copy (select 1.5 as n) to '${folder}/out/n.csv'`);
    assert.deepEqual(notices, ['column "n" of type numeric is written as text', 'column "l" of type numeric is written as text']);
  });

  it('INSERT with timeline.as_of reads that version and writes the current table', async () => {
    await client.query('create table lake.versions as select 1 as a');
    const [[snapshot] = []] = await rows('select snapshot_id from lake."versions$snapshots"');
    await client.query('insert into lake.versions values (2)');
    await client.query(`set timeline.as_of = '${snapshot}'`);
    await client.query('insert into lake.versions select a + 10 from lake.versions');
    await client.query('insert into lake.versions values (20)');
    assert.deepEqual(await rows('select a from lake.versions'), [[1]]);
    await client.query('reset timeline.as_of');
    assert.deepEqual(await rows('select a from lake.versions order by a'), [[1], [2], [11], [20]]);
  });

  it('a write that fails takes the files of its tasks with it', async () => {
    await client.query('create table results.source as select n from generate_series(1, 20) n');
    for (const from of [21, 41, 61, 81])
      await client.query(`insert into results.source select n from generate_series(${from}, ${from + 19}) n`);
    await client.query('create table lake.failing (a int)');
    const plan = await rows('explain insert into lake.failing select 1 / (n - 100) from results.source');
    assert.match(plan.join('\n'), /Stage 1 \(scan\): 5 tasks/);
    const before = await dataFiles();
    for (const sql of [
      'insert into lake.failing select 100 / (n - 100) from results.source',
      'create table lake.failed as select 100 / (n - 100) as a from results.source',
    ]) {
      await assert.rejects(client.query(sql), { code: '22012' });
      assert.deepEqual(await dataFiles(), before);
    }
    // The same with a table's own connector: its tasks did write.
    await assert.rejects(client.query('create table results.failed as select 100 / (n - 100) as a from results.source'), { code: '22012' });
    assert.ok(
      (await readdir(join(folder, 'own'))).some((name) => name.startsWith('failed-')),
      'tasks ended before the one that failed',
    );
    assert.deepEqual(await rows('select count(*) from lake.failing'), [['0']]);
  });
});
