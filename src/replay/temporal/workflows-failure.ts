import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  ChildWorkflowFailure,
  isCancellation,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/workflow';
import type { ErrorDetails } from '../../../sql/errors.js';
import { isErrorDetails, SEALED } from './protocol.js';

export const CANCELLED: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' };

/** What a failed activity or child says to the user; `what` names the work, for a worker that never answered. */
export function detailsOf(error: unknown, what: string): ErrorDetails {
  if (isCancellation(error)) return CANCELLED;
  // A local activity's failure may come without the wrapper that others have.
  const cause = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const [told] = cause.details ?? [];
    if (isErrorDetails(told)) return told;
  }
  if (cause instanceof TimeoutFailure) {
    return {
      kind: 'internal',
      sqlstate: '58000',
      message: `${what} got no answer from its worker (${cause.timeoutType}), again and again`,
      hint: 'See the log of the workers: they may be short of memory.',
    };
  }
  if (cause instanceof TerminatedFailure) return { kind: 'cancelled', sqlstate: '57P01', message: `${what} was terminated in Temporal` };
  return { kind: 'internal', sqlstate: 'XX000', message: cause instanceof Error ? cause.message : String(cause) };
}

/** Will no further attempt help? */
export function isFinal(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}

/** The failure that a workflow ends with; `cancelled`: Temporal itself was asked to cancel it; `sealed`: its text says nothing. */
export function failureOf(error: ErrorDetails, how: { readonly cancelled: boolean; readonly sealed: boolean }): Error {
  if (error.kind === 'cancelled' && how.cancelled) return new CancelledFailure(how.sealed ? SEALED : error.message);
  return ApplicationFailure.create({
    message: how.sealed ? SEALED : error.message,
    type: error.sqlstate,
    nonRetryable: true,
    details: [error],
  });
}
