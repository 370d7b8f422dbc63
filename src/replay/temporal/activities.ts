import { ApplicationFailure, Context } from '@temporalio/activity';
import type { PhysicalPlan } from '../../../planner/physical-plan.js';
import { internal } from '../../../sql/errors.js';
import { sha256 } from '../../sha256.js';
import { type Budget, createBudget } from '../budget.js';
import { runPlan } from '../plan-runner.js';
import { endReplay } from '../replay-end.js';
import type { ReplayPlanner } from '../replay-planner.js';
import type { ReplayRegistry } from '../replay-registry.js';
import type { ResultFiles } from '../result-files.js';
import { parsePlan } from '../stage-store.js';
import { runTask, type TaskContext } from '../task-runner.js';
import { beating, guarded } from './activity-guard.js';
import { type BatchRun, batchOutput, rowsFor, runBatch } from './batch-activity.js';
import type { CommitBus } from './commit-bus.js';
import { type BatchInput, type EndReplayOutput, PATIENCE, type PlanActivities, type PlanRef, type PlanV2Activities } from './protocol.js';

export interface ActivitiesOptions extends TaskContext {
  /** Where submitted replays have their records; in the same storage as `store`. */
  readonly registry: ReplayRegistry;
  /** Where many inline rows of a submitted replay are made into a file. */
  readonly results?: ResultFiles;
  /** Plans the intervals of schedules; absent: this worker takes none. */
  readonly planner?: ReplayPlanner;
  readonly bus?: CommitBus;
  /** Payloads are encoded: the texts of errors, which Temporal keeps as they are, say nothing then (their details are payloads). */
  readonly sealed?: boolean;
  /** Tasks of a fast plan at once. */
  readonly concurrency?: number;
}

const FAST_CANCEL_POLL = 250;
const CANCEL_POLL = 500;
const PLANS_KEPT = 32;

/** The activities of a worker: all work is in runTask; here are only Temporal's manners. */
export function createActivities(options: ActivitiesOptions): PlanActivities & PlanV2Activities {
  const { store, bus, sealed = false } = options;
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

  function batch(input: BatchInput, how: Pick<BatchRun, 'patience' | 'partial' | 'session'>): ReturnType<typeof runBatch> {
    const context = Context.current();
    return guarded(context, { store, query: input.query, poll: CANCEL_POLL, sealed }, (signal) =>
      runBatch({
        ...how,
        context,
        tasks: options,
        input,
        plan: () => planOf(input),
        withBudget: (work) => withBudget(input.query, input.maxBytes, input.spent, work),
        onCommit: () => bus?.publish(input.query),
        signal,
      }),
    );
  }

  const released = async (input: BatchInput) => ({
    tasks: (await batch(input, { patience: PATIENCE.interactive, partial: false, session: false })).done,
  });
  const tasks: PlanV2Activities['scanTasks'] = async (input) =>
    batchOutput(await batch(input, { patience: input.patience, partial: true, session: input.session === true }));

  return {
    scanBatch: released,
    operatorBatch: released,
    finalStage: released,
    scanTasks: tasks,
    operatorTasks: tasks,
    finalTasks: tasks,
    fastPlan: (input) =>
      guarded(Context.current(), { store, query: input.query, poll: FAST_CANCEL_POLL, sealed }, async (signal) => {
        if (sha256(input.plan) !== input.planHash) throw internal('the plan is not the one that was submitted');
        const plan = parsePlan(input.plan, input.planRef);
        const budget = createBudget(input.spec.maxBytes);
        const figures = await runPlan({
          spec: { ...input.spec, window: options.concurrency ?? 2, stages: input.spec.stages.map((stage) => ({ ...stage, batch: 1 })) },
          signal,
          runTask: (task) =>
            runTask({
              ...options,
              ...rowsFor(true, plan, task.stage),
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
        bus?.end(input.query, figures);
        return figures;
      }),
    async cleanup(input) {
      for (const stage of input.stages) await store.removeStage(input.query, stage);
    },
    endReplay(input) {
      const context = Context.current();
      const guard = { store, query: input.query, poll: CANCEL_POLL, sealed };
      const end = (): Promise<EndReplayOutput> =>
        guarded(context, guard, async (signal) => {
          // The record of a replay that was cancelled is not stopped by its cancel.
          const { state, rows } = await endReplay(options, input, input.state === 'completed' ? signal : context.cancellationSignal);
          return { state, rows };
        });
      return beating(context, end).catch((error: unknown) => {
        // A replay that failed has to have a record of that: whatever hinders it is tried again.
        if (input.state === 'completed' || !(error instanceof ApplicationFailure)) throw error;
        throw ApplicationFailure.retryable(error.message, error.type, ...(error.details ?? []));
      });
    },
  };
}
