import { ApplicationFailure, CancelledFailure, TerminatedFailure, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import { internal, TimelineError } from '../../../sql/errors.js';
import type { TemporalAddress } from './access.js';
import { connectionError } from './connection-error.js';
import { isErrorDetails } from './protocol.js';

/** The error that a workflow ended with, as its user should see it. */
export function runError(error: unknown, where: TemporalAddress & { readonly id: string }): TimelineError {
  if (error instanceof TimelineError) return error;
  if (error instanceof WorkflowNotFoundError) return internal(`Temporal at ${where.address} does not know replay ${where.id}`, error);
  if (!(error instanceof WorkflowFailedError)) return connectionError(error, where);
  const { cause } = error;
  if (cause instanceof ApplicationFailure) {
    const [details] = cause.details ?? [];
    return isErrorDetails(details) ? TimelineError.fromJSON({ ...details, cause: error }) : internal(cause.message, error);
  }
  if (cause instanceof CancelledFailure) {
    return new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request', cause: error });
  }
  if (cause instanceof TerminatedFailure) {
    return new TimelineError({
      kind: 'cancelled',
      sqlstate: '57P01',
      message: `replay ${where.id} was terminated in Temporal`,
      detail: cause.message,
      cause: error,
    });
  }
  return internal(cause instanceof Error ? cause.message : error.message, error);
}
