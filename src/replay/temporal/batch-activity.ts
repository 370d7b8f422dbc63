import type { Context } from '@temporalio/activity';
import type { PhysicalPlan } from '../../../planner/physical-plan.js';
import type { Budget } from '../budget.js';
import { patiently } from '../patience.js';
import { addSteps } from '../pruned.js';
import type { Skipped } from '../scheduler.js';
import { runTask, type TaskContext } from '../task-runner.js';
import type { BatchInput, BatchV2Output, TaskFigures } from './protocol.js';

export interface BatchRun {
  readonly context: Context;
  readonly tasks: TaskContext;
  readonly input: BatchInput;
  /** A session reads the rows: see RunTaskOptions.inlineBytes. */
  readonly session: boolean;
  /** How long a task waits for a store that does not answer, milliseconds. */
  readonly patience: number;
  readonly plan: () => Promise<PhysicalPlan>;
  readonly withBudget: <T>(work: (budget: Budget) => Promise<T>) => Promise<T>;
  readonly onCommit: () => void;
  /** What is stopped gives what is done, instead of an error that counts as an attempt. */
  readonly partial: boolean;
  readonly signal: AbortSignal;
}

const BEAT = 500;

export interface BatchDone {
  readonly done: readonly TaskFigures[];
  readonly stopped: boolean;
}

/** What a heartbeat tells: an attempt after this one goes on there. */
interface BatchDetails {
  readonly done: readonly TaskFigures[];
}

/** Runs the tasks of a batch one after the other, each to its manifest. */
export async function runBatch(run: BatchRun): Promise<BatchDone> {
  const { context, input, signal, patience } = run;
  const done: TaskFigures[] = [...doneBefore(context.info.heartbeatDetails, input.tasks)];
  const beat = (): void => context.heartbeat({ done } satisfies BatchDetails);
  beat();
  const timer = setInterval(beat, BEAT);
  try {
    const known = new Set(done.map(([task]) => task));
    const plan = await patiently(run.plan, { patience, signal });
    await run.withBudget(async (budget) => {
      for (const task of input.tasks.filter((one) => !known.has(one))) {
        const work = {
          ...run.tasks,
          ...rowsFor(run.session, plan, input.stage),
          query: input.query,
          plan,
          stageId: input.stage,
          taskId: task,
          budget,
          signal,
        };
        const manifest = await patiently(() => runTask({ ...work, attempt: context.info.attempt }), { patience, signal });
        const figures = [task, manifest.rows, manifest.bytesRead, manifest.notices.length > 0 ? 1 : 0] as const;
        const { skipped, pruned } = manifest;
        done.push(pruned !== undefined ? [...figures, skipped ?? null, pruned] : skipped === undefined ? figures : [...figures, skipped]);
        // Few of them are sent; but an attempt that fails tells the last.
        beat();
        run.onCommit();
      }
    });
  } catch (error) {
    if (!run.partial || !context.cancellationSignal.aborted) throw error;
    return { done, stopped: true };
  } finally {
    clearInterval(timer);
  }
  return { done, stopped: false };
}

/** Rows in a manifest, for which their reader opens no file. */
const INLINE_BYTES = 64 << 10;

/** How the rows of a stage's tasks are kept. */
export function rowsFor(session: boolean, plan: PhysicalPlan, stage: number): { readonly inlineBytes?: number } {
  const last = plan.stages.at(-1);
  return session && last?.id === stage && last.sink === undefined ? { inlineBytes: INLINE_BYTES } : {};
}

/** Figures of tasks that an earlier attempt has committed, as its last heartbeat told. */
function doneBefore(details: unknown, tasks: readonly number[]): readonly TaskFigures[] {
  if (typeof details !== 'object' || details === null || !('done' in details) || !Array.isArray(details.done)) return [];
  const told = new Map(details.done.filter(isFigures).map((figures) => [figures[0], figures]));
  return tasks.flatMap((task) => {
    const figures = told.get(task);
    return figures === undefined ? [] : [figures];
  });
}

/** Workers of before told numbers of tasks only. */
function isFigures(value: unknown): value is TaskFigures {
  return Array.isArray(value) && value.length >= 4 && value.slice(0, 4).every(Number.isSafeInteger);
}

/** Small enough for a history: what filters left unread is summed up. */
export function batchOutput({ done, stopped }: BatchDone): BatchV2Output {
  let skipped: Skipped | undefined;
  let pruned: BatchV2Output['pruned'];
  for (const [, , , , some, steps] of done) {
    if (some != null) skipped = { files: (skipped?.files ?? 0) + some.files, rows: (skipped?.rows ?? 0) + some.rows };
    if (steps !== undefined) pruned = addSteps(pruned ?? [], steps);
  }
  return {
    tasks: done.map(([task, rows, bytes, noticed]) => [task, rows, bytes, noticed] as const),
    ...(stopped ? { stopped: true } : {}),
    ...(skipped === undefined ? {} : { skipped }),
    ...(pruned === undefined ? {} : { pruned }),
  };
}
