import { setTimeout as sleep } from 'node:timers/promises';
import { asTimelineError, TimelineError } from '../../sql/errors.js';

/** What the doctor says of one thing. */
export interface Finding {
  readonly check: string;
  readonly state: 'ok' | 'warn' | 'fail';
  readonly message: string;
  readonly hint?: string;
}

/** A check under a time limit of its own, milliseconds: it says what it found, or throws what is wrong. */
export interface Check {
  readonly name: string;
  readonly timeout: number;
  readonly run: (signal: AbortSignal) => Promise<readonly Omit<Finding, 'check'>[]>;
}

/** How long a check may clean up after its time is over. */
const CLEANUP = 2000;

/** Never throws and never hangs: what a check throws, or that it takes too long, is its finding. */
export async function runCheck(check: Check): Promise<readonly Finding[]> {
  const abort = new AbortController();
  const work = check.run(abort.signal);
  const late = sleep(check.timeout, undefined, { signal: abort.signal, ref: true }).then((): never => {
    throw new TimelineError({ kind: 'connector', sqlstate: '57014', message: `no answer within ${check.timeout / 1000} s` });
  });
  late.catch(() => undefined);
  try {
    return (await Promise.race([work, late])).map((finding) => ({ check: check.name, ...finding }));
  } catch (thrown) {
    const error = asTimelineError(thrown);
    abort.abort(error);
    await Promise.race([work.catch(() => undefined), sleep(CLEANUP, undefined, { ref: false })]);
    return [{ check: check.name, ...failure(error) }];
  } finally {
    abort.abort();
  }
}

export function failure(thrown: unknown): Omit<Finding, 'check'> {
  const error = asTimelineError(thrown);
  const message = error.detail === undefined ? error.message : `${error.message}: ${error.detail}`;
  return { state: 'fail', message, ...(error.hint === undefined ? {} : { hint: error.hint }) };
}

export function ok(message: string): Omit<Finding, 'check'> {
  return { state: 'ok', message };
}

export function warn(message: string, hint: string): Omit<Finding, 'check'> {
  return { state: 'warn', message, hint };
}

export function fail(message: string, hint: string): Omit<Finding, 'check'> {
  return { state: 'fail', message, hint };
}

/** Bytes for people. */
export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const at = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** at).toFixed(at === 0 ? 0 : 1)} ${units[at]}`;
}
