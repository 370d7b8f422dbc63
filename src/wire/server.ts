import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TimelineError, unsupported } from '../../sql/errors.js';
import type { Engine } from '../statement.js';
import { CancelKeys } from './cancel-keys.js';
import { Connection } from './connection.js';

export interface WireLimits {
  /** Sessions at once; one more gets 53300. */
  readonly maxConnections: number;
  /** The largest message after the login, bytes. */
  readonly maxMessageBytes: number;
  readonly loginTimeoutMs: number;
}

export const DEFAULT_WIRE_LIMITS: WireLimits = { maxConnections: 100, maxMessageBytes: 64 * 1024 * 1024, loginTimeoutMs: 60_000 };

export interface WireServerOptions {
  readonly engine: Engine;
  /** Loopback only, until there is authentication. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly limits: WireLimits;
}

export interface WireServer {
  readonly host: string;
  readonly port: number;
  /** Stops listening, tells every client 57P01, waits until their sessions are closed. */
  close(): Promise<void>;
}

/** Sockets that have not logged in yet (or come to cancel), beyond the sessions. */
const SPARE_SOCKETS = 64;
const KEEP_ALIVE_MS = 60_000;
const CLOSE_GRACE_MS = 2000;

/** Serves PostgreSQL's protocol 3.0. Throws 0A000 for a host that is not loopback, 58000 when the port cannot be had. */
export async function startWireServer({ engine, host, port, limits }: WireServerOptions): Promise<WireServer> {
  if (!isLoopback(host)) {
    throw unsupported(`listening on ${host}`, {
      hint: 'There is no authentication yet, so only loopback addresses (127.0.0.1, ::1, localhost) are served.',
    });
  }
  const cancelKeys = new CancelKeys();
  const open = new Map<Connection, Promise<void>>();
  let sessions = 0;
  let closing = false;
  const admit = (): (() => void) => {
    if (sessions >= limits.maxConnections)
      throw new TimelineError({ kind: 'limit', sqlstate: '53300', message: 'sorry, too many clients already' });
    sessions += 1;
    return () => {
      sessions -= 1;
    };
  };
  const accept = (socket: Socket): void => {
    if (closing) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const connection = new Connection({
      socket,
      engine,
      cancelKeys,
      admit,
      maxMessageBytes: limits.maxMessageBytes,
      loginTimeoutMs: limits.loginTimeoutMs,
    });
    const run = connection.run().finally(() => open.delete(connection));
    open.set(connection, run);
  };
  const server = createServer(accept);
  server.maxConnections = limits.maxConnections + SPARE_SOCKETS;
  const address = await listen(server, host, port);
  return {
    host,
    port: address.port,
    close: async () => {
      closing = true;
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      const reason = new TimelineError({
        kind: 'cancelled',
        sqlstate: '57P01',
        message: 'terminating connection due to administrator command',
      });
      const runs = [...open.values()];
      for (const connection of open.keys()) connection.end(reason);
      const timer = setTimeout(() => {
        for (const connection of open.keys()) connection.destroy();
      }, CLOSE_GRACE_MS);
      await Promise.all(runs);
      await stopped;
      clearTimeout(timer);
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(cause, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      // Accepting can fail for a moment (too many open files); the server goes on.
      server.on('error', () => undefined);
      resolve(server.address() as AddressInfo);
    });
  });
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): TimelineError {
  const inUse = cause.code === 'EADDRINUSE';
  const message = inUse ? `port ${port} on ${host} is already in use` : `cannot listen on port ${port} of ${host}: ${cause.message}`;
  const hint = inUse ? 'Stop what listens there, or set listen.pg (TIMELINE_PG_PORT) to another port; 0 takes any free one.' : undefined;
  return new TimelineError({ kind: 'limit', sqlstate: '58000', message, ...(hint === undefined ? {} : { hint }), cause });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
