import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInstanceCache, type InstanceCache } from '../../src/kernel/instance-cache.js';
import { PostgresFunctions } from '../../src/kernel/postgres-functions.js';
import { imagePath } from '../../src/paths.js';

const MEMORY = 256 * 1024 * 1024;

describe('DuckDB instances of a kernel thread', () => {
  let folder: string;
  let cache: InstanceCache;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'timeline-instances-'));
    cache = createInstanceCache({
      threads: 1,
      tempFolder: join(folder, 'temp'),
      postgres: new PostgresFunctions({ imagePath: imagePath(), aborted: () => false }),
    });
  });
  afterEach(async () => {
    await cache.close();
    assert.deepEqual(await readdir(join(folder, 'temp')), []);
    await rm(folder, { recursive: true, force: true });
  });

  const settings = (timeZone = 'UTC', folders = [join(folder, 'a')]) => ({ timeZone, memoryLimit: MEMORY, folders });

  it('are shared by tasks of the same settings in any order of folders, and by no others', async () => {
    const first = await cache.take(settings('UTC', [join(folder, 'a'), join(folder, 'b')]));
    await first.giveBack();
    const again = await cache.take(settings('UTC', [join(folder, 'b'), join(folder, 'a')]));
    assert.equal(again.instance, first.instance);
    const busy = await cache.take(settings('UTC', [join(folder, 'a'), join(folder, 'b')]));
    assert.notEqual(busy.instance, first.instance);
    await Promise.all([again.giveBack(), busy.giveBack()]);
    const others = [settings('Europe/Berlin'), settings('UTC'), { ...settings('UTC'), memoryLimit: MEMORY / 2 }];
    for (const other of others) {
      const held = await cache.take(other);
      assert.notEqual(held.instance, first.instance);
      await held.giveBack();
    }
  });

  it('keep nothing of a task: tables, temporary tables, settings of its connection', async () => {
    const first = await cache.take(settings());
    const one = await first.instance.connect();
    await one.connection.run('CREATE TABLE "odd""name" AS SELECT 1 AS a; CREATE TEMP TABLE t AS SELECT 1 AS a');
    await one.filling.run('CREATE TABLE b AS SELECT 1 AS a');
    one.close();
    await first.giveBack();
    const second = await cache.take(settings());
    assert.equal(second.instance, first.instance);
    const two = await second.instance.connect();
    const tables = await two.connection.runAndReadAll('SELECT count(*) FROM duckdb_tables()');
    assert.deepEqual(tables.getRows(), [[0n]]);
    two.close();
    await second.giveBack();
  });

  it('know their zone on every connection', async () => {
    const held = await cache.take(settings('Asia/Kathmandu'));
    const { connection, close } = await held.instance.connect();
    const answer = await connection.runAndReadAll("SELECT CAST(make_timestamptz(CAST('0' AS BIGINT)) AS VARCHAR)");
    assert.deepEqual(answer.getRows(), [['1970-01-01 05:30:00+05:30']]);
    close();
    await held.giveBack();
  });

  it('are locked: no other folder, no other setting, no extension, no other database', async () => {
    await writeFile(join(folder, 'secret.csv'), 'a\n1\n');
    const held = await cache.take(settings());
    const { connection, close } = await held.instance.connect();
    for (const sql of [
      `SELECT * FROM read_csv('${folder}/secret.csv')`,
      `SELECT * FROM read_text('${folder}/a/../secret.csv')`,
      `COPY (SELECT 1) TO '${folder}/out.csv'`,
      `ATTACH '${folder}/other.db'`,
      `SET allowed_directories = ['/']`,
      'SET enable_external_access = true',
      "SET memory_limit = '10GB'",
      "SET TimeZone = 'Europe/Berlin'",
      'INSTALL httpfs',
      'LOAD httpfs',
    ]) {
      await assert.rejects(connection.run(sql), sql);
    }
    close();
    await held.giveBack();
  });

  it('are gone after an error, and only so many wait', async () => {
    const broken = await cache.take(settings());
    await broken.throwAway();
    const next = await cache.take(settings());
    assert.notEqual(next.instance, broken.instance);
    await next.giveBack();
    for (let n = 0; n < 6; n++) await (await cache.take(settings('UTC', [join(folder, String(n))]))).giveBack();
    assert.equal((await readdir(join(folder, 'temp'))).length, 4);
  });
});
