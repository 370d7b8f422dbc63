import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { TimelineError } from '../../../sql/errors.js';
import type { TemporalAddress } from './access.js';

/** Status codes of gRPC. */
export const GRPC = { invalidArgument: 3, notFound: 5, denied: 7, unauthenticated: 16 } as const;
/** Cancelled, deadline exceeded, unavailable. */
const UNREACHABLE: ReadonlySet<number> = new Set([1, 4, 14]);

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

/** The native client tells some statuses by their names only. */
function nativeCode(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined;
  if (/\bUnauthenticated\b|not have valid authentication credentials/i.test(error.message)) return GRPC.unauthenticated;
  if (/\bPermission ?Denied\b|caller does not have permission/i.test(error.message)) return GRPC.denied;
  return undefined;
}

/** Servers and libraries may repeat what they were sent. */
function withoutSecrets(text: string, { apiKey }: TemporalAddress): string {
  const bare = apiKey === undefined || apiKey === '' ? text : text.replaceAll(apiKey, '***');
  return bare.replaceAll(/bearer\s+\S+/gi, 'Bearer ***').slice(0, 1000);
}

/** What a failed call to Temporal says to the user, and what they can do. */
export function connectionError(error: unknown, where: TemporalAddress): TimelineError {
  if (error instanceof TimelineError) return error;
  const code = grpcCode(error) ?? nativeCode(error);
  // What was sent may be in it.
  const cause = where.apiKey === undefined ? { cause: error } : {};
  const text = withoutSecrets(error instanceof Error ? error.message : String(error), where);
  if (code === GRPC.notFound) {
    return new TimelineError({
      kind: 'connector',
      sqlstate: '08001',
      message: `Temporal at ${where.address} has no namespace "${where.namespace}"`,
      hint: 'Create it there, or set temporal.namespace.',
      ...cause,
    });
  }
  if (code === GRPC.unauthenticated || code === GRPC.denied) {
    const withKey = where.apiKey !== undefined;
    const what = code === GRPC.denied ? `access to namespace "${where.namespace}"` : withKey ? 'the API key' : 'calls without an API key';
    return new TimelineError({
      kind: 'connector',
      sqlstate: '28000',
      message: `Temporal at ${where.address} refuses ${what}`,
      detail: text,
      hint: withKey
        ? `Is temporal.api_key (TEMPORAL_API_KEY) valid, and meant for namespace "${where.namespace}" there?`
        : 'Set TEMPORAL_API_KEY, temporal.api_key_file, or a client certificate (temporal.tls.cert and key).',
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
      ...cause,
    });
  }
  return new TimelineError({ kind: 'connector', sqlstate: '58000', message: `Temporal at ${where.address}: ${text}`, ...cause });
}
