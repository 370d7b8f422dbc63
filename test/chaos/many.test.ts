import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { planOf, readStage, rowsOf, scanStage, temporaryFolder } from '../replay/support.js';
import { openServer, readLog, startWorker, type WorkerChild } from '../replay/temporal-support.js';
import { type Cluster, openCluster } from './cluster.js';
import { resultOf, submit, waitFor } from './submitted.js';
import { makeTinyLake, ROWS_A_PART, SETTINGS } from './tiny-lake.js';

/** TIMELINE_CHAOS_TASKS=5000 for as many as the goal says. */
const TASKS = Number(process.env['TIMELINE_CHAOS_TASKS'] ?? 2000);
const REPLAYS = 50;
const PARTS = 60;

describe('one replay of many tasks', function () {
  this.timeout(240_000);
  let server: DevServer | undefined;
  let worker: WorkerChild | undefined;

  before(async function () {
    server = await openServer();
    if (server === undefined) this.skip();
  });

  after(async () => {
    await worker?.kill('SIGKILL');
    await server?.close();
  });

  it(`runs ${TASKS} tasks, each once, over several histories of one workflow`, async () => {
    const address = String(server?.address);
    const [folder, taskQueue] = [temporaryFolder(), randomUUID()];
    const store = createStageStore({ folder: join(folder, 'stages') });
    const connection = await Connection.connect({ address });
    const driver = createTemporalDriver({
      address,
      namespace: 'default',
      taskQueue,
      store,
      fastLane: false,
      checkpointEvery: Math.ceil(TASKS / 4),
    });
    try {
      worker = await startWorker({ address, taskQueue, folder, activities: 8 });
      const scan = scanStage(
        0,
        Array.from({ length: TASKS }, (_, n) => ({ rows: [`row${n}`] })),
        { exchange: { by: [1], partitions: 4 } },
      );
      const signal = new AbortController().signal;
      const run = await driver.start(planOf(scan, readStage(1, scan)), {
        id: `replay-${randomUUID()}`,
        sql: 'SELECT 1',
        user: 'test',
        signal,
        maxBytes: undefined,
      });
      const rows = await rowsOf(run.files);
      assert.equal(new Set(rows).size, TASKS);
      assert.equal(rows.length, TASKS);
      await run.summary;
      assert.equal(readLog(folder).length, TASKS, 'each task ran once');
      const handle = new Client({ connection }).workflow.getHandle(run.id);
      const last = await handle.describe();
      const runs = [last.runId];
      // Each history says which one it goes on from.
      for (let id: string | undefined = last.runId; id !== undefined; ) {
        const history = await new Client({ connection }).workflow.getHandle(run.id, id).fetchHistory();
        id = history.events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId || undefined;
        if (id !== undefined) runs.push(id);
      }
      assert.ok(new Set(runs).size >= 3, `histories: ${runs.join(', ')}`);
      console.log(`        ${new Set(runs).size} histories, the last one of ${last.historyLength} events`);
      await run.release();
    } finally {
      await driver.close();
      await connection.close();
    }
  });
});

describe(`${REPLAYS} replays at once`, function () {
  this.timeout(240_000);
  let cluster: Cluster | undefined;

  before(async function () {
    const catalogs = await makeTinyLake({ folder: join(temporaryFolder(), 'lake'), parts: PARTS });
    cluster = await openCluster({ config: { catalogs } });
    if (cluster === undefined) return this.skip();
    await Promise.all([cluster.startWorker(), cluster.startGateway()]);
  });

  after(async () => cluster?.close());

  it('are all right, with interactive queries beside them', async () => {
    assert.ok(cluster !== undefined);
    cluster.control('delay', '20');
    const clients = await Promise.all(Array.from({ length: 5 }, () => (cluster as Cluster).gateway().connect()));
    for (const client of clients) await client.query(SETTINGS);
    const [first] = clients;
    assert.ok(first !== undefined);
    const ids = (
      await Promise.all(
        clients.map(async (client, c) => {
          const own: { readonly id: string; readonly from: number }[] = [];
          for (let n = c; n < REPLAYS; n += clients.length)
            own.push({
              id: await submit(client, `SELECT sum(n)::text AS sum FROM lake.tiny WHERE part >= ${n} AND part < ${n + 8}`),
              from: n,
            });
          return own;
        }),
      )
    ).flat();
    assert.equal(new Set(ids.map(({ id }) => id)).size, REPLAYS);
    const { rows } = await first.query("SELECT count(*)::int AS n FROM timeline.replays WHERE kind = 'replay' AND state = 'running'");
    const running = Number((rows[0] as { n: unknown }).n);
    for (const client of clients)
      assert.equal((await client.query('SELECT count(*)::int AS n FROM lake.tiny')).rows[0]?.n, PARTS * ROWS_A_PART);
    for (const { id, from } of ids) {
      assert.equal(await waitFor(first, id), 'completed');
      const until = Math.min(PARTS, from + 8) * ROWS_A_PART;
      let sum = 0;
      for (let n = from * ROWS_A_PART; n < until; n++) sum += n;
      assert.deepEqual(await resultOf(first, id), [{ sum: String(sum) }], `replay of parts from ${from}`);
    }
    assert.ok(running > 1, 'they ran at the same time');
    console.log(`        ${running} of ${REPLAYS} were running once all were submitted`);
    const starts = cluster.tasks().filter(({ moment }) => moment === 'start');
    const tasks = new Set(starts.map(({ query, stage, task }) => `${query}/${stage}/${task}`));
    assert.equal(tasks.size, starts.length, 'no task ran twice');
    for (const client of clients) await client.end();
  });
});
