import { TimelineError } from '../../sql/errors.js';

/** 58P01. */
export function notFound(what: string, cause?: unknown): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '58P01', message: `${what} does not exist`, cause });
}

/** 42501. */
export function notAllowed(message: string, cause?: unknown): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '42501', message, cause });
}

/** 58030: the storage answered with an error, or not at all. */
export function storageFailed(message: string, cause?: unknown, retryable = true): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '58030', message, cause, retryable });
}

/** 58030, for good: the object is another one than at first. */
export function changed(what: string, cause?: unknown): TimelineError {
  return storageFailed(`${what} has changed while it was read`, cause, false);
}

/** 54000: larger than what may be held in memory. */
export function tooLarge(what: string, bytes: number, most: number): TimelineError {
  return new TimelineError({ kind: 'limit', sqlstate: '54000', message: `${what} has ${bytes} bytes, at most ${most} are read` });
}

/** What a failing local file operation means; `what` names the object for the user. */
export function fileError(what: string, error: unknown): TimelineError {
  if (error instanceof TimelineError) return error;
  const code = errorCode(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return notFound(what, error);
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return notAllowed(`${what}: permission denied (${code})`, error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TimelineError({ kind: 'connector', sqlstate: '53100', message: `${what}: no space left on device`, cause: error });
  }
  return storageFailed(`${what}: ${error instanceof Error ? error.message : String(error)}`, error, code === 'EMFILE' || code === 'ENFILE');
}

export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Throws the signal's reason. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw signal.reason;
}
