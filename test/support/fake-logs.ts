import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly form: URLSearchParams;
}

/** What goes over the wire, and what happens then: the connection stays open for the next request, is closed, reset, or nothing more comes. */
export interface FakeAnswer {
  readonly bytes: Buffer;
  readonly afterwards?: 'keep' | 'close' | 'reset' | 'hang';
  /** Milliseconds before it. */
  readonly after?: number;
}

export interface FakeLogs {
  readonly url: string;
  readonly requests: FakeRequest[];
  /** Connections that are open now. */
  open(): number;
  close(): Promise<void>;
}

/** A server that answers with the very bytes that it is told to, however broken. */
export async function startFakeLogs(answer: (request: FakeRequest, n: number) => FakeAnswer, tls?: TlsOptions): Promise<FakeLogs> {
  const sockets = new Set<Socket>();
  const requests: FakeRequest[] = [];
  const take = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      for (let found = readRequest(pending); found !== undefined; found = readRequest(pending)) {
        pending = pending.subarray(found.bytes);
        requests.push(found.request);
        reply(socket, answer(found.request, requests.length - 1));
      }
    });
  };
  const server: Server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    requests,
    open: () => sockets.size,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A whole answer; `chunks`: in chunked framing, each of them one. */
export function httpAnswer(
  status: number,
  body: string | readonly string[],
  headers: Readonly<Record<string, string>> = { 'Content-Type': 'application/stream+json' },
): Buffer {
  const chunked = typeof body !== 'string';
  const lines = Object.entries({
    ...headers,
    ...(chunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(Buffer.byteLength(body)) }),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const framed = chunked ? `${body.map((one) => `${Buffer.byteLength(one).toString(16)}\r\n${one}\r\n`).join('')}0\r\n\r\n` : body;
  return Buffer.from(`HTTP/1.1 ${status} X\r\n${lines.join('')}\r\n${framed}`);
}

function reply(socket: Socket, { bytes, afterwards = 'keep', after = 0 }: FakeAnswer): void {
  setTimeout(() => {
    socket.write(bytes, () => {
      if (afterwards === 'close') socket.end();
      // Not before the bytes have gone.
      if (afterwards === 'reset') setTimeout(() => socket.resetAndDestroy?.(), 5);
    });
    if (bytes.length === 0 && afterwards === 'reset') socket.resetAndDestroy?.();
  }, after);
}

function readRequest(bytes: Buffer): { readonly request: FakeRequest; readonly bytes: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  const length = Number(headers['content-length'] ?? 0);
  if (bytes.length < end + 4 + length) return undefined;
  const body = bytes.toString('utf8', end + 4, end + 4 + length);
  const [method = '', path = ''] = first.split(' ');
  return { request: { method, path, headers, body, form: new URLSearchParams(body) }, bytes: end + 4 + length };
}
