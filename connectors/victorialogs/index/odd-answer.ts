import { TimelineError } from '../../../sql/errors.js';

/** 08P01: a whole answer that does not fit what was asked, or what was answered before. A search takes it for a reason to scan. */
export function oddAnswer(what: string): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '08P01', message: `VictoriaLogs answers with ${what}` });
}

/** Why an index is of no use, where something failed. */
export function troubleOf(error: unknown): string {
  return error instanceof TimelineError ? error.message : 'its certificates cannot be read';
}
