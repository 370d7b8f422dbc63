import { defineSearchAttributeKey, WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityCancellationType,
  CancellationScope,
  proxyActivities,
  setCurrentDetails,
  sleep,
  startChild,
  workflowInfo,
} from '@temporalio/workflow';
import type { ErrorDetails } from '../../../sql/errors.js';
import { isoTime } from '../iso-time.js';
import type { PlannedReplay } from '../replay-planner.js';
import type { ReplayInterval } from '../replay-record.js';
import type { RunFigures } from '../stage-clock.js';
import { planInputOf, RUN_PLAN, startAttributes, summaryOf } from './protocol.js';
import type { IntervalReplayInput, IntervalReplayOutput, ScheduleActivities } from './schedule-protocol.js';
import { detailsOf, failureOf } from './workflows-failure.js';
import { noteState } from './workflows-note.js';

const retry = { initialInterval: '1s', maximumInterval: '30s', backoffCoefficient: 2 } as const;

/** Catalogs and stores may be away for a while. */
const planning = proxyActivities<ScheduleActivities>({
  startToCloseTimeout: '10 minutes',
  scheduleToCloseTimeout: '2 hours',
  heartbeatTimeout: '10s',
  retry,
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});
const recording = proxyActivities<ScheduleActivities>({ startToCloseTimeout: '2 minutes', heartbeatTimeout: '10s', retry });

const SCHEDULED_AT = defineSearchAttributeKey('TemporalScheduledStartTime', 'DATETIME');
const FIRST_LOOK = 1000;
const LAST_LOOK = 600_000;
const LOST_MOST = 3;

/** Its end has been recorded, or is another workflow's to record. */
class NotOurs extends Error {
  constructor(readonly details: ErrorDetails) {
    super(details.message);
  }
}

/** Runs one interval of a schedule, once: whoever else has begun it is waited for. */
export async function intervalReplayV1(input: IntervalReplayInput): Promise<IntervalReplayOutput> {
  const root = CancellationScope.current();
  let interval: ReplayInterval | undefined;
  let planned: string | undefined;
  try {
    interval = input.interval ?? (await planning.scheduledInterval({ version: 1, schedule: input.schedule, at: scheduledAt() }));
    setCurrentDetails(intervalText(interval));
    const output = await runInterval(input, interval, (id) => {
      planned = id;
      if (interval !== undefined) setCurrentDetails(`${intervalText(interval)}\n\nReplay \`${id}\``);
    });
    noteState(input, 'completed', output.rows);
    return output;
  } catch (error) {
    const details =
      error instanceof NotOurs ? error.details : detailsOf(error, planned === undefined ? 'the interval' : `replay ${planned}`);
    const state = details.kind === 'cancelled' ? 'cancelled' : 'failed';
    if (interval !== undefined && !(error instanceof NotOurs)) {
      const id = planned === undefined ? {} : { id: planned };
      const end = { ...planOf(input, interval), ...id, state, error: details } as const;
      await CancellationScope.nonCancellable(() => recording.endInterval(end));
    }
    noteState(input, state, 0);
    throw failureOf(details, { cancelled: root.consideredCancelled, sealed: input.sealed === true });
  }
}

async function runInterval(
  input: IntervalReplayInput,
  interval: ReplayInterval,
  onPlanned: (id: string) => void,
): Promise<IntervalReplayOutput> {
  for (let lost = 0; ; lost++) {
    const answer = await planning.planInterval(planOf(input, interval));
    const id = answer.kind === 'planned' ? answer.replay.id : answer.id;
    onPlanned(id);
    if (answer.kind === 'planned') {
      const figures = await runPlanned(input, answer.replay);
      if (figures !== undefined) return { version: 1, id, rows: figures.rows };
    }
    const rows = await waitFor(id);
    if (rows !== undefined) return { version: 1, id, rows };
    if (lost >= LOST_MOST) {
      const message = `the workflow of replay ${id} ended again and again without a result`;
      throw failureOf({ kind: 'internal', sqlstate: 'XX000', message }, { cancelled: false, sealed: false });
    }
  }
}

/** Undefined: another workflow runs it. */
async function runPlanned(input: IntervalReplayInput, replay: PlannedReplay): Promise<RunFigures | undefined> {
  const { attributes } = input;
  try {
    const child = await startChild<(plan: ReturnType<typeof planInputOf>) => Promise<RunFigures>>(RUN_PLAN, {
      workflowId: replay.id,
      args: [planInputOf(replay, { kind: 'interval', attributes, sealed: input.sealed === true })],
      parentClosePolicy: 'REQUEST_CANCEL',
      staticSummary: summaryOf(replay.sql, input.sealed === true),
      ...(attributes ? { typedSearchAttributes: startAttributes({ ...replay, kind: 'interval' }) } : {}),
    });
    return await child.result();
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return undefined;
    throw error;
  }
}

/** Rows of a replay that another workflow runs; undefined: it is gone without an end. Throws what it failed with. */
async function waitFor(id: string): Promise<number | undefined> {
  for (let pause = FIRST_LOOK; ; pause = Math.min(2 * pause, LAST_LOOK)) {
    try {
      const standing = await planning.replayStanding({ version: 1, id });
      if (standing.kind === 'lost') return undefined;
      if (standing.kind === 'ended') {
        if (standing.state === 'completed') return standing.rows;
        const error = standing.error ?? { kind: 'internal', sqlstate: 'XX000', message: `replay ${id} ${standing.state}` };
        throw new NotOurs(error);
      }
      await sleep(pause);
    } catch (error) {
      throw error instanceof NotOurs ? error : new NotOurs(detailsOf(error, `replay ${id}`));
    }
  }
}

function intervalText({ schedule, from, until }: ReplayInterval): string {
  return `Schedule \`${schedule}\` from ${isoTime(from)} until ${isoTime(until)}`;
}

function planOf(input: IntervalReplayInput, interval: ReplayInterval) {
  const { schedule, parent } = input;
  return { version: 1, schedule, interval, ...(parent === undefined ? {} : { parent }) } as const;
}

/** When a schedule meant it to start: an outage or a queue may have made it late. */
function scheduledAt(): string {
  const { typedSearchAttributes, startTime } = workflowInfo();
  return String(BigInt((typedSearchAttributes.get(SCHEDULED_AT) ?? startTime).getTime()) * 1000n);
}
