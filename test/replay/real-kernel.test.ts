import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Field, Operator, PhysicalPlan } from '../../planner/physical-plan.js';
import { Oid, type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import { createKernel } from '../../src/kernel/kernel-pool.js';
import { imagePath } from '../../src/paths.js';
import type { Driver } from '../../src/replay/driver.js';
import { createLocalDriver } from '../../src/replay/local-driver.js';
import { createStageStore, type StageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import { registryIn, temporaryFolder } from './support.js';
import { freshBundle, openServer } from './temporal-support.js';

const N: Field = { id: 1, name: 'n', type: type(Oid.int8) };
const T: Field = { id: 2, name: 't', type: type(Oid.text) };

function values(rows: readonly (readonly [string, string])[]): Operator {
  return {
    kind: 'values',
    fields: [N, T],
    rows: rows.map(([n, t]) => [
      { kind: 'constant', type: N.type, value: n },
      { kind: 'constant', type: T.type, value: t },
    ]),
  };
}

const ROWS: readonly (readonly [string, string])[] = Array.from({ length: 20 }, (_, n) => [String(n), `text ${n}`]);

/** VALUES in one stage, cut by hash; read back by three tasks; sorted by the last. */
const PLAN: PhysicalPlan = {
  version: 1,
  output: [N, T],
  snapshots: [],
  session: { timeZone: 'UTC', now: '0', memoryLimit: 100_000_000 },
  notices: [],
  stages: [
    {
      id: 0,
      kind: 'operator',
      root: values(ROWS),
      deps: [],
      ordered: false,
      exchange: { by: [1], partitions: 3 },
      tasks: [{ id: 0, splits: {} }],
    },
    {
      id: 1,
      kind: 'operator',
      root: { kind: 'exchange_read', stage: 0, fields: [N, T] },
      deps: [0],
      ordered: false,
      tasks: [0, 1, 2].map((partition) => ({ id: partition, splits: {}, partition })),
    },
    {
      id: 2,
      kind: 'final',
      deps: [1],
      ordered: true,
      tasks: [{ id: 0, splits: {} }],
      root: {
        kind: 'sort',
        input: { kind: 'exchange_read', stage: 1, fields: [N, T] },
        keys: [{ expr: { kind: 'column', id: 1, type: N.type }, descending: true, nullsFirst: true }],
      },
    },
  ],
};

describe('replay with the real kernel', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let kernel: Kernel;
  let store: StageStore;
  let server: DevServer | undefined;
  let worker: TemporalWorker | undefined;
  const drivers: Driver[] = [];

  before(() => {
    kernel = createKernel({ threads: 1, memoryLimit: 200_000_000, tempFolder: join(folder, 'spill'), imagePath: imagePath() });
    store = createStageStore({ folder: join(folder, 'stages') });
  });

  after(async () => {
    for (const driver of drivers) await driver.close();
    await worker?.shutdown();
    await server?.close();
    await kernel.close();
  });

  async function answer(driver: Driver): Promise<(Value | null)[][]> {
    const run = await driver.start(PLAN, {
      id: `replay-${randomUUID()}`,
      sql: 'VALUES',
      user: 'test',
      signal: new AbortController().signal,
      maxBytes: undefined,
    });
    const rows: (Value | null)[][] = [];
    for await (const file of run.files) {
      for await (const batch of kernel.read([file], PLAN.output, new AbortController().signal)) {
        assert.equal(batch.kind, 'columns');
        if (batch.kind === 'columns') for (let n = 0; n < batch.rowCount; n++) rows.push(batch.columns.map((column) => column[n] ?? null));
      }
    }
    assert.deepEqual(
      (await run.summary).stages.map((stage) => stage.rows),
      [20, 20, 20],
    );
    await run.release();
    return rows;
  }

  const expected = [...ROWS].reverse().map(([n, t]) => [BigInt(n), t]);

  it('answers in this process', async () => {
    const driver = createLocalDriver({ connectors: new Map(), kernel, store, scratchFolder: join(folder, 'scratch') });
    drivers.push(driver);
    assert.deepEqual(await answer(driver), expected);
  });

  it('answers on Temporal, by the fast lane and by activities', async function () {
    const bundlePath = await freshBundle();
    server = await openServer();
    if (server === undefined) {
      this.skip();
      return;
    }
    const base = { address: server.address, namespace: 'default', taskQueue: 'kernel', store };
    worker = await startTemporalWorker({
      ...base,
      registry: registryIn(join(folder, 'stages')),
      bundlePath,
      connectors: new Map(),
      kernel,
      scratchFolder: join(folder, 'scratch'),
      handleSignals: false,
    });
    for (const fastLane of [true, false]) {
      const driver = createTemporalDriver({ ...base, fastLane });
      drivers.push(driver);
      assert.deepEqual(await answer(driver), expected);
    }
  });
});
