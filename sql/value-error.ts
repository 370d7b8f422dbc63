import { TimelineError } from './errors.js';

/** 22P02, in PostgreSQL's words. `type`: the type's SQL name (`integer`). */
export function invalidInput(type: string, text: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22P02', message: `invalid input syntax for type ${type}: "${shorten(text)}"` });
}

/** 22003, for numbers. */
export function outOfRange(type: string, text: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22003', message: `value "${shorten(text)}" is out of range for type ${type}` });
}

/** 22007: dates and times that cannot be read. */
export function invalidDateTime(type: string, text: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22007', message: `invalid input syntax for type ${type}: "${shorten(text)}"` });
}

/** 22008: well formed, but no such day or hour. */
export function dateTimeOverflow(text: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22008', message: `date/time field value out of range: "${shorten(text)}"` });
}

function shorten(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
