import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { Driver, RunOptions } from '../../src/replay/driver.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { keepOpenRuns } from '../../src/replay/temporal/open-runs.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import {
  connectors,
  createTestConnector,
  createTestKernel,
  planOf,
  registryIn,
  rowsOf,
  scanStage,
  temporaryFolder,
  valuesPlan,
} from './support.js';
import { freshBundle, openServer, until } from './temporal-support.js';

describe('replay/temporal-driver while Temporal is away', function () {
  this.timeout(120_000);
  const folder = temporaryFolder();
  const dbFile = join(folder, 'temporal.db');
  const store = createStageStore({ folder: join(folder, 'stages') });
  const closers: (() => Promise<unknown>)[] = [];
  let server: DevServer;
  let worker: TemporalWorker;
  let driver: Driver;
  let hasty: Driver;
  let reads = 0;

  before(async function () {
    const bundlePath = await freshBundle();
    const opened = await openServer({ dbFile });
    if (opened === undefined) return this.skip();
    server = opened;
    const base = { address: server.address, namespace: 'default', taskQueue: 'away', store };
    worker = await startTemporalWorker({
      ...base,
      bundlePath,
      registry: registryIn(join(folder, 'stages')),
      connectors: connectors(createTestConnector({ log: () => void reads++ })),
      kernel: createTestKernel(),
      scratchFolder: join(folder, 'scratch'),
      handleSignals: false,
    });
    const openRuns = await keepOpenRuns(join(folder, 'open'));
    driver = createTemporalDriver({ ...base, connection: worker.connection, fastLane: false, openRuns });
    hasty = createTemporalDriver({ ...base, fastLane: false, openRuns, outageMost: 1000 });
    closers.push(
      () => driver.close(),
      () => hasty.close(),
      () => worker.shutdown(),
      () => server.close(),
    );
  });

  after(async () => {
    for (const close of closers) await close().catch(() => undefined);
  });

  beforeEach(() => {
    reads = 0;
  });

  async function kill(): Promise<void> {
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
  }

  async function restart(): Promise<void> {
    const again = await openServer({ dbFile, port: Number(server.address.split(':')[1]) });
    assert.ok(again);
    server = again;
  }

  const markers = (): string[] => readdirSync(join(folder, 'open')).flatMap((one) => readdirSync(join(folder, 'open', one)));

  function options(extra: Partial<RunOptions> = {}): RunOptions {
    const signal = new AbortController().signal;
    return { id: `replay-${randomUUID()}`, sql: 'SELECT 1', user: 'ann', signal, maxBytes: undefined, ...extra };
  }

  const slowly = planOf(
    scanStage(
      0,
      Array.from({ length: 40 }, (_, n) => ({ rows: [`row${n}`], delay: 300 })),
    ),
  );

  it('waits for it, and says so', async () => {
    const remarks: string[] = [];
    const run = await driver.start(slowly, options({ onRemark: (text) => remarks.push(text) }));
    const rows = rowsOf(run.files);
    rows.catch(() => undefined);
    await until('read', () => reads > 2);
    assert.deepEqual(markers(), [run.id]);
    await kill();
    await until('remark', () => remarks.length > 0);
    assert.match(String(remarks[0]), /^Temporal at 127\.0\.0\.1:\d+ does not answer; waiting up to 30 s for it$/);
    await restart();
    assert.equal((await rows).length, 40);
    assert.equal((await run.summary).rows, 40);
    assert.match(String(remarks[1]), /answers again$/);
    await run.release();
    assert.deepEqual(markers(), []);
  });

  it('tells a reader that waited long enough, and ends what it asked for when it is back', async () => {
    const run = await hasty.start(slowly, options());
    const rows = rowsOf(run.files);
    rows.catch(() => undefined);
    await until('read', () => reads > 2);
    await kill();
    await assert.rejects(rows, {
      sqlstate: '08006',
      message: new RegExp(`while replay ${run.id} ran$`),
      hint: /timeline\.submit\(\)/,
    });
    await run.release();
    assert.deepEqual(markers(), [run.id], 'it is not forgotten');
    for (const by of [driver, hasty])
      await assert.rejects(by.start(valuesPlan('x'), options()), { sqlstate: '08001', message: /is unreachable$/ });
    assert.deepEqual(markers(), [run.id]);
    await restart();
    await until('end of what nobody reads', () => markers().length === 0);
    assert.equal(existsSync(join(folder, 'stages', run.id)), false);
    const connection = await Connection.connect({ address: server.address });
    const { status } = await new Client({ connection }).workflow.getHandle(run.id).describe();
    await connection.close();
    assert.equal(status.name, 'CANCELLED');
    const next = await hasty.start(valuesPlan('x'), options());
    assert.deepEqual(await rowsOf(next.files), ['x'], 'and it takes queries again');
    await next.release();
  });
});
