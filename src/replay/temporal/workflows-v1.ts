import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
  TimeoutFailure,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { ErrorDetails } from '../../../sql/errors.js';
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
import {
  type BatchInput,
  type BatchOutput,
  isErrorDetails,
  type PlanActivities,
  QUERY_PROGRESS,
  type RunPlanInput,
  SEALED,
  SIGNAL_CANCEL,
  SIGNAL_PAUSE,
  SIGNAL_RESUME,
  type WorkflowProgress,
} from './protocol.js';

const retry = { initialInterval: '100ms', maximumInterval: '5s', backoffCoefficient: 2 } as const;

const activities = proxyActivities<PlanActivities>({
  startToCloseTimeout: '2 minutes',
  retry: { ...retry, maximumAttempts: 10 },
});
const local = proxyLocalActivities<PlanActivities>({ startToCloseTimeout: '5s', retry: { ...retry, maximumAttempts: 2 } });

const CANCELLED: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' };

const pauseSignal = defineSignal(SIGNAL_PAUSE);
const resumeSignal = defineSignal(SIGNAL_RESUME);
const cancelSignal = defineSignal<[reason?: ErrorDetails]>(SIGNAL_CANCEL);
const progressQuery = defineQuery<WorkflowProgress>(QUERY_PROGRESS);

/** Interprets one physical plan. As released: running workflows and recorded histories know it as it is; changes go into runPlanV2. */
export async function runPlanV1(input: RunPlanInput): Promise<RunFigures> {
  let state: SchedulerState = input.checkpoint?.state ?? initialState(input.spec);
  const times: StageTimes = input.checkpoint?.times ?? { started: {}, milliseconds: {} };
  const events: SchedulerEvent[] = [];
  setHandler(pauseSignal, () => void events.push({ kind: 'pause' }));
  setHandler(resumeSignal, () => void events.push({ kind: 'resume' }));
  setHandler(cancelSignal, (reason) => void events.push({ kind: 'cancel', error: isErrorDetails(reason) ? reason : CANCELLED }));
  setHandler(progressQuery, () => progressOf(state));
  // Signals cancel by an event; only Temporal's own cancellation makes the workflow a cancelled one.
  const root = CancellationScope.current();
  root.cancelRequested.catch(() => events.push({ kind: 'cancel', error: CANCELLED }));

  if (input.fast && input.plan !== undefined) {
    const figures = await fastLane(input, input.plan, root);
    if (figures !== undefined) return figures;
  }

  const running = new Map<string, CancellationScope>();
  const checkpointAt = input.checkpointEvery === undefined ? Number.POSITIVE_INFINITY : totals(state).tasksDone + input.checkpointEvery;
  let end: Exclude<SchedulerCommand, { kind: 'dispatch' | 'cancel_batches' | 'commit_stage' }> | undefined;

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
    const batchInput: BatchInput = {
      version: 1,
      query: input.query,
      planRef: input.planRef,
      planHash: input.planHash,
      stage: batch.stage,
      tasks: batch.tasks,
      spent: totals(state).bytes,
      ...(input.spec.maxBytes === undefined ? {} : { maxBytes: input.spec.maxBytes }),
    };
    scope
      .run(() => batchActivity(input, batch, batchInput))
      .then(
        (output) => {
          running.delete(batch.id);
          for (const [task, rows, bytes, noticed, skipped, pruned] of output.tasks) {
            const left = { skipped: skipped ?? undefined, pruned };
            events.push({ kind: 'task_committed', stage: batch.stage, task, rows, bytes, noticed: noticed === 1, ...left });
          }
          events.push({ kind: 'batch_ended', batch: batch.id });
        },
        (error: unknown) => {
          running.delete(batch.id);
          // The server has tried it as often as the activity's options say.
          events.push({
            kind: 'batch_failed',
            batch: batch.id,
            error: detailsOf(error, `${batch.stage}/${batch.tasks[0]}`),
            retryable: false,
          });
        },
      );
  }

  // The scheduler decides how a cancelled run ends; its own waiting is not interrupted.
  return CancellationScope.nonCancellable(async () => {
    take({ kind: 'start' });
    while (end === undefined) {
      setCurrentDetails(describe(state));
      await condition(() => events.length > 0);
      for (let event = events.shift(); event !== undefined; event = events.shift()) take(event);
      if (end === undefined && !state.draining && (workflowInfo().continueAsNewSuggested || totals(state).tasksDone >= checkpointAt))
        take({ kind: 'checkpoint' });
    }
    switch (end.kind) {
      case 'finish':
        note(input, 'completed', state.stages.at(-1)?.rows ?? 0);
        return figuresOf(state, times);
      case 'continue_as_new': {
        const { plan: _inline, ...rest } = input;
        return continueAsNew<typeof runPlanV1>({ ...rest, fast: false, checkpoint: { state: end.checkpoint, times } });
      }
      case 'fail':
        await cleanup(input);
        return fail(input, end.error, root);
    }
  });
}

/** The whole plan as one local activity; undefined: it did not get it done, so the plan goes the long way. */
async function fastLane(input: RunPlanInput, plan: string, root: CancellationScope): Promise<RunFigures | undefined> {
  const { query, planRef, planHash, spec } = input;
  try {
    const figures = await local.fastPlan({ version: 1, query, planRef, planHash, plan, spec });
    note(input, 'completed', figures.rows);
    return figures;
  } catch (error) {
    if (isCancellation(error)) return fail(input, CANCELLED, root);
    // A local activity's failure may come without the wrapper that others have.
    const cause = error instanceof ActivityFailure ? error.cause : error;
    if (cause instanceof ApplicationFailure && cause.nonRetryable === true) return fail(input, detailsOf(error, 'the plan'), root);
    return undefined;
  }
}

function batchActivity(input: RunPlanInput, batch: Batch, batchInput: BatchInput): Promise<BatchOutput> {
  const options = {
    activityId: batch.id,
    startToCloseTimeout: '10 minutes',
    heartbeatTimeout: '5s',
    retry: { ...retry, maximumAttempts: 6 },
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  } as const;
  const shape = input.spec.stages.find((stage) => stage.id === batch.stage);
  const last = input.spec.stages.at(-1)?.id === batch.stage;
  if (last) return proxyActivities<PlanActivities>({ ...options, retry: { ...retry, maximumAttempts: 10 } }).finalStage(batchInput);
  const own = proxyActivities<PlanActivities>(options);
  return shape?.deps.length === 0 ? own.scanBatch(batchInput) : own.operatorBatch(batchInput);
}

/** Files of the last stage stay: a reader may be at them. They go with release() or by age. */
async function cleanup(input: RunPlanInput): Promise<void> {
  const stages = input.spec.stages.slice(0, -1).map((stage) => stage.id);
  if (stages.length === 0) return;
  try {
    await activities.cleanup({ version: 1, query: input.query, stages });
  } catch {
    // The run's own error is what its user must see; left files go by age.
  }
}

function fail(input: RunPlanInput, error: ErrorDetails, root: CancellationScope): never {
  const cancelled = error.kind === 'cancelled';
  note(input, cancelled ? 'cancelled' : 'failed', 0);
  if (cancelled && root.consideredCancelled) throw new CancelledFailure(error.message);
  throw ApplicationFailure.create({
    message: input.sealed === true ? SEALED : error.message,
    type: error.sqlstate,
    nonRetryable: true,
    details: [error],
  });
}

function note(input: RunPlanInput, state: string, rows: number): void {
  if (!input.attributes) return;
  upsertSearchAttributes([
    { key: { name: 'TimelineState', type: 'KEYWORD' }, value: state },
    { key: { name: 'TimelineRows', type: 'INT' }, value: rows },
  ]);
}

/** What an activity's failure says to the user. */
function detailsOf(error: unknown, task: string): ErrorDetails {
  if (isCancellation(error)) return CANCELLED;
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const [told] = cause.details ?? [];
    if (isErrorDetails(told)) return told;
  }
  if (cause instanceof TimeoutFailure) {
    return {
      kind: 'internal',
      sqlstate: '58000',
      message: `task ${task} got no answer from its worker (${cause.timeoutType}), again and again`,
      hint: 'See the log of the workers: they may be short of memory.',
    };
  }
  return { kind: 'internal', sqlstate: 'XX000', message: cause instanceof Error ? cause.message : String(cause) };
}

function progressOf(state: SchedulerState): WorkflowProgress {
  const { tasks, tasksDone, rows, bytes } = totals(state);
  return { state: state.ending !== undefined ? 'ending' : state.paused ? 'paused' : 'running', tasks, tasksDone, rows, bytesRead: bytes };
}

/** Markdown for Temporal's own UI. */
function describe(state: SchedulerState): string {
  const { tasks, tasksDone, bytes } = totals(state);
  const lines = state.stages.map(
    (stage, n) =>
      `| ${stage.id} | ${stage.count} of ${state.spec.stages[n]?.tasks ?? 0} | ${stage.rows} | ${stage.bytes} | ${stage.retries} |`,
  );
  return [
    `**${progressOf(state).state}**: ${tasksDone} of ${tasks} tasks, ${bytes} bytes read`,
    '',
    '| stage | tasks | rows | bytes read | retries |',
    '|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}
