import type { ErrorDetails } from '../../sql/errors.js';
import { isoTime } from './iso-time.js';

/**
 * The pure scheduler of a backfill: `(state, event) -> {state, commands}`. No clock, no I/O; its state is JSON and is the checkpoint of a
 * continued workflow.
 *
 *   start -> list -> listed -> run… -> interval_ended… -> list … -> finish
 *
 * An interval's replay has an id of its own, so one that is run again after a crash is the same one.
 */
export interface BackfillState {
  readonly version: 1;
  /** Intervals at once; 1: in order, and the first failure is the end. */
  readonly window: number;
  /** Where the next page of intervals begins, microseconds since 1970 as text; null: all are listed. */
  readonly cursor: string | null;
  readonly listing: boolean;
  /** Listed, not started; ascending. */
  readonly waiting: readonly Bounds[];
  readonly running: readonly Bounds[];
  readonly completed: number;
  readonly failed: number;
  /** Had a completed replay. */
  readonly skipped: number;
  readonly rows: number;
  /** The first ones, by their begin. */
  readonly failures: readonly IntervalFailure[];
  readonly paused: boolean;
  /** Waiting for what runs, then continue-as-new. */
  readonly draining: boolean;
  /** Why nothing is started any more. */
  readonly ending: { readonly kind: 'cancelled' | 'broken'; readonly error: ErrorDetails } | { readonly kind: 'stopped' } | undefined;
  readonly ended: 'completed' | 'failed' | 'cancelled' | 'continued' | undefined;
}

/** [from, until), microseconds since 1970 as text. */
export type Bounds = readonly [from: string, until: string];

export interface IntervalFailure {
  readonly from: string;
  readonly error: ErrorDetails;
}

export type BackfillEvent =
  /** Begins, or goes on from a checkpoint: what ran there runs again, to the same end. */
  | { readonly kind: 'start' }
  /** `from`: of the list command that it answers. */
  | {
      readonly kind: 'listed';
      readonly from: string;
      readonly intervals: readonly Bounds[];
      readonly skipped: number;
      readonly next: string | null;
    }
  | { readonly kind: 'list_failed'; readonly from: string; readonly error: ErrorDetails }
  | { readonly kind: 'interval_completed'; readonly from: string; readonly rows: number }
  | { readonly kind: 'interval_failed'; readonly from: string; readonly error: ErrorDetails }
  | { readonly kind: 'cancel'; readonly error: ErrorDetails }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** The driver wants a new history: wait for what runs, then continue as new. */
  | { readonly kind: 'checkpoint' };

export type BackfillCommand =
  | { readonly kind: 'list'; readonly from: string }
  | { readonly kind: 'run'; readonly interval: Bounds }
  | { readonly kind: 'cancel_running' }
  | { readonly kind: 'finish'; readonly state: 'completed' | 'failed' | 'cancelled'; readonly error?: ErrorDetails }
  | { readonly kind: 'continue_as_new'; readonly checkpoint: BackfillState };

export interface BackfillStep {
  readonly state: BackfillState;
  readonly commands: readonly BackfillCommand[];
}

const FAILURES_MOST = 10;
const MESSAGE_MOST = 500;

export function initialBackfill(options: { readonly from: string; readonly parallel: number }): BackfillState {
  return {
    version: 1,
    window: Math.max(1, Math.floor(options.parallel)),
    cursor: options.from,
    listing: false,
    waiting: [],
    running: [],
    completed: 0,
    failed: 0,
    skipped: 0,
    rows: 0,
    failures: [],
    paused: false,
    draining: false,
    ending: undefined,
    ended: undefined,
  };
}

/** Events after the end change nothing. */
export function advanceBackfill(state: BackfillState, event: BackfillEvent): BackfillStep {
  if (event.kind === 'start') return settle(restarted(state));
  if (state.ended !== undefined) return { state, commands: [] };
  switch (event.kind) {
    case 'listed':
      if (!state.listing || event.from !== state.cursor) return { state, commands: [] };
      return settle({
        ...state,
        listing: false,
        cursor: event.next,
        waiting: [...state.waiting, ...event.intervals],
        skipped: state.skipped + event.skipped,
      });
    case 'list_failed':
      if (!state.listing || event.from !== state.cursor) return { state, commands: [] };
      return settle({ ...state, listing: false, ending: state.ending ?? { kind: 'broken', error: event.error } });
    case 'interval_completed': {
      const running = without(state.running, event.from);
      if (running === undefined) return { state, commands: [] };
      return settle({ ...state, running, completed: state.completed + 1, rows: state.rows + event.rows });
    }
    case 'interval_failed': {
      const running = without(state.running, event.from);
      if (running === undefined) return { state, commands: [] };
      // What a cancelled backfill has stopped itself is no failure.
      if (state.ending?.kind === 'cancelled' && event.error.kind === 'cancelled') return settle({ ...state, running });
      const failures = [...state.failures, { from: event.from, error: cut(event.error) }]
        .sort((one, other) => Number(BigInt(one.from) - BigInt(other.from)))
        .slice(0, FAILURES_MOST);
      const ending = state.ending ?? (state.window === 1 ? { kind: 'stopped' as const } : undefined);
      return settle({ ...state, running, failed: state.failed + 1, failures, ending });
    }
    case 'cancel': {
      if (state.ending?.kind === 'cancelled') return { state, commands: [] };
      const step = settle({ ...state, ending: { kind: 'cancelled', error: event.error }, waiting: [] });
      const { running, listing } = step.state;
      return running.length === 0 && !listing ? step : { state: step.state, commands: [{ kind: 'cancel_running' }, ...step.commands] };
    }
    case 'pause':
      return { state: { ...state, paused: true }, commands: [] };
    case 'resume':
      return settle({ ...state, paused: false });
    case 'checkpoint':
      return settle({ ...state, draining: state.ending === undefined });
  }
}

/** Intervals known so far. */
export function backfillTotals(state: BackfillState): { readonly started: number; readonly ended: number } {
  const ended = state.completed + state.failed;
  return { started: ended + state.running.length, ended };
}

function restarted(state: BackfillState): BackfillState {
  return {
    ...state,
    listing: false,
    waiting: [...state.running, ...state.waiting].sort((one, other) => Number(BigInt(one[0]) - BigInt(other[0]))),
    running: [],
    draining: false,
    ended: undefined,
  };
}

/** What there is to do next. */
function settle(state: BackfillState): BackfillStep {
  const idle = state.running.length === 0 && !state.listing;
  if (state.ending !== undefined) return idle ? finish(state) : { state, commands: [] };
  if (state.draining) {
    if (!idle) return { state, commands: [] };
    return { state: { ...state, ended: 'continued' }, commands: [{ kind: 'continue_as_new', checkpoint: { ...state, draining: false } }] };
  }
  if (idle && state.waiting.length === 0 && state.cursor === null) return finish(state);
  if (state.paused) return { state, commands: [] };
  const started = state.waiting.slice(0, Math.max(0, state.window - state.running.length));
  const waiting = state.waiting.slice(started.length);
  const list = waiting.length === 0 && state.cursor !== null && !state.listing;
  return {
    state: { ...state, running: [...state.running, ...started], waiting, listing: state.listing || list },
    commands: [
      ...started.map((interval) => ({ kind: 'run' as const, interval })),
      ...(list ? [{ kind: 'list' as const, from: state.cursor as string }] : []),
    ],
  };
}

function finish(state: BackfillState): BackfillStep {
  const { ending } = state;
  const [first] = state.failures;
  if (ending?.kind === 'cancelled') return end(state, 'cancelled', ending.error);
  if (ending?.kind === 'broken') return end(state, 'failed', ending.error);
  return first === undefined ? end(state, 'completed') : end(state, 'failed', failureOf(state, first));
}

function end(state: BackfillState, how: 'completed' | 'failed' | 'cancelled', error?: ErrorDetails): BackfillStep {
  return { state: { ...state, ended: how }, commands: [{ kind: 'finish', state: how, ...(error === undefined ? {} : { error }) }] };
}

function failureOf(state: BackfillState, first: IntervalFailure): ErrorDetails {
  const of = state.completed + state.failed;
  const stopped = state.ending?.kind === 'stopped';
  return {
    kind: first.error.kind,
    sqlstate: first.error.sqlstate,
    message: `${state.failed} of ${of} intervals failed: ${first.error.message}`,
    detail: state.failures.map(({ from, error }) => `${isoTime(from)}: ${error.message}`).join('\n'),
    hint: stopped
      ? 'In order, the first failure stops a backfill. Run it again with missing_only => true for what is left.'
      : 'Run it again with missing_only => true for these.',
  };
}

function without(running: readonly Bounds[], from: string): readonly Bounds[] | undefined {
  const left = running.filter((one) => one[0] !== from);
  return left.length === running.length ? undefined : left;
}

function cut(error: ErrorDetails): ErrorDetails {
  return { kind: error.kind, sqlstate: error.sqlstate, message: error.message.slice(0, MESSAGE_MOST) };
}
