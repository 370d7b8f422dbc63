import { TimelineError } from '../../../sql/errors.js';

/** Thrown inside of the decoder for bytes that cannot be right; whoever knows file and column makes a TimelineError of it. */
export class Damage extends Error {}

/** XX001. `location`: the file as errors name it; `column`: the leaf's path. */
export function damageOf(location: string, column: string | undefined, damage: Damage): TimelineError {
  const where = column === undefined ? '' : `column "${column}": `;
  return new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `file "${location}" is corrupt: ${where}${damage.message}` });
}

/** 58030: the file cannot be read just now. */
export function unreadable(location: string, cause: unknown): TimelineError {
  const code = (cause as { readonly code?: unknown }).code;
  return new TimelineError({
    kind: 'data',
    sqlstate: '58030',
    message: `file "${location}" cannot be read (${typeof code === 'string' ? code : 'input/output error'})`,
    retryable: true,
    cause,
  });
}

/** 54000: well formed, but larger than what is decoded in memory. */
export function beyondMeasure(what: string): TimelineError {
  return new TimelineError({ kind: 'limit', sqlstate: '54000', message: `${what} is too large to be decoded` });
}
