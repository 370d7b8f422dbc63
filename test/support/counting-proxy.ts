import { createServer, request } from 'node:http';

export interface CountingProxy {
  readonly endpoint: string;
  /** Bytes of bodies of answered GETs, for paths that end as asked, since the last call. */
  bytes(): number;
  /** Answers are held back until this is called again with false. */
  hold(on: boolean): void;
  close(): Promise<void>;
}

/** Stands between a client and an HTTP server and counts what is downloaded; nobody else knows what really crossed. */
export async function startCountingProxy(target: string, ending: string): Promise<CountingProxy> {
  let counted = 0;
  let held = false;
  const server = createServer((incoming, outgoing) => {
    const forward = request(target, { method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
      const counts = incoming.method === 'GET' && (incoming.url ?? '').split('?')[0]!.endsWith(ending);
      const send = (): void => {
        if (held && counts) return;
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('data', (chunk: Buffer) => {
          if (counts) counted += chunk.length;
        });
        answer.pipe(outgoing);
      };
      send();
    });
    forward.on('error', () => outgoing.destroy());
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    bytes: () => {
      const sum = counted;
      counted = 0;
      return sum;
    },
    hold: (on) => {
      held = on;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
