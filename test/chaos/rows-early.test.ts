import assert from 'node:assert/strict';
import { join } from 'node:path';
import pg from 'pg';
import { temporaryFolder } from '../replay/support.js';
import { until } from '../replay/temporal-support.js';
import { type Cluster, gone, kill, openCluster } from './cluster.js';
import { makeTinyLake, ROWS_A_PART, SETTINGS } from './tiny-lake.js';

const PARTS = 120;

describe('rows go as soon as they may, and no sooner', function () {
  this.timeout(120_000);
  let cluster: Cluster | undefined;

  before(async function () {
    const catalogs = await makeTinyLake({ folder: join(temporaryFolder(), 'lake'), parts: PARTS });
    cluster = await openCluster({ config: { catalogs } });
    if (cluster === undefined) return this.skip();
    await cluster.startWorker();
    await cluster.startGateway();
  });

  after(async () => cluster?.close());

  /** Reads a query as a client does; every row with the time when it came. */
  async function reading(
    sql: string,
  ): Promise<{ readonly rows: { readonly n: number; readonly at: number }[]; readonly end: Promise<void> }> {
    const client = await (cluster as Cluster).gateway().connect();
    await client.query(SETTINGS);
    const rows: { n: number; at: number }[] = [];
    const query = client.query(new pg.Query({ text: sql, rowMode: 'array' } as pg.QueryConfig));
    query.on('row', (row: unknown) => rows.push({ n: Number((row as unknown as [string])[0]), at: Date.now() }));
    const end = new Promise<void>((resolve, reject) => {
      query.on('end', () => resolve());
      query.on('error', reject);
    }).finally(() => client.end());
    end.catch(() => undefined);
    return { rows, end };
  }

  it("a committed task's rows reach the client in order while later tasks run; a killed worker's uncommitted ones never do", async () => {
    assert.ok(cluster !== undefined);
    cluster.control('delay', '40');
    const held = 60;
    cluster.control('hold', `files * ${held}`);
    const { rows, end } = await reading('SELECT n FROM lake.tiny');
    await until(
      'a task whose files are put and whose manifest is not',
      () => cluster?.tasks().some(({ moment }) => moment === 'held') === true,
    );
    const line = cluster.tasks().find(({ moment }) => moment === 'held');
    assert.ok(line);
    await until('all rows before it', () => rows.length >= held * ROWS_A_PART);
    await until('a commit of a later task', async () =>
      ((await cluster?.store.committed(line.query))?.get(line.stage) ?? []).some((task) => task > held),
    );
    // Its files are there, and complete; its rows are nobody's yet.
    assert.equal(await cluster.store.manifest(line.query, line.stage, held), undefined);
    assert.equal(rows.length, held * ROWS_A_PART);
    const manifests = await Promise.all(
      Array.from({ length: held }, async (_, task) => (await cluster?.store.manifest(line.query, line.stage, task))?.at),
    );
    const killedAt = Date.now();
    kill(line.pid);
    await gone(line.pid);
    if (cluster.workers.some(({ pid }) => pid === line.pid)) await cluster.startWorker();
    await end;
    assert.deepEqual(
      rows.map(({ n }) => n).toSorted((a, b) => a - b),
      Array.from({ length: PARTS * ROWS_A_PART }, (_, n) => n),
      'every row once',
    );
    for (const [task, committedAt] of manifests.entries()) {
      assert.ok(committedAt !== undefined, `task ${task} is committed`);
      for (const { at } of rows.slice(task * ROWS_A_PART, (task + 1) * ROWS_A_PART))
        assert.ok(committedAt <= at, `rows of task ${task} came before its commit`);
    }
    assert.ok((rows[held * ROWS_A_PART]?.at ?? 0) >= killedAt);
    const starts = cluster.tasks().filter(({ moment, query }) => moment === 'start' && query === line.query);
    assert.ok((rows[0]?.at ?? 0) < Math.max(...starts.map(({ at }) => at)), 'first rows come while tasks still begin');
    const again = starts.filter(({ task, at }) => task === held && at > killedAt);
    assert.ok(again.length > 0 && again.every(({ pid }) => pid !== line.pid), 'another process ran the held task');
    assert.equal(starts.filter(({ task }) => task < held).length, held, 'no task before it ran twice');
  });
});
