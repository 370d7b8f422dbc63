import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { ServiceError, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { ErrorDetails } from '../../sql/errors.js';
import { intervalReplayId } from '../../src/replay/interval-id.js';
import type { BackfillRequest, ScheduleRecord } from '../../src/replay/replay-control.js';
import type { PlanAnswer } from '../../src/replay/replay-planner.js';
import { grpcCode } from '../../src/replay/temporal/connection-error.js';
import {
  type BatchV2Output,
  type EndReplayInput,
  type EndReplayOutput,
  isErrorDetails,
  planInputOf,
  RUN_PLAN,
  SIGNAL_PAUSE,
  SIGNAL_RESUME,
} from '../../src/replay/temporal/protocol.js';
import {
  BACKFILL,
  type BackfillInput,
  type EndBackfillInput,
  type EndIntervalInput,
  INTERVAL_REPLAY,
  type IntervalPage,
  type IntervalReplayInput,
  type PlanIntervalInput,
  type ReplayStanding,
} from '../../src/replay/temporal/schedule-protocol.js';
import { installRuntime } from '../../src/replay/temporal/worker.js';
import { startTimeSkipping } from '../support/time-skipping.js';
import { freshBundle } from './temporal-support.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const AWAY: ErrorDetails = { kind: 'connector', sqlstate: '08001', message: 'the catalog is away', retryable: true };
const UNIMPLEMENTED = 12;

const away = (): ApplicationFailure => ApplicationFailure.create({ message: AWAY.message, type: AWAY.sqlstate, details: [AWAY] });

const SCHEDULE: ScheduleRecord = {
  version: 1,
  name: 's',
  cron: '@hourly',
  timeZone: 'UTC',
  user: 'ann',
  sql: 'SELECT 1',
  settings: {},
  result: 'inline',
  overlap: 'skip',
  catchUp: 60_000,
  createdAt: 1,
};

/** What activities do in a test, instead of what ours do. Absent: they do their work at once. */
interface Doubles {
  scanTasks?(call: number): Promise<void>;
  cleanup?(call: number): Promise<void>;
  endReplay?(call: number, input: EndReplayInput): Promise<void>;
  planInterval?(call: number): Promise<PlanAnswer | undefined>;
  replayStanding?(call: number): Promise<ReplayStanding>;
}

/**
 * Timeouts, retries and timers of the workflows on a clock that jumps. The activities are doubles: while one runs, the clock is the real
 * one, so one that runs for ten minutes cannot be tested here. Schedules are tested on the development server (schedules.test.ts): this one has none.
 */
describe('replay/timeouts and timers', function () {
  this.timeout(120_000);
  let env: TestWorkflowEnvironment;
  let worker: Worker;
  let running: Promise<void>;
  let doubles: Doubles = {};
  let calls: Record<string, number> = {};
  let ends: (EndReplayInput | EndIntervalInput | EndBackfillInput)[] = [];
  /** Ends activities that hang. */
  let release: (() => void)[] = [];

  const hang = (): Promise<void> => new Promise((resolve) => release.push(resolve));
  const count = (name: string): number => {
    calls[name] = (calls[name] ?? 0) + 1;
    return calls[name];
  };

  const scanTasks = async ({ tasks }: { readonly tasks: readonly number[] }): Promise<BatchV2Output> => {
    await doubles.scanTasks?.(count('scanTasks'));
    return { tasks: tasks.map((task) => [task, 10, 100, 0] as const) };
  };
  const activities = {
    scanTasks,
    finalTasks: scanTasks,
    async cleanup() {
      await doubles.cleanup?.(count('cleanup'));
    },
    async endReplay(input: EndReplayInput): Promise<EndReplayOutput> {
      await doubles.endReplay?.(count('endReplay'), input);
      ends.push(input);
      return { state: input.state, rows: input.figures?.rows ?? 0 };
    },
    async planInterval({ interval, parent }: PlanIntervalInput): Promise<PlanAnswer> {
      const answer = await doubles.planInterval?.(count('planInterval'));
      return answer ?? { kind: 'planned', replay: replayOf(`${intervalReplayId(interval, parent)}-${run}`) };
    },
    async replayStanding(): Promise<ReplayStanding> {
      const call = count('replayStanding');
      return (await doubles.replayStanding?.(call)) ?? { kind: 'ended', state: 'completed', rows: 10 };
    },
    async listIntervals({ from, backfill }: { readonly from: string; readonly backfill: BackfillRequest }): Promise<IntervalPage> {
      const hours = (Number(backfill.until) - Number(from)) / 1000 / HOUR;
      const at = (n: number): string => String(Number(from) + n * HOUR * 1000);
      return { intervals: Array.from({ length: hours }, (_, n) => [at(n), at(n + 1)] as const), skipped: 0, next: null };
    },
    async endInterval(input: EndIntervalInput) {
      ends.push(input);
      return { id: 'i' };
    },
    async endBackfill(input: EndBackfillInput) {
      ends.push(input);
    },
  };

  let run = '';

  before(async function () {
    installRuntime({ handleSignals: false });
    const [codePath, started] = await Promise.all([freshBundle(), startTimeSkipping()]);
    if (started === undefined) {
      this.skip();
      return;
    }
    env = started;
    worker = await Worker.create({
      connection: env.nativeConnection,
      taskQueue: 'skipping',
      workflowBundle: { codePath },
      activities,
      shutdownForceTime: '10s',
    });
    running = worker.run();
  });

  after(async () => {
    if (env === undefined) return;
    worker.shutdown();
    await running;
    await env.teardown();
  });

  beforeEach(() => {
    doubles = {};
    calls = {};
    ends = [];
    run = randomUUID();
  });

  afterEach(() => {
    for (const end of release) end();
    release = [];
  });

  function replayOf(id: string) {
    const stage = { id: 0, kind: 'scan', tasks: 1, batch: 1, deps: [] } as const;
    const spec = { stages: [stage, { ...stage, id: 1, kind: 'final', tasks: 1, deps: [0] } as const], window: 1, maxAttempts: 1 };
    return { id, planRef: 'p', planHash: 'h', spec, sources: [], user: 'ann', sql: 'SELECT 1' };
  }

  const start = (type: string, input: unknown): Promise<WorkflowHandle> =>
    env.client.workflow.start(type, { args: [input], workflowId: `w-${run}`, taskQueue: 'skipping' });

  const startPlan = () => start(RUN_PLAN, planInputOf(replayOf(`w-${run}`), { kind: 'replay', attributes: false }));

  const startInterval = () => {
    const interval = { schedule: 's', from: '0', until: String(HOUR * 1000) };
    return start(INTERVAL_REPLAY, { version: 1, schedule: SCHEDULE, attributes: false, interval } satisfies IntervalReplayInput);
  };

  async function failure(handle: WorkflowHandle): Promise<ErrorDetails> {
    try {
      await handle.result();
    } catch (error) {
      assert.ok(error instanceof WorkflowFailedError && error.cause instanceof ApplicationFailure, String(error));
      const [details] = error.cause.details ?? [];
      assert.ok(isErrorDetails(details));
      return details;
    }
    throw new Error('it did not fail');
  }

  it('gives a batch to another attempt when its worker is silent for 5 seconds', async () => {
    doubles.scanTasks = (call) => (call === 1 ? hang() : Promise.resolve());
    const handle = await startPlan();
    const figures = (await handle.result()) as { readonly rows: number };
    assert.equal(figures.rows, 10);
    assert.equal(calls['scanTasks'], 3, 'two batches, one of them twice');
    assert.equal(ends.length, 1);
  });

  it('ends a replay whose batch fails again and again, with its error', async () => {
    doubles.scanTasks = async () => {
      throw away();
    };
    assert.deepEqual(await failure(await startPlan()), AWAY);
    assert.equal(calls['scanTasks'], 6);
    assert.deepEqual(
      ends.map((end) => ('query' in end ? [end.state, end.error] : [])),
      [['failed', AWAY]],
    );
  });

  it('does not wait for ever for a cleanup that fails', async () => {
    doubles.scanTasks = async () => {
      throw away();
    };
    doubles.cleanup = async () => {
      count('failed cleanup');
      throw ApplicationFailure.create({ message: 'the store refuses' });
    };
    assert.deepEqual(await failure(await startPlan()), AWAY, 'what the replay failed with, not what its cleanup did');
    assert.equal(calls['failed cleanup'], 10);
  });

  it('records the end of a replay when the store is back after twelve hours', async () => {
    let since: number | undefined;
    doubles.endReplay = async () => {
      since ??= await env.currentTimeMs();
      if ((await env.currentTimeMs()) - since < 12 * HOUR) throw away();
    };
    const handle = await startPlan();
    await handle.result();
    assert.deepEqual(
      ends.map(({ state }) => state),
      ['completed'],
    );
  });

  it('gives a result up that cannot be put in its place for a day, and records that', async () => {
    doubles.endReplay = async (_call, { state }) => {
      if (state === 'completed') throw away();
    };
    assert.deepEqual(await failure(await startPlan()), AWAY);
    assert.deepEqual(
      ends.map((end) => [end.state, end.error]),
      [['failed', AWAY]],
    );
  });

  it('plans an interval when the catalog is back after 90 minutes', async () => {
    const begun = await env.currentTimeMs();
    doubles.planInterval = async () => {
      if ((await env.currentTimeMs()) - begun < 90 * MINUTE) throw away();
      return undefined;
    };
    const handle = await startInterval();
    assert.equal(((await handle.result()) as { readonly rows: number }).rows, 10);
    assert.ok((calls['planInterval'] ?? 0) > 100);
  });

  it('gives an interval up when the catalog is away for two hours, and records that', async () => {
    const begun = await env.currentTimeMs();
    let last = begun;
    doubles.planInterval = async () => {
      last = await env.currentTimeMs();
      throw away();
    };
    assert.deepEqual(await failure(await startInterval()), AWAY);
    const duration = last - begun;
    assert.ok(duration > 1.9 * HOUR && duration < 2.1 * HOUR, `${duration / HOUR} hours`);
    assert.deepEqual(
      ends.map((end) => [end.state, end.error]),
      [['failed', AWAY]],
    );
  });

  it('waits three days for an interval that another workflow runs, in few looks', async () => {
    const begun = await env.currentTimeMs();
    doubles.planInterval = async () => ({ kind: 'exists', id: 'other', ended: false });
    doubles.replayStanding = async () =>
      (await env.currentTimeMs()) - begun < 3 * DAY ? { kind: 'running' } : { kind: 'ended', state: 'completed', rows: 7 };
    const handle = await startInterval();
    assert.deepEqual(await handle.result(), { version: 1, id: 'other', rows: 7 });
    assert.ok((calls['replayStanding'] ?? 0) < 500);
    assert.ok(((await handle.fetchHistory()).events?.length ?? 0) < 5000);
    assert.equal(ends.length, 0, 'its end is not ours to record');
  });

  it('plans an interval again whose workflow was lost, and not for ever', async () => {
    doubles.planInterval = async () => ({ kind: 'exists', id: 'other', ended: false });
    doubles.replayStanding = async () => ({ kind: 'lost' });
    const error = await failure(await startInterval());
    assert.match(error.message, /^the workflow of replay other ended again and again/);
    assert.equal(calls['planInterval'], 4);
    assert.equal(ends.length, 1);
  });

  it('keeps a backfill paused for 30 days', async () => {
    doubles.planInterval = async (call) => {
      if (call === 2) await handle.signal(SIGNAL_PAUSE);
      return { kind: 'exists', id: `r${call}`, ended: true };
    };
    const backfill: BackfillRequest = {
      id: `w-${run}`,
      schedule: SCHEDULE,
      from: '0',
      until: String(6 * HOUR * 1000),
      chunk: 'interval',
      missingOnly: false,
      parallel: 1,
    };
    const handle = await start(BACKFILL, { version: 1, backfill, attributes: false } satisfies BackfillInput);
    while ((calls['planInterval'] ?? 0) < 2) await sleep(20);
    await env.sleep(30 * DAY);
    assert.equal(calls['planInterval'], 2);
    await handle.signal(SIGNAL_RESUME);
    assert.deepEqual(await handle.result(), { version: 1, completed: 6, failed: 0, skipped: 0, rows: 60 });
    assert.deepEqual(
      ends.map(({ state }) => state),
      ['completed'],
    );
  });

  it('knows no schedules: they are tested on the development server', async () => {
    await assert.rejects(
      async () => {
        for await (const _ of env.client.schedule.list()) assert.fail();
      },
      (error) => error instanceof ServiceError && grpcCode(error) === UNIMPLEMENTED,
    );
  });

  it('stays paused for 30 days, and then goes on', async () => {
    doubles.scanTasks = async (call) => {
      if (call !== 1) return;
      await env.client.workflow.getHandle(`w-${run}`).signal(SIGNAL_PAUSE);
      // This server, unlike Temporal's own, refuses to call back what has ended in the same moment.
      await sleep(1000);
    };
    const handle = await startPlan();
    while ((calls['scanTasks'] ?? 0) < 1) await sleep(20);
    await env.sleep(30 * DAY);
    assert.equal(calls['scanTasks'], 1);
    assert.equal((await handle.describe()).status.name, 'RUNNING');
    await handle.signal(SIGNAL_RESUME);
    assert.equal(((await handle.result()) as { readonly rows: number }).rows, 10);
    assert.equal(calls['scanTasks'], 2);
  });
});
