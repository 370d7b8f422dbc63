import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { NativeConnection } from '@temporalio/worker';
import type { ErrorDetails } from '../../../sql/errors.js';
import type { BackfillRequest, ReplayControl, WorkflowState } from '../replay-control.js';
import type { StageStore } from '../stage-store.js';
import type { TemporalAddress, TemporalClient } from './client.js';
import { GRPC, grpcCode } from './connection-error.js';
import { bulkQueue, planInputOf, RUN_PLAN, SIGNAL_CANCEL, SIGNAL_PAUSE, SIGNAL_RESUME, startAttributes, summaryOf } from './protocol.js';
import { createScheduleControl } from './schedule-control.js';
import { BACKFILL, type BackfillInput } from './schedule-protocol.js';
import { countIntervals, matchingTimes, noSchedule } from './schedule-times.js';
import { createTemporalCall } from './temporal-call.js';

export interface ReplayControlOptions extends TemporalAddress {
  /** Of interactive queries; ours is the bulk queue beside it. */
  readonly taskQueue: string;
  /** The workers' own store. */
  readonly store: StageStore;
  readonly connection?: NativeConnection;
}

interface RunInfo {
  readonly firstRunId?: string | null;
  readonly execution?: { readonly runId?: string | null } | null;
}

const STORE_MOST = 5000;
const STATE = defineSearchAttributeKey('TimelineState', 'KEYWORD');

/** Connects with the first call. `close` only closes the connection: what was started goes on. */
export function createReplayControl(options: ReplayControlOptions): ReplayControl & { close(): Promise<void> } {
  const { store } = options;
  const queue = bulkQueue(options.taskQueue);
  const sealed = options.codec !== undefined;
  const { call, close } = createTemporalCall(options);
  const schedules = createScheduleControl({ call, queue, sealed });

  /** With the search attributes, or without them where the server does not know them yet. */
  async function startWorkflow(
    type: string,
    args: (attributes: boolean) => readonly unknown[],
    of: { readonly id: string; readonly sql: string } & Parameters<typeof startAttributes>[0],
  ): Promise<void> {
    await call(async ({ client, attributes }) => {
      const attempt = (known: boolean): Promise<unknown> =>
        client.workflow.start(type, {
          args: [...args(known)],
          workflowId: of.id,
          taskQueue: queue,
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
          staticSummary: summaryOf(of.sql, sealed),
          ...(known ? { typedSearchAttributes: new TypedSearchAttributes(startAttributes(of)) } : {}),
        });
      try {
        await attempt(attributes);
      } catch (error) {
        if (error instanceof WorkflowExecutionAlreadyStartedError) return;
        if (!attributes || grpcCode(error) !== GRPC.invalidArgument) throw error;
        await attempt(false).catch((again: unknown) => {
          if (!(again instanceof WorkflowExecutionAlreadyStartedError)) throw again;
        });
      }
    });
  }

  /** What `work` says, or false where the workflow is not there or has ended. */
  async function ifRunning(work: (temporal: TemporalClient) => Promise<unknown>): Promise<boolean> {
    return call(async (temporal) => {
      try {
        await work(temporal);
        return true;
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    });
  }

  async function state(id: string): Promise<WorkflowState | undefined> {
    return call(async ({ client }) => {
      try {
        const { status, closeTime, typedSearchAttributes, raw, startTime } = await client.workflow.getHandle(id).describe();
        const noted = typedSearchAttributes.get(STATE);
        const begun = await firstStart(client, id, raw.workflowExecutionInfo);
        return { state: stateOf(status.name, noted), startedAt: (begun ?? startTime).getTime(), endedAt: closeTime?.getTime() };
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return undefined;
        throw error;
      }
    });
  }

  return {
    start: (replay) =>
      startWorkflow(RUN_PLAN, (attributes) => [planInputOf(replay, { kind: 'replay', attributes, sealed })], { ...replay, kind: 'replay' }),
    async cancel(id: string, reason: ErrorDetails) {
      const running = await state(id);
      if (running === undefined || running.endedAt !== undefined) return false;
      const handle = ({ client }: TemporalClient) => client.workflow.getHandle(id);
      // The word in the store reaches tasks that run before their worker hears from Temporal; the signal has the reason; the last one
      // makes the workflow a cancelled one.
      const left = store.requestCancel(id, reason).then(
        () => undefined,
        () => undefined,
      );
      const cancelled = await ifRunning(async (temporal) => {
        await handle(temporal).signal(SIGNAL_CANCEL, reason);
        await handle(temporal).cancel();
      });
      await Promise.race([left, sleep(STORE_MOST, undefined, { ref: false })]);
      return cancelled;
    },
    pause: (id) => ifRunning(({ client }) => client.workflow.getHandle(id).signal(SIGNAL_PAUSE)),
    resume: (id) => ifRunning(({ client }) => client.workflow.getHandle(id).signal(SIGNAL_RESUME)),
    state,
    ...schedules,
    async countIntervals(backfill) {
      // The server tells the times of a deleted one too, for some days.
      if ((await schedules.schedule(backfill.schedule.name)) === undefined) throw noSchedule(backfill.schedule.name);
      return call(({ connection }) => countIntervals(matchingTimes(connection, options.namespace), backfill, Date.now()));
    },
    startBackfill: (backfill: BackfillRequest) =>
      startWorkflow(
        BACKFILL,
        (attributes) => [{ version: 1, backfill, attributes, ...(sealed ? { sealed } : {}) } satisfies BackfillInput],
        {
          id: backfill.id,
          sql: backfill.schedule.sql,
          user: backfill.schedule.user,
          kind: 'backfill',
          sources: [],
        },
      ),
    close,
  };
}

/** When a workflow that has been continued began; undefined: it has not been, or nobody knows any more. */
async function firstStart(client: Client, id: string, info: RunInfo | null | undefined): Promise<Date | undefined> {
  const first = info?.firstRunId;
  if (first === undefined || first === null || first === '' || first === info?.execution?.runId) return undefined;
  try {
    return (await client.workflow.getHandle(id, first).describe()).startTime;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

function stateOf(status: string, noted: string | undefined): WorkflowState['state'] {
  switch (status) {
    case 'COMPLETED':
      return 'completed';
    case 'CANCELLED':
    case 'TERMINATED':
      return 'cancelled';
    case 'FAILED':
      return noted === 'cancelled' ? 'cancelled' : 'failed';
    case 'TIMED_OUT':
      return 'failed';
    default:
      return noted === 'paused' ? 'paused' : 'running';
  }
}
