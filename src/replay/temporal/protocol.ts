import type { PruningStep } from '../../../planner/physical-plan.js';
import type { ErrorDetails } from '../../../sql/errors.js';
import type { SchedulerSpec, SchedulerState } from '../scheduler.js';
import type { RunFigures, StageTimes } from '../stage-clock.js';

/**
 * What crosses between gateway, workflow and activities. It lies in histories that outlive releases: what a released name
 * means never changes; a changed shape gets a new workflow name (`runPlanV2`).
 */
export const RUN_PLAN = 'runPlanV1';
export const SIGNAL_PAUSE = 'pause';
export const SIGNAL_RESUME = 'resume';
/** Its argument: ErrorDetails, the reason. */
export const SIGNAL_CANCEL = 'cancel';
export const QUERY_PROGRESS = 'progress';

/** A plan's JSON up to this many bytes goes with the workflow's arguments; longer ones by reference only. */
export const INLINE_PLAN_BYTES = 32_768;

export const SEARCH_ATTRIBUTES = {
  TimelineUser: 'KEYWORD',
  TimelineState: 'KEYWORD',
  TimelineKind: 'KEYWORD',
  TimelineRows: 'INT',
} as const;

export interface RunPlanInput {
  readonly version: 1;
  /** Names the query's folder in the stage store; the workflow's id. */
  readonly query: string;
  readonly planRef: string;
  /** SHA-256 of the plan's JSON, hexadecimal. */
  readonly planHash: string;
  /** The plan's JSON where it is small; for the fast lane. */
  readonly plan?: string;
  readonly spec: SchedulerSpec;
  /** Try the whole plan as one local activity first. */
  readonly fast: boolean;
  /** Are the search attributes known to the server? */
  readonly attributes: boolean;
  /** Continue as new after so many tasks, besides when the server suggests it. */
  readonly checkpointEvery?: number;
  readonly checkpoint?: { readonly state: SchedulerState; readonly times: StageTimes };
}

export interface PlanRef {
  readonly version: 1;
  readonly query: string;
  readonly planRef: string;
  readonly planHash: string;
}

export interface BatchInput extends PlanRef {
  readonly stage: number;
  readonly tasks: readonly number[];
  /** Bytes that the query's committed tasks had read when this was dispatched. */
  readonly spent: number;
  readonly maxBytes?: number;
}

/** [task, rows, bytes read, 1 when there are notices, what dynamic filters left unread (or null), what was pruned inside of files if any was]. */
export type TaskFigures = readonly [
  task: number,
  rows: number,
  bytes: number,
  noticed: 0 | 1,
  skipped?: { readonly files: number; readonly rows: number } | null,
  pruned?: readonly PruningStep[],
];

export interface BatchOutput {
  readonly tasks: readonly TaskFigures[];
}

export interface FastInput extends PlanRef {
  readonly plan: string;
  readonly spec: SchedulerSpec;
}

export interface CleanupInput {
  readonly version: 1;
  readonly query: string;
  readonly stages: readonly number[];
}

export interface PlanActivities {
  scanBatch(input: BatchInput): Promise<BatchOutput>;
  operatorBatch(input: BatchInput): Promise<BatchOutput>;
  finalStage(input: BatchInput): Promise<BatchOutput>;
  fastPlan(input: FastInput): Promise<RunFigures>;
  cleanup(input: CleanupInput): Promise<void>;
}

export interface WorkflowProgress {
  readonly state: 'running' | 'paused' | 'ending';
  readonly tasksDone: number;
  readonly tasks: number;
  readonly rows: number;
  readonly bytesRead: number;
}

export function isErrorDetails(value: unknown): value is ErrorDetails {
  return (
    typeof value === 'object' &&
    value !== null &&
    'sqlstate' in value &&
    typeof value.sqlstate === 'string' &&
    'message' in value &&
    typeof value.message === 'string' &&
    'kind' in value &&
    typeof value.kind === 'string'
  );
}
