import type { PhysicalPlan, Stage } from '../../planner/physical-plan.js';
import type { SchedulerSpec } from './scheduler.js';

/** What the scheduler needs to know of a plan. `batch` gives the tasks a batch of a stage. */
export function planShape(
  plan: PhysicalPlan,
  options: {
    readonly window: number;
    readonly maxAttempts: number;
    readonly maxBytes: number | undefined;
    readonly batch: (stage: Stage) => number;
  },
): SchedulerSpec {
  return {
    stages: plan.stages.map((stage) => ({
      id: stage.id,
      kind: stage.kind,
      tasks: stage.tasks.length,
      batch: options.batch(stage),
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
/** Tasks that read little go together, until a batch reads so much, or there are no more batches than workers usually take at once. */
const SMALL_MOST = 16;
const BATCH_BYTES = 16 << 20;
const BATCHES_LEAST = 4;

/** The same for runs on Temporal: few events a task, and retries are the server's. */
export function temporalShape(plan: PhysicalPlan, maxBytes: number | undefined): SchedulerSpec {
  return planShape(plan, { window: WINDOW, maxAttempts: 2, maxBytes, batch: tasksOfBatch });
}

function tasksOfBatch(stage: Stage): number {
  const { tasks } = stage;
  const bytes = splitBytes(stage);
  // Of what reads other stages' files the bytes are not known before it runs.
  const small = bytes === 0 ? 1 : Math.min(Math.floor((BATCH_BYTES * tasks.length) / bytes), Math.ceil(tasks.length / BATCHES_LEAST));
  return Math.max(1, Math.min(SMALL_MOST, small), Math.min(BATCH_MOST, Math.ceil(tasks.length / WINDOW)));
}

/** Bytes that a stage reads of tables. */
export function splitBytes({ tasks }: Stage): number {
  let bytes = 0;
  for (const task of tasks) for (const splits of Object.values(task.splits)) for (const split of splits) bytes += split.bytes;
  return bytes;
}
