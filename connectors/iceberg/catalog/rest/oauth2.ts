import { setTimeout as sleep } from 'node:timers/promises';
import type { Authenticator } from './authenticator.js';
import { exchange } from './http-exchange.js';
import type { OAuth2Auth } from './rest-config.js';
import { badAnswer, readFailure, refused, unreachable } from './rest-error.js';

interface Token {
  readonly text: string;
  /** Milliseconds since 1970 from which on another one is asked for. */
  readonly renewAt: number;
}

const MAX_TOKEN_BYTES = 1 << 20;
const DEFAULT_LIFE_MS = 3_600_000;
const MARGIN_MS = 60_000;
const ATTEMPTS = 3;

/** Client credentials (RFC 6749, 4.4): one token for all requests, renewed before it expires. */
export class OAuth2 implements Authenticator {
  readonly #options: { readonly catalog: string; readonly auth: OAuth2Auth; readonly tokenUri: string; readonly timeout: number };
  #token: Token | undefined;
  #asking: Promise<Token> | undefined;

  constructor(options: { readonly catalog: string; readonly auth: OAuth2Auth; readonly tokenUri: string; readonly timeout: number }) {
    this.#options = options;
  }

  get secrets(): readonly string[] {
    return [this.#options.auth.clientSecret, this.#token?.text ?? ''];
  }

  async headersFor(): Promise<Readonly<Record<string, string>>> {
    if (this.#token === undefined || Date.now() >= this.#token.renewAt) {
      // One statement's abort must not fail the others that wait for the same token: no signal here, the timeout bounds it.
      this.#asking ??= this.#ask().finally(() => {
        this.#asking = undefined;
      });
      this.#token = await this.#asking;
    }
    return { authorization: `Bearer ${this.#token.text}` };
  }

  renew(): boolean {
    this.#token = undefined;
    return true;
  }

  async #ask(): Promise<Token> {
    const { catalog, auth, tokenUri, timeout } = this.#options;
    const what = 'the request of a token';
    const body = new URLSearchParams({
      ...auth.extra,
      grant_type: 'client_credentials',
      client_id: auth.clientId,
      client_secret: auth.clientSecret,
      ...(auth.scope === '' ? {} : { scope: auth.scope }),
    }).toString();
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
    for (let attempt = 1; ; attempt++) {
      const asked = Date.now();
      const request = { method: 'POST', url: new URL(tokenUri), headers, body } as const;
      const answer = await exchange(request, { timeout, maxBytes: MAX_TOKEN_BYTES, signal: undefined });
      const again = answer.kind === 'failure' ? !answer.final : answer.status === 429 || answer.status >= 500;
      if (again && attempt < ATTEMPTS) {
        await sleep(Math.random() * 100 * 2 ** attempt);
        continue;
      }
      if (answer.kind === 'failure') throw unreachable(catalog, `its token endpoint: ${answer.why}`, answer.cause);
      if (answer.status !== 200)
        throw refused(catalog, what, readFailure(answer.status === 400 ? 401 : answer.status, answer.text, this.secrets));
      return readToken(answer.text, asked) ?? fail(badAnswer(catalog, what, 'it holds no access_token'));
    }
  }
}

function readToken(text: string, asked: number): Token | undefined {
  try {
    const json = JSON.parse(text) as { readonly access_token?: unknown; readonly expires_in?: unknown } | null;
    const token = json?.access_token;
    if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined;
    const life = typeof json?.expires_in === 'number' && json.expires_in > 0 ? json.expires_in * 1000 : DEFAULT_LIFE_MS;
    return { text: token, renewAt: asked + life - Math.min(MARGIN_MS, life / 4) };
  } catch {
    return undefined;
  }
}

function fail(error: Error): never {
  throw error;
}
