import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { DeterminismViolationError } from '@temporalio/workflow';
import type { PhysicalPlan } from '../../planner/physical-plan.js';
import { TimelineError } from '../../sql/errors.js';
import { temporalShape } from '../../src/replay/plan-shape.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import { planInputOf, RUN_PLAN, type RunPlanV2Input } from '../../src/replay/temporal/protocol.js';
import { installRuntime, startTemporalWorker } from '../../src/replay/temporal/worker.js';
import { sha256 } from '../../src/sha256.js';
import { HISTORIES, recordHistory, replayHistory } from './replay-history.js';
import { connectors, createTestConnector, createTestKernel, planOf, readStage, registryIn, scanStage, temporaryFolder } from './support.js';
import { freshBundle, openServer } from './temporal-support.js';

/**
 * TIMELINE_RECORD=1 records those of the newest workflow anew: before it is released, and only then. Those of `runPlanV1` stay as they are.
 */
const RECORD = process.env['TIMELINE_RECORD'] === '1';

const RELEASED = ['runPlanV1-fast', 'runPlanV1-stages'] as const;
const NEWEST = [
  'runPlanV2-cancelled',
  'runPlanV2-continued',
  'runPlanV2-failed',
  'runPlanV2-fast',
  'runPlanV2-stages',
  'runPlanV2-submitted',
] as const;

type Newest = (typeof NEWEST)[number];

/** One of every lane and every end. */
async function record(): Promise<void> {
  const server = await openServer();
  assert.ok(server, 'recording needs a temporal program');
  const folder = temporaryFolder();
  const stages = join(folder, 'stages');
  const store = createStageStore({ folder: stages });
  const registry = registryIn(stages);
  const base = { address: server.address, namespace: 'default', taskQueue: 'record', store };
  const worker = await startTemporalWorker({
    ...base,
    bundlePath: await freshBundle(),
    handleSignals: false,
    registry,
    connectors: connectors(
      createTestConnector({
        log: ({ rows: [row] }) => {
          if (row === 'bad') throw new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero' });
        },
      }),
    ),
    kernel: createTestKernel(),
    scratchFolder: join(folder, 'scratch'),
  });
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  await mkdir(HISTORIES, { recursive: true });

  async function run(name: Newest, plan: PhysicalPlan, extra: Partial<RunPlanV2Input>, then?: (handle: WorkflowHandle) => Promise<void>) {
    const id = `replay-${name}`;
    const json = JSON.stringify(plan);
    const planRef = await store.writePlan(id, Buffer.from(json));
    await registry.submit({
      version: 1,
      id,
      name: null,
      kind: 'replay',
      user: 'test',
      sql: 'SELECT 1',
      parameters: [],
      submittedAt: 0,
      columns: [],
      snapshots: [],
      stages: plan.stages.map((stage) => ({ id: stage.id, tasks: stage.tasks.length })),
      result: { kind: 'inline' },
      reuse: null,
    });
    const replay = {
      id,
      planRef,
      planHash: sha256(json),
      spec: temporalShape(plan, undefined),
      sources: [],
      user: 'test',
      sql: 'SELECT 1',
    };
    const input = { ...planInputOf(replay, { kind: 'replay', attributes: true }), ...extra };
    const handle = await client.workflow.start(RUN_PLAN, {
      args: [input.fast ? { ...input, plan: json } : input],
      workflowId: id,
      taskQueue: base.taskQueue,
    });
    await then?.(handle);
    await handle.result().catch(() => undefined);
    // Of a continued one its first run, which ends by continuing.
    const { firstExecutionRunId } = handle;
    const first = client.workflow.getHandle(id, firstExecutionRunId, { followRuns: false });
    await recordHistory(`${name}.json`, first);
  }

  const scan = scanStage(
    0,
    Array.from({ length: 40 }, (_, n) => ({ rows: [`row${n}`] })),
    { exchange: { by: [1], partitions: 3 } },
  );
  const read = readStage(1, scan);
  const three = planOf(scan, read, readStage(2, read));
  const slowly = planOf(
    scanStage(
      0,
      Array.from({ length: 24 }, (_, n) => ({ rows: [`row${n}`], delay: 300 })),
    ),
  );
  const query = { kind: 'query', submitted: false, patience: 15_000 } as const;
  await run('runPlanV2-fast', planOf(scanStage(0, [{ rows: ['a'] }, { rows: ['b'] }])), { ...query, fast: true });
  await run('runPlanV2-stages', three, query);
  await run('runPlanV2-submitted', slowly, {}, async (handle) => {
    await sleep(400);
    await handle.signal('pause');
    await sleep(1200);
    await handle.signal('resume');
  });
  await run('runPlanV2-failed', planOf(scanStage(0, [{ rows: ['good'] }, { rows: ['bad'] }])), {});
  await run('runPlanV2-cancelled', slowly, {}, async (handle) => {
    await sleep(400);
    await handle.signal('cancel', { kind: 'cancelled', sqlstate: '57014', message: 'canceled by an operator' });
  });
  await run('runPlanV2-continued', three, { checkpointEvery: 10 });
  await connection.close();
  await worker.shutdown();
  await server.close();
}

describe('replay/workflow histories', function () {
  this.timeout(60_000);
  let codePath = '';

  before(async () => {
    installRuntime({ handleSignals: false });
    codePath = await freshBundle();
    if (RECORD) await record();
  });

  const replay = (name: string, change?: (text: string) => string): Promise<void> => replayHistory({ codePath, name, change });

  const names = [...RELEASED, ...NEWEST].map((name) => `${name}.json`).sort();

  it('has one of every lane and every end', async () => {
    assert.ok(existsSync(HISTORIES));
    assert.deepEqual((await readdir(HISTORIES)).filter((name) => name.startsWith('runPlan')).sort(), names);
    const text = async (name: Newest): Promise<string> => readFile(join(HISTORIES, `${name}.json`), 'utf8');
    assert.match(await text('runPlanV2-continued'), /workflowExecutionContinuedAsNewEventAttributes/);
    assert.match(await text('runPlanV2-failed'), /workflowExecutionFailedEventAttributes/);
    assert.match(await text('runPlanV2-cancelled'), /activityTaskCanceledEventAttributes/);
    assert.match(await text('runPlanV2-fast'), /core_local_activity/);
    assert.equal((await text('runPlanV2-submitted')).match(/workflowExecutionSignaledEventAttributes/g)?.length, 2);
  });

  for (const name of names) it(`${name} replays with the workflow of today`, () => replay(name));

  it('would notice another order of activities', async () => {
    const renamed: readonly (readonly [string, string])[] = [
      ['runPlanV1-stages.json', 'operatorBatch'],
      ['runPlanV2-stages.json', 'operatorTasks'],
      ['runPlanV2-submitted.json', 'endReplay'],
      ['runPlanV2-failed.json', 'endReplay'],
      ['runPlanV2-continued.json', 'scanTasks'],
    ];
    for (const [name, activity] of renamed) {
      await assert.rejects(
        replay(name, (text) => {
          assert.ok(text.includes(`"${activity}"`), `${name} has ${activity}`);
          return text.replaceAll(`"${activity}"`, '"renamed"');
        }),
        DeterminismViolationError,
        `${activity} of ${name}`,
      );
    }
    for (const name of ['runPlanV1-fast.json', 'runPlanV2-fast.json'])
      await assert.rejects(
        replay(name, (text) => text.replaceAll('core_local_activity', 'core_patch')),
        Error,
      );
  });
});
