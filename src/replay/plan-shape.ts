import type { PhysicalPlan } from '../../planner/physical-plan.js';
import type { SchedulerSpec } from './scheduler.js';

/** What the scheduler needs to know of a plan. `batch` gives the tasks a batch for a stage of so many tasks. */
export function planShape(
  plan: PhysicalPlan,
  options: {
    readonly window: number;
    readonly maxAttempts: number;
    readonly maxBytes: number | undefined;
    readonly batch: (tasks: number) => number;
  },
): SchedulerSpec {
  return {
    stages: plan.stages.map((stage) => ({
      id: stage.id,
      kind: stage.kind,
      tasks: stage.tasks.length,
      batch: options.batch(stage.tasks.length),
      deps: stage.deps,
    })),
    window: options.window,
    maxAttempts: options.maxAttempts,
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
  };
}

/** Batches in flight at once of a plan on Temporal. */
const WINDOW = 32;
const BATCH_MOST = 8;

/** The same for runs on Temporal: few events a task, and retries are the server's. */
export function temporalShape(plan: PhysicalPlan, maxBytes: number | undefined): SchedulerSpec {
  return planShape(plan, {
    window: WINDOW,
    maxAttempts: 2,
    maxBytes,
    batch: (tasks) => Math.min(BATCH_MOST, Math.max(1, Math.ceil(tasks / WINDOW))),
  });
}
