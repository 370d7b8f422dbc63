import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import type { PhysicalPlan } from '../../../planner/physical-plan.js';
import { internal, TimelineError } from '../../../sql/errors.js';
import type { Driver, Run, RunOptions, RunSummary } from '../driver.js';
import { closedEarly } from '../local-driver.js';
import { temporalShape } from '../plan-shape.js';
import { runFiles } from '../run-files.js';
import type { RunFigures } from '../stage-clock.js';
import type { Manifest, StageStore } from '../stage-store.js';
import { sha256 } from './activities.js';
import { connectTemporal, type TemporalAddress, type TemporalClient } from './client.js';
import type { CommitBus } from './commit-bus.js';
import { connectionError, grpcCode } from './connection-error.js';
import { INLINE_PLAN_BYTES, PATIENCE, RUN_PLAN, type RunPlanV2Input, SEALED, startAttributes, summaryOf } from './protocol.js';
import { runError } from './run-error.js';
import { watchProgress } from './store-progress.js';

export interface TemporalDriverOptions extends TemporalAddress {
  readonly taskQueue: string;
  /** The workers' own store. */
  readonly store: StageStore;
  /** The connection of a worker in this process: workflows then start eagerly on it. */
  readonly connection?: NativeConnection;
  /** Shared with a worker in this process. */
  readonly bus?: CommitBus;
  /** Try small plans as one local activity first; on by default. */
  readonly fastLane?: boolean;
  /** Continue as new after so many tasks; by default when the server suggests it. */
  readonly checkpointEvery?: number;
  /** How long tasks wait for a store that does not answer, milliseconds; 15 s by default. */
  readonly patience?: number;
  /** How often committed files are looked for, milliseconds. */
  readonly pollInterval?: number;
}

const CALL_TIMEOUT = 10_000;
/** How long Temporal may be away during a run before its reader is told. */
const OUTAGE_MOST = 30_000;
const CANCEL_MOST = 10_000;
const FAST_TASKS = 8;
const FAST_BYTES = 64 << 20;

/** Runs plans as Temporal workflows; workers are elsewhere, and share only Temporal and the stage store with us. */
export function createTemporalDriver(options: TemporalDriverOptions): Driver {
  let connecting: Promise<TemporalClient> | undefined;
  const open = new Map<AbortController, Promise<unknown>>();
  const connect = (): Promise<TemporalClient> => {
    connecting ??= connectTemporal(options).catch((error: unknown) => {
      connecting = undefined;
      throw error;
    });
    return connecting;
  };
  connect().catch(() => undefined);

  return {
    kind: 'temporal',
    async start(plan, runOptions) {
      runOptions.signal.throwIfAborted();
      const temporal = await connect();
      const handle = await startWorkflow(options, temporal, plan, runOptions);
      const abort = new AbortController();
      const run = followRun({ options, temporal, handle, plan, runOptions, abort });
      open.set(
        abort,
        run.summary
          .then(
            () => undefined,
            () => undefined,
          )
          .then(() => open.delete(abort)),
      );
      return run;
    },
    async close() {
      const reason = new TimelineError({
        kind: 'cancelled',
        sqlstate: '57P01',
        message: 'terminating connection due to administrator command',
      });
      const ending = [...open.values()];
      for (const abort of open.keys()) abort.abort(reason);
      await Promise.all(ending);
      await (await connecting?.catch(() => undefined))?.close();
    },
  };
}

type PlanHandle = WorkflowHandle & { readonly firstExecutionRunId?: string };

async function startWorkflow(
  options: TemporalDriverOptions,
  temporal: TemporalClient,
  plan: PhysicalPlan,
  runOptions: RunOptions,
): Promise<PlanHandle> {
  const { store } = options;
  const { id, maxBytes, signal, user, sql } = runOptions;
  const json = JSON.stringify(plan);
  const spec = temporalShape(plan, maxBytes);
  const fast = options.fastLane !== false && runOptions.holdsRows !== true && isSmall(plan) && Buffer.byteLength(json) <= INLINE_PLAN_BYTES;
  const planRef = await store.writePlan(id, Buffer.from(json, 'utf8'));

  const attempt = (attributes: boolean): Promise<PlanHandle> => {
    const input: RunPlanV2Input = {
      version: 2,
      query: id,
      planRef,
      planHash: sha256(json),
      spec,
      fast,
      kind: 'query',
      submitted: false,
      patience: options.patience ?? PATIENCE.interactive,
      attributes,
      ...(options.codec === undefined ? {} : { sealed: true }),
      ...(fast ? { plan: json } : {}),
      ...(options.checkpointEvery === undefined ? {} : { checkpointEvery: options.checkpointEvery }),
    };
    return temporal.connection.withDeadline(Date.now() + CALL_TIMEOUT, () =>
      temporal.client.workflow.start(RUN_PLAN, {
        args: [input],
        workflowId: id,
        taskQueue: options.taskQueue,
        // A worker that dies in the fast lane is noticed by this timeout.
        workflowTaskTimeout: fast ? '5s' : '10s',
        requestEagerStart: options.connection !== undefined,
        staticSummary: options.codec === undefined ? summaryOf(sql) : SEALED,
        ...(attributes
          ? {
              typedSearchAttributes: new TypedSearchAttributes(startAttributes({ user, kind: 'query', sources: sourcesOf(plan) })),
            }
          : {}),
      }),
    );
  };
  try {
    signal.throwIfAborted();
    try {
      return await attempt(temporal.attributes);
    } catch (error) {
      // Attributes that were registered a moment ago are not known everywhere at once.
      if (!temporal.attributes || grpcCode(error) !== 3) throw error;
      return await attempt(false);
    }
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42710', message: `replay "${id}" already exists`, cause: error });
    }
    // An unanswered call may have started it all the same: then its tasks fail for want of a plan, and nothing is left.
    await store.remove(id).catch(() => undefined);
    if (signal.aborted) throw signal.reason;
    throw connectionError(error, options);
  }
}

interface FollowOptions {
  readonly options: TemporalDriverOptions;
  readonly temporal: TemporalClient;
  readonly handle: PlanHandle;
  readonly plan: PhysicalPlan;
  readonly runOptions: RunOptions;
  readonly abort: AbortController;
}

function followRun({ options, temporal, handle, plan, runOptions, abort }: FollowOptions): Run {
  const { store, bus } = options;
  const { id } = runOptions;
  const last = plan.stages.at(-1);
  const signal = AbortSignal.any([runOptions.signal, abort.signal]);
  let ended = false;
  const wakers = new Set<() => void>();
  const wake = (): void => {
    for (const call of wakers) call();
  };
  const unsubscribe = bus?.subscribe(id, wake);
  const watching = store.watch(id, last?.id ?? 0, wake).catch(() => undefined);

  const cancelling = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true })).then(() =>
    cancelRun(),
  );
  const figures: Promise<RunFigures> = Promise.race([
    workflowResult(handle, signal, { ...options, id }),
    // Without workers a cancelled workflow goes on until one is back; its reader need not wait for that.
    cancelling
      .then(() => sleep(CANCEL_MOST, undefined, { ref: false }))
      .then((): never => {
        throw signal.reason;
      }),
  ]).finally(() => {
    ended = true;
    unsubscribe?.();
    void watching.then((end) => end?.());
    wake();
  });
  cancelling.catch(() => undefined);
  figures.catch(() => undefined);

  async function cancelRun(): Promise<void> {
    if (ended) return;
    const reason = signal.reason instanceof TimelineError ? signal.reason : closedEarly();
    await Promise.allSettled([store.requestCancel(id, reason.toJSON()), cancelWorkflow()]);
  }

  async function cancelWorkflow(): Promise<void> {
    for (let attempt = 1; !ended; attempt++) {
      try {
        await temporal.connection.withDeadline(Date.now() + CALL_TIMEOUT, () => handle.cancel());
        return;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError || attempt >= 5) return;
        await sleep(500 * attempt);
      }
    }
  }

  async function manifest(task: number): Promise<Manifest> {
    const interval = options.pollInterval ?? 25;
    for (let polls = 0; ; polls++) {
      signal.throwIfAborted();
      const over = ended;
      const found = await store.manifest(id, last?.id ?? 0, task);
      if (found !== undefined) return found;
      if (over) {
        await figures;
        throw internal(`replay ${id} ended without the result of task ${last?.id}/${task}`);
      }
      if (!ended) await pause(polls < 200 ? interval : interval * 4);
    }
  }

  async function pause(milliseconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        wakers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      wakers.add(done);
    });
  }

  const summary = figures.then(async ({ rows, bytesRead, stages, noticed }): Promise<RunSummary> => {
    const manifests = await Promise.all(noticed.map(([stage, task]) => store.manifest(id, stage, task)));
    return { rows, bytesRead, stages, notices: [...new Set(manifests.flatMap((one) => one?.notices ?? []))] };
  });
  summary.catch(() => undefined);
  if (runOptions.onProgress !== undefined)
    void watchProgress({ store, plan, query: id, onProgress: runOptions.onProgress, ended: summary });

  return {
    id,
    files: runFiles({
      store,
      tasks: last?.tasks.length ?? 0,
      manifest,
      ended: figures,
      signal,
      onClose: () => {
        if (!ended) abort.abort(closedEarly());
      },
    }),
    summary,
    async release() {
      if (!ended) abort.abort(closedEarly());
      await summary.catch(() => undefined);
      // It makes the folder that is removed here.
      await watching;
      await store.remove(id);
    },
  };
}

/** Waits for the workflow's end, over restarts of the server. */
async function workflowResult(
  handle: PlanHandle,
  signal: AbortSignal,
  where: TemporalAddress & { readonly id: string },
): Promise<RunFigures> {
  let since: number | undefined;
  for (;;) {
    try {
      return (await handle.result()) as RunFigures;
    } catch (error) {
      const over = error instanceof WorkflowFailedError || error instanceof WorkflowNotFoundError || error instanceof TimelineError;
      if (over || grpcCode(error) === undefined) {
        if (signal.aborted && error instanceof WorkflowFailedError) throw signal.reason;
        throw runError(error, where);
      }
      since ??= Date.now();
      if (Date.now() - since > OUTAGE_MOST || signal.aborted) {
        if (signal.aborted) throw signal.reason;
        throw new TimelineError({
          kind: 'connector',
          sqlstate: '08006',
          message: `Temporal at ${where.address} went away while replay ${where.id} ran`,
          hint: 'The replay goes on when Temporal is back.',
          cause: error,
        });
      }
      await sleep(500);
    }
  }
}

function isSmall(plan: PhysicalPlan): boolean {
  let tasks = 0;
  let bytes = 0;
  for (const stage of plan.stages) {
    tasks += stage.tasks.length;
    for (const task of stage.tasks) for (const splits of Object.values(task.splits)) for (const split of splits) bytes += split.bytes;
  }
  return tasks <= FAST_TASKS && bytes <= FAST_BYTES;
}

function sourcesOf(plan: PhysicalPlan): readonly string[] {
  return plan.snapshots.map(({ table }) => table);
}
