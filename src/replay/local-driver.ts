import type { PhysicalPlan } from '../../planner/physical-plan.js';
import { TimelineError } from '../../sql/errors.js';
import { createBudget } from './budget.js';
import type { Driver, Run, RunOptions, RunSummary } from './driver.js';
import { runPlan } from './plan-runner.js';
import { planShape } from './plan-shape.js';
import { runFiles } from './run-files.js';
import { totals } from './scheduler.js';
import { createSlots, type Slots } from './slots.js';
import type { Manifest } from './stage-store.js';
import { runTask, type TaskContext } from './task-runner.js';

export interface LocalDriverOptions extends TaskContext {
  /** Tasks of one query at once. */
  readonly concurrency?: number;
  /** Tasks of all queries at once. */
  readonly totalConcurrency?: number;
}

/** Runs plans in this process. */
export function createLocalDriver(options: LocalDriverOptions): Driver {
  const concurrency = options.concurrency ?? 2;
  const slots = createSlots(options.totalConcurrency ?? concurrency * 4);
  const open = new Map<AbortController, Promise<unknown>>();
  return {
    kind: 'local',
    async start(plan, runOptions) {
      runOptions.signal.throwIfAborted();
      const abort = new AbortController();
      const run = startRun({ context: options, concurrency, slots, plan, runOptions, abort });
      const settled = run.summary
        .then(
          () => undefined,
          () => undefined,
        )
        .then(() => open.delete(abort));
      open.set(abort, settled);
      return run;
    },
    async close() {
      const reason = new TimelineError({
        kind: 'cancelled',
        sqlstate: '57P01',
        message: 'terminating connection due to administrator command',
      });
      const ending = [...open.values()];
      for (const abort of open.keys()) abort.abort(reason);
      await Promise.all(ending);
    },
  };
}

interface StartOptions {
  readonly context: TaskContext;
  readonly concurrency: number;
  readonly slots: Slots;
  readonly plan: PhysicalPlan;
  readonly runOptions: RunOptions;
  readonly abort: AbortController;
}

function startRun({ context, concurrency, slots, plan, runOptions, abort }: StartOptions): Run {
  const { id, maxBytes, onProgress } = runOptions;
  const { store } = context;
  const budget = createBudget(maxBytes);
  const signal = AbortSignal.any([runOptions.signal, abort.signal]);
  const last = plan.stages.at(-1);
  const result = createWaiters<Manifest>();
  const noticed = new Map<string, readonly string[]>();

  const figures = runPlan({
    spec: planShape(plan, { window: concurrency, maxAttempts: 6, maxBytes, batch: () => 1 }),
    signal,
    runTask: (task) =>
      slots.run(task.signal, () =>
        runTask({
          ...context,
          query: id,
          plan,
          stageId: task.stage,
          taskId: task.task,
          attempt: task.attempt,
          budget,
          ...(task.stage === last?.id && last.sink === undefined ? { inlineBytes: inlineBytes(last.tasks.length), soleReader: true } : {}),
          signal: task.signal,
        }),
      ),
    onCommit: ({ stage, task, manifest, state }) => {
      if (stage === last?.id) result.resolve(task, manifest);
      if (manifest.notices.length > 0) noticed.set(`${stage}.${task}`, manifest.notices);
      if (onProgress !== undefined) {
        const sums = totals(state);
        onProgress({ stage, tasksDone: sums.tasksDone, tasks: sums.tasks, rows: sums.rows, bytesRead: sums.bytes });
      }
    },
  });
  figures.catch((error: unknown) => result.reject(error));
  const summary = figures.then(
    ({ rows, bytesRead, stages, noticed: order }): RunSummary => ({
      rows,
      bytesRead,
      stages,
      notices: [...new Set(order.flatMap(([stage, task]) => noticed.get(`${stage}.${task}`) ?? []))],
    }),
  );
  summary.catch(() => undefined);

  return {
    id,
    files: runFiles({
      store,
      tasks: last?.tasks.length ?? 0,
      manifest: result.wait,
      ended: figures,
      signal,
      onClose: () => abort.abort(closedEarly()),
    }),
    summary,
    async release() {
      abort.abort(closedEarly());
      await figures.catch(() => undefined);
      await store.remove(id);
    },
  };
}

/** Results of one run that wait in memory, in bytes, when nobody reads them yet. */
const MOST_INLINE_BYTES = 4 << 20;

function inlineBytes(tasks: number): number {
  return Math.floor(MOST_INLINE_BYTES / Math.max(1, tasks));
}

/** The reason of a run whose reader went away; seen by nobody but the log. */
export function closedEarly(): TimelineError {
  return new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'the result was closed before its end' });
}

interface Waiters<T> {
  resolve(key: number, value: T): void;
  reject(error: unknown): void;
  readonly wait: (key: number) => Promise<T>;
}

/** Values that come in any order and are waited for by number. */
function createWaiters<T>(): Waiters<T> {
  const values = new Map<number, T>();
  const waiting = new Map<number, { resolve: (value: T) => void; reject: (error: unknown) => void }>();
  let failure: { readonly error: unknown } | undefined;
  return {
    resolve(key, value) {
      values.set(key, value);
      waiting.get(key)?.resolve(value);
    },
    reject(error) {
      failure = { error };
      for (const one of waiting.values()) one.reject(error);
    },
    wait: (key) =>
      new Promise((resolve, reject) => {
        const value = values.get(key);
        if (value !== undefined) resolve(value);
        else if (failure !== undefined) reject(failure.error);
        else waiting.set(key, { resolve, reject });
      }),
  };
}
