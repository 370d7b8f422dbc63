import { Client, Connection, type ConnectionLike } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { connectionSettings, dataConverterOf, type TemporalAddress } from './access.js';
import { connectionError } from './connection-error.js';
import { probe } from './probe.js';
import { SEARCH_ATTRIBUTES } from './protocol.js';

export type { TemporalAddress };

export interface TemporalClient {
  readonly client: Client;
  readonly connection: ConnectionLike;
  /** Are our search attributes registered there? */
  readonly attributes: boolean;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT = 5000;
const INDEXED_VALUE_TYPE = { KEYWORD: 2, INT: 3, KEYWORD_LIST: 7 } as const;

/** Connects, or uses the worker's connection of this process; registers our search attributes where it may. Throws 08001. */
export async function connectTemporal(
  options: TemporalAddress & { readonly connection?: NativeConnection | undefined },
): Promise<TemporalClient> {
  const { namespace } = options;
  let own: Connection | undefined;
  try {
    if (options.connection === undefined) await probe(options);
    own =
      options.connection === undefined
        ? await Connection.connect({ ...connectionSettings(options), connectTimeout: CONNECT_TIMEOUT })
        : undefined;
    const connection: Connection | NativeConnection = own ?? (options.connection as NativeConnection);
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT, () => connection.workflowService.describeNamespace({ namespace }));
    const attributes = await registerAttributes(connection, namespace);
    return {
      client: new Client({ connection, namespace, dataConverter: dataConverterOf(options) }),
      connection,
      attributes,
      close: async () => own?.close(),
    };
  } catch (error) {
    await own?.close().catch(() => undefined);
    throw connectionError(error, options);
  }
}

/** Connects with the first `get`, and again after a connection that failed. */
export function keepConnected(options: Parameters<typeof connectTemporal>[0]): {
  get(): Promise<TemporalClient>;
  close(): Promise<void>;
} {
  let connecting: Promise<TemporalClient> | undefined;
  return {
    get() {
      connecting ??= connectTemporal(options).catch((error: unknown) => {
        connecting = undefined;
        throw error;
      });
      return connecting;
    },
    async close() {
      const known = connecting;
      connecting = undefined;
      await (await known?.catch(() => undefined))?.close();
    },
  };
}

/** A server that lets us not do so still runs plans, only without the attributes. */
async function registerAttributes(connection: Connection | NativeConnection, namespace: string): Promise<boolean> {
  try {
    return await connection.withDeadline(Date.now() + CONNECT_TIMEOUT, async () => {
      const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
      const missing = Object.entries(SEARCH_ATTRIBUTES).filter(
        ([name]) => customAttributes?.[name] === undefined || customAttributes[name] === null,
      );
      if (missing.length === 0) return true;
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(missing.map(([name, kind]) => [name, INDEXED_VALUE_TYPE[kind]])),
      });
      return true;
    });
  } catch {
    return false;
  }
}
