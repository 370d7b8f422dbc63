/** Which part of the system an error belongs to; decides nothing but how it is counted and shown. */
export type ErrorKind = 'syntax' | 'semantic' | 'unsupported' | 'data' | 'limit' | 'cancelled' | 'connector' | 'protocol' | 'internal';

export interface ErrorDetails {
  readonly kind: ErrorKind;
  /** Five characters, as in PostgreSQL's appendix A. */
  readonly sqlstate: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** 1-based, in characters (code points) of the statement text that the client sent. */
  readonly position?: number;
  /** May the same work succeed if it is simply tried again? */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The one error class: everything a user can see is thrown as this. */
export class TimelineError extends Error {
  readonly kind: ErrorKind;
  readonly sqlstate: string;
  readonly detail: string | undefined;
  readonly hint: string | undefined;
  readonly position: number | undefined;
  readonly retryable: boolean;

  constructor(details: ErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'TimelineError';
    this.kind = details.kind;
    this.sqlstate = details.sqlstate;
    this.detail = details.detail;
    this.hint = details.hint;
    this.position = details.position;
    this.retryable = details.retryable ?? false;
  }

  /** A copy at another position (texts are rewritten before Postgres sees them, and positions mapped back). */
  at(position: number | undefined): TimelineError {
    return new TimelineError({ ...this.toJSON(), cause: this.cause, position });
  }

  /** Plain data, to cross threads, processes and workflow history. */
  toJSON(): ErrorDetails {
    return {
      kind: this.kind,
      sqlstate: this.sqlstate,
      message: this.message,
      detail: this.detail,
      hint: this.hint,
      position: this.position,
      retryable: this.retryable,
    };
  }

  static fromJSON(details: ErrorDetails): TimelineError {
    return new TimelineError(details);
  }
}

/** 0A000: what PostgreSQL knows and we do not yet; names the thing. */
export function unsupported(what: string, extra: { hint?: string; position?: number } = {}): TimelineError {
  return new TimelineError({ kind: 'unsupported', sqlstate: '0A000', message: `${what} is not supported yet`, ...extra });
}

/** 54001: a tree of the statement is deeper than our recursion over it. */
export function tooDeep(cause?: unknown): TimelineError {
  return new TimelineError({
    kind: 'limit',
    sqlstate: '54001',
    message: 'stack depth limit exceeded',
    hint: 'The statement is nested too deeply.',
    cause,
  });
}

/** XX000: a fault of ours. */
export function internal(message: string, cause?: unknown): TimelineError {
  return new TimelineError({ kind: 'internal', sqlstate: 'XX000', message, cause });
}

/** Any thrown thing as a TimelineError; a foreign one becomes an internal error that keeps it as its cause. */
export function asTimelineError(thrown: unknown): TimelineError {
  if (thrown instanceof TimelineError) return thrown;
  // Trees are walked by recursion: it is the statement that is too deep.
  if (thrown instanceof RangeError && /call stack/i.test(thrown.message)) return tooDeep(thrown);
  return internal(thrown instanceof Error ? thrown.message : String(thrown), thrown);
}
