import type { TimelineError } from '../../sql/errors.js';
import { throwIfAborted } from './store-error.js';

export interface RetryOptions {
  /** Of all tries of one request. */
  readonly attempts: number;
  /** No try begins later than so long after the first. */
  readonly totalMs: number;
  readonly baseMs: number;
  readonly capMs: number;
}

export const RETRY: RetryOptions = { attempts: 6, totalMs: 120_000, baseMs: 100, capMs: 10_000 };

/** What a failed try says of the next one. */
export interface Failure {
  readonly error: TimelineError;
  /** The storage asks for so long a pause. */
  readonly afterMs?: number | undefined;
}

/** Tries again what may succeed then, with exponential backoff and full jitter, never sooner than the storage asks. */
export async function retried<T>(
  options: RetryOptions,
  signal: AbortSignal | undefined,
  work: (attempt: number) => Promise<T>,
  read: (error: unknown) => Failure,
): Promise<T> {
  const began = performance.now();
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(signal);
    try {
      return await work(attempt);
    } catch (error) {
      throwIfAborted(signal);
      const { error: failed, afterMs = 0 } = read(error);
      const wait = Math.max(afterMs, Math.random() * Math.min(options.capMs, options.baseMs * 2 ** attempt));
      const late = performance.now() - began + wait > options.totalMs;
      if (!(failed.retryable ?? false) || attempt >= options.attempts || late) throw failed;
      await pause(wait, signal);
    }
  }
}

/** `Retry-After`: seconds, or a date; undefined: none, or nonsense. */
export function retryAfterMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}

export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
