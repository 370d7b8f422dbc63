import type { StageFigures } from '../../planner/physical-plan.js';
import type { SchedulerCommand, SchedulerState } from './scheduler.js';

/** When stages began and ended, kept by the shell round the scheduler (which has no clock). JSON. */
export interface StageTimes {
  readonly started: Record<string, number>;
  readonly milliseconds: Record<string, number>;
}

export function noteTimes(times: StageTimes, command: SchedulerCommand, now: number): void {
  if (command.kind === 'dispatch') times.started[command.batch.stage] ??= now;
  if (command.kind === 'commit_stage') times.milliseconds[command.stage] = now - (times.started[command.stage] ?? now);
}

/** A run's figures, small enough for a workflow's result. */
export interface RunFigures {
  readonly rows: number;
  readonly bytesRead: number;
  readonly stages: readonly StageFigures[];
  /** Tasks whose manifests hold notices. */
  readonly noticed: readonly (readonly [number, number])[];
}

export function figuresOf(state: SchedulerState, times: StageTimes): RunFigures {
  return {
    rows: state.stages.at(-1)?.rows ?? 0,
    bytesRead: state.stages.reduce((sum, stage) => sum + stage.bytes, 0),
    stages: state.stages.map((stage) => ({
      id: stage.id,
      tasks: stage.count,
      rows: stage.rows,
      bytesRead: stage.bytes,
      milliseconds: times.milliseconds[stage.id] ?? 0,
      retries: stage.retries,
      ...(stage.skipped === undefined ? {} : { skipped: stage.skipped }),
      ...(stage.pruned === undefined ? {} : { pruned: stage.pruned }),
    })),
    noticed: state.noticed,
  };
}
