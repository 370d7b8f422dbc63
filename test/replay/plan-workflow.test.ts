import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { PhysicalPlan } from '../../planner/physical-plan.js';
import { type ErrorDetails, TimelineError } from '../../sql/errors.js';
import { temporalShape } from '../../src/replay/plan-shape.js';
import type { ReplayRegistry } from '../../src/replay/replay-registry.js';
import { createStageStore, type StageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { bulkQueue, planInputOf, RUN_PLAN, type RunPlanV2Input, startAttributes } from '../../src/replay/temporal/protocol.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import { sha256 } from '../../src/sha256.js';
import {
  connectors,
  createTestConnector,
  createTestKernel,
  planOf,
  readStage,
  registryIn,
  scanStage,
  type TestSplit,
  temporaryFolder,
} from './support.js';
import { freshBundle, openServer, until } from './temporal-support.js';

const QUEUE = 'plans';
const OUTAGE = { kind: 'connector', sqlstate: '58030', message: 'the store does not answer', retryable: true } as const;

const numbered = (count: number, extra: Partial<TestSplit> = {}): TestSplit[] =>
  Array.from({ length: count }, (_, n) => ({ rows: [`row${n}`], ...extra }));

describe('replay/runPlanV2', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const stages = join(folder, 'stages');
  const real = createStageStore({ folder: stages });
  const records = registryIn(stages);
  let server: DevServer | undefined;
  let worker: TemporalWorker | undefined;
  let connection: Connection | undefined;
  let client: Client;
  let reads: string[] = [];
  let onRead: ((split: TestSplit) => void) | undefined;
  let onCommit: (() => void) | undefined;
  let onEnd: (() => void | Promise<void>) | undefined;
  let manifests: string[] = [];

  const store: StageStore = {
    ...real,
    manifest: (query, stage, task) => {
      manifests.push(`${stage}/${task}`);
      return real.manifest(query, stage, task);
    },
    commit: async (options) => {
      onCommit?.();
      return real.commit(options);
    },
  };
  const registry: ReplayRegistry = {
    ...records,
    end: async (end) => {
      await onEnd?.();
      return records.end(end);
    },
  };

  before(async function () {
    const bundlePath = await freshBundle();
    server = await openServer();
    if (server === undefined) {
      this.skip();
      return;
    }
    worker = await startTemporalWorker({
      address: server.address,
      namespace: 'default',
      taskQueue: QUEUE,
      bundlePath,
      store,
      registry,
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
    connection = await Connection.connect({ address: server.address });
    client = new Client({ connection });
  });

  after(async () => {
    await connection?.close();
    await worker?.shutdown();
    await server?.close();
  });

  beforeEach(() => {
    reads = [];
    manifests = [];
    onRead = undefined;
    onCommit = undefined;
    onEnd = undefined;
  });

  async function submit(plan: PhysicalPlan, extra: Partial<RunPlanV2Input> = {}): Promise<WorkflowHandle> {
    const id = `replay-${randomUUID()}`;
    const json = JSON.stringify(plan);
    const planRef = await real.writePlan(id, Buffer.from(json));
    await records.submit({
      version: 1,
      id,
      name: null,
      kind: 'replay',
      user: 'ann',
      sql: 'SELECT 1',
      parameters: [],
      submittedAt: Date.now(),
      columns: [],
      snapshots: [],
      stages: plan.stages.map((stage) => ({ id: stage.id, tasks: stage.tasks.length })),
      result: { kind: 'inline' },
      reuse: null,
    });
    const replay = { id, planRef, planHash: sha256(json), spec: temporalShape(plan, undefined), sources: [], user: 'ann', sql: 'SELECT 1' };
    return client.workflow.start(RUN_PLAN, {
      args: [{ ...planInputOf(replay, { kind: 'replay', attributes: true }), ...extra }],
      workflowId: id,
      taskQueue: bulkQueue(QUEUE),
      typedSearchAttributes: new TypedSearchAttributes(
        startAttributes({ user: 'ann', kind: 'replay', sources: ['lake.events', 'lake.users', 'lake.events'] }),
      ),
    });
  }

  async function stateOf(handle: WorkflowHandle): Promise<Record<string, unknown>> {
    const { typedSearchAttributes } = await handle.describe();
    return Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
  }

  async function attempts(handle: WorkflowHandle): Promise<number> {
    const { events } = await handle.fetchHistory();
    return Math.max(...(events ?? []).map((event) => event.activityTaskStartedEventAttributes?.attempt ?? 0));
  }

  const failure = async (handle: WorkflowHandle): Promise<ErrorDetails | undefined> => {
    try {
      await handle.result();
      return undefined;
    } catch (error) {
      return (error as { cause?: { details?: ErrorDetails[] } }).cause?.details?.[0];
    }
  };

  function twoStages(splits: readonly TestSplit[]): PhysicalPlan {
    const scan = scanStage(0, splits, { exchange: { by: [1], partitions: 2 } });
    return planOf(scan, readStage(1, scan));
  }

  it('ends a submitted replay with its record, and keeps the last stage only', async () => {
    const handle = await submit(twoStages(numbered(5)));
    await handle.result();
    const end = await records.ended(handle.workflowId);
    assert.equal(end?.state, 'completed');
    assert.equal(end?.rows, 5);
    assert.equal(end?.figures?.stages[0]?.tasks, 5);
    assert.equal(existsSync(join(stages, handle.workflowId, '0')), false);
    assert.equal(existsSync(join(stages, handle.workflowId, '1')), true);
    assert.deepEqual(await stateOf(handle), {
      TimelineUser: 'ann',
      TimelineKind: 'replay',
      TimelineState: 'completed',
      TimelineRows: 5,
      TimelineSource: ['lake.events', 'lake.users'],
      BuildIds: (await stateOf(handle))['BuildIds'],
    });
  });

  it('removes a stage as soon as all that read it are done', async () => {
    const scan = scanStage(0, numbered(3), { exchange: { by: [1], partitions: 2 } });
    const middle = readStage(1, scan);
    const slow = scanStage(2, numbered(1, { delay: 2500 }), { deps: [1] });
    const handle = await submit(planOf(scan, middle, slow));
    await until('read of the last stage', () => reads.length === 4);
    await until('removal of the first stage', () => !existsSync(join(stages, handle.workflowId, '0')));
    assert.equal(existsSync(join(stages, handle.workflowId, '1')), true, 'the running stage may need it');
    assert.equal((await handle.describe()).status.name, 'RUNNING');
    await handle.result();
  });

  it('ends one that fails with what it failed of', async () => {
    onRead = () => {
      throw new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero' });
    };
    const handle = await submit(twoStages(numbered(3)));
    assert.equal((await failure(handle))?.sqlstate, '22012');
    const end = await records.ended(handle.workflowId);
    assert.equal(end?.state, 'failed');
    assert.equal(end?.error?.message, 'division by zero');
    assert.equal((await stateOf(handle))['TimelineState'], 'failed');
  });

  for (const by of ['signal', 'Temporal'] as const) {
    it(`ends one that is cancelled by ${by} within a second or two, with the reason`, async () => {
      const handle = await submit(twoStages(numbered(3, { delay: 20_000 })));
      await until('read', () => reads.length > 0);
      const reason: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'canceled by ann' };
      const begun = Date.now();
      if (by === 'signal') await handle.signal('cancel', reason);
      else await handle.cancel();
      await assert.rejects(handle.result());
      assert.ok(Date.now() - begun < 10_000, 'before its tasks could have ended');
      const end = await records.ended(handle.workflowId);
      assert.equal(end?.state, 'cancelled');
      assert.equal(end?.error?.message, by === 'signal' ? 'canceled by ann' : 'canceling statement due to user request');
      assert.equal((await handle.describe()).status.name, by === 'signal' ? 'FAILED' : 'CANCELLED');
      assert.equal((await stateOf(handle))['TimelineState'], 'cancelled');
    });
  }

  it('ends as failed what cannot be put where it should be', async () => {
    let left = 1;
    onEnd = () => {
      if (left-- > 0) throw new TimelineError({ kind: 'connector', sqlstate: '42501', message: 'not allowed there' });
    };
    const handle = await submit(twoStages(numbered(2)));
    assert.equal((await failure(handle))?.sqlstate, '42501');
    assert.equal((await records.ended(handle.workflowId))?.state, 'failed');
  });

  it('tries again until the end of a failed one is on record', async () => {
    onRead = () => {
      throw new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero' });
    };
    let left = 3;
    onEnd = () => {
      if (left-- > 0) throw new TimelineError({ kind: 'internal', sqlstate: 'XX000', message: 'not now' });
    };
    const handle = await submit(twoStages(numbered(1)));
    assert.equal((await failure(handle))?.sqlstate, '22012');
    assert.equal((await records.ended(handle.workflowId))?.state, 'failed');
  });

  it('can be cancelled while its result is put in its place', async () => {
    let ending = 0;
    onEnd = async () => {
      ending++;
      if (ending === 1) throw new TimelineError(OUTAGE);
    };
    const handle = await submit(twoStages(numbered(2)));
    await until('an attempt to end', () => ending > 0);
    await handle.signal('cancel', { kind: 'cancelled', sqlstate: '57014', message: 'canceled late' });
    await handle.result().catch(() => undefined);
    // Either came first; the record, the workflow and its attribute say the same.
    const end = await records.ended(handle.workflowId);
    const completed = end?.state === 'completed';
    assert.equal((await handle.describe()).status.name, completed ? 'COMPLETED' : 'FAILED');
    assert.equal((await stateOf(handle))['TimelineState'], end?.state);
  });

  it('shows that it is paused, and goes on', async () => {
    const handle = await submit(twoStages(numbered(60, { delay: 150 })));
    await until('read', () => reads.length > 0);
    await handle.signal('pause');
    await until('paused', async () => (await stateOf(handle))['TimelineState'] === 'paused');
    await until('rest', async () => ((await handle.describe()).raw.pendingActivities ?? []).length === 0);
    const done = (await real.committed(handle.workflowId)).get(0) ?? [];
    assert.ok(done.length < 60, 'not all');
    await sleep(500);
    assert.deepEqual((await real.committed(handle.workflowId)).get(0) ?? [], done, 'nothing runs');
    reads = [];
    await handle.signal('resume');
    await until('running', async () => (await stateOf(handle))['TimelineState'] === 'running');
    // As often as one likes: being called back is no failure.
    for (let n = 0; n < 3; n++) {
      await handle.signal('pause');
      await sleep(200);
      await handle.signal('resume');
      await sleep(200);
    }
    await handle.result();
    assert.equal((await records.ended(handle.workflowId))?.rows, 60);
    assert.equal(await attempts(handle), 1);
    assert.ok(
      done.every((task) => !reads.includes(`row${task}`)),
      'what was committed does not run again',
    );
  });

  it('waits for a store that is away without an attempt lost', async () => {
    const back = Date.now() + 3000;
    let refused = 0;
    onCommit = () => {
      if (Date.now() > back) return;
      refused++;
      throw new TimelineError(OUTAGE);
    };
    const handle = await submit(planOf(scanStage(0, numbered(3))));
    await handle.result();
    assert.ok(refused > 2);
    assert.equal(await attempts(handle), 1);
    assert.equal((await records.ended(handle.workflowId))?.state, 'completed');
  });

  it('tells of a store that does not come back', async () => {
    onCommit = () => {
      throw new TimelineError(OUTAGE);
    };
    const handle = await submit(planOf(scanStage(0, numbered(1))), { patience: 700 });
    assert.equal((await failure(handle))?.sqlstate, '58030');
    assert.equal(await attempts(handle), 1);
    assert.equal((await records.ended(handle.workflowId))?.error?.message, 'the store does not answer');
  });

  it('tries a full disk elsewhere a few times, then says so', async () => {
    const full = { kind: 'limit', sqlstate: '53100', message: 'no space left on the disk' } as const;
    let left = 1;
    onCommit = () => {
      if (left-- > 0) throw new TimelineError(full);
    };
    const once = await submit(planOf(scanStage(0, numbered(1))));
    await once.result();
    assert.equal(await attempts(once), 2);
    left = Number.POSITIVE_INFINITY;
    const always = await submit(planOf(scanStage(0, numbered(1))));
    assert.equal((await failure(always))?.sqlstate, '53100');
    assert.equal(await attempts(always), 6);
  });

  it('goes on in a batch where the attempt before was, and does not look at what is known', async () => {
    const failing = { kind: 'internal', sqlstate: '57P02', message: 'a thread ended', retryable: true } as const;
    let left = 1;
    onRead = (split) => {
      if (split.rows[0] === 'row5' && left-- > 0) throw new TimelineError(failing);
    };
    const plan = planOf(scanStage(0, numbered(8)));
    const spec = temporalShape(plan, undefined);
    const handle = await submit(plan, { spec: { ...spec, stages: spec.stages.map((stage) => ({ ...stage, batch: 8 })) } });
    await handle.result();
    assert.equal(await attempts(handle), 2);
    assert.deepEqual(reads, ['row0', 'row1', 'row2', 'row3', 'row4', 'row5', 'row5', 'row6', 'row7']);
    const looks = manifests.slice(0, manifests.indexOf('0/7')).filter((one) => one === '0/0').length;
    assert.equal(looks, 1, 'before it ran, and not by the second attempt');
    assert.equal((await records.ended(handle.workflowId))?.rows, 8);
  });

  it('keeps its payloads small', async () => {
    const handle = await submit(twoStages(numbered(300)));
    await handle.result();
    const { events } = await handle.fetchHistory();
    for (const event of events ?? []) {
      const input = event.activityTaskScheduledEventAttributes?.input?.payloads?.[0]?.data?.length ?? 0;
      const result = event.activityTaskCompletedEventAttributes?.result?.payloads?.[0]?.data?.length ?? 0;
      assert.ok(input < 2048 && result < 1024, `${input} ${result}`);
    }
  });

  it('hands over what a worker that stops has begun', async () => {
    const plan = planOf(scanStage(0, numbered(4, { delay: 3000 })));
    const spec = temporalShape(plan, undefined);
    const leaving = async () =>
      startTemporalWorker({
        address: String(server?.address),
        namespace: 'default',
        taskQueue: 'leaving',
        bundlePath: await freshBundle(),
        store,
        registry,
        connectors: connectors(createTestConnector({ log: (split) => void reads.push(String(split.rows[0])) })),
        kernel: createTestKernel(),
        scratchFolder: join(folder, 'scratch'),
        handleSignals: false,
      });
    const other = await leaving();
    const id = `replay-${randomUUID()}`;
    const json = JSON.stringify(plan);
    const planRef = await real.writePlan(id, Buffer.from(json));
    const input: RunPlanV2Input = {
      version: 2,
      query: id,
      planRef,
      planHash: sha256(json),
      spec: { ...spec, stages: spec.stages.map((stage) => ({ ...stage, batch: 4 })) },
      fast: false,
      kind: 'query',
      submitted: false,
      patience: 1000,
      attributes: false,
    };
    const handle = await client.workflow.start(RUN_PLAN, { args: [input], workflowId: id, taskQueue: 'leaving' });
    await until('first read', () => reads.length === 1);
    await other.shutdown();
    const next = await leaving();
    try {
      await handle.result();
      assert.equal(await attempts(handle), 1, 'no attempt was lost');
      assert.equal(reads.filter((row) => row === 'row0').length, 1, 'what was done stays done');
    } finally {
      await next.shutdown();
    }
  });
});
