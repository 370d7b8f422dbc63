import {
  type Client,
  ScheduleAlreadyRunning,
  type ScheduleDescription,
  ScheduleNotFoundError,
  type ScheduleOverlapPolicy,
} from '@temporalio/client';
import { TypedSearchAttributes } from '@temporalio/common';
import { TimelineError } from '../../../sql/errors.js';
import { inParallel } from '../../in-parallel.js';
import { isScheduleName, type ReplayControl, type ScheduleRecord, type ScheduleState } from '../replay-control.js';
import { startAttributes, summaryOf } from './protocol.js';
import { INTERVAL_REPLAY, type IntervalReplayInput, SCHEDULE_PREFIX, scheduleId } from './schedule-protocol.js';
import type { TemporalCall } from './temporal-call.js';

type ScheduleControl = Pick<ReplayControl, 'createSchedule' | 'deleteSchedule' | 'pauseSchedule' | 'schedule' | 'schedules'>;

const OVERLAP = { skip: 'SKIP', queue: 'BUFFER_ALL', parallel: 'ALLOW_ALL' } as const satisfies Record<
  ScheduleRecord['overlap'],
  ScheduleOverlapPolicy
>;
const CRON = /^(?:@[a-z]+(?: [\w/]{1,40})?|[\d*/,A-Za-z-]+(?: +[\d*/,A-Za-z-]+){4})$/;
const RECORD_MOST = 100_000;
const SCHEDULES_MOST = 1000;
const DESCRIBED_AT_ONCE = 8;
/** The server's list is some seconds late. */
const LIST_LATE = 30_000;

/** Schedules as Temporal's schedules: each starts `intervalReplayV1`. */
export function createScheduleControl(options: {
  readonly call: TemporalCall;
  readonly queue: string;
  readonly sealed: boolean;
}): ScheduleControl {
  const { call, queue, sealed } = options;
  const created = new Map<string, number>();

  async function describe(client: Client, id: string): Promise<ScheduleState | undefined> {
    try {
      return await stateOf(client, await client.schedule.getHandle(id).describe());
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return undefined;
      throw error;
    }
  }

  /** False where there is no such schedule. */
  async function ifThere(name: string, work: (client: Client) => Promise<unknown>): Promise<boolean> {
    if (!isScheduleName(name)) return false;
    return call(async ({ client }) => {
      try {
        await work(client);
        return true;
      } catch (error) {
        if (error instanceof ScheduleNotFoundError) return false;
        throw error;
      }
    });
  }

  async function create(client: Client, record: ScheduleRecord, attributes: boolean): Promise<void> {
    const id = scheduleId(record.name);
    const input: IntervalReplayInput = { version: 1, schedule: record, attributes, ...(sealed ? { sealed } : {}) };
    const pairs = attributes ? startAttributes({ user: record.user, kind: 'interval', sources: [] }) : [];
    const handle = await client.schedule.create({
      scheduleId: id,
      spec: { cronExpressions: [record.cron], timezone: record.timeZone },
      action: {
        type: 'startWorkflow',
        workflowType: INTERVAL_REPLAY,
        workflowId: id,
        taskQueue: queue,
        args: [input],
        staticSummary: summaryOf(record.sql, sealed),
        typedSearchAttributes: new TypedSearchAttributes(pairs),
      },
      policies: { overlap: OVERLAP[record.overlap], catchupWindow: record.catchUp },
    });
    const { info } = await handle.describe();
    if (info.nextActionTimes.length > 0) return;
    await handle.delete();
    throw invalid(`cron expression "${record.cron}" matches no time`);
  }

  return {
    async createSchedule(record) {
      checkRecord(record);
      await call(async ({ client, attributes }) => {
        try {
          await create(client, record, attributes);
        } catch (error) {
          // Attributes that were registered a moment ago are not known everywhere at once.
          const unknown = attributes && error instanceof TypeError && /search attribute/i.test(error.message);
          if (!unknown) throw creationError(error, record);
          await create(client, record, false).catch((again: unknown) => {
            throw creationError(again, record);
          });
        }
      });
      created.set(scheduleId(record.name), Date.now());
    },
    deleteSchedule: (name) => ifThere(name, (client) => client.schedule.getHandle(scheduleId(name)).delete()),
    pauseSchedule: (name, paused) =>
      ifThere(name, (client) => {
        const handle = client.schedule.getHandle(scheduleId(name));
        return paused ? handle.pause() : handle.unpause();
      }),
    schedule: async (name) => (isScheduleName(name) ? call(({ client }) => describe(client, scheduleId(name))) : undefined),
    schedules: () =>
      call(async ({ client }) => {
        const ids = new Set<string>();
        for await (const { scheduleId: id } of client.schedule.list({ pageSize: 200 })) {
          if (id.startsWith(SCHEDULE_PREFIX)) ids.add(id);
          if (ids.size >= SCHEDULES_MOST) break;
        }
        for (const [id, at] of created) {
          if (Date.now() - at > LIST_LATE) created.delete(id);
          else ids.add(id);
        }
        const found = await inParallel([...ids].sort(), (id) => describe(client, id), { most: DESCRIBED_AT_ONCE });
        return found.filter((one) => one !== undefined);
      }),
  };
}

async function stateOf(client: Client, description: ScheduleDescription): Promise<ScheduleState | undefined> {
  const { action, info, state } = description;
  const record = recordOf(action.workflowType, action.args?.[0]);
  if (record === undefined || scheduleId(record.name) !== description.scheduleId) return undefined;
  return {
    record,
    paused: state.paused,
    next: state.paused ? undefined : info.nextActionTimes[0]?.getTime(),
    last: info.recentActions.at(-1)?.scheduledAt.getTime(),
    // The server does not follow what may overlap.
    running: record.overlap === 'parallel' ? await countRunning(client, description.scheduleId) : info.runningActions.length,
  };
}

async function countRunning(client: Client, id: string): Promise<number> {
  const { count } = await client.workflow.count(`TemporalScheduledById = '${id}' AND ExecutionStatus = 'Running'`);
  return count;
}

/** The schedule of an action of ours; undefined: it is none. */
export function recordOf(workflowType: string, input: unknown): ScheduleRecord | undefined {
  if (workflowType !== INTERVAL_REPLAY || typeof input !== 'object' || input === null || !('schedule' in input)) return undefined;
  const record = input.schedule as Partial<ScheduleRecord> | null;
  const ours = record?.version === 1 && [record.name, record.cron, record.timeZone, record.sql].every((text) => typeof text === 'string');
  return ours ? (record as ScheduleRecord) : undefined;
}

function checkRecord(record: ScheduleRecord): void {
  if (!isScheduleName(record.name)) {
    throw invalid(`invalid schedule name "${record.name.slice(0, 200)}"`, 'Letters, digits, "_", "." and "-"; at most 100.');
  }
  if (!CRON.test(record.cron)) {
    throw invalid(
      `invalid cron expression "${record.cron.slice(0, 200)}"`,
      'Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly, @every 90m.',
    );
  }
  // Temporal takes that for UTC.
  if (record.timeZone === '') throw invalid('invalid time zone ""');
  if (Buffer.byteLength(JSON.stringify(record)) > RECORD_MOST) {
    throw new TimelineError({ kind: 'limit', sqlstate: '54000', message: `the query of schedule "${record.name}" is too long` });
  }
}

function creationError(error: unknown, record: ScheduleRecord): unknown {
  if (error instanceof ScheduleAlreadyRunning) {
    return new TimelineError({ kind: 'semantic', sqlstate: '42710', message: `schedule "${record.name}" already exists`, cause: error });
  }
  // So does Temporal's client tell of arguments that the server refuses.
  if (!(error instanceof TypeError)) return error;
  return /time ?zone/i.test(error.message)
    ? invalid(`invalid time zone "${record.timeZone}"`, undefined, error.message, error)
    : invalid(`invalid cron expression "${record.cron}"`, undefined, error.message, error);
}

function invalid(message: string, hint?: string, detail?: string, cause?: unknown): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '22023',
    message,
    ...(hint === undefined ? {} : { hint }),
    ...(detail === undefined ? {} : { detail }),
    cause,
  });
}
