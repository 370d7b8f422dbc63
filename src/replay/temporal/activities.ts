import { createHash } from 'node:crypto';
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type { PhysicalPlan } from '../../../planner/physical-plan.js';
import { asTimelineError, type ErrorDetails, internal, TimelineError } from '../../../sql/errors.js';
import { type Budget, createBudget } from '../budget.js';
import { runPlan } from '../plan-runner.js';
import type { ReplayPlanner } from '../replay-planner.js';
import type { ReplayRegistry } from '../replay-registry.js';
import { parsePlan } from '../stage-store.js';
import { runTask, type TaskContext } from '../task-runner.js';
import type { CommitBus } from './commit-bus.js';
import { type BatchInput, type BatchOutput, type PlanActivities, type PlanRef, SEALED, type TaskFigures } from './protocol.js';

export interface ActivitiesOptions extends TaskContext {
  /** Where submitted replays have their records; in the same storage as `store`. */
  readonly registry: ReplayRegistry;
  /** Plans the intervals of schedules; absent: this worker takes none. */
  readonly planner?: ReplayPlanner;
  readonly bus?: CommitBus;
  /** Payloads are encoded: the texts of errors, which Temporal keeps as they are, say nothing then (their details are payloads). */
  readonly sealed?: boolean;
  /** Tasks of a fast plan at once. */
  readonly concurrency?: number;
}

const CANCEL_POLL = 250;
const PLANS_KEPT = 32;
const MESSAGE_MOST = 4000;

/** The activities of a worker: all work is in runTask; here are only Temporal's manners. */
export function createActivities(options: ActivitiesOptions): PlanActivities {
  const { store, bus } = options;
  const plans = new Map<string, Promise<PhysicalPlan>>();
  const budgets = new Map<string, { readonly budget: Budget; users: number }>();

  function planOf(ref: PlanRef): Promise<PhysicalPlan> {
    let plan = plans.get(ref.planHash);
    if (plan === undefined) {
      plan = store.readPlan(ref.planRef, ref.planHash);
      plan.catch(() => plans.delete(ref.planHash));
      plans.set(ref.planHash, plan);
      for (const oldest of plans.keys()) {
        if (plans.size <= PLANS_KEPT) break;
        plans.delete(oldest);
      }
    }
    return plan;
  }

  /** Batches of one query share what is left of its bytes while some of them run here. */
  async function withBudget<T>(
    query: string,
    maxBytes: number | undefined,
    spent: number,
    work: (budget: Budget) => Promise<T>,
  ): Promise<T> {
    const entry = budgets.get(query) ?? { budget: createBudget(maxBytes, spent), users: 0 };
    budgets.set(query, entry);
    entry.users++;
    try {
      return await work(entry.budget);
    } finally {
      if (--entry.users === 0) budgets.delete(query);
    }
  }

  async function batch(input: BatchInput): Promise<BatchOutput> {
    const context = Context.current();
    return guarded({ context, options, query: input.query }, async (signal) => {
      const plan = await planOf(input);
      const done: TaskFigures[] = [];
      const beat = (): void => context.heartbeat({ done: done.map(([task]) => task) });
      beat();
      const timer = setInterval(beat, 500);
      try {
        await withBudget(input.query, input.maxBytes, input.spent, async (budget) => {
          for (const task of input.tasks) {
            const manifest = await runTask({
              ...options,
              query: input.query,
              plan,
              stageId: input.stage,
              taskId: task,
              attempt: context.info.attempt,
              budget,
              signal,
            });
            const figures = [task, manifest.rows, manifest.bytesRead, manifest.notices.length > 0 ? 1 : 0] as const;
            const { skipped, pruned } = manifest;
            done.push(
              pruned !== undefined ? [...figures, skipped ?? null, pruned] : skipped === undefined ? figures : [...figures, skipped],
            );
            bus?.publish(input.query);
          }
        });
      } finally {
        clearInterval(timer);
      }
      return { tasks: done };
    });
  }

  return {
    scanBatch: batch,
    operatorBatch: batch,
    finalStage: batch,
    fastPlan: (input) =>
      guarded({ context: Context.current(), options, query: input.query }, async (signal) => {
        if (sha256(input.plan) !== input.planHash) throw internal('the plan is not the one that was submitted');
        const plan = parsePlan(input.plan, input.planRef);
        const budget = createBudget(input.spec.maxBytes);
        return runPlan({
          spec: { ...input.spec, window: options.concurrency ?? 2, stages: input.spec.stages.map((stage) => ({ ...stage, batch: 1 })) },
          signal,
          runTask: (task) =>
            runTask({
              ...options,
              query: input.query,
              plan,
              stageId: task.stage,
              taskId: task.task,
              attempt: task.attempt,
              budget,
              signal: task.signal,
            }),
          onCommit: () => bus?.publish(input.query),
        });
      }),
    async cleanup(input) {
      for (const stage of input.stages) await store.removeStage(input.query, stage);
    },
  };
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Runs an activity's work under one signal: Temporal's cancellation, and the cancel request in the stage store (a local
 * activity hears of a cancelled workflow only with its next workflow task). Errors leave as Temporal knows them.
 */
async function guarded<T>(
  { context, options, query }: { readonly context: Context; readonly options: ActivitiesOptions; readonly query: string },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { store } = options;
  const requested = new AbortController();
  const poll = setInterval(() => {
    store.cancelRequest(query).then(
      (reason) => {
        if (reason !== undefined) requested.abort(TimelineError.fromJSON(reason));
      },
      () => undefined,
    );
  }, CANCEL_POLL);
  const signal = AbortSignal.any([context.cancellationSignal, requested.signal]);
  try {
    return await work(signal);
  } catch (error) {
    throw failureOf(error, context, options.sealed === true);
  } finally {
    clearInterval(poll);
  }
}

function failureOf(error: unknown, context: Context, sealed: boolean): Error {
  if (context.cancellationSignal.aborted) {
    const reason: unknown = context.cancellationSignal.reason;
    // A worker that is told to stop leaves its tasks to the others.
    if (reason instanceof Error && reason.message === 'WORKER_SHUTDOWN')
      return ApplicationFailure.retryable('the worker was stopped', 'WORKER_SHUTDOWN');
    return reason instanceof CancelledFailure ? reason : new CancelledFailure('cancelled');
  }
  const told = asTimelineError(error);
  const details: ErrorDetails = {
    ...told.toJSON(),
    message: told.message.slice(0, MESSAGE_MOST),
    ...(told.detail === undefined ? {} : { detail: told.detail.slice(0, MESSAGE_MOST) }),
  };
  return ApplicationFailure.create({
    message: sealed ? SEALED : details.message,
    type: details.sqlstate,
    nonRetryable: !told.retryable,
    details: [details],
  });
}
