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
      tasks: stage.tasks.length,
      batch: options.batch(stage.tasks.length),
      deps: stage.deps,
    })),
    window: options.window,
    maxAttempts: options.maxAttempts,
    ...(options.maxBytes === undefined ? {} : { maxBytes: options.maxBytes }),
  };
}
