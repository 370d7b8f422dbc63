import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { DeterminismViolationError } from '@temporalio/workflow';
import { intervalReplayId } from '../../src/replay/interval-id.js';
import type { ScheduleRecord } from '../../src/replay/replay-control.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import { bulkQueue, SIGNAL_PAUSE, SIGNAL_RESUME } from '../../src/replay/temporal/protocol.js';
import { createReplayControl } from '../../src/replay/temporal/replay-control.js';
import { BACKFILL, type BackfillInput, INTERVAL_REPLAY, type IntervalReplayInput } from '../../src/replay/temporal/schedule-protocol.js';
import { installRuntime, startTemporalWorker } from '../../src/replay/temporal/worker.js';
import { createIntervalPlanner } from './interval-planner.js';
import { HISTORIES, recordHistory, replayHistory } from './replay-history.js';
import { connectors, createTestConnector, createTestKernel, registryIn, temporaryFolder } from './support.js';
import { freshBundle, openServer, until } from './temporal-support.js';

/** TIMELINE_RECORD=schedules records these histories anew: after a change that running workflows are not to survive, and only then. */
const RECORD = process.env['TIMELINE_RECORD'] === 'schedules';

const NAMES = [
  'backfillV1-begin.json',
  'backfillV1-end.json',
  'intervalReplayV1-other.json',
  'intervalReplayV1-scheduled.json',
  'intervalReplayV1-unplanned.json',
];
const DAY = 86_400_000_000n;

async function record(): Promise<void> {
  const server = await openServer();
  assert.ok(server, 'recording needs a temporal program');
  const folder = temporaryFolder();
  const store = createStageStore({ folder: join(folder, 'stages') });
  const registry = registryIn(join(folder, 'stages'));
  const base = { address: server.address, namespace: 'default', taskQueue: 'record', store };
  const worker = await startTemporalWorker({
    ...base,
    bundlePath: await freshBundle(),
    handleSignals: false,
    registry,
    planner: createIntervalPlanner({ registry, store }),
    connectors: connectors(createTestConnector()),
    kernel: createTestKernel(),
    scratchFolder: join(folder, 'scratch'),
  });
  const control = createReplayControl(base);
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  const taskQueue = bulkQueue('record');

  const save = async (name: string, workflowId: string, runId?: string): Promise<void> => {
    const handle = client.workflow.getHandle(workflowId, runId, { followRuns: false });
    await handle.result().catch(() => undefined);
    await recordHistory(name, handle);
  };
  const schedule: ScheduleRecord = {
    version: 1,
    name: 'daily',
    cron: '0 0 * * *',
    timeZone: 'UTC',
    user: 'ann',
    sql: JSON.stringify({ wrong: ['1970-01-03T00:00:00.000Z'], delay: 200 }),
    settings: {},
    result: 'inline',
    overlap: 'parallel',
    catchUp: 60_000,
    createdAt: 1,
  };
  await control.createSchedule(schedule);

  // By the schedule; a second one finds the first at work.
  const handle = client.schedule.getHandle('timeline-schedule-daily');
  await handle.trigger();
  let first = '';
  await until('a workflow of the schedule', async () => {
    const [action] = (await handle.describe()).info.recentActions;
    first = action?.action.workflow.workflowId ?? '';
    return first !== '';
  });
  await save('intervalReplayV1-scheduled.json', first);
  const interval = (from: bigint) => ({ schedule: 'daily', from: String(from), until: String(from + DAY) });
  const input = (from: bigint): IntervalReplayInput => ({ version: 1, schedule, attributes: true, interval: interval(from) });
  const slow = { ...input(20n * DAY), schedule: { ...schedule, sql: '{"delay":3000}' } };
  for (const workflowId of ['one', 'other']) {
    await client.workflow.start(INTERVAL_REPLAY, { args: [slow], workflowId, taskQueue });
    await until('the replay', async () => (await control.state(intervalReplayId(interval(20n * DAY)))) !== undefined);
  }
  await save('intervalReplayV1-other.json', 'other');
  await client.workflow.start(INTERVAL_REPLAY, { args: [input(2n * DAY)], workflowId: 'unplanned', taskQueue });
  await save('intervalReplayV1-unplanned.json', 'unplanned');

  const backfill: BackfillInput = {
    version: 1,
    attributes: true,
    checkpointEvery: 5,
    backfill: {
      id: 'backfill',
      schedule,
      from: '0',
      until: String(8n * DAY),
      chunk: 'day',
      missingOnly: false,
      parallel: 2,
      intervals: 8,
    },
  };
  const begun = await client.workflow.start(BACKFILL, { args: [backfill], workflowId: 'backfill', taskQueue });
  await until('an interval', async () =>
    (await registry.list()).some(({ id }) => id.startsWith(intervalReplayId(interval(0n), 'backfill'))),
  );
  await begun.signal(SIGNAL_PAUSE);
  await until('the pause', async () => (await control.state('backfill'))?.state === 'paused');
  await begun.signal(SIGNAL_RESUME);
  await until('the end', async () => (await registry.ended('backfill')) !== undefined);
  await save('backfillV1-begin.json', 'backfill', begun.firstExecutionRunId);
  await save('backfillV1-end.json', 'backfill');
  await control.close();
  await connection.close();
  await worker.shutdown();
  await server.close();
}

describe('replay/histories of schedules and backfills', function () {
  this.timeout(120_000);
  let codePath = '';

  before(async () => {
    installRuntime({ handleSignals: false });
    codePath = await freshBundle();
    if (RECORD) await record();
  });

  const replay = (name: string, change?: (text: string) => string): Promise<void> => replayHistory({ codePath, name, change });

  it('has one of every way', async () => {
    const names = (await readdir(HISTORIES)).filter((name) => /^(backfill|interval)/.test(name));
    assert.deepEqual(names.sort(), NAMES);
  });

  it('holds what they are for', async () => {
    const [begin, end, other, scheduled, unplanned] = await Promise.all(NAMES.map((name) => readFile(join(HISTORIES, name), 'utf8')));
    assert.match(begin ?? '', /EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW/);
    assert.match(begin ?? '', /"signalName": *"pause"/);
    assert.match(end ?? '', /EVENT_TYPE_WORKFLOW_EXECUTION_FAILED/);
    assert.match(other ?? '', /"replayStanding"/);
    assert.match(other ?? '', /EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_FAILED/);
    assert.match(scheduled ?? '', /"scheduledInterval"/);
    assert.match(scheduled ?? '', /TemporalScheduledStartTime/);
    assert.match(unplanned ?? '', /"endInterval"/);
  });

  for (const name of NAMES) {
    it(`${name} replays with the workflow of today`, () => replay(name));
  }

  it('would notice other activities, children or ids', async () => {
    for (const [name, from, to] of [
      ['backfillV1-begin.json', '"listIntervals"', '"listOther"'],
      ['backfillV1-end.json', '"endBackfill"', '"endOther"'],
      ['intervalReplayV1-scheduled.json', '"runPlanV2"', '"runPlanV3"'],
      ['intervalReplayV1-other.json', '"replayStanding"', '"replayOther"'],
      ['intervalReplayV1-unplanned.json', '"endInterval"', '"endOther"'],
    ] as const) {
      await assert.rejects(
        replay(name, (text) => {
          assert.ok(text.includes(from), `${name} has ${from}`);
          return text.replaceAll(from, to);
        }),
        DeterminismViolationError,
      );
    }
  });
});
