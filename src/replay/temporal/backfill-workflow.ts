import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import {
  ActivityCancellationType,
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  executeChild,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { ErrorDetails } from '../../../sql/errors.js';
import {
  advanceBackfill,
  type BackfillCommand,
  type BackfillEvent,
  type BackfillState,
  type Bounds,
  backfillTotals,
  initialBackfill,
} from '../backfill-scheduler.js';
import { backfillText } from '../backfill-text.js';
import { isErrorDetails, SIGNAL_CANCEL, SIGNAL_PAUSE, SIGNAL_RESUME, startAttributes, summaryOf } from './protocol.js';
import {
  type BackfillInput,
  type BackfillOutput,
  INTERVAL_REPLAY,
  type IntervalReplayInput,
  type IntervalReplayOutput,
  type ScheduleActivities,
} from './schedule-protocol.js';
import { CANCELLED, detailsOf, failureOf } from './workflows-failure.js';
import { noteState } from './workflows-note.js';

/** Intervals a history: each is about ten events. */
const CHECKPOINT_EVERY = 200;
const PAGE = 200;
/** How often a child is tried that another run of this workflow has left. */
const LOOK_AGAIN = 10_000;

const retry = { initialInterval: '1s', maximumInterval: '30s', backoffCoefficient: 2 } as const;
const listing = proxyActivities<ScheduleActivities>({
  startToCloseTimeout: '10 minutes',
  scheduleToCloseTimeout: '2 hours',
  heartbeatTimeout: '10s',
  retry,
  cancellationType: ActivityCancellationType.TRY_CANCEL,
});
const recording = proxyActivities<ScheduleActivities>({ startToCloseTimeout: '2 minutes', heartbeatTimeout: '10s', retry });

const pauseSignal = defineSignal(SIGNAL_PAUSE);
const resumeSignal = defineSignal(SIGNAL_RESUME);
const cancelSignal = defineSignal<[reason?: ErrorDetails]>(SIGNAL_CANCEL);

/** Runs the intervals of a backfill as children, a window of them at a time: the shell of the backfill's scheduler. */
export async function backfillV1(input: BackfillInput): Promise<BackfillOutput> {
  const { backfill } = input;
  let state: BackfillState = input.checkpoint ?? initialBackfill(backfill);
  let shownPaused = state.paused;
  let cancelled: ErrorDetails | undefined;
  let end: Exclude<BackfillCommand, { kind: 'list' | 'run' | 'cancel_running' }> | undefined;
  const events: BackfillEvent[] = [];
  const running = new Set<CancellationScope>();

  function cancel(error: ErrorDetails): void {
    cancelled ??= error;
    events.push({ kind: 'cancel', error: cancelled });
  }
  setHandler(pauseSignal, () => void events.push({ kind: 'pause' }));
  setHandler(resumeSignal, () => void events.push({ kind: 'resume' }));
  setHandler(cancelSignal, (reason) => cancel(isErrorDetails(reason) ? reason : CANCELLED));
  // Signals cancel by an event; only Temporal's own cancellation makes the workflow a cancelled one.
  const root = CancellationScope.current();
  root.cancelRequested.catch(() => cancel(CANCELLED));

  function take(event: BackfillEvent): void {
    const step = advanceBackfill(state, event);
    state = step.state;
    for (const command of step.commands) {
      if (command.kind === 'run') runInterval(command.interval);
      else if (command.kind === 'list') list(command.from);
      else if (command.kind === 'cancel_running') for (const scope of running) scope.cancel();
      else end = command;
    }
  }

  /** Does the work in a scope that a cancel ends; what it gives, or what becomes of its error, is an event. */
  function inScope(work: () => Promise<BackfillEvent>, failed: (error: unknown) => BackfillEvent): void {
    const scope = new CancellationScope();
    running.add(scope);
    scope
      .run(work)
      .catch(failed)
      .then((event) => {
        running.delete(scope);
        events.push(event);
      });
  }

  function list(from: string): void {
    inScope(
      async () => ({ kind: 'listed', from, ...(await listing.listIntervals({ version: 1, backfill, from, limit: PAGE })) }),
      (error) => ({ kind: 'list_failed', from, error: detailsOf(error, 'the list of intervals') }),
    );
  }

  function runInterval([from, until]: Bounds): void {
    inScope(
      async () => ({ kind: 'interval_completed', from, rows: (await child(input, [from, until])).rows }),
      (error) => ({ kind: 'interval_failed', from, error: detailsOf(error, 'the interval') }),
    );
  }

  function show(): void {
    setCurrentDetails(backfillText(state, backfill.intervals));
    if (state.paused === shownPaused || state.ending !== undefined) return;
    shownPaused = state.paused;
    noteState(input, shownPaused ? 'paused' : 'running', state.rows);
  }

  async function interpret(): Promise<NonNullable<typeof end>> {
    const checkpointAt = backfillTotals(state).started + (input.checkpointEvery ?? CHECKPOINT_EVERY);
    take({ kind: 'start' });
    for (;;) {
      while (end === undefined) {
        show();
        await condition(() => events.length > 0);
        for (let event = events.shift(); event !== undefined; event = end === undefined ? events.shift() : undefined) take(event);
        const long = workflowInfo().continueAsNewSuggested || backfillTotals(state).started >= checkpointAt;
        if (end === undefined && !state.draining && state.ending === undefined && long) take({ kind: 'checkpoint' });
      }
      // A signal of the last moment must not be lost with this history.
      if (end.kind !== 'continue_as_new' || events.length === 0) return end;
      end = undefined;
      take({ kind: 'start' });
    }
  }

  // The scheduler decides how a cancelled run ends; its own waiting is not interrupted.
  return CancellationScope.nonCancellable(async () => {
    const how = await interpret();
    if (how.kind === 'continue_as_new') return continueAsNew<typeof backfillV1>({ ...input, checkpoint: how.checkpoint });
    show();
    const { rows, completed, failed, skipped } = state;
    const error = how.error === undefined ? {} : { error: how.error };
    await recording.endBackfill({ version: 1, id: backfill.id, state: how.state, rows, ...error });
    noteState(input, how.state, rows);
    if (how.error !== undefined) throw failureOf(how.error, { cancelled: root.consideredCancelled, sealed: input.sealed === true });
    return { version: 1, completed, failed, skipped, rows };
  });
}

/** An interval that another run of this workflow has begun is waited for: begun again then, it has the same end. */
async function child(input: BackfillInput, [from, until]: Bounds): Promise<IntervalReplayOutput> {
  const { backfill, attributes } = input;
  const { schedule } = backfill;
  const interval: IntervalReplayInput = {
    version: 1,
    schedule,
    attributes,
    interval: { schedule: schedule.name, from, until },
    parent: backfill.id,
    ...(input.sealed === true ? { sealed: true } : {}),
  };
  for (;;) {
    try {
      return await executeChild<(input: IntervalReplayInput) => Promise<IntervalReplayOutput>>(INTERVAL_REPLAY, {
        workflowId: `${backfill.id}.${from}`,
        args: [interval],
        parentClosePolicy: 'REQUEST_CANCEL',
        staticSummary: summaryOf(schedule.sql, input.sealed === true),
        ...(attributes ? { typedSearchAttributes: startAttributes({ user: schedule.user, kind: 'interval', sources: [] }) } : {}),
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      await sleep(LOOK_AGAIN);
    }
  }
}
