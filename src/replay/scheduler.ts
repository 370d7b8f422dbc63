import type { PruningStep } from '../../planner/physical-plan.js';
import type { ErrorDetails } from '../../sql/errors.js';
import { clearBitmap, hasBit, withBit } from './bitmap.js';
import { budgetExceeded } from './budget-exceeded.js';
import { addSteps } from './pruned.js';

/**
 * The pure scheduler that both drivers share: `(state, event) -> {state, commands}`. No clock, no I/O; its state is JSON
 * and is the checkpoint of a continued workflow.
 *
 *   start -> dispatch… -> task_committed… / batch_ended / batch_failed -> commit_stage… -> finish
 *
 * The truth about a task is its manifest (first writer wins), so a commit counts whoever reports it, once.
 */
export interface SchedulerSpec {
  /** In dependency order. */
  readonly stages: readonly StageShape[];
  /** Batches in flight at once. */
  readonly window: number;
  /** How often a task may be dispatched before the run fails. */
  readonly maxAttempts: number;
  readonly maxBytes?: number;
}

export interface StageShape {
  readonly id: number;
  /** As the plan has it; absent in plans of before. */
  readonly kind?: 'scan' | 'operator' | 'final';
  /** Number of tasks; their numbers here are 0 … tasks-1 (positions in Stage.tasks). */
  readonly tasks: number;
  /** Tasks a batch. */
  readonly batch: number;
  readonly deps: readonly number[];
}

export interface SchedulerState {
  readonly version: 1;
  readonly spec: SchedulerSpec;
  readonly stages: readonly StageState[];
  readonly inFlight: readonly Batch[];
  /** Failed dispatches by `stage.task`; absent: none. */
  readonly failures: Readonly<Record<string, number>>;
  /** Batches dispatched so far: makes batch ids unique. */
  readonly dispatched: number;
  readonly paused: boolean;
  /** Waiting for batches in flight, then continue-as-new. */
  readonly draining: boolean;
  /** The error that ends the run once nothing is in flight any more. */
  readonly ending: ErrorDetails | undefined;
  readonly ended: 'finished' | 'failed' | 'continued' | undefined;
  /** Tasks whose manifest holds notices, as [stage, task]; at most MAX_NOTICED. */
  readonly noticed: readonly (readonly [number, number])[];
}

/** What dynamic filters left unread. */
export interface Skipped {
  readonly files: number;
  readonly rows: number;
}

export interface StageState {
  readonly id: number;
  readonly committed: string;
  readonly count: number;
  /** First task that was never dispatched. */
  readonly next: number;
  /** Tasks to dispatch again. */
  readonly again: readonly number[];
  readonly done: boolean;
  readonly rows: number;
  readonly bytes: number;
  readonly retries: number;
  readonly skipped?: Skipped;
  readonly pruned?: readonly PruningStep[];
}

export interface Batch {
  /** `{stage}.{firstTask}.{run}` */
  readonly id: string;
  readonly stage: number;
  readonly tasks: readonly number[];
  /** 1 for the first dispatch. */
  readonly attempt: number;
}

export type SchedulerEvent =
  /** Begins a run, or goes on from a checkpoint: what was in flight there is lost. */
  | { readonly kind: 'start' }
  | {
      readonly kind: 'task_committed';
      readonly stage: number;
      readonly task: number;
      readonly rows: number;
      readonly bytes: number;
      readonly noticed: boolean;
      readonly skipped?: Skipped | undefined;
      readonly pruned?: readonly PruningStep[] | undefined;
    }
  /** The batch runs no longer; those of its tasks that have not been reported as committed are lost and run again. */
  | { readonly kind: 'batch_ended'; readonly batch: string }
  /** The same without blame: it was called back, or its worker was stopped. */
  | { readonly kind: 'batch_released'; readonly batch: string }
  | { readonly kind: 'batch_failed'; readonly batch: string; readonly error: ErrorDetails; readonly retryable: boolean }
  | { readonly kind: 'cancel'; readonly error: ErrorDetails }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** The driver wants a new history: finish what is in flight, then continue as new. */
  | { readonly kind: 'checkpoint' };

export type SchedulerCommand =
  | { readonly kind: 'dispatch'; readonly batch: Batch }
  | { readonly kind: 'cancel_batches'; readonly batches: readonly string[] }
  | { readonly kind: 'commit_stage'; readonly stage: number }
  | { readonly kind: 'finish' }
  | { readonly kind: 'fail'; readonly error: ErrorDetails }
  | { readonly kind: 'continue_as_new'; readonly checkpoint: SchedulerState };

export interface SchedulerStep {
  readonly state: SchedulerState;
  readonly commands: readonly SchedulerCommand[];
}

const MAX_NOTICED = 16;

export function initialState(spec: SchedulerSpec): SchedulerState {
  return {
    version: 1,
    spec,
    stages: spec.stages.map((stage) => ({
      id: stage.id,
      committed: clearBitmap(stage.tasks),
      count: 0,
      next: 0,
      again: [],
      done: false,
      rows: 0,
      bytes: 0,
      retries: 0,
    })),
    inFlight: [],
    failures: {},
    dispatched: 0,
    paused: false,
    draining: false,
    ending: undefined,
    ended: undefined,
    noticed: [],
  };
}

/** Events after the end change nothing. */
export function advance(state: SchedulerState, event: SchedulerEvent): SchedulerStep {
  if (event.kind === 'start') return settle(restart(state), []);
  if (state.ended !== undefined) return { state, commands: [] };
  switch (event.kind) {
    case 'task_committed':
      return committed(state, event);
    case 'batch_ended':
      return lost(state, event.batch, undefined);
    case 'batch_released':
      return released(state, event.batch);
    case 'batch_failed':
      return event.retryable ? lost(state, event.batch, event.error) : failed(state, event.batch, event.error);
    case 'cancel':
      return end(state, event.error);
    case 'pause':
      return settle({ ...state, paused: true }, []);
    case 'resume':
      return settle({ ...state, paused: false }, []);
    case 'checkpoint':
      return settle({ ...state, draining: true }, []);
  }
}

/** Sums over all stages. */
export function totals(state: SchedulerState): {
  readonly tasks: number;
  readonly tasksDone: number;
  readonly rows: number;
  readonly bytes: number;
} {
  let tasks = 0;
  let tasksDone = 0;
  let bytes = 0;
  for (const shape of state.spec.stages) tasks += shape.tasks;
  for (const stage of state.stages) {
    tasksDone += stage.count;
    bytes += stage.bytes;
  }
  return { tasks, tasksDone, rows: state.stages.at(-1)?.rows ?? 0, bytes };
}

function restart(state: SchedulerState): SchedulerState {
  let next: SchedulerState = { ...state, inFlight: [], draining: false, ended: state.ended === 'continued' ? undefined : state.ended };
  for (const batch of state.inFlight) next = requeue(next, batch);
  return next;
}

function committed(state: SchedulerState, event: Extract<SchedulerEvent, { kind: 'task_committed' }>): SchedulerStep {
  const position = state.stages.findIndex((stage) => stage.id === event.stage);
  const stage = state.stages[position];
  const shape = state.spec.stages[position];
  if (stage === undefined || shape === undefined || event.task < 0 || event.task >= shape.tasks || hasBit(stage.committed, event.task)) {
    return { state, commands: [] };
  }
  const next: SchedulerState = {
    ...replaceStage(state, position, {
      ...stage,
      committed: withBit(stage.committed, event.task),
      count: stage.count + 1,
      rows: stage.rows + event.rows,
      bytes: stage.bytes + event.bytes,
      ...(event.skipped === undefined
        ? {}
        : { skipped: { files: (stage.skipped?.files ?? 0) + event.skipped.files, rows: (stage.skipped?.rows ?? 0) + event.skipped.rows } }),
      ...(event.pruned === undefined ? {} : { pruned: addSteps(stage.pruned ?? [], event.pruned) }),
    }),
    noticed: event.noticed && state.noticed.length < MAX_NOTICED ? [...state.noticed, [event.stage, event.task]] : state.noticed,
  };
  const { maxBytes } = state.spec;
  if (maxBytes !== undefined && next.ending === undefined && totals(next).bytes > maxBytes) return end(next, budgetExceeded(maxBytes));
  return settle(next, []);
}

/** A batch that ended before all its tasks were committed. */
function lost(state: SchedulerState, id: string, error: ErrorDetails | undefined): SchedulerStep {
  const batch = state.inFlight.find((one) => one.id === id);
  if (batch === undefined) return { state, commands: [] };
  let next: SchedulerState = { ...state, inFlight: state.inFlight.filter((one) => one.id !== id) };
  const missing = uncommitted(next, batch);
  if (missing.length === 0 || state.ending !== undefined) return settle(next, []);
  const failures = { ...state.failures };
  for (const task of missing) failures[`${batch.stage}.${task}`] = (failures[`${batch.stage}.${task}`] ?? 0) + 1;
  next = requeue({ ...next, failures }, batch);
  const worst = Math.max(...missing.map((task) => failures[`${batch.stage}.${task}`] ?? 0));
  if (worst < state.spec.maxAttempts) return settle(next, []);
  return end(
    next,
    error ?? {
      kind: 'internal',
      sqlstate: 'XX000',
      message: `task ${batch.stage}/${missing[0]} ended ${worst} times without a result`,
    },
  );
}

function released(state: SchedulerState, id: string): SchedulerStep {
  const batch = state.inFlight.find((one) => one.id === id);
  if (batch === undefined) return { state, commands: [] };
  return settle(requeue({ ...state, inFlight: state.inFlight.filter((one) => one.id !== id) }, batch), []);
}

function failed(state: SchedulerState, id: string, error: ErrorDetails): SchedulerStep {
  const batch = state.inFlight.find((one) => one.id === id);
  if (batch === undefined) return { state, commands: [] };
  const next = { ...state, inFlight: state.inFlight.filter((one) => one.id !== id) };
  // Another attempt of the same tasks may have committed them meanwhile: then this failure is of no account.
  return uncommitted(next, batch).length === 0 ? settle(next, []) : end(next, error);
}

function end(state: SchedulerState, error: ErrorDetails): SchedulerStep {
  if (state.ending !== undefined) return settle(state, []);
  const batches = state.inFlight.map((batch) => batch.id);
  return settle({ ...state, ending: error }, batches.length === 0 ? [] : [{ kind: 'cancel_batches', batches }]);
}

/** Brings the state to rest after an event: closes stages, ends, or fills the window. */
function settle(from: SchedulerState, before: readonly SchedulerCommand[]): SchedulerStep {
  const commands: SchedulerCommand[] = [...before];
  let state: SchedulerState = { ...from, inFlight: from.inFlight.filter((batch) => uncommitted(from, batch).length > 0) };
  if (state.ended !== undefined) return { state, commands };
  if (state.ending !== undefined) {
    if (state.inFlight.length > 0) return { state, commands };
    return { state: { ...state, ended: 'failed' }, commands: [...commands, { kind: 'fail', error: state.ending }] };
  }
  for (const [position, shape] of state.spec.stages.entries()) {
    const stage = state.stages[position];
    if (stage === undefined || stage.done || stage.count < shape.tasks || !ready(state, shape)) continue;
    state = replaceStage(state, position, { ...stage, done: true });
    commands.push({ kind: 'commit_stage', stage: shape.id });
  }
  if (state.stages.every((stage) => stage.done)) {
    return { state: { ...state, ended: 'finished' }, commands: [...commands, { kind: 'finish' }] };
  }
  if (state.draining) {
    if (state.inFlight.length > 0) return { state, commands };
    state = { ...state, ended: 'continued' };
    return { state, commands: [...commands, { kind: 'continue_as_new', checkpoint: state }] };
  }
  return state.paused ? { state, commands } : fill(state, commands);
}

function fill(from: SchedulerState, commands: SchedulerCommand[]): SchedulerStep {
  let state = from;
  for (const [position, shape] of state.spec.stages.entries()) {
    if (!ready(state, shape)) continue;
    while (state.inFlight.length < state.spec.window) {
      const stage = state.stages[position];
      const taken = stage === undefined ? undefined : take(stage, shape);
      if (stage === undefined || taken === undefined) break;
      const { tasks } = taken;
      const attempt = 1 + Math.max(...tasks.map((task) => state.failures[`${shape.id}.${task}`] ?? 0));
      const batch: Batch = { id: `${shape.id}.${tasks[0]}.${state.dispatched}`, stage: shape.id, tasks, attempt };
      state = {
        ...replaceStage(state, position, { ...taken.stage, retries: stage.retries + (attempt > 1 ? tasks.length : 0) }),
        inFlight: [...state.inFlight, batch],
        dispatched: state.dispatched + 1,
      };
      commands.push({ kind: 'dispatch', batch });
    }
  }
  return { state, commands };
}

/** The next tasks of a stage to dispatch: lost ones first. */
function take(stage: StageState, shape: StageShape): { readonly tasks: readonly number[]; readonly stage: StageState } | undefined {
  const again = stage.again.filter((task) => !hasBit(stage.committed, task));
  if (again.length > 0) {
    return { tasks: again.slice(0, shape.batch), stage: { ...stage, again: again.slice(shape.batch) } };
  }
  const tasks: number[] = [];
  let next = stage.next;
  for (; next < shape.tasks && tasks.length < shape.batch; next++) if (!hasBit(stage.committed, next)) tasks.push(next);
  return tasks.length === 0 ? undefined : { tasks, stage: { ...stage, again, next } };
}

function ready(state: SchedulerState, shape: StageShape): boolean {
  return shape.deps.every((dep) => state.stages.find((stage) => stage.id === dep)?.done === true);
}

function requeue(state: SchedulerState, batch: Batch): SchedulerState {
  const position = state.stages.findIndex((stage) => stage.id === batch.stage);
  const stage = state.stages[position];
  if (stage === undefined) return state;
  const again = [...stage.again, ...uncommitted(state, batch).filter((task) => !stage.again.includes(task))];
  return replaceStage(state, position, { ...stage, again });
}

function uncommitted(state: SchedulerState, batch: Batch): readonly number[] {
  const bitmap = state.stages.find((stage) => stage.id === batch.stage)?.committed ?? '';
  return batch.tasks.filter((task) => !hasBit(bitmap, task));
}

function replaceStage(state: SchedulerState, position: number, stage: StageState): SchedulerState {
  return { ...state, stages: state.stages.map((old, n) => (n === position ? stage : old)) };
}
