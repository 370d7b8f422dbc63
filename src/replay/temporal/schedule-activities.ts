import { ApplicationFailure, Context } from '@temporalio/activity';
import { type Client, ScheduleNotFoundError, WorkflowNotFoundError } from '@temporalio/client';
import { asTimelineError, TimelineError } from '../../../sql/errors.js';
import { inParallel } from '../../in-parallel.js';
import { intervalHash, intervalHead, isAddedToTable, unplannedReplayId } from '../interval-id.js';
import type { ScheduleRecord } from '../replay-control.js';
import type { ReplayPlanner } from '../replay-planner.js';
import type { ReplayInterval } from '../replay-record.js';
import type { ReplayRegistry } from '../replay-registry.js';
import { activityFailure, beating } from './activity-guard.js';
import { recordOf } from './schedule-control.js';
import { type ReplayStanding, type ScheduleActivities, scheduleId } from './schedule-protocol.js';
import { type IntervalBounds, intervalsOf, lastInterval, matchingTimes } from './schedule-times.js';

export interface ScheduleActivitiesOptions {
  /** Of the worker's own connection. */
  readonly client: Client;
  readonly namespace: string;
  readonly registry: ReplayRegistry;
  /** Absent: another worker plans. */
  readonly planner?: ReplayPlanner;
  /** The texts of errors say nothing; their details do. */
  readonly sealed: boolean;
}

/** The activities of schedules and backfills. They plan and ask; what they write is written once, so that each may run again. */
export function createScheduleActivities(options: ScheduleActivitiesOptions): ScheduleActivities {
  const { client, registry, planner } = options;
  const times = matchingTimes(client.connection, options.namespace);

  async function working<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const context = Context.current();
    try {
      return await beating(context, () => work(context.cancellationSignal));
    } catch (error) {
      if (error instanceof ApplicationFailure) throw error;
      // What we did not throw ourselves is a network's or a server's, and may pass.
      const ours = error instanceof TimelineError || context.cancellationSignal.aborted;
      throw activityFailure(ours ? error : passing(error), context, options.sealed);
    }
  }

  /** Its times are the server's, which knows them by name only: another schedule of the name would give wrong ones. */
  async function checkSame(schedule: ScheduleRecord): Promise<void> {
    try {
      const { action } = await client.schedule.getHandle(scheduleId(schedule.name)).describe();
      const now = recordOf(action.workflowType, action.args?.[0]);
      if (now?.cron === schedule.cron && now.timeZone === schedule.timeZone) return;
    } catch (error) {
      // The times of a deleted one are known for as long as the server keeps closed workflows.
      if (error instanceof ScheduleNotFoundError) return;
      throw error;
    }
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '55000',
      message: `schedule "${schedule.name}" has been made anew with other times`,
    });
  }

  /** Those of a page without the ones that have a completed replay, whoever ran it. */
  async function missing(schedule: ScheduleRecord, intervals: IntervalBounds['intervals']): Promise<IntervalBounds['intervals']> {
    const ended = new Map<string, string[]>();
    for (const { id, ended: over } of await registry.list()) {
      const head = /^interval-[^-]+/.exec(id)?.[0];
      if (over && head !== undefined) ended.set(head, [...(ended.get(head) ?? []), id]);
    }
    const done = await inParallel(intervals, async ([from, until]) => {
      const interval = { schedule: schedule.name, from: String(from), until: String(until) };
      const hash = intervalHash(schedule, interval);
      const same = await Promise.all((ended.get(intervalHead(interval)) ?? []).map((id) => isDone(id, hash)));
      return same.includes(true);
    });
    return intervals.filter((_, at) => done[at] !== true);
  }

  async function isDone(id: string, hash: string): Promise<boolean> {
    return (await registry.ended(id))?.state === 'completed' && (await registry.submission(id))?.reuse === hash;
  }

  return {
    scheduledInterval: ({ schedule, at }) =>
      working(async (): Promise<ReplayInterval> => {
        await checkSame(schedule);
        const [from, until] = await lastInterval(times, schedule.name, BigInt(at));
        return { schedule: schedule.name, from: String(from), until: String(until) };
      }),
    planInterval: ({ schedule, interval, parent }) =>
      working(async (signal) => {
        if (planner === undefined) throw ApplicationFailure.retryable('this worker plans nothing', 'NO_PLANNER');
        const { user, sql, settings, result } = schedule;
        const base = { name: null, kind: 'interval', interval, user, sql, settings, result } as const;
        return planner.plan({ ...base, ...(parent === undefined ? {} : { parent }) }, signal).catch((error: unknown) => {
          throw asTimelineError(error);
        });
      }),
    replayStanding: ({ id }) =>
      working(async (): Promise<ReplayStanding> => {
        const recorded = async (): Promise<ReplayStanding | undefined> => {
          const end = await registry.ended(id);
          if (end === undefined) return undefined;
          return { kind: 'ended', state: end.state, rows: end.rows, ...(end.error === undefined ? {} : { error: end.error }) };
        };
        const first = await recorded();
        if (first !== undefined) return first;
        if (await isRunning(client, id)) return { kind: 'running' };
        // It may have ended between both looks.
        return (await recorded()) ?? { kind: 'lost' };
      }),
    endInterval: ({ id: planned, schedule, interval, parent, state, error }) =>
      working(async () => {
        const { workflowExecution } = Context.current().info;
        const id = planned ?? unplannedReplayId(interval, parent, workflowExecution?.runId ?? '');
        const { user, sql } = schedule;
        // One that could not even be planned is to be seen too.
        await registry.submit({
          version: 1,
          id,
          name: null,
          kind: 'interval',
          ...(parent === undefined ? {} : { parent }),
          interval,
          user,
          sql,
          parameters: [],
          submittedAt: Date.now(),
          columns: [],
          snapshots: [],
          stages: [],
          result: { kind: 'inline' },
          reuse: null,
        });
        await registry.end({ version: 1, id, state, endedAt: Date.now(), rows: 0, error });
        return { id };
      }),
    listIntervals: ({ backfill, from, limit }) =>
      working(async () => {
        if (backfill.chunk === 'interval') await checkSame(backfill.schedule);
        const { intervals, next } = await intervalsOf(times, backfill, BigInt(from), limit);
        const left =
          backfill.missingOnly || isAddedToTable(backfill.schedule.result) ? await missing(backfill.schedule, intervals) : intervals;
        return {
          intervals: left.map(([begin, end]) => [String(begin), String(end)] as const),
          skipped: intervals.length - left.length,
          next: next === undefined ? null : String(next),
        };
      }),
    endBackfill: ({ id, state, rows, error }) =>
      working(async () => {
        await registry.end({ version: 1, id, state, endedAt: Date.now(), rows, ...(error === undefined ? {} : { error }) });
      }),
  };
}

function passing(error: unknown): TimelineError {
  return new TimelineError({ ...asTimelineError(error).toJSON(), retryable: true, cause: error });
}

async function isRunning(client: Client, id: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(id).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
