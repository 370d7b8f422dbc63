import { Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as TlsAgent } from 'node:https';
import type { LogsErrors } from './logs-errors.js';
import { onAbort } from './on-abort.js';

/** Idle connections are closed before the server closes them (60 s), so that no request meets one that is just going. */
const IDLE_MS = 20_000;
const ERROR_BYTES = 16 << 10;

/** No connection was made: trying again at once cannot help. */
const NO_CONNECTION = /^(ECONNREFUSED|ENOTFOUND|EAI_|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|EADDRNOTAVAIL|ENOENT|EACCES)/;
/** Of certificates and handshakes. */
const TLS_TROUBLE = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_OSSL|INVALID_CA|HOSTNAME_MISMATCH|CRL_)/;

export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly servername?: string;
}

export interface ExchangeRequest {
  readonly method: 'GET' | 'POST';
  /** Below the configured URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** When an exchange must end. */
export interface Bounds {
  readonly signal: AbortSignal;
  /** performance.now() */
  readonly until: number;
  /** What `until` came of, for the error. */
  readonly timeout: number;
}

/** An answer that has begun. */
export interface Answer {
  readonly status: number;
  readonly message: IncomingMessage;
  /** The body, to its very end or an error; whoever leaves it earlier closes the connection. */
  readonly body: AsyncIterable<Buffer>;
  /** The body as text, not more of it than that of an error needs; closes the connection where there is more. */
  errorText(): Promise<string>;
}

/** Thrown where the same request may be sent again: a 503 or a connection that went, before anything of the answer was used. */
export class Retryable extends Error {
  constructor(readonly error: Error) {
    super(error.message);
  }
}

/** The connections to one server. Redirects are not followed, since they would take credentials elsewhere; answers are taken as they are, not packed. */
export class LogsConnections {
  readonly #agent: Agent;
  readonly #base: URL;

  constructor(
    url: string,
    tls: TlsFiles,
    private readonly errors: LogsErrors,
  ) {
    this.#base = new URL(url);
    const options = { keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo' as const };
    this.#agent = this.#base.protocol === 'https:' ? new TlsAgent({ ...options, ...tls, rejectUnauthorized: true }) : new Agent(options);
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Throws Retryable, or an error as the contract has them. */
  async send({ method, path, headers, body }: ExchangeRequest, bounds: Bounds): Promise<Answer> {
    const { signal, until, timeout } = bounds;
    signal.throwIfAborted();
    const left = until - performance.now();
    if (left <= 0) throw this.errors.timeout(timeout);
    const send = this.#base.protocol === 'https:' ? requestHttps : requestHttp;
    const outgoing = send(`${this.#base.href.replace(/\/+$/, '')}${path}`, {
      method,
      agent: this.#agent,
      headers: { ...headers, 'accept-encoding': 'identity', 'content-length': body.length },
    });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      outgoing.destroy();
    }, left);
    const settled = onAbort(signal, () => void outgoing.destroy());
    const done = (): void => {
      clearTimeout(timer);
      settled();
    };
    const failed = (error: unknown): unknown => {
      if (signal.aborted) return signal.reason;
      return late ? this.errors.timeout(timeout, error) : this.#failure(error);
    };
    try {
      const message = await new Promise<IncomingMessage>((resolve, reject) => {
        outgoing.once('response', resolve);
        // Stays: what comes after the answer began is told by the answer itself.
        outgoing.on('error', reject);
        outgoing.once('close', () => reject(new Error('the connection was closed')));
        outgoing.end(body);
      });
      const status = message.statusCode ?? 0;
      if (status >= 300 && status < 400) {
        message.destroy();
        throw this.errors.unreachable(`it redirects to ${hostOf(message.headers.location)}, which is not followed`);
      }
      // Also where nobody reads the body.
      message.once('close', done);
      const stream = bodyOf(message, { failed, done, destroy: () => outgoing.destroy() });
      return { status, message, body: stream, errorText: () => firstText(stream) };
    } catch (error) {
      done();
      outgoing.destroy();
      throw error instanceof Error && error.name === 'TimelineError' ? error : failed(error);
    }
  }

  #failure(error: unknown): unknown {
    const code = (error as { readonly code?: unknown } | undefined)?.code;
    const text = error instanceof Error && error.message !== '' ? error.message : String(code ?? error);
    if (typeof code === 'string' && (NO_CONNECTION.test(code) || TLS_TROUBLE.test(code))) return this.errors.unreachable(text, error);
    return new Retryable(this.errors.broken(text, error));
  }
}

async function* bodyOf(
  message: IncomingMessage,
  { failed, done, destroy }: { readonly failed: (error: unknown) => unknown; readonly done: () => void; readonly destroy: () => void },
): AsyncGenerator<Buffer> {
  let whole = false;
  try {
    for await (const chunk of message) yield chunk as Buffer;
    if (!message.complete) throw new Error('the connection was closed');
    whole = true;
  } catch (error) {
    throw failed(error);
  } finally {
    done();
    if (!whole) destroy();
  }
}

async function firstText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ERROR_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, ERROR_BYTES).toString();
}

function hostOf(location: string | undefined): string {
  try {
    return new URL(location ?? '').host;
  } catch {
    return 'another place';
  }
}
