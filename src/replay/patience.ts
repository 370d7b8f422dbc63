import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError } from '../../sql/errors.js';

/** Waits between looks at a store that did not answer, milliseconds. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;

/** Storage or a catalog that does not answer, or refuses for now: no fault of the work. */
export function isOutage(error: unknown): boolean {
  return (
    error instanceof TimelineError &&
    error.retryable &&
    error.kind !== 'internal' &&
    (error.sqlstate === '58030' || error.sqlstate.startsWith('08'))
  );
}

/** What an outage became that lasted longer than one may wait for it. */
export class PatienceLost extends Error {
  constructor(override readonly cause: TimelineError) {
    super(cause.message, { cause });
  }
}

/**
 * Does the work again while a store is out of reach, for `patience` milliseconds since it was first seen so; then throws PatienceLost.
 * Other errors come at once.
 */
export async function patiently<T>(
  work: () => Promise<T>,
  options: { readonly patience: number; readonly signal: AbortSignal },
): Promise<T> {
  const { patience, signal } = options;
  let until: number | undefined;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || !(error instanceof TimelineError) || !isOutage(error)) throw error;
      until ??= Date.now() + patience;
      const left = until - Date.now();
      if (left <= 0) throw new PatienceLost(error);
      try {
        // Not all at the same moment: what comes back should not be stormed.
        await sleep(Math.min(left, pause * (0.5 + Math.random() / 2)), undefined, { signal });
      } catch {
        throw signal.reason;
      }
    }
  }
}
