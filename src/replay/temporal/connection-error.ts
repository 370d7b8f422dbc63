import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { TimelineError } from '../../../sql/errors.js';

const UNREACHABLE: ReadonlySet<number> = new Set([1, 4, 14]);
const NOT_FOUND = 5;
const DENIED: ReadonlySet<number> = new Set([7, 16]);

/** gRPC's status code of anything that Temporal's clients throw; undefined: it was not about the connection. */
export function grpcCode(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) return error.code;
  if (error instanceof ServiceError || (error instanceof Error && error.cause !== undefined)) return grpcCode(error.cause);
  return undefined;
}

function isUnreachable(error: unknown): boolean {
  const code = grpcCode(error);
  if (code !== undefined) return UNREACHABLE.has(code);
  // What the native client and the resolver throw before there is any status.
  return (
    error instanceof Error && (error.name === 'TransportError' || /failed to connect|connection refused|tcp connect/i.test(error.message))
  );
}

/** What a failed call to Temporal says to the user, and what they can do. */
export function connectionError(error: unknown, where: { readonly address: string; readonly namespace: string }): TimelineError {
  if (error instanceof TimelineError) return error;
  const code = grpcCode(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === NOT_FOUND) {
    return new TimelineError({
      kind: 'connector',
      sqlstate: '08001',
      message: `Temporal at ${where.address} has no namespace "${where.namespace}"`,
      hint: 'Create it there, or set temporal.namespace.',
      cause: error,
    });
  }
  if (code !== undefined && DENIED.has(code)) {
    return new TimelineError({
      kind: 'connector',
      sqlstate: '08004',
      message: `Temporal at ${where.address} refused the connection: ${text}`,
      cause: error,
    });
  }
  if (isUnreachable(error)) {
    return new TimelineError({
      kind: 'connector',
      sqlstate: '08001',
      message: `Temporal at ${where.address} is unreachable`,
      detail: text,
      hint: 'Start it, set TEMPORAL_ADDRESS, or SET timeline.driver = local.',
      retryable: true,
      cause: error,
    });
  }
  return new TimelineError({ kind: 'connector', sqlstate: '58000', message: `Temporal at ${where.address}: ${text}`, cause: error });
}
