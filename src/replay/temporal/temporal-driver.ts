import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import type { PhysicalPlan } from '../../../planner/physical-plan.js';
import { TimelineError } from '../../../sql/errors.js';
import { sha256 } from '../../sha256.js';
import type { Driver, RunOptions } from '../driver.js';
import { splitBytes, temporalShape } from '../plan-shape.js';
import type { StageStore } from '../stage-store.js';
import { accessOf } from './access.js';
import { keepConnected, type TemporalAddress, type TemporalClient } from './client.js';
import type { CommitBus } from './commit-bus.js';
import { connectionError, GRPC, grpcCode } from './connection-error.js';
import { followRun } from './follow-run.js';
import type { OpenRuns } from './open-runs.js';
import { createOutageWatch } from './outage-watch.js';
import { probe } from './probe.js';
import { INLINE_PLAN_BYTES, PATIENCE, RUN_PLAN, type RunPlanV2Input, startAttributes, summaryOf } from './protocol.js';

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
  /** How long Temporal may be away during a run before its reader is told, milliseconds; 30 s by default. */
  readonly outageMost?: number;
  /** Where runs are noted while they are open. */
  readonly openRuns?: OpenRuns;
}

const CALL_TIMEOUT = 10_000;
/** A start that takes longer makes us look whether Temporal is there. */
const START_SLOW = 300;
const OUTAGE_MOST = 30_000;
const OUTAGE_LOOK = 2000;
const FAST_TASKS = 8;
const FAST_BYTES = 64 << 20;

/** Runs plans as Temporal workflows; workers are elsewhere, and share only Temporal and the stage store with us. */
export function createTemporalDriver(options: TemporalDriverOptions): Driver {
  const connection = keepConnected(options);
  const open = new Map<AbortController, Promise<unknown>>();
  // Who asks next hears of a failure.
  connection.get().catch(() => undefined);
  const closing = new AbortController();
  const outageMost = options.outageMost ?? OUTAGE_MOST;
  const outages = createOutageWatch({ look: () => probe(options), interval: Math.min(OUTAGE_LOOK, outageMost / 2), most: outageMost });

  return {
    kind: 'temporal',
    async start(plan, runOptions) {
      runOptions.signal.throwIfAborted();
      const temporal = await connection.get();
      const handle = await startWorkflow(options, temporal, plan, runOptions);
      const abort = new AbortController();
      const run = followRun({
        where: accessOf(options),
        temporal,
        handle,
        plan,
        store: options.store,
        bus: options.bus,
        outages,
        outageMost,
        open: options.openRuns,
        runOptions,
        abort,
        closing: closing.signal,
      });
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
      closing.abort();
      outages.close();
      await connection.close();
    },
  };
}

async function startWorkflow(
  options: TemporalDriverOptions,
  temporal: TemporalClient,
  plan: PhysicalPlan,
  runOptions: RunOptions,
): Promise<WorkflowHandle> {
  const { store } = options;
  const { id, maxBytes, signal, user, sql } = runOptions;
  const json = JSON.stringify(plan);
  const spec = temporalShape(plan, maxBytes);
  const fast = options.fastLane !== false && runOptions.holdsRows !== true && isSmall(plan) && Buffer.byteLength(json) <= INLINE_PLAN_BYTES;
  const planRef = store.planRef(id);
  const written = store.writePlan(id, Buffer.from(json, 'utf8'));
  written.catch(() => undefined);
  // Before there is a workflow: whoever comes after this process, were it killed, must know of it.
  await options.openRuns?.add(id);
  // The fast lane has the plan in its arguments: only where it gives up, seconds later, somebody looks for it in the store.
  if (!fast) await written;

  const attempt = (attributes: boolean): Promise<WorkflowHandle> => {
    const input: RunPlanV2Input = {
      version: 2,
      query: id,
      planRef,
      planHash: sha256(json),
      spec,
      fast,
      kind: 'query',
      submitted: false,
      patience: PATIENCE.interactive,
      attributes,
      ...(options.codec === undefined ? {} : { sealed: true }),
      ...(fast ? { plan: json } : {}),
      ...(options.checkpointEvery === undefined ? {} : { checkpointEvery: options.checkpointEvery }),
    };
    return startCall(options, temporal, () =>
      temporal.client.workflow.start(RUN_PLAN, {
        args: [input],
        workflowId: id,
        taskQueue: options.taskQueue,
        // A worker that dies in the fast lane is noticed by this timeout.
        workflowTaskTimeout: fast ? '5s' : '10s',
        requestEagerStart: options.connection !== undefined,
        staticSummary: summaryOf(sql, options.codec !== undefined),
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
    const handle = await attempt(temporal.attributes).catch((error: unknown) => {
      // Attributes that were registered a moment ago are not known everywhere at once.
      if (!temporal.attributes || grpcCode(error) !== GRPC.invalidArgument) throw error;
      return attempt(false);
    });
    await written.catch(async (error: unknown) => {
      await handle.cancel().catch(() => undefined);
      throw error;
    });
    return handle;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42710', message: `replay "${id}" already exists`, cause: error });
    }
    // An unanswered call may have started it all the same: then its tasks fail for want of a plan, and nothing is left.
    await written.catch(() => undefined);
    await store.remove(id).catch(() => undefined);
    await options.openRuns?.remove(id);
    if (signal.aborted) throw signal.reason;
    throw connectionError(error, options);
  }
}

/** Fails as soon as it is known that nobody answers: gRPC would go on trying until the deadline. */
async function startCall<T>(where: TemporalAddress, temporal: TemporalClient, work: () => Promise<T>): Promise<T> {
  const { connection } = temporal;
  const abort = new AbortController();
  let over = false;
  const call = connection
    .withDeadline(Date.now() + CALL_TIMEOUT, () => connection.withAbortSignal(abort.signal, work))
    .finally(() => {
      over = true;
    });
  const looking = sleep(START_SLOW, undefined, { ref: false }).then(async () => {
    if (!over) await probe(where);
  });
  // Reached or not: the call itself says the rest.
  const refused = new Promise<never>((_resolve, reject) => looking.catch(reject));
  try {
    return await Promise.race([call, refused]);
  } catch (error) {
    abort.abort();
    call.catch(() => undefined);
    throw error;
  }
}

function isSmall({ stages }: PhysicalPlan): boolean {
  const tasks = stages.reduce((sum, stage) => sum + stage.tasks.length, 0);
  const bytes = stages.reduce((sum, stage) => sum + splitBytes(stage), 0);
  return tasks <= FAST_TASKS && bytes <= FAST_BYTES;
}

function sourcesOf(plan: PhysicalPlan): readonly string[] {
  return plan.snapshots.map(({ table }) => table);
}
