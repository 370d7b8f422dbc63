import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { PhysicalPlan } from '../../planner/physical-plan.js';
import { TimelineError } from '../../sql/errors.js';
import type { Driver, RunOptions, RunProgress } from '../../src/replay/driver.js';
import { createStageStore, type StageStore } from '../../src/replay/stage-store.js';
import { createCommitBus } from '../../src/replay/temporal/commit-bus.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import {
  connectors,
  createTestConnector,
  createTestKernel,
  planOf,
  readStage,
  registryIn,
  rowsOf,
  scanStage,
  type TestSplit,
  temporaryFolder,
  valuesPlan,
} from './support.js';
import { freshBundle, openServer, until } from './temporal-support.js';

const numbered = (count: number, extra: Partial<TestSplit> = {}): TestSplit[] =>
  Array.from({ length: count }, (_, n) => ({ rows: [`a${n}`, `b${n}`], ...extra }));
const allRows = (splits: readonly TestSplit[]): string[] => splits.flatMap((split) => split.rows);

function runOptions(extra: Partial<RunOptions> = {}): RunOptions {
  return {
    id: `replay-${randomUUID()}`,
    sql: 'SELECT n\nFROM t',
    user: 'ann',
    signal: new AbortController().signal,
    maxBytes: undefined,
    ...extra,
  };
}

describe('replay/temporal-driver', function () {
  this.timeout(60_000);
  let server: DevServer | undefined;
  let worker: TemporalWorker | undefined;
  let driver: Driver;
  let slow: Driver;
  let store: StageStore;
  let reads: string[] = [];
  let onRead: ((split: TestSplit) => void) | undefined;
  let address = '';
  const folder = temporaryFolder();

  before(async function () {
    const bundlePath = await freshBundle();
    server = await openServer();
    if (server === undefined) {
      this.skip();
      return;
    }
    address = server.address;
    store = createStageStore({ folder: join(folder, 'stages') });
    const bus = createCommitBus();
    worker = await startTemporalWorker({
      address,
      namespace: 'default',
      taskQueue: 'test',
      bundlePath,
      store,
      registry: registryIn(join(folder, 'stages')),
      bus,
      connectors: connectors(
        createTestConnector({
          log: (split) => {
            reads.push(String(split.rows[0]));
            onRead?.(split);
          },
        }),
      ),
      kernel: createTestKernel(),
      scratchFolder: join(folder, 'scratch'),
      handleSignals: false,
    });
    driver = createTemporalDriver({ address, namespace: 'default', taskQueue: 'test', store, bus, connection: worker.connection });
    slow = createTemporalDriver({ address, namespace: 'default', taskQueue: 'test', store, fastLane: false });
  });

  after(async () => {
    await driver?.close();
    await slow?.close();
    await worker?.shutdown();
    await server?.close();
  });

  beforeEach(() => {
    reads = [];
    onRead = undefined;
  });

  async function answer(by: Driver, plan: PhysicalPlan, options = runOptions()): Promise<string[]> {
    const run = await by.start(plan, options);
    try {
      return await rowsOf(run.files);
    } finally {
      await run.release();
    }
  }

  it('answers VALUES by the fast lane, in one local activity', async () => {
    const run = await driver.start(valuesPlan('x', 'y'), runOptions());
    assert.deepEqual(await rowsOf(run.files), ['x', 'y']);
    assert.deepEqual(
      (await run.summary).stages.map((stage) => [stage.id, stage.tasks, stage.rows]),
      [[0, 1, 2]],
    );
    assert.deepEqual(await eventTypes(run.id), [
      'eventTypeWorkflowExecutionStarted',
      'eventTypeWorkflowTaskScheduled',
      'eventTypeWorkflowTaskStarted',
      'eventTypeWorkflowTaskCompleted',
      'eventTypeMarkerRecorded',
      'eventTypeUpsertWorkflowSearchAttributes',
      'eventTypeWorkflowExecutionCompleted',
    ]);
    await run.release();
    assert.equal(readdirSync(join(folder, 'stages')).includes(run.id), false);
  });

  async function history(id: string) {
    const connection = await Connection.connect({ address });
    try {
      const handle = new Client({ connection }).workflow.getHandle(id);
      // A reader of the same process does not wait for what the workflow has still to note down.
      await handle.result().catch(() => undefined);
      return await handle.fetchHistory();
    } finally {
      await connection.close();
    }
  }

  async function eventTypes(id: string): Promise<string[]> {
    return ((await history(id)).events ?? [])
      .map((event) => Object.keys(event).find((key) => key.endsWith('EventAttributes')) ?? '')
      .map(typeNameOf);
  }

  it('answers a plan of three stages by activities, with the figures of it', async () => {
    const splits = numbered(9);
    const first = scanStage(0, splits, { exchange: { by: [1], partitions: 3 } });
    const second = readStage(1, first);
    const run = await slow.start(planOf(first, second, readStage(2, second)), runOptions());
    assert.deepEqual((await rowsOf(run.files)).sort(), allRows(splits).sort());
    const summary = await run.summary;
    assert.deepEqual(
      summary.stages.map(({ id, tasks, rows, bytesRead, retries }) => [id, tasks, rows, bytesRead, retries]),
      [
        [0, 9, 18, 900, 0],
        [1, 3, 18, 0, 0],
        [2, 1, 18, 0, 0],
      ],
    );
    assert.equal(reads.length, 9);
    await run.release();
  });

  it('keeps payloads small: no rows, plans or file lists in the history', async () => {
    const splits = Array.from({ length: 200 }, (_, n) => ({ rows: [`a secret of row ${n}`] }));
    const run = await slow.start(planOf(scanStage(0, splits)), runOptions());
    assert.deepEqual(await rowsOf(run.files), allRows(splits));
    const { events } = await history(run.id);
    assert.ok((events?.length ?? 0) < 200, `${events?.length} events`);
    for (const event of events ?? []) {
      const input = event.activityTaskScheduledEventAttributes?.input?.payloads?.[0]?.data?.length ?? 0;
      const result = event.activityTaskCompletedEventAttributes?.result?.payloads?.[0]?.data?.length ?? 0;
      assert.ok(input < 2048 && result < 1024, `${input} ${result}`);
    }
    assert.equal(JSON.stringify(events).includes(Buffer.from('a secret').toString('base64').slice(0, 10)), false);
    await run.release();
  });

  it('continues as new and goes on where it was', async () => {
    const checkpointing = createTemporalDriver({
      address,
      namespace: 'default',
      taskQueue: 'test',
      store,
      fastLane: false,
      checkpointEvery: 20,
    });
    try {
      const splits = numbered(300);
      const run = await checkpointing.start(planOf(scanStage(0, splits)), runOptions());
      assert.deepEqual(await rowsOf(run.files), allRows(splits));
      assert.equal((await run.summary).rows, 600);
      assert.equal(reads.length, 300, 'no task ran twice');
      const types = await eventTypes(run.id);
      assert.equal(types[0], 'eventTypeWorkflowExecutionStarted');
      assert.ok(
        (await history(run.id)).events?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId,
        'the last run continues another',
      );
      await run.release();
    } finally {
      await checkpointing.close();
    }
  });

  for (const [lane, by] of [
    ['the fast lane', () => driver],
    ['activities', () => slow],
  ] as const) {
    it(`tells an error as the task threw it (${lane})`, async () => {
      onRead = () => {
        throw new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero', detail: 'd', hint: 'h', position: 7 });
      };
      const run = await by().start(planOf(scanStage(0, numbered(3))), runOptions());
      await assert.rejects(rowsOf(run.files), {
        name: 'TimelineError',
        kind: 'data',
        sqlstate: '22012',
        message: 'division by zero',
        detail: 'd',
        hint: 'h',
        position: 7,
      });
      await assert.rejects(run.summary, { sqlstate: '22012' });
      assert.equal(new Set(reads).size, reads.length, 'no retries');
      await run.release();
    });

    it(`tries again what may succeed (${lane})`, async () => {
      let left = 2;
      onRead = () => {
        if (left-- > 0) throw new TimelineError({ kind: 'connector', sqlstate: '58030', message: 'busy', retryable: true });
      };
      assert.deepEqual(await answer(by(), planOf(scanStage(0, numbered(2)))), allRows(numbered(2)));
      assert.equal(reads.length, 4);
    });

    it(`cancels: the reader hears at once, the work ends, with the reason (${lane})`, async () => {
      const abort = new AbortController();
      const reason = new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to statement timeout' });
      onRead = () => {
        setTimeout(() => abort.abort(reason), 50);
      };
      const splits = numbered(3, { delay: 4000 });
      const run = await by().start(planOf(scanStage(0, splits)), runOptions({ signal: abort.signal }));
      await assert.rejects(rowsOf(run.files), (thrown) => thrown === reason);
      await assert.rejects(run.summary, (thrown) => thrown === reason);
      const connection = await Connection.connect({ address });
      const { status } = await new Client({ connection }).workflow.getHandle(run.id).describe();
      await connection.close();
      assert.match(status.name, /CANCELLED|FAILED/);
      await run.release();
      assert.equal(readdirSync(join(folder, 'stages')).includes(run.id), false);
    });

    it(`stops where the limit of bytes is (${lane})`, async () => {
      const run = await by().start(planOf(scanStage(0, numbered(6, { bytes: 100 }))), runOptions({ maxBytes: 250 }));
      await assert.rejects(rowsOf(run.files), { sqlstate: '53400', kind: 'limit' });
      await run.release();
    });

    it(`passes on notices (${lane})`, async () => {
      const run = await by().start(planOf(scanStage(0, [{ rows: ['odd'] }, { rows: ['even'] }])), runOptions());
      await rowsOf(run.files);
      assert.deepEqual((await run.summary).notices, ['1 odd row']);
      await run.release();
    });
  }

  it('streams files before the run has ended', async () => {
    const run = await slow.start(planOf(scanStage(0, [{ rows: ['first'] }, { rows: ['second'], delay: 3000 }])), runOptions());
    let over = false;
    run.summary.then(
      () => {
        over = true;
      },
      () => undefined,
    );
    for await (const file of run.files) {
      assert.ok(file);
      assert.equal(over, false);
      break;
    }
    await run.release();
  });

  it('tells progress', async () => {
    const progress: RunProgress[] = [];
    const plan = planOf(scanStage(0, numbered(6, { delay: 700 })));
    assert.equal((await answer(slow, plan, runOptions({ onProgress: (one) => progress.push(one) }))).length, 12);
    assert.ok(progress.length > 0);
    assert.ok(progress.every((one) => one.tasks === 6 && one.tasksDone > 0 && one.bytesRead === one.tasksDone * 100));
  });

  it('notes user, state and the first line of the SQL', async () => {
    const run = await slow.start(valuesPlan('x'), runOptions());
    await rowsOf(run.files);
    await run.summary;
    const connection = await Connection.connect({ address });
    const description = await new Client({ connection }).workflow.getHandle(run.id).describe();
    await connection.close();
    assert.equal(await description.staticSummary(), 'SELECT n');
    assert.deepEqual(
      Object.fromEntries(
        description.typedSearchAttributes
          .getAll()
          .map(({ key, value }) => [key.name, value])
          .filter(([name]) => String(name).startsWith('Timeline')),
      ),
      {
        TimelineUser: 'ann',
        TimelineState: 'completed',
        TimelineKind: 'query',
        TimelineRows: 1,
      },
    );
    await run.release();
  });

  it('pauses, resumes and cancels by signal', async () => {
    const run = await slow.start(planOf(scanStage(0, numbered(40, { delay: 60 }))), runOptions());
    const connection = await Connection.connect({ address });
    const handle = new Client({ connection }).workflow.getHandle(run.id);
    try {
      await handle.signal('pause');
      await until('paused workflow', async () => (await handle.query<{ state: string }>('progress')).state === 'paused');
      await handle.signal('resume');
      await handle.signal('cancel', { kind: 'cancelled', sqlstate: '57014', message: 'canceled by an operator' });
      await assert.rejects(rowsOf(run.files), { sqlstate: '57014', message: 'canceled by an operator' });
    } finally {
      await connection.close();
      await run.release();
    }
  });

  it('refuses a second run of one id', async () => {
    const options = runOptions();
    const run = await slow.start(planOf(scanStage(0, numbered(1, { delay: 300 }))), options);
    await assert.rejects(slow.start(valuesPlan('x'), options), { sqlstate: '42710' });
    assert.deepEqual(await rowsOf(run.files), ['a0', 'b0'], 'the first one goes on');
    await run.release();
  });

  it('runs many plans at once', async () => {
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        answer(n % 2 === 0 ? driver : slow, planOf(scanStage(0, [{ rows: [`r${n}`] }, { rows: [`s${n}`] }]))),
      ),
    );
    assert.deepEqual(
      all,
      Array.from({ length: 20 }, (_, n) => [`r${n}`, `s${n}`]),
    );
  });
});

function typeNameOf(attributes: string): string {
  return `eventType${attributes.charAt(0).toUpperCase()}${attributes.slice(1).replace('EventAttributes', '')}`;
}

describe('replay/temporal-driver without a server', () => {
  it('says that Temporal is unreachable and what to do', async () => {
    const folder = temporaryFolder();
    const driver = createTemporalDriver({
      address: '127.0.0.1:1',
      namespace: 'default',
      taskQueue: 'test',
      store: createStageStore({ folder }),
    });
    for (let again = 0; again < 2; again++) {
      await assert.rejects(driver.start(valuesPlan('x'), runOptions()), {
        sqlstate: '08001',
        message: 'Temporal at 127.0.0.1:1 is unreachable',
        hint: /TEMPORAL_ADDRESS.*timeline\.driver = local/,
      });
    }
    await assert.rejects(
      startTemporalWorker({
        address: '127.0.0.1:1',
        namespace: 'default',
        taskQueue: 'test',
        store: createStageStore({ folder }),
        registry: registryIn(folder),
        bundlePath: await freshBundle(),
        connectors: new Map(),
        kernel: createTestKernel(),
        scratchFolder: folder,
        handleSignals: false,
      }),
      { sqlstate: '08001' },
    );
    await driver.close();
  });
});
