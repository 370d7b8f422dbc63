import { connect as connectSocket } from 'node:net';
import { Client, Connection, type ConnectionLike } from '@temporalio/client';
import type { NativeConnection } from '@temporalio/worker';
import { connectionError } from './connection-error.js';
import { SEARCH_ATTRIBUTES } from './protocol.js';

export interface TemporalAddress {
  readonly address: string;
  readonly namespace: string;
}

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
  const { address, namespace } = options;
  let own: Connection | undefined;
  try {
    if (options.connection === undefined) await probe(address);
    own = options.connection === undefined ? await Connection.connect({ address, connectTimeout: CONNECT_TIMEOUT }) : undefined;
    const connection: Connection | NativeConnection = own ?? (options.connection as NativeConnection);
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT, () => connection.workflowService.describeNamespace({ namespace }));
    const attributes = await registerAttributes(connection, namespace);
    return {
      client: new Client({ connection, namespace }),
      connection,
      attributes,
      close: async () => own?.close(),
    };
  } catch (error) {
    await own?.close().catch(() => undefined);
    throw connectionError(error, options);
  }
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

/** gRPC tries again for seconds where nobody listens; a socket is refused at once. */
async function probe(address: string): Promise<void> {
  const at = address.lastIndexOf(':');
  const host = at < 0 ? address : address.slice(0, at).replace(/^\[(.*)\]$/, '$1');
  const port = at < 0 ? 7233 : Number(address.slice(at + 1));
  await new Promise<void>((resolve, reject) => {
    const socket = connectSocket({ host, port, timeout: CONNECT_TIMEOUT });
    const end = (error?: Error): void => {
      socket.destroy();
      if (error === undefined) resolve();
      else reject(new Error(`failed to connect: ${error.message}`, { cause: error }));
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(new Error('no answer')));
    socket.once('error', end);
  });
}
