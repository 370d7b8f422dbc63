import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** What happens to one request. `late`: how many milliseconds its answer waits. */
export type Fault =
  | { readonly kind: 'reset' }
  | { readonly kind: 'cut'; readonly after: number }
  | { readonly kind: 'stall'; readonly after: number }
  | { readonly kind: 'answer'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'headers'; readonly change: Readonly<Record<string, string>> }
  | { readonly kind: 'flip'; readonly at: number; readonly sum?: (original: Buffer) => Readonly<Record<string, string>> }
  | { readonly kind: 'lost' }
  | { readonly kind: 'late'; readonly ms: number };

export interface FaultProxy {
  readonly endpoint: string;
  /** The fault for the next request that `when` picks; it happens once. */
  once(fault: Fault, when?: (incoming: IncomingMessage) => boolean): void;
  /** Faults that have not happened will not. */
  clear(): void;
  /** Of every request. */
  delay(ms: number): void;
  /** Faults that happened, in order. */
  readonly fired: readonly Fault['kind'][];
  /** Requests seen, `METHOD path range`, and the times they came at, since the last call. */
  seen(): readonly { readonly text: string; readonly at: number; readonly bytes: number }[];
  close(): Promise<void>;
}

/** Stands between a client and an S3 server, and breaks what it is told to break. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const waiting: { fault: Fault; when: (incoming: IncomingMessage) => boolean }[] = [];
  const fired: Fault['kind'][] = [];
  let seen: { text: string; at: number; bytes: number }[] = [];
  let delayed = 0;
  const server = createServer((incoming, outgoing) => {
    const entry = { text: `${incoming.method} ${incoming.url} ${incoming.headers.range ?? ''}`.trim(), at: performance.now(), bytes: 0 };
    seen.push(entry);
    const index = waiting.findIndex(({ when }) => when(incoming));
    const fault = index < 0 ? undefined : waiting.splice(index, 1)[0]?.fault;
    if (fault !== undefined) fired.push(fault.kind);
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      if (fault?.kind === 'reset') return void incoming.socket.resetAndDestroy();
      if (fault?.kind === 'answer') {
        outgoing.writeHead(fault.status, { ...fault.headers, 'content-type': 'application/xml' });
        return void outgoing.end('<Error><Code>SlowDown</Code><Message>no</Message></Error>');
      }
      const forward = request(target, { method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
        const body: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => body.push(chunk));
        answer.on('end', () => {
          const bytes = Buffer.concat(body);
          entry.bytes = incoming.method === 'GET' ? bytes.length : 0;
          setTimeout(() => send(answer, bytes, outgoing, fault), delayed + (fault?.kind === 'late' ? fault.ms : 0));
        });
      });
      forward.on('error', () => outgoing.destroy());
      forward.end(Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    endpoint: `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`,
    once: (fault, when = () => true) => {
      waiting.push({ fault, when });
    },
    clear: () => {
      waiting.length = 0;
    },
    delay: (ms) => {
      delayed = ms;
    },
    fired,
    seen: () => {
      const last = seen;
      seen = [];
      return last;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function send(answer: IncomingMessage, body: Buffer, outgoing: ServerResponse, fault: Fault | undefined): void {
  if (fault?.kind === 'lost') return void outgoing.socket?.resetAndDestroy();
  const headers: Record<string, string | string[] | undefined> = { ...answer.headers, ...(fault?.kind === 'headers' ? fault.change : {}) };
  const bytes = Buffer.from(body);
  if (fault?.kind === 'flip') {
    Object.assign(headers, fault.sum?.(body) ?? {});
    bytes[fault.at] = (bytes[fault.at] ?? 0) ^ 0xff;
  }
  outgoing.writeHead(answer.statusCode ?? 502, headers);
  if (fault?.kind !== 'cut' && fault?.kind !== 'stall') return void outgoing.end(bytes);
  outgoing.write(bytes.subarray(0, fault.after), () => {
    if (fault.kind === 'cut') outgoing.socket?.resetAndDestroy();
  });
}
