import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface FakeAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  /** Sent as it is. */
  readonly text?: string;
  /** The connection is cut after this many bytes of the text. */
  readonly cutAfter?: number;
  /** Milliseconds before the answer; `never`: none at all. */
  readonly delay?: number | 'never';
}

export interface FakeRest {
  readonly uri: string;
  readonly requests: FakeRequest[];
  /** Decides each answer; undefined: 404. */
  answer: (request: FakeRequest) => FakeAnswer | undefined;
  close(): Promise<void>;
}

export async function startFakeRest(): Promise<FakeRest> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://x');
      const seen = {
        method: request.method ?? '',
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
      };
      fake.requests.push(seen);
      send(response, fake.answer(seen) ?? failure(404, 'NoSuchTableException'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const fake: FakeRest = {
    uri: `http://127.0.0.1:${port}`,
    requests: [],
    answer: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}

export function failure(status: number, type: string, message = 'no'): FakeAnswer {
  return { status, json: { error: { message, type, code: status } } };
}

function send(response: ServerResponse, answer: FakeAnswer): void {
  if (answer.delay === 'never') return;
  const text = answer.text ?? (answer.json === undefined ? '' : JSON.stringify(answer.json));
  setTimeout(() => {
    response.writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers });
    if (answer.cutAfter === undefined) return void response.end(text);
    response.write(text.slice(0, answer.cutAfter), () => response.destroy());
  }, answer.delay ?? 0);
}
