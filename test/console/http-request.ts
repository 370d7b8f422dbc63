import { type IncomingHttpHeaders, request } from 'node:http';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** One request to loopback, with headers as given: `host` and `origin` too, which fetch() would not send. */
export function ask(options: {
  readonly port: number;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  readonly signal?: AbortSignal;
}): Promise<HttpAnswer> {
  const { port, path, method = 'GET', headers = {}, body, signal } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      { host: '127.0.0.1', port, path, method, headers, agent: false, ...(signal === undefined ? {} : { signal }) },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString() }),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** The error that an answer tells. */
export function errorOf({ body }: HttpAnswer): {
  readonly sqlstate: string;
  readonly message: string;
  readonly hint?: string;
  readonly position?: number;
} {
  return (JSON.parse(body) as { error: { sqlstate: string; message: string } }).error;
}
