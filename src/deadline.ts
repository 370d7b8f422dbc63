import { TimelineError } from '../sql/errors.js';
import type { Batch } from '../sql/result.js';
import { abandon, closable } from './execution.js';
import type { Execution } from './statement.js';

/**
 * Runs a statement under statement_timeout (0: none): the signal that `start` gets is aborted with 57014 when the time
 * is over before the last row was taken, or with the outer signal's reason.
 */
export async function withDeadline(
  options: { readonly milliseconds: number; readonly signal: AbortSignal },
  start: (signal: AbortSignal) => Promise<Execution>,
): Promise<Execution> {
  if (options.milliseconds === 0) return start(options.signal);
  const timer = new AbortController();
  const handle = setTimeout(() => timer.abort(timedOut()), options.milliseconds);
  const signal = AbortSignal.any([options.signal, timer.signal]);
  const starting = start(signal);
  const clear = (): void => clearTimeout(handle);
  try {
    // Analysis takes no signal: its answer is simply not waited for any longer.
    const execution = await Promise.race([starting, rejection(signal)]);
    const unread = async (): Promise<void> => {
      clear();
      await abandon(execution);
    };
    return { ...execution, batches: closable(clearing(execution.batches, clear), unread) };
  } catch (error) {
    clear();
    // Should it come to life after all, nobody reads it.
    starting.then(abandon).catch(() => undefined);
    throw error;
  }
}

async function* clearing(batches: AsyncIterable<Batch>, done: () => void): AsyncGenerator<Batch> {
  try {
    yield* batches;
  } finally {
    done();
  }
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function timedOut(): TimelineError {
  return new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to statement timeout' });
}
