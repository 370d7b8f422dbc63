import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TimelineError } from '../../sql/errors.js';
import type { Metrics } from './metrics.js';

export interface HttpServer {
  readonly host: string;
  readonly port: number;
  close(): Promise<void>;
}

/** Answers a request by itself; never rejects. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** `/healthz` (the process lives), `/readyz` (queries can be answered; 503 with reasons) and `/metrics` (Prometheus text), and what `further` has by its path. */
export async function startHttpServer(options: {
  readonly host: string;
  readonly port: number;
  readonly metrics: Metrics;
  /** What is not ready yet; empty when all is. */
  readonly notReady: () => readonly string[];
  readonly further?: ReadonlyMap<string, HttpHandler>;
}): Promise<HttpServer> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 10_000, maxHeaderSize: 16_384 }, (request, response) => {
    const answer = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' });
      response.end(request.method === 'HEAD' ? undefined : body);
    };
    const path = request.url?.split('?')[0] ?? '';
    const further = options.further?.get(path);
    if (further !== undefined) return void further(request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'text/plain', 'method not allowed\n');
    switch (path) {
      case '/healthz':
        return answer(200, 'text/plain', 'ok\n');
      case '/readyz': {
        const missing = options.notReady();
        return answer(missing.length === 0 ? 200 : 503, 'text/plain', missing.length === 0 ? 'ready\n' : `${missing.join('\n')}\n`);
      }
      case '/metrics':
        options.metrics.registry.metrics().then(
          (text) => answer(200, options.metrics.registry.contentType, text),
          () => answer(500, 'text/plain', 'metrics failed\n'),
        );
        return;
      default:
        return answer(404, 'text/plain', 'not found\n');
    }
  });
  await listen(server, options.host, options.port);
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE';
      const message = inUse ? `port ${port} on ${host} is in use` : `cannot listen on ${host}:${port}: ${error.message}`;
      reject(
        new TimelineError({
          kind: 'connector',
          sqlstate: '55006',
          message,
          hint: 'Set TIMELINE_HTTP_PORT (0: any free port).',
          cause: error,
        }),
      );
    });
    server.listen(port, host, resolve);
  });
}
