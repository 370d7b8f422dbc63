import { TimelineError } from './errors.js';

/** An error's position without the text in front of the statement, and as `map` gives it in what was written. */
export function shifted(error: TimelineError, prefix: string, map = (position: number): number => position): TimelineError {
  if (error.position === undefined) return error;
  const position = map(error.position - prefix.length);
  return error.at(position > 0 ? position : undefined);
}

export function positionless(error: TimelineError): TimelineError {
  return error.position === undefined ? error : error.at(undefined);
}

export function timedOut(milliseconds: number): TimelineError {
  return new TimelineError({
    kind: 'cancelled',
    sqlstate: '57014',
    message: `canceling statement: the embedded Postgres took longer than ${milliseconds} ms`,
  });
}

export function restarting(): TimelineError {
  return new TimelineError({ kind: 'limit', sqlstate: '57P03', message: 'the embedded Postgres is starting up', retryable: true });
}

export function shutDown(): TimelineError {
  return new TimelineError({ kind: 'cancelled', sqlstate: '57P01', message: 'the embedded Postgres was closed' });
}

export function abortReason(signal: AbortSignal | undefined): TimelineError {
  const reason: unknown = signal?.reason;
  return reason instanceof TimelineError
    ? reason
    : new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request', cause: reason });
}
