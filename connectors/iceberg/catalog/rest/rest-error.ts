import { type ErrorDetails, TimelineError } from '../../../../sql/errors.js';

const MESSAGE_CHARACTERS = 400;

/** An answer of the server that is no success, with what it says of it. */
export interface RestFailure {
  readonly status: number;
  /** The server's name for it, such as NoSuchTableException. */
  readonly type: string | undefined;
  readonly message: string;
}

/** Reads `{"error": {"message", "type", "code"}}`; other bodies tell nothing that may be shown. */
export function readFailure(status: number, text: string, secrets: readonly string[]): RestFailure {
  let error: unknown;
  try {
    const json = JSON.parse(text) as { readonly error?: unknown; readonly error_description?: unknown } | null;
    // OAuth's own form has a text here.
    error = typeof json?.error === 'string' ? { type: json.error, message: json.error_description ?? json.error } : json?.error;
  } catch {
    error = undefined;
  }
  const field = (name: string): string | undefined => {
    const value = (error as Record<string, unknown> | null | undefined)?.[name];
    return typeof value === 'string' ? clean(value, secrets) : undefined;
  };
  return { status, type: field('type'), message: field('message') ?? 'it does not say why' };
}

/** One line, bounded, without what we sent to prove who we are. */
function clean(text: string, secrets: readonly string[]): string {
  let result = text;
  for (const secret of secrets.filter((one) => one !== '')) {
    // A form's body, shown back, has it encoded.
    const form = new URLSearchParams({ '': secret }).toString().slice(1);
    for (const spelled of [secret, form, form.replaceAll('+', '%20')]) result = result.replaceAll(spelled, '***');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  result = result.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
  return result.length > MESSAGE_CHARACTERS ? `${result.slice(0, MESSAGE_CHARACTERS)}…` : result;
}

/** What a failed answer means to the user. */
export function refused(catalog: string, what: string, failure: RestFailure): TimelineError {
  const name = failure.type === undefined ? '' : ` ${failure.type}`;
  const message = `catalog "${catalog}" answers ${failure.status}${name} to ${what}: ${failure.message}`;
  return new TimelineError({ kind: 'connector', message, ...classOf(failure.status) });
}

function classOf(status: number): Pick<ErrorDetails, 'sqlstate' | 'retryable' | 'hint'> {
  if (status === 401 || status === 419) return { sqlstate: '42501', hint: 'Check catalog.auth in the configuration.' };
  if (status === 403) return { sqlstate: '42501' };
  if (status === 406 || status === 501) return { sqlstate: '0A000' };
  if (status === 429 || status >= 500) return { sqlstate: '08001', retryable: true };
  return { sqlstate: '58030' };
}

/** 08001: nobody answers. */
export function unreachable(catalog: string, why: string, cause?: unknown): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08001',
    message: `catalog "${catalog}" cannot be reached: ${why}`,
    retryable: true,
    cause,
  });
}

/** 58030: an answer that is not what the protocol says. */
export function badAnswer(catalog: string, what: string, why: string): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '58030',
    message: `catalog "${catalog}" gives an answer to ${what} that is not of Iceberg's REST protocol: ${why}`,
  });
}
