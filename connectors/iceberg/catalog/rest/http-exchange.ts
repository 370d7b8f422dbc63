/** One request as it goes out; `url` carries the query. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface HttpAnswer {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** No whole answer. `sent`: the server may have got the request. */
export interface HttpFailure {
  readonly kind: 'failure';
  readonly why: string;
  readonly sent: boolean;
  /** Trying again cannot help (too large, a redirect). */
  readonly final: boolean;
  readonly cause: unknown;
}

/** Errors of connections that were never made. */
const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

/** One request, one answer: bounded in time and bytes; redirects are not followed, since they would take credentials elsewhere. */
export async function exchange(
  request: HttpRequest,
  options: { readonly timeout: number; readonly maxBytes: number; readonly signal: AbortSignal | undefined },
): Promise<HttpAnswer | HttpFailure> {
  const timeout = AbortSignal.timeout(options.timeout);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([timeout, options.signal]);
  try {
    const answer = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      redirect: 'manual',
      signal,
      ...(request.body === undefined ? {} : { body: request.body }),
    });
    if (answer.status >= 300 && answer.status < 400 && answer.status !== 304) {
      await answer.body?.cancel();
      return failure(`it redirects to ${hostOf(answer.headers.get('location'))}, which is not followed`, { final: true });
    }
    const text = await readText(answer, options.maxBytes);
    if (text === undefined) return failure(`its answer has more than ${options.maxBytes} bytes`, { final: true });
    return { kind: 'answer', status: answer.status, headers: answer.headers, text };
  } catch (error) {
    if (timeout.aborted) return failure(`no answer within ${options.timeout / 1000} s`, { cause: error });
    const code = codeOf(error);
    return failure(messageOf(error), { cause: error, sent: code === undefined || !NOT_SENT.has(code) });
  }
}

function failure(why: string, extra: Partial<HttpFailure>): HttpFailure {
  return { kind: 'failure', why, sent: true, final: false, cause: undefined, ...extra };
}

/** Undefined: more than `maxBytes`. The bytes are counted unpacked. */
async function readText(answer: Response, maxBytes: number): Promise<string | undefined> {
  if (answer.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = answer.body.getReader() as ReadableStreamDefaultReader<Uint8Array>;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes > maxBytes) {
      await reader.cancel();
      return undefined;
    }
    chunks.push(value);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function hostOf(location: string | null): string {
  try {
    return new URL(location ?? '').host;
  } catch {
    return 'another place';
  }
}

/** fetch says "fetch failed" and keeps the reason in its cause. */
function messageOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (!(cause instanceof Error)) return String(cause);
  return cause.message !== '' ? cause.message : (codeOf(error) ?? cause.name);
}

function codeOf(error: unknown): string | undefined {
  for (const one of [error instanceof Error ? error.cause : undefined, error]) {
    const code = (one as { readonly code?: unknown } | undefined)?.code;
    if (typeof code === 'string') return code;
  }
  return undefined;
}
