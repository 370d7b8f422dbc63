import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ErrorDetails } from '../../../sql/errors.js';
import { hasBit } from '../bitmap.js';
import {
  advance,
  type Batch,
  initialState,
  type SchedulerCommand,
  type SchedulerEvent,
  type SchedulerState,
  totals,
} from '../scheduler.js';
import { figuresOf, noteTimes, type RunFigures, type StageTimes } from '../stage-clock.js';
import { unneededStages } from '../unneeded-stages.js';
import { progressOf, progressText } from './plan-report.js';
import {
  type BatchV2Input,
  type BatchV2Output,
  isErrorDetails,
  type PlanV2Activities,
  QUERY_PROGRESS,
  type RunPlanV2Input,
  SIGNAL_CANCEL,
  SIGNAL_PAUSE,
  SIGNAL_RESUME,
  type WorkflowProgress,
} from './protocol.js';
import { CANCELLED, detailsOf, failureOf, isFinal } from './workflows-failure.js';
import { noteState } from './workflows-note.js';

const retry = { initialInterval: '100ms', maximumInterval: '5s', backoffCoefficient: 2 } as const;
const WORK_MOST = 600_000;
/** Plans of so many tasks have stages removed while they run. */
const MANY_TASKS = 64;

const local = proxyLocalActivities<PlanV2Activities>({ startToCloseTimeout: '5s', retry: { ...retry, maximumAttempts: 2 } });
const removing = proxyActivities<PlanV2Activities>({
  startToCloseTimeout: '2 minutes',
  retry: { ...retry, maximumInterval: '30s', maximumAttempts: 10 },
});
const ending = {
  startToCloseTimeout: '1 hour',
  heartbeatTimeout: '10s',
  retry: { ...retry, maximumInterval: '30s' },
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
} as const;
/** A result that cannot be put in its place for a day is given up; the record of that only where nobody mends its store for weeks. */
const completing = proxyActivities<PlanV2Activities>({ ...ending, scheduleToCloseTimeout: '1 day' });
const recording = proxyActivities<PlanV2Activities>({ ...ending, scheduleToCloseTimeout: '30 days' });

const pauseSignal = defineSignal(SIGNAL_PAUSE);
const resumeSignal = defineSignal(SIGNAL_RESUME);
const cancelSignal = defineSignal<[reason?: ErrorDetails]>(SIGNAL_CANCEL);
const progressQuery = defineQuery<WorkflowProgress>(QUERY_PROGRESS);

/** Interprets one physical plan: the scheduler's shell on Temporal. The plan itself lies in the stage store. */
export async function runPlanV2(input: RunPlanV2Input): Promise<RunFigures> {
  let state: SchedulerState = input.checkpoint?.state ?? initialState(input.spec);
  const times: StageTimes = input.checkpoint?.times ?? { started: {}, milliseconds: {} };
  const events: SchedulerEvent[] = [];
  const running = new Map<string, CancellationScope>();
  const calledBack = new Set<string>();
  const removed = new Set<number>();
  const removals: Promise<void>[] = [];
  let shownPaused = state.paused;
  let cancelled: ErrorDetails | undefined;
  /** Work beside batches that a cancel ends. */
  let other: CancellationScope | undefined;
  let end: Exclude<SchedulerCommand, { kind: 'dispatch' | 'cancel_batches' | 'commit_stage' }> | undefined;

  function cancel(error: ErrorDetails): void {
    cancelled ??= error;
    events.push({ kind: 'cancel', error: cancelled });
    other?.cancel();
  }
  setHandler(pauseSignal, () => {
    events.push({ kind: 'pause' });
    // Many batches may wait for a worker. What has begun gives back what is done.
    for (const [id, scope] of running) {
      calledBack.add(id);
      scope.cancel();
    }
  });
  setHandler(resumeSignal, () => void events.push({ kind: 'resume' }));
  setHandler(cancelSignal, (reason) => cancel(isErrorDetails(reason) ? reason : CANCELLED));
  setHandler(progressQuery, () => progressOf(state));
  // Signals cancel by an event; only Temporal's own cancellation makes the workflow a cancelled one.
  const root = CancellationScope.current();
  root.cancelRequested.catch(() => cancel(CANCELLED));

  function take(event: SchedulerEvent): void {
    const step = advance(state, event);
    state = step.state;
    for (const command of step.commands) {
      noteTimes(times, command, Date.now());
      if (command.kind === 'dispatch') dispatch(command.batch);
      else if (command.kind === 'cancel_batches') for (const id of command.batches) running.get(id)?.cancel();
      else if (command.kind !== 'commit_stage') end = command;
    }
  }

  function dispatch(batch: Batch): void {
    const scope = new CancellationScope();
    running.set(batch.id, scope);
    const batchInput: BatchV2Input = {
      version: 1,
      query: input.query,
      planRef: input.planRef,
      planHash: input.planHash,
      stage: batch.stage,
      tasks: batch.tasks,
      spent: totals(state).bytes,
      ...(input.spec.maxBytes === undefined ? {} : { maxBytes: input.spec.maxBytes }),
      patience: input.patience,
      ...(input.kind === 'query' && batch.stage === input.spec.stages.at(-1)?.id ? { session: true } : {}),
    };
    scope
      .run(() => batchActivity(input, batch, batchInput))
      .then(
        (output) => {
          events.push(...committed(state, batch, output));
          events.push({ kind: output.stopped === true ? 'batch_released' : 'batch_ended', batch: batch.id });
        },
        // The server has tried it as often as the activity's options say.
        (error: unknown) => {
          if (calledBack.has(batch.id) && isCancellation(error)) return void events.push({ kind: 'batch_released', batch: batch.id });
          const details = detailsOf(error, `task ${batch.stage}/${batch.tasks[0]}`);
          events.push({ kind: 'batch_failed', batch: batch.id, error: details, retryable: false });
        },
      )
      .finally(() => {
        running.delete(batch.id);
        calledBack.delete(batch.id);
      });
  }

  /** Work that a cancel ends; it then throws a cancellation. */
  async function cancellable<T>(work: () => Promise<T>): Promise<T> {
    other = new CancellationScope();
    if (cancelled !== undefined) other.cancel();
    try {
      return await other.run(work);
    } finally {
      other = undefined;
    }
  }

  /** The whole plan as one local activity; undefined: it did not get it done, so the plan goes the long way. */
  async function fastLane(plan: string): Promise<RunFigures | ErrorDetails | undefined> {
    const { query, planRef, planHash, spec } = input;
    try {
      return await cancellable(() => local.fastPlan({ version: 1, query, planRef, planHash, plan, spec }));
    } catch (error) {
      if (isCancellation(error)) return cancelled ?? CANCELLED;
      return isFinal(error) ? detailsOf(error, 'the plan') : undefined;
    }
  }

  function removeUnneeded(): void {
    if (!input.submitted && totals(state).tasks < MANY_TASKS) return;
    const stages = unneededStages(state, removed);
    if (stages.length === 0) return;
    for (const stage of stages) removed.add(stage);
    removals.push(remove(input, stages));
  }

  function show(): void {
    setCurrentDetails(progressText(state, times, Date.now()));
    if (state.paused === shownPaused || state.ending !== undefined) return;
    shownPaused = state.paused;
    noteState(input, shownPaused ? 'paused' : 'running');
  }

  async function interpret(): Promise<NonNullable<typeof end>> {
    const done = totals(state).tasksDone;
    const checkpointAt = input.checkpointEvery === undefined ? Number.POSITIVE_INFINITY : done + input.checkpointEvery;
    take({ kind: 'start' });
    for (;;) {
      while (end === undefined) {
        show();
        await condition(() => events.length > 0);
        for (let event = events.shift(); event !== undefined; event = end === undefined ? events.shift() : undefined) take(event);
        removeUnneeded();
        if (end === undefined && !state.draining && (workflowInfo().continueAsNewSuggested || totals(state).tasksDone >= checkpointAt))
          take({ kind: 'checkpoint' });
      }
      if (end.kind !== 'continue_as_new') return end;
      await Promise.all(removals);
      // A signal of the last moment must not be lost with this history.
      if (!events.some(({ kind }) => kind === 'cancel' || kind === 'pause' || kind === 'resume')) return end;
      end = undefined;
      take({ kind: 'start' });
    }
  }

  async function complete(figures: RunFigures): Promise<RunFigures> {
    if (!input.submitted) {
      noteState(input, 'completed', figures.rows);
      return figures;
    }
    const { query } = input;
    let error: ErrorDetails;
    try {
      const counts = await cancellable(() => completing.endReplay({ version: 1, query, state: 'completed', figures }));
      if (counts.state === 'completed') return await over(figures, counts.rows);
      error = { ...CANCELLED, message: `the replay has been recorded as ${counts.state}` };
    } catch (thrown) {
      error = isCancellation(thrown) ? (cancelled ?? CANCELLED) : detailsOf(thrown, 'the result');
    }
    return fail(error, figures);
  }

  /** `figures`: the plan did run to its end. */
  async function fail(error: ErrorDetails, figures?: RunFigures): Promise<RunFigures> {
    const { query } = input;
    const failed = error.kind === 'cancelled' ? 'cancelled' : 'failed';
    if (input.submitted) {
      const counts = await recording.endReplay({ version: 1, query, state: failed, error }).catch(() => undefined);
      // The record had been written, and only the news of it was lost.
      if (counts?.state === 'completed' && figures !== undefined) return over(figures, counts.rows);
      await removeAll();
    }
    noteState(input, failed, 0);
    throw failureOf(error, { cancelled: root.consideredCancelled, sealed: input.sealed === true });
  }

  async function over(figures: RunFigures, rows: number): Promise<RunFigures> {
    await removeAll();
    noteState(input, 'completed', rows);
    return figures;
  }

  /** Files of the last stage stay: they may be the result. */
  async function removeAll(): Promise<void> {
    const left = input.spec.stages.slice(0, -1).flatMap(({ id }) => (removed.has(id) ? [] : [id]));
    if (left.length > 0) removals.push(remove(input, left));
    await Promise.all(removals);
  }

  // The scheduler decides how a cancelled run ends; its own waiting is not interrupted.
  return CancellationScope.nonCancellable(async () => {
    if (input.fast && input.plan !== undefined) {
      const outcome = await fastLane(input.plan);
      if (outcome !== undefined) return isErrorDetails(outcome) ? fail(outcome) : complete(outcome);
    }
    const how = await interpret();
    switch (how.kind) {
      case 'finish':
        return complete(figuresOf(state, times));
      case 'fail':
        return fail(how.error);
      case 'continue_as_new': {
        const { plan: _inline, ...rest } = input;
        return continueAsNew<typeof runPlanV2>({ ...rest, fast: false, checkpoint: { state: how.checkpoint, times } });
      }
    }
  });
}

/** What a batch's end tells the scheduler. Sums of the batch go with the first of its tasks that counts. */
function committed(state: SchedulerState, batch: Batch, output: BatchV2Output): SchedulerEvent[] {
  const bitmap = state.stages.find((stage) => stage.id === batch.stage)?.committed ?? '';
  const first = output.tasks.find(([task]) => !hasBit(bitmap, task))?.[0];
  return output.tasks.map(([task, rows, bytes, noticed]) => ({
    kind: 'task_committed',
    stage: batch.stage,
    task,
    rows,
    bytes,
    noticed: noticed === 1,
    ...(task === first ? { skipped: output.skipped, pruned: output.pruned } : {}),
  }));
}

function batchActivity(input: RunPlanV2Input, batch: Batch, batchInput: BatchV2Input): Promise<BatchV2Output> {
  const shape = input.spec.stages.find((stage) => stage.id === batch.stage);
  const last = input.spec.stages.at(-1)?.id === batch.stage;
  const kind = shape?.kind ?? (last ? 'final' : shape?.deps.length === 0 ? 'scan' : 'operator');
  const own = proxyActivities<PlanV2Activities>({
    activityId: batch.id,
    startToCloseTimeout: WORK_MOST + input.patience,
    heartbeatTimeout: '5s',
    retry: { ...retry, maximumAttempts: kind === 'final' ? 10 : 6 },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  });
  switch (kind) {
    case 'scan':
      return own.scanTasks(batchInput);
    case 'operator':
      return own.operatorTasks(batchInput);
    case 'final':
      return own.finalTasks(batchInput);
  }
}

async function remove(input: RunPlanV2Input, stages: readonly number[]): Promise<void> {
  try {
    await removing.cleanup({ version: 1, query: input.query, stages });
  } catch {
    // How the run ends is what its user must see; left files go by age.
  }
}
