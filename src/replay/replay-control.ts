import type { ErrorDetails } from '../../sql/errors.js';
import type { PlannedReplay } from './replay-planner.js';

/** Steers submitted replays and schedules. Needs Temporal, never a worker; every call ends within seconds. Throws 08001 where Temporal is not there. */
export interface ReplayControl {
  /** Starts the workflow of a planned replay; one that has been started already stays as it is. */
  start(replay: PlannedReplay): Promise<void>;
  /** False: there is none, or it has ended. */
  cancel(id: string, reason: ErrorDetails): Promise<boolean>;
  pause(id: string): Promise<boolean>;
  resume(id: string): Promise<boolean>;
  /** Undefined: Temporal does not know it (any more). Asks no worker. */
  state(id: string): Promise<WorkflowState | undefined>;
  /** 42710 where there is one of this name. */
  createSchedule(schedule: ScheduleRecord): Promise<void>;
  deleteSchedule(name: string): Promise<boolean>;
  pauseSchedule(name: string, paused: boolean): Promise<boolean>;
  schedule(name: string): Promise<ScheduleState | undefined>;
  schedules(): Promise<readonly ScheduleState[]>;
  /** How many intervals it has (ones that `missingOnly` leaves out counted too). 22023: none; 54000: more than MAX_INTERVALS; 42704: no such schedule. */
  countIntervals(backfill: BackfillRequest): Promise<number>;
  /** Starts a backfill, whose submission is in the registry; one that has been started already stays as it is. */
  startBackfill(backfill: BackfillRequest): Promise<void>;
}

export interface WorkflowState {
  readonly state: 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly endedAt: number | undefined;
}

/** A query that is run again and again, over one interval after the other. JSON; lies in Temporal's schedule. */
export interface ScheduleRecord {
  readonly version: 1;
  /** See isScheduleName. */
  readonly name: string;
  /** Five fields, or @hourly and its like, in `timeZone`. */
  readonly cron: string;
  readonly timeZone: string;
  readonly user: string;
  readonly sql: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly result: string;
  /** What happens when one is due while the last one runs. */
  readonly overlap: 'skip' | 'queue' | 'parallel';
  /** How late one may start after an outage, milliseconds. */
  readonly catchUp: number;
  readonly createdAt: number;
}

/** Names of schedules are ids in Temporal. */
export function isScheduleName(text: string): boolean {
  return /^[A-Za-z0-9_][\w.-]{0,99}$/.test(text);
}

export interface ScheduleState {
  readonly record: ScheduleRecord;
  readonly paused: boolean;
  /** Milliseconds since 1970. */
  readonly next: number | undefined;
  readonly last: number | undefined;
  readonly running: number;
}

export interface BackfillRequest {
  /** Names the workflow and its submission. */
  readonly id: string;
  readonly schedule: ScheduleRecord;
  /** Microseconds since 1970 as text; the intervals that lie in [from, until). Chunks are cut at borders of `timeZone`, the first and last one at these. */
  readonly from: string;
  readonly until: string;
  /** `interval`: as the schedule's; else as many of these units. */
  readonly chunk: 'interval' | 'hour' | 'day' | 'week' | 'month';
  /** Leaves out intervals that have a completed replay. */
  readonly missingOnly: boolean;
  /** Replays at once; 1: in order, each after the end of the one before. */
  readonly parallel: number;
  /** What countIntervals gave, for its progress. */
  readonly intervals?: number;
}

export const MAX_INTERVALS = 20_000;
