import { internal, TimelineError } from '../../../sql/errors.js';
import { printInstant } from '../instant.js';
import type { LogsFilter, LogsGroup, LogsPipe, LogsQuery, LogsStat } from './syntax.js';

/** What the server takes of a form is 10 MB after percent-encoding. */
const MAX_FORM_BYTES = 9_000_000;
/** The server parses by recursion, and a stack that overflows ends its process. */
const MAX_DEPTH = 200;

/**
 * A query as text. Errors: 54000 longer than the server takes, 54001 nested too deeply, 22021 half of a surrogate pair. Names that LogsQL
 * cannot name as they are (empty, `*` at the end, `_time` as an ordinary field) are faults of whoever made the tree: XX000.
 */
export function printQuery(query: LogsQuery): string {
  const pipes = query.pipes.map((pipe, at) => ` | ${printPipe(pipe, query.pipes[at - 1])}`);
  return bounded(filterText(query.filter, 0) + pipes.join(''));
}

/** A filter as text; errors as `printQuery`. */
export function printFilter(filter: LogsFilter): string {
  return bounded(filterText(filter, 0));
}

/** How many bytes a text takes in a form, at most. */
export function formBytes(text: string): number {
  // What is neither letter nor digit becomes three bytes for each of UTF-8's.
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if ((code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122)) bytes += 1;
    else if (code < 0x80) bytes += 3;
    else if (code < 0x800 || (code >= 0xd800 && code <= 0xdfff)) bytes += 6;
    else bytes += 9;
  }
  return bytes;
}

/** Every predicate stands in parentheses of its own, before whose end there is a space: nothing can grow together with what follows. */
function filterText(filter: LogsFilter, depth: number): string {
  if (depth > MAX_DEPTH) {
    throw new TimelineError({ kind: 'limit', sqlstate: '54001', message: 'the filter for VictoriaLogs is nested too deeply' });
  }
  switch (filter.kind) {
    case 'all':
      return '(* )';
    case 'nothing':
      return '(!* )';
    case 'equals':
      return `(${field(filter.field)}:=${quoted(filter.value)} )`;
    case 'in':
      return inText(filter.field, filter.values);
    case 'present':
      return `(${field(filter.field)}:* )`;
    case 'prefix':
      return `(${field(filter.field)}:=${quoted(filter.prefix)}* )`;
    case 'regex':
      return `(${field(filter.field)}:~${quoted(filter.pattern)} )`;
    case 'string_range':
      return `(${field(filter.field)}:string_range(${quoted(filter.from)},${quoted(filter.to)}) )`;
    case 'compare':
      return `(${field(filter.field)}:${filter.op}${quoted(filter.value)} )`;
    case 'word':
      // An empty word means the absence of the field.
      if (filter.word === '') throw internal('a search for an empty word');
      return `(${field(filter.field)}:${quoted(filter.word)} )`;
    case 'time':
      return timeText(filter.from, filter.to);
    case 'raw':
      // The line's end ends a comment, too.
      return `(${wellFormed(filter.text)}\n)`;
    case 'and':
      return listText(filter.args, ' ', '(* )', depth);
    case 'or':
      return listText(filter.args, ' or ', '(!* )', depth);
    case 'not':
      return `(!${filterText(filter.arg, depth + 1)} )`;
    default:
      return unknownKind(filter);
  }
}

function listText(args: readonly LogsFilter[], separator: string, empty: string, depth: number): string {
  const [first] = args;
  if (first === undefined) return empty;
  if (args.length === 1) return filterText(first, depth);
  return `(${args.map((arg) => filterText(arg, depth + 1)).join(separator)} )`;
}

function inText(name: string, values: readonly string[]): string {
  const [first] = values;
  if (first === undefined) return '(!* )';
  // `in("*")` is everything, quoted or not.
  if (values.length === 1) return `(${field(name)}:=${quoted(first)} )`;
  return `(${field(name)}:in(${values.map(quoted).join(',')}) )`;
}

const MIN_TIME = -(2n ** 63n);
const MAX_TIME = 2n ** 63n - 1n;

function timeText(from: bigint | undefined, to: bigint | undefined): string {
  const lower = from === undefined || from <= MIN_TIME ? undefined : from;
  const upper = to === undefined || to > MAX_TIME ? undefined : to;
  if ((lower !== undefined && lower > MAX_TIME) || (upper !== undefined && upper <= (lower ?? MIN_TIME))) return '(!* )';
  if (lower === undefined) return upper === undefined ? '(* )' : `(_time:<${printInstant(upper)} )`;
  return upper === undefined ? `(_time:>=${printInstant(lower)} )` : `(_time:[${printInstant(lower)},${printInstant(upper)}) )`;
}

function printPipe(pipe: LogsPipe, previous: LogsPipe | undefined): string {
  switch (pipe.kind) {
    case 'fields':
      return `fields ${pipe.fields.map(column).join(', ')}`;
    case 'stats':
      return `stats ${pipe.by.length === 0 ? '' : `by (${pipe.by.map(group).join(', ')}) `}${pipe.calls.map(call).join(', ')}`;
    case 'uniq':
      return `uniq by (${pipe.fields.map(column).join(', ')})${pipe.limit === undefined ? '' : ` limit ${positive(pipe.limit)}`}`;
    case 'sort': {
      const by = pipe.by.map((key) => `${column(key.field)}${key.descending ? ' desc' : ''}`).join(', ');
      const offset = pipe.offset === undefined || pipe.offset === 0 ? '' : ` offset ${positive(pipe.offset)}`;
      return `sort by (${by})${offset}${pipe.limit === undefined ? '' : ` limit ${positive(pipe.limit)}`}`;
    }
    case 'limit':
      // The server folds a limit into the sort or uniq before it, where 0 means none.
      if (pipe.rows === 0 && previous?.kind !== 'sort' && previous?.kind !== 'uniq') return 'limit 0';
      return `limit ${positive(pipe.rows)}`;
    case 'filter':
      return `filter ${filterText(pipe.filter, 0)}`;
    default:
      return unknownKind(pipe);
  }
}

function group(by: LogsGroup): string {
  if (by.kind === 'field') return column(by.field);
  if (by.offset === undefined || by.offset === 0) return `_time:${by.step}`;
  if (!Number.isSafeInteger(by.offset)) throw internal(`an offset of ${by.offset} s`);
  return `_time:${by.step} offset ${by.offset}s`;
}

function call(stat: LogsStat): string {
  if (stat.fn !== 'count' && stat.field === undefined) throw internal(`${stat.fn}() of no field`);
  return `${stat.fn}(${stat.field === undefined ? '' : column(stat.field)}) as ${column(stat.as)}`;
}

function positive(count: number): string {
  if (!Number.isSafeInteger(count) || count < 1) throw internal(`a limit or offset of ${count} for VictoriaLogs`);
  return String(count);
}

/** Names that have a grammar of their own, quoted or not. */
const SPECIAL = new Set(['_time', '_stream', '_stream_id']);

/** Can predicates name the field? */
export function canFilter(name: string): boolean {
  return canName(name) && !SPECIAL.has(name);
}

/** Can pipes name the field? */
export function canName(name: string): boolean {
  return name !== '' && !name.endsWith('*') && isWellFormed(name);
}

function field(name: string): string {
  if (!canFilter(name)) throw internal(`a predicate on the field ${JSON.stringify(name)}`);
  return quoted(name);
}

function column(name: string): string {
  if (!canName(name)) throw internal(`the field ${JSON.stringify(name)} cannot be named in LogsQL`);
  return quoted(name);
}

/** As JSON quotes: Go reads all of its escapes alike, but for halves of surrogate pairs. */
function quoted(text: string): string {
  return JSON.stringify(wellFormed(text));
}

/** Has the text no half of a surrogate pair, which UTF-8 cannot say? */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

function wellFormed(text: string): string {
  if (isWellFormed(text)) return text;
  throw new TimelineError({ kind: 'data', sqlstate: '22021', message: 'half of a surrogate pair cannot be searched for in VictoriaLogs' });
}

function bounded(text: string): string {
  // Nothing takes more than nine bytes.
  if (text.length * 9 <= MAX_FORM_BYTES || formBytes(text) <= MAX_FORM_BYTES) return text;
  throw new TimelineError({
    kind: 'limit',
    sqlstate: '54000',
    message: 'the query for VictoriaLogs is too long',
    detail: `It takes ${formBytes(text)} bytes of ${MAX_FORM_BYTES}.`,
  });
}

function unknownKind(node: never): never {
  throw internal(`LogsQL of an unknown kind ${JSON.stringify(node)}`);
}
