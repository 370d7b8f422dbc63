import { setTimeout as sleep } from 'node:timers/promises';
import { retryAfterMs } from '../../../../src/object-store/retry.js';
import { type Json, parseExactJson, printExactJson } from '../../format/exact-json.js';
import { type Authenticator, authenticator } from './authenticator.js';
import { exchange, type HttpAnswer, type HttpFailure, type HttpRequest } from './http-exchange.js';
import type { RestCatalogConfig } from './rest-config.js';
import { badAnswer, type RestFailure, readFailure, refused, unreachable } from './rest-error.js';

export interface RestRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  /** Below the catalog's URI, encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal | undefined;
  /** For errors: "the list of namespaces". */
  readonly what: string;
  /** Doing it twice is no harm: it is tried again when no answer comes. */
  readonly repeatable: boolean;
}

export type RestAnswer =
  | { readonly kind: 'ok'; readonly status: number; readonly headers: Headers; readonly text: string }
  | { readonly kind: 'refused'; readonly failure: RestFailure }
  /** Nobody knows whether it was done. */
  | { readonly kind: 'unknown'; readonly why: string; readonly cause: unknown }
  /** It was not done. */
  | { readonly kind: 'unreachable'; readonly why: string; readonly cause: unknown };

const MAX_BYTES = 64 << 20;
const ATTEMPTS = 4;
const LONGEST_PAUSE_MS = 10_000;
/** Configured headers whose values no error may show. */
const SECRET_NAME = /auth|token|key|secret|cookie|password/i;
/** Refusals after which the server may do it all the same. */
const UNSURE = new Set([500, 502, 503, 504]);

/** Requests to one REST catalog: authorised, retried where that is safe, with errors that tell nothing secret. */
export class RestClient {
  readonly #catalog: string;
  readonly #config: RestCatalogConfig;
  readonly #auth: Authenticator;

  constructor(catalog: string, config: RestCatalogConfig) {
    this.#catalog = catalog;
    this.#config = config;
    this.#auth = authenticator(catalog, config);
  }

  /** A request that must succeed, and its JSON. */
  async json(request: RestRequest): Promise<Json> {
    return this.parse(request, await this.expect(request));
  }

  /** Throws for every answer but success. */
  async expect(request: RestRequest): Promise<RestAnswer & { readonly kind: 'ok' }> {
    const answer = await this.send(request);
    if (answer.kind === 'ok') return answer;
    throw this.error(request, answer);
  }

  error(request: RestRequest, answer: Exclude<RestAnswer, { readonly kind: 'ok' }>): Error {
    if (answer.kind === 'refused') return refused(this.#catalog, request.what, answer.failure);
    return unreachable(this.#catalog, answer.why, answer.cause);
  }

  parse(request: RestRequest, answer: RestAnswer & { readonly kind: 'ok' }): Json {
    try {
      return parseExactJson(answer.text);
    } catch {
      // The text itself may be anything, and stays unshown.
      const type = answer.headers.get('content-type')?.slice(0, 60) ?? 'without a content type';
      throw badAnswer(this.#catalog, request.what, `it is not JSON (${type}, ${answer.text.length} characters)`);
    }
  }

  bad(what: string, why: string): Error {
    return badAnswer(this.#catalog, what, why);
  }

  async send(request: RestRequest): Promise<RestAnswer> {
    let renewed = false;
    let unsure: (RestAnswer & { readonly kind: 'unknown' }) | undefined;
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted();
      const answer = await this.#once(request);
      if (request.signal?.aborted === true && (request.repeatable || (answer.kind === 'failure' && !answer.sent)))
        throw request.signal.reason;
      const outcome = this.#judge(answer, request);
      if (outcome.kind === 'refused') {
        const { status } = outcome.failure;
        // The request was not looked at: doing it again with a new token is safe for all of them.
        if ((status === 401 || status === 419) && !renewed && this.#auth.renew()) {
          renewed = true;
          attempt -= 1;
          continue;
        }
        // A refusal after an unknown outcome may be due to our own success.
        if (status !== 429 || attempt >= ATTEMPTS) return unsure ?? outcome;
      } else if (outcome.kind === 'ok') {
        return outcome;
      } else {
        if (outcome.kind === 'unknown') unsure = outcome;
        const final = answer.kind === 'failure' && answer.final;
        if (!request.repeatable || final || attempt >= ATTEMPTS) {
          if (request.repeatable && answer.kind === 'answer') return { kind: 'refused', failure: this.#failure(answer) };
          return unsure ?? outcome;
        }
      }
      await sleep(pause(attempt, answer), undefined, request.signal === undefined ? {} : { signal: request.signal });
    }
  }

  #judge(answer: HttpAnswer | HttpFailure, request: RestRequest): RestAnswer {
    if (answer.kind === 'failure') {
      const { why, cause } = answer;
      return answer.sent && !request.repeatable
        ? { kind: 'unknown', why, cause }
        : { kind: answer.sent ? 'unknown' : 'unreachable', why, cause };
    }
    if ((answer.status >= 200 && answer.status < 300) || answer.status === 304) return { ...answer, kind: 'ok' };
    const failure = this.#failure(answer);
    if (!UNSURE.has(answer.status)) return { kind: 'refused', failure };
    return { kind: 'unknown', why: `it answers ${answer.status}: ${failure.message}`, cause: undefined };
  }

  #failure(answer: HttpAnswer): RestFailure {
    const own = Object.entries(this.#config.headers).flatMap(([name, value]) =>
      SECRET_NAME.test(name) ? [value, value.slice(value.lastIndexOf(' ') + 1)] : [],
    );
    return readFailure(answer.status, answer.text, [...this.#auth.secrets, ...own]);
  }

  async #once(request: RestRequest): Promise<HttpAnswer | HttpFailure> {
    const url = new URL(`${this.#config.uri}${request.path}`);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const body = request.body === undefined ? undefined : printExactJson(request.body);
    const headers = {
      ...this.#config.headers,
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...request.headers,
    };
    const plain: HttpRequest = { method: request.method, url, headers, body };
    const proof = await this.#auth.headersFor(plain, request.signal);
    return exchange(
      { ...plain, headers: { ...headers, ...proof } },
      { timeout: this.#config.timeout, maxBytes: request.maxBytes ?? MAX_BYTES, signal: request.signal },
    );
  }
}

function pause(attempt: number, answer: HttpAnswer | HttpFailure): number {
  const after = answer.kind === 'answer' ? (retryAfterMs(answer.headers.get('retry-after') ?? undefined) ?? 0) : 0;
  const own = Math.random() * 100 * 2 ** attempt;
  return Math.min(LONGEST_PAUSE_MS, after + own);
}
