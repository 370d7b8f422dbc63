import type { PruningStep } from '../../../planner/physical-plan.js';
import type { ErrorDetails } from '../../../sql/errors.js';
import type { PlannedReplay } from '../replay-planner.js';
import type { ReplayEnd } from '../replay-record.js';
import type { SchedulerSpec, SchedulerState, Skipped } from '../scheduler.js';
import type { RunFigures, StageTimes } from '../stage-clock.js';

/**
 * What crosses between gateway, workflow and activities. It lies in histories that outlive releases: what a released name
 * means never changes; a changed shape gets a new workflow name (`runPlanV1`, `runPlanV2`).
 */
export const RUN_PLAN = 'runPlanV2';
export const SIGNAL_PAUSE = 'pause';
export const SIGNAL_RESUME = 'resume';
/** Its argument: ErrorDetails, the reason. */
export const SIGNAL_CANCEL = 'cancel';
export const QUERY_PROGRESS = 'progress';

/** A plan's JSON up to this many bytes goes with the workflow's arguments; longer ones by reference only. */
export const INLINE_PLAN_BYTES = 32_768;

/** Stands where Temporal keeps a text as it is, and a payload codec is configured. */
export const SEALED = '(encrypted)';

export const SEARCH_ATTRIBUTES = {
  TimelineUser: 'KEYWORD',
  TimelineState: 'KEYWORD',
  TimelineKind: 'KEYWORD',
  TimelineRows: 'INT',
  /** Tables that the plan reads, `schema.table`. */
  TimelineSource: 'KEYWORD_LIST',
} as const;

/** `query`: a session waits for it; the others have a record in the registry. */
export type ReplayKind = 'query' | 'replay' | 'interval';

/** Where work waits that nobody waits for: submitted replays, intervals, backfills. */
export function bulkQueue(taskQueue: string): string {
  return `${taskQueue}-bulk`;
}

/** How long tasks wait for a store that does not answer, milliseconds. */
export const PATIENCE = { interactive: 15_000, submitted: 300_000 } as const;

/** Of `runPlanV2`. */
export interface RunPlanV2Input {
  readonly version: 2;
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
  readonly kind: ReplayKind;
  /** Its end is written into the registry, whatever it is. */
  readonly submitted: boolean;
  /** How long a task waits for a store that does not answer, milliseconds. */
  readonly patience: number;
  /** Are the search attributes known to the server? */
  readonly attributes: boolean;
  /** A payload codec is in use: a failure's own text says nothing (SEALED), its details do. */
  readonly sealed?: boolean;
  /** Continue as new after so many tasks, besides when the server suggests it. */
  readonly checkpointEvery?: number;
  readonly checkpoint?: { readonly state: SchedulerState; readonly times: StageTimes };
}

/** The workflow's argument for a replay that is in the registry. */
export function planInputOf(
  replay: PlannedReplay,
  options: {
    readonly kind: 'replay' | 'interval';
    readonly attributes: boolean;
    readonly sealed?: boolean;
  },
): RunPlanV2Input {
  return {
    version: 2,
    query: replay.id,
    planRef: replay.planRef,
    planHash: replay.planHash,
    spec: replay.spec,
    fast: false,
    kind: options.kind,
    submitted: true,
    patience: PATIENCE.submitted,
    attributes: options.attributes,
    ...(options.sealed === true ? { sealed: true } : {}),
  };
}

export type AttributePair =
  | { readonly key: { readonly name: string; readonly type: 'KEYWORD' }; readonly value: string }
  | { readonly key: { readonly name: string; readonly type: 'KEYWORD_LIST' }; readonly value: string[] }
  | { readonly key: { readonly name: string; readonly type: 'INT' }; readonly value: number };

const SOURCES_MOST = 20;
/** Temporal's stores on SQL take 255 characters. */
const KEYWORD_MOST = 255;

/** Search attributes of a workflow that starts: for `new TypedSearchAttributes(…)` in a client, as they are in a workflow. */
export function startAttributes(of: {
  readonly user: string;
  readonly kind: ReplayKind | 'backfill';
  readonly sources: readonly string[];
}): AttributePair[] {
  const sources = [...new Set(of.sources)].slice(0, SOURCES_MOST).map((name) => name.slice(0, KEYWORD_MOST));
  return [
    { key: { name: 'TimelineUser', type: 'KEYWORD' }, value: of.user.slice(0, KEYWORD_MOST) },
    { key: { name: 'TimelineState', type: 'KEYWORD' }, value: 'running' },
    { key: { name: 'TimelineKind', type: 'KEYWORD' }, value: of.kind },
    { key: { name: 'TimelineRows', type: 'INT' }, value: 0 },
    ...(sources.length === 0 ? [] : [{ key: { name: 'TimelineSource', type: 'KEYWORD_LIST' } as const, value: sources }]),
  ];
}

/** A workflow's static summary: the SQL's first line, cut; nothing of it where payloads are encoded. */
export function summaryOf(sql: string, sealed: boolean): string {
  return sealed ? SEALED : (sql.trim().split(/[\r\n]/)[0] ?? '').slice(0, 200);
}

/** Of `runPlanV1`, as released. */
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
  /** A payload codec is in use: a failure's own text says nothing. */
  readonly sealed?: boolean;
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

/** Of the activities that run tasks for `runPlanV2`. */
export interface BatchV2Input extends PlanRef {
  readonly stage: number;
  readonly tasks: readonly number[];
  /** Bytes that the query's committed tasks had read when this was dispatched. */
  readonly spent: number;
  readonly maxBytes?: number;
  /** How long a task waits for a store that does not answer, milliseconds. */
  readonly patience: number;
  /** A session reads what these tasks give, and nobody after it. */
  readonly session?: boolean;
}

export interface BatchV2Output {
  /** [task, rows, bytes read, 1 when there are notices] */
  readonly tasks: readonly (readonly [task: number, rows: number, bytes: number, noticed: 0 | 1])[];
  /** Not all tasks: the batch was called back, or its worker was stopped. */
  readonly stopped?: true;
  /** Of all tasks together. */
  readonly skipped?: Skipped;
  readonly pruned?: readonly PruningStep[];
}

/** How a submitted replay's workflow ended; `endReplay` makes a record of it, and of its rows what its submission asks for. */
export interface EndReplayInput {
  readonly version: 1;
  readonly query: string;
  readonly state: ReplayEnd['state'];
  /** Of a completed one. */
  readonly figures?: RunFigures;
  readonly error?: ErrorDetails;
}

/** The end that counts: the first that was written. */
export interface EndReplayOutput {
  readonly state: ReplayEnd['state'];
  readonly rows: number;
}

/** Activities of `runPlanV2`. */
export interface PlanV2Activities {
  scanTasks(input: BatchV2Input): Promise<BatchV2Output>;
  operatorTasks(input: BatchV2Input): Promise<BatchV2Output>;
  finalTasks(input: BatchV2Input): Promise<BatchV2Output>;
  /** Local. */
  fastPlan(input: FastInput): Promise<RunFigures>;
  cleanup(input: CleanupInput): Promise<void>;
  endReplay(input: EndReplayInput): Promise<EndReplayOutput>;
}

/** Activities of `runPlanV1`, as released. */
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
