import { TimelineError } from '../../../sql/errors.js';
import type { LogsAuth } from '../config.js';

const TEXT_CHARACTERS = 500;

/** Errors of one server, by its name; what a server says is shown in one line, bounded, and without what was sent to prove who we are. */
export class LogsErrors {
  readonly #secrets: readonly string[];

  constructor(
    private readonly name: string,
    auth: LogsAuth,
  ) {
    this.#secrets = secretsOf(auth);
  }

  /** 08001: nobody answers, or somebody else. */
  unreachable(why: string, cause?: unknown): TimelineError {
    return this.#error({ sqlstate: '08001', message: `cannot be reached: ${this.clean(why)}`, retryable: true, cause });
  }

  /** 08006: the answer is not whole. */
  broken(why: string, cause?: unknown): TimelineError {
    return this.#error({ sqlstate: '08006', message: `gave no whole answer: ${this.clean(why)}`, retryable: true, cause });
  }

  timeout(milliseconds: number, cause?: unknown): TimelineError {
    return this.#error({ sqlstate: '57014', message: `did not answer within ${milliseconds / 1000} s`, retryable: true, cause });
  }

  tooLong(what: string): TimelineError {
    return this.#error({ sqlstate: '53400', message: what });
  }

  unsupported(what: string): TimelineError {
    return new TimelineError({ kind: 'unsupported', sqlstate: '0A000', message: `VictoriaLogs "${this.name}": ${what}` });
  }

  configuration(why: string, cause: unknown): TimelineError {
    return new TimelineError({ kind: 'semantic', sqlstate: 'F0000', message: `VictoriaLogs "${this.name}": ${why}`, cause });
  }

  /** An answer that is no success. */
  refused(status: number, text: string, timeout: number): TimelineError {
    if (status === 401 || status === 403)
      return this.#error({
        sqlstate: '28000',
        message: `refuses our credentials (${status})`,
        hint: 'Check auth and tenant of the catalog.',
      });
    if (status === 503 && text.includes("couldn't be executed in")) return this.timeout(timeout);
    const said = `${status} ${this.clean(text)}`.trim();
    if (status === 413) return this.tooLong(`takes no request of that size: ${said}`);
    // It repeats the whole query before it says so.
    if (status === 400 && /requires more than \d+MB of memory/.test(text))
      return this.#error({ sqlstate: '53200', message: 'has not the memory that the query takes' });
    if (status === 400 || status === 422) return this.#error({ sqlstate: '42601', message: `rejects the query: ${said}` });
    if (status === 404 || status === 405)
      return this.#error({ sqlstate: '08001', message: `is not at the url given: ${said}`, hint: 'Check url of the catalog.' });
    return this.unreachable(said);
  }

  clean(text: string): string {
    let result = text;
    for (const secret of this.#secrets) result = result.replaceAll(secret, '***');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
    result = result.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
    return result.length > TEXT_CHARACTERS ? `${result.slice(0, TEXT_CHARACTERS)}…` : result;
  }

  #error(details: {
    readonly sqlstate: string;
    readonly message: string;
    readonly hint?: string;
    readonly retryable?: boolean;
    readonly cause?: unknown;
  }): TimelineError {
    return new TimelineError({ kind: 'connector', ...details, message: `VictoriaLogs "${this.name}" ${details.message}` });
  }
}

/** As it may stand in a header. */
export function authorization(auth: LogsAuth): string | undefined {
  switch (auth.type) {
    case 'none':
      return undefined;
    case 'basic':
      return `Basic ${Buffer.from(`${auth.username}:${auth.password}`).toString('base64')}`;
    case 'bearer':
      return `Bearer ${auth.token}`;
  }
}

function secretsOf(auth: LogsAuth): readonly string[] {
  const plain = auth.type === 'basic' ? auth.password : auth.type === 'bearer' ? auth.token : '';
  const header = authorization(auth)?.split(' ')[1] ?? '';
  const shown = [plain, header].flatMap((one) => [
    one,
    // As a URL, a form, a page, and JSON or Go's %q would show them.
    encodeURIComponent(one),
    new URLSearchParams({ one }).toString().slice('one='.length),
    ...htmlOf(one),
    JSON.stringify(one).slice(1, -1),
  ]);
  // What is part of another goes last: nothing of that may stay.
  return [...new Set(shown)].filter((one) => one !== '').sort((a, b) => b.length - a.length);
}

function htmlOf(text: string): readonly string[] {
  const safe = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return [
    safe.replaceAll('"', '&quot;').replaceAll("'", '&#39;'),
    safe.replaceAll('"', '&quot;').replaceAll("'", '&#x27;'),
    // Go's html package
    safe.replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
  ];
}
