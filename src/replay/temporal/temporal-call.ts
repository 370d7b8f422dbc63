import type { NativeConnection } from '@temporalio/worker';
import { keepConnected, type TemporalAddress, type TemporalClient } from './client.js';
import { connectionError, grpcCode } from './connection-error.js';

/** Does something with Temporal, within seconds; throws 08001 and its like, and what is about the thing itself as it is. */
export type TemporalCall = <T>(work: (temporal: TemporalClient) => Promise<T>) => Promise<T>;

const CALL_TIMEOUT = 8000;

/** Connects with the first call. */
export function createTemporalCall(options: TemporalAddress & { readonly connection?: NativeConnection }): {
  readonly call: TemporalCall;
  close(): Promise<void>;
} {
  const connection = keepConnected(options);
  return {
    async call(work) {
      const temporal = await connection.get();
      try {
        return await temporal.connection.withDeadline(Date.now() + CALL_TIMEOUT, () => work(temporal));
      } catch (error) {
        throw grpcCode(error) === undefined ? error : connectionError(error, options);
      }
    },
    close: connection.close,
  };
}
