import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { RunOptions } from '../../src/replay/driver.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { planOf, readStage, rowsOf, scanStage, temporaryFolder } from '../replay/support.js';
import { openServer, readLog, startWorker, until, type WorkerChild } from '../replay/temporal-support.js';

function runOptions(): RunOptions {
  return { id: `replay-${randomUUID()}`, sql: 'SELECT 1', user: 'test', signal: new AbortController().signal, maxBytes: undefined };
}

describe('chaos: workers and servers that die', function () {
  this.timeout(90_000);
  let server: DevServer | undefined;
  const workers: WorkerChild[] = [];

  before(async function () {
    server = await openServer();
    if (server === undefined) this.skip();
  });

  afterEach(async () => {
    for (const worker of workers.splice(0)) await worker.kill('SIGKILL');
  });

  after(async () => server?.close());

  async function setUp(fastLane: boolean) {
    const folder = temporaryFolder();
    const store = createStageStore({ folder: join(folder, 'stages') });
    const taskQueue = randomUUID();
    const address = String(server?.address);
    const start = async (): Promise<WorkerChild> => {
      const worker = await startWorker({ address, taskQueue, folder });
      workers.push(worker);
      return worker;
    };
    return { folder, store, start, driver: createTemporalDriver({ address, namespace: 'default', taskQueue, store, fastLane }) };
  }

  it('kill -9 of the worker in mid-query: another one goes on, and no committed task runs again', async () => {
    const { folder, store, start, driver } = await setUp(false);
    const first = await start();
    const splits = Array.from({ length: 24 }, (_, n) => ({ rows: [`row${n}`], delay: 120 + (n % 5) * 40 }));
    const scan = scanStage(0, splits, { exchange: { by: [1], partitions: 2 } });
    const run = await driver.start(planOf(scan, readStage(1, scan)), runOptions());
    const rows = rowsOf(run.files);

    await until('commit of some tasks, with others in flight', async () => {
      const done = (await store.committed(run.id)).get(0)?.length ?? 0;
      return done >= 6 && readLog(folder).length > done;
    });
    await first.kill('SIGKILL');
    const committed = new Set((await store.committed(run.id)).get(0));
    const before = readLog(folder);
    const inFlight = before.filter(({ row }) => !committed.has(Number(row.slice(3))));
    assert.ok(committed.size < 24 && inFlight.length > 0, 'the kill hit tasks in flight');

    const second = await start();
    assert.deepEqual((await rows).sort(), splits.map((split) => split.rows[0]).sort());
    const after = readLog(folder).slice(before.length);
    assert.ok(after.every(({ pid }) => pid === second.process.pid));
    assert.deepEqual(
      after.filter(({ row }) => committed.has(Number(row.slice(3)))),
      [],
      'no committed task ran again',
    );
    for (const { row } of inFlight)
      assert.ok(
        after.some((one) => one.row === row),
        `${row} was in flight and ran again`,
      );
    assert.equal((await run.summary).rows, 24);
    await run.release();
    await driver.close();
  });

  it('kill -9 of the worker in the fast lane: another one runs the plan', async () => {
    const { folder, start, driver } = await setUp(true);
    const first = await start();
    const run = await driver.start(
      planOf(
        scanStage(0, [
          { rows: ['a'], delay: 1500 },
          { rows: ['b'], delay: 1500 },
        ]),
      ),
      runOptions(),
    );
    const rows = rowsOf(run.files);
    await until('begin of a task', () => readLog(folder).length > 0);
    await first.kill('SIGKILL');
    const second = await start();
    assert.deepEqual(await rows, ['a', 'b']);
    assert.ok(
      readLog(folder).some(({ pid }) => pid === second.process.pid),
      'the kill hit the plan in flight',
    );
    await run.release();
    await driver.close();
  });

  it('SIGTERM drains: tasks that run are ended, none runs again', async () => {
    const { folder, store, start, driver } = await setUp(false);
    const first = await start();
    const splits = Array.from({ length: 16 }, (_, n) => ({ rows: [`row${n}`], delay: 200 }));
    const run = await driver.start(planOf(scanStage(0, splits)), runOptions());
    const rows = rowsOf(run.files);
    await until('commit of a task', async () => ((await store.committed(run.id)).get(0)?.length ?? 0) >= 1);
    const stopping = first.kill('SIGTERM');
    await start();
    await stopping;
    assert.deepEqual(
      await rows,
      splits.map((split) => split.rows[0]),
    );
    assert.equal(readLog(folder).length, 16);
    assert.equal(new Set(readLog(folder).map(({ pid }) => pid)).size, 2);
    await run.release();
    await driver.close();
  });

  it('kill -9 of the server in mid-query: it comes back with its database, and the run goes on', async () => {
    const folder = temporaryFolder();
    const dbFile = join(folder, 'temporal.db');
    let own = await openServer({ dbFile });
    assert.ok(own);
    const { address } = own;
    const store = createStageStore({ folder: join(folder, 'stages') });
    const driver = createTemporalDriver({ address, namespace: 'default', taskQueue: 'q', store, fastLane: false });
    try {
      workers.push(await startWorker({ address, taskQueue: 'q', folder }));
      const splits = Array.from({ length: 24 }, (_, n) => ({ rows: [`row${n}`], delay: 150 }));
      const scan = scanStage(0, splits);
      const run = await driver.start(planOf(scan, readStage(1, scan)), runOptions());
      const rows = rowsOf(run.files);
      await until('commit of some tasks', async () => ((await store.committed(run.id)).get(0)?.length ?? 0) >= 6);
      process.kill(own.pid, 'SIGKILL');
      await own.exited;
      own = await openServer({ dbFile, port: Number(address.split(':')[1]) });
      assert.deepEqual((await rows).sort(), splits.map((split) => split.rows[0]).sort());
      await run.release();
    } finally {
      await driver.close();
      for (const worker of workers.splice(0)) await worker.kill('SIGKILL');
      await own?.close();
    }
  });
});
