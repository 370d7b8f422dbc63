import type { ErrorDetails } from '../../../sql/errors.js';
import type { BackfillState } from '../backfill-scheduler.js';
import type { BackfillRequest, ScheduleRecord } from '../replay-control.js';
import type { PlanAnswer } from '../replay-planner.js';
import type { ReplayEnd, ReplayInterval } from '../replay-record.js';

/** What crosses between schedules, backfills and their activities. It lies in histories and schedules: a changed shape gets a new workflow name. */
export const INTERVAL_REPLAY = 'intervalReplayV1';
export const BACKFILL = 'backfillV1';

/** What the ids of our schedules in Temporal begin with. */
export const SCHEDULE_PREFIX = 'timeline-schedule-';

export function scheduleId(name: string): string {
  return `${SCHEDULE_PREFIX}${name}`;
}

/** Of `intervalReplayV1`. */
export interface IntervalReplayInput {
  readonly version: 1;
  readonly schedule: ScheduleRecord;
  /** Are the search attributes known to the server? */
  readonly attributes: boolean;
  /** Given by a backfill; else the last whole one at the time that it was scheduled for. */
  readonly interval?: ReplayInterval;
  /** The backfill. */
  readonly parent?: string;
  /** A payload codec is in use: a failure's own text says nothing, its details do. */
  readonly sealed?: boolean;
}

export interface IntervalReplayOutput {
  readonly version: 1;
  /** Of the replay. */
  readonly id: string;
  readonly rows: number;
}

/** Of `backfillV1`. */
export interface BackfillInput {
  readonly version: 1;
  readonly backfill: BackfillRequest;
  readonly attributes: boolean;
  readonly sealed?: boolean;
  /** Continue as new after so many intervals; 200 by default. */
  readonly checkpointEvery?: number;
  readonly checkpoint?: BackfillState;
}

export interface BackfillOutput {
  readonly version: 1;
  readonly completed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly rows: number;
}

export interface PlanIntervalInput {
  readonly version: 1;
  readonly schedule: ScheduleRecord;
  readonly interval: ReplayInterval;
  readonly parent?: string;
}

export interface ListIntervalsInput {
  readonly version: 1;
  readonly backfill: BackfillRequest;
  /** Where this page begins, microseconds since 1970 as text. */
  readonly from: string;
  readonly limit: number;
}

/** How a replay stands that another workflow may run. */
export type ReplayStanding =
  | { readonly kind: 'running' }
  | { readonly kind: 'ended'; readonly state: ReplayEnd['state']; readonly rows: number; readonly error?: ErrorDetails }
  /** Its workflow is gone, and left no end. */
  | { readonly kind: 'lost' };

export interface EndIntervalInput extends PlanIntervalInput {
  /** Its replay; absent: it has not been planned. */
  readonly id?: string;
  readonly state: 'failed' | 'cancelled';
  readonly error: ErrorDetails;
}

export interface EndBackfillInput {
  readonly version: 1;
  readonly id: string;
  readonly state: ReplayEnd['state'];
  readonly rows: number;
  readonly error?: ErrorDetails;
}

/** Activities of both workflows. */
export interface ScheduleActivities {
  /** The last whole interval of a schedule at a time, microseconds since 1970 as text. */
  scheduledInterval(input: { readonly version: 1; readonly schedule: ScheduleRecord; readonly at: string }): Promise<ReplayInterval>;
  planInterval(input: PlanIntervalInput): Promise<PlanAnswer>;
  replayStanding(input: { readonly version: 1; readonly id: string }): Promise<ReplayStanding>;
  /** Writes the end of an interval that did not come to an end by itself, and its submission where not even that is there; gives its id. */
  endInterval(input: EndIntervalInput): Promise<{ readonly id: string }>;
  listIntervals(input: ListIntervalsInput): Promise<IntervalPage>;
  endBackfill(input: EndBackfillInput): Promise<void>;
}

export interface IntervalPage {
  /** [from, until), microseconds since 1970 as text; ascending. */
  readonly intervals: readonly (readonly [from: string, until: string])[];
  /** Left out because they have a completed replay. */
  readonly skipped: number;
  /** Where the next page begins; null: this was the last one. */
  readonly next: string | null;
}
