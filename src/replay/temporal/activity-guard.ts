import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure, type Context } from '@temporalio/activity';
import { asTimelineError, type ErrorDetails, TimelineError } from '../../../sql/errors.js';
import { PatienceLost } from '../patience.js';
import type { StageStore } from '../stage-store.js';
import { SEALED } from './protocol.js';

const MESSAGE_MOST = 4000;
/** How often a batch may meet a full disk, on whatever worker takes it then; and the waits before it is tried again, milliseconds. */
const DISK_ATTEMPTS = 6;
const DISK_PAUSE = 1000;
const DISK_PAUSE_MOST = 3000;
/** A worker whose disk is full fails at once, and would take most of the batches: so long it keeps the slot, and others get them. */
const DISK_HOLD = 1500;

export interface Guarded {
  readonly store: StageStore;
  readonly query: string;
  /** How often the stage store is asked whether the query is to stop, milliseconds. */
  readonly poll: number;
  /** The texts of errors say nothing; their details do. */
  readonly sealed: boolean;
}

/**
 * Runs an activity's work under one signal: Temporal's cancellation, and the cancel request in the stage store (a local
 * activity hears of a cancelled workflow only with its next workflow task). Errors leave as Temporal knows them.
 */
export async function guarded<T>(context: Context, options: Guarded, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { store, query } = options;
  const requested = new AbortController();
  let asking = false;
  const ask = async (): Promise<void> => {
    // A store that is slow, or away, is not asked again before it has answered.
    if (asking) return;
    asking = true;
    try {
      const reason = await store.cancelRequest(query);
      if (reason !== undefined) requested.abort(TimelineError.fromJSON(reason));
    } catch {
      // The work itself meets it, too.
    } finally {
      asking = false;
    }
  };
  const poll = setInterval(() => void ask(), options.poll);
  const signal = AbortSignal.any([context.cancellationSignal, requested.signal]);
  try {
    return await work(signal);
  } catch (error) {
    if (!context.info.isLocal && isDiskFull(error)) await sleep(DISK_HOLD, undefined, { signal }).catch(() => undefined);
    throw activityFailure(error, context, options.sealed);
  } finally {
    clearInterval(poll);
  }
}

const BEAT = 2000;

/** Does the work with heartbeats: only in answer to one does a worker hear of a cancel. */
export async function beating<T>(context: Context, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(() => context.heartbeat(), BEAT);
  try {
    context.heartbeat();
    return await work();
  } finally {
    clearInterval(timer);
  }
}

function isDiskFull(error: unknown): boolean {
  return error instanceof TimelineError && error.sqlstate === '53100';
}

/** The worker has been told to stop, and leaves its tasks to the others. */
function isShutdown(context: Context): boolean {
  const reason: unknown = context.cancellationSignal.reason;
  return context.cancellationSignal.aborted && reason instanceof Error && reason.message === 'WORKER_SHUTDOWN';
}

/** What was thrown, as Temporal should know it: whether to try again, and when. */
export function activityFailure(error: unknown, context: Context, sealed: boolean): Error {
  if (context.cancellationSignal.aborted) {
    if (isShutdown(context)) return ApplicationFailure.retryable('the worker was stopped', 'WORKER_SHUTDOWN');
    const reason: unknown = context.cancellationSignal.reason;
    return reason instanceof CancelledFailure ? reason : new CancelledFailure('cancelled');
  }
  const told = asTimelineError(error instanceof PatienceLost ? error.cause : error);
  const details: ErrorDetails = {
    ...told.toJSON(),
    message: told.message.slice(0, MESSAGE_MOST),
    ...(told.detail === undefined ? {} : { detail: told.detail.slice(0, MESSAGE_MOST) }),
  };
  const base = { message: sealed ? SEALED : details.message, type: details.sqlstate, details: [details] };
  const { attempt } = context.info;
  // This worker's disk is full; another one's may not be.
  if (told.sqlstate === '53100' && attempt < DISK_ATTEMPTS)
    return ApplicationFailure.create({
      ...base,
      nonRetryable: false,
      nextRetryDelay: Math.min(DISK_PAUSE * 2 ** (attempt - 1), DISK_PAUSE_MOST),
    });
  const over = error instanceof PatienceLost || told.sqlstate === '53100';
  return ApplicationFailure.create({ ...base, nonRetryable: over || !told.retryable });
}
