import { TimelineError, unsupported } from './errors.js';
import { nearestName } from './nearest-name.js';
import { listOf, nameParts, nodeOf, type ParseNode, taggedNode, textOf } from './parse-tree.js';
import type { SourceText } from './source-text.js';

/** One argument of TIMELINE(), read_until(), …: `name` is undefined for one without `=>`. */
export interface Argument {
  readonly name: string | undefined;
  readonly value: unknown;
  /** Bytes: where the argument begins; where its value is. */
  readonly start: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

export const TIMELINE_OPTIONS = [
  'key',
  'ts',
  'order_by',
  'ties',
  'dedupe',
  'since',
  'until',
  'at',
  'every',
  'origin',
  'timezone',
  'lookback',
  'idle',
  'ends',
  'fill',
  'emit',
  'as_of',
  'stream',
  'direction',
  'max_events',
] as const;

export type TimelineOption = (typeof TIMELINE_OPTIONS)[number];

export function isTimelineOption(name: string): name is TimelineOption {
  return (TIMELINE_OPTIONS as readonly string[]).includes(name);
}

/** An error at a byte offset of the user's text. */
export function callError(source: SourceText, offset: number, sqlstate: string, message: string, hint?: string): TimelineError {
  const details = { sqlstate, message, position: source.position(offset), ...(hint === undefined ? {} : { hint }) };
  return new TimelineError({ kind: sqlstate === '42601' ? 'syntax' : sqlstate === '54000' ? 'limit' : 'semantic', ...details });
}

/** The arguments of a FuncCall node as written. */
export function argumentsOf(
  source: SourceText,
  call: ParseNode,
  location: number,
  parts: number,
): { readonly args: readonly Argument[]; readonly end: number } {
  for (const clause of ['agg_order', 'agg_filter', 'over', 'agg_star', 'agg_distinct', 'agg_within_group', 'func_variadic']) {
    const value = call[clause];
    if (value !== undefined && value !== false) {
      throw callError(
        source,
        location,
        '42601',
        `${nameParts(call['funcname']).at(-1) ?? 'the function'}() takes arguments only, no DISTINCT, ORDER BY, FILTER, OVER, VARIADIC or *`,
      );
    }
  }
  const written = source.call(location, parts);
  const args = listOf(call['args']).map((node, n): Argument => {
    const { tag, body } = taggedNode(node);
    const named = tag === 'NamedArgExpr';
    const place = written.args[n] ?? { start: location, end: written.end, value: location };
    return {
      name: named ? textOf(body['name']) : undefined,
      value: named ? body['arg'] : node,
      start: place.start,
      valueStart: named ? place.value : place.start,
      valueEnd: place.end,
    };
  });
  return { args, end: written.end };
}

/** Options by name; 42601 for a name given twice. */
export function byName(source: SourceText, args: readonly Argument[]): ReadonlyMap<string, Argument> {
  const found = new Map<string, Argument>();
  for (const arg of args) {
    if (arg.name === undefined) continue;
    if (found.has(arg.name)) throw callError(source, arg.start, '42601', `"${arg.name}" is given more than once`);
    found.set(arg.name, arg);
  }
  return found;
}

export function unknownOption(source: SourceText, arg: Argument, options: readonly string[], otherwise?: string): TimelineError {
  const near = nearestName(arg.name ?? '', options);
  const hint = near === undefined ? otherwise : `Perhaps you meant the option "${near}".`;
  return callError(source, arg.start, '42703', `"${arg.name ?? ''}" is not an option`, hint);
}

/** The text of a string literal; undefined for anything else. */
export function literalText(value: unknown): string | undefined {
  const { tag, body } = taggedNode(value);
  const text = tag === 'A_Const' ? body['sval'] : undefined;
  return text === undefined ? undefined : textOf(nodeOf(text)['sval']);
}

export function isNullLiteral(value: unknown): boolean {
  const { tag, body } = taggedNode(value);
  return tag === 'A_Const' && body['isnull'] === true;
}

/** One of some words, as a literal: what it says decides the shape of the rewriting. */
export function word<W extends string>(source: SourceText, arg: Argument | undefined, words: readonly W[]): W | undefined {
  if (arg === undefined || isNullLiteral(arg.value)) return undefined;
  const text = literalText(arg.value);
  if (text === undefined)
    throw unsupported(`"${arg.name ?? ''}" that is not a plain string`, { position: source.position(arg.valueStart) });
  const found = words.find((candidate) => candidate === text.toLowerCase());
  if (found !== undefined) return found;
  throw callError(source, arg.valueStart, '22023', `"${arg.name ?? ''}" must be ${words.map((w) => `'${w}'`).join(', ')}, not '${text}'`);
}

/** `column` or `(column, …)`: names, as written without their table. */
export function columnNames(source: SourceText, arg: Argument): readonly string[] {
  const { tag, body } = taggedNode(arg.value);
  const items = tag === 'RowExpr' ? listOf(body['args']) : [arg.value];
  return items.map((item) => {
    const column = taggedNode(item);
    const name = column.tag === 'ColumnRef' ? nameParts(column.body['fields']).at(-1) : undefined;
    if (name === undefined || name === '')
      throw callError(source, arg.valueStart, '42601', `"${arg.name ?? ''}" must be a column or a list of columns in parentheses`);
    return name;
  });
}

/** Does a column stand in an argument's value? */
export function readsColumn(arg: Argument | undefined): boolean {
  const reads = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.some(reads);
    if (typeof value !== 'object' || value === null) return false;
    return Object.entries(value).some(([key, child]) => key === 'ColumnRef' || reads(child));
  };
  return arg !== undefined && reads(arg.value);
}
