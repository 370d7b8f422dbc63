import { nameParts, nodeOf, taggedNode } from './parse-tree.js';
import { quoteIdentifier } from './quote.js';
import { selectColumns, type TableLookup, type TableShape, type VisibleCtes } from './source-columns.js';
import type { Edit, Piece, SourceText } from './source-text.js';
import { type Argument, callError, literalText } from './timeline-options.js';
import type { Type } from './types.js';

/** What is in sight where a call stands. */
export interface CallScope {
  readonly source: SourceText;
  readonly lookup: TableLookup;
  readonly ctes: VisibleCtes;
  /** Calls inside of this one, rewritten. */
  readonly inner: readonly Edit[];
}

/** The first argument of TIMELINE() or a replay function. */
export interface EventSource {
  /** Text for FROM, without an alias. */
  readonly pieces: readonly Piece[];
  /** Undefined: only PostgreSQL knows. */
  readonly columns: readonly string[] | undefined;
  /** Types of a table's columns. */
  readonly types: ReadonlyMap<string, Type>;
  readonly properties: Readonly<Record<string, string>>;
  /** The table's or CTE's name, by which the user may qualify columns. */
  readonly name: string | undefined;
}

/** The alias of the source in rewritten text: a name that nobody writes by accident. */
export const SOURCE_ALIAS = '"~s"';

/** `table`, `cte`, `'name'` or `(SELECT …)`. Throws 42601 for anything else. */
export function eventSource(scope: CallScope, arg: Argument | undefined, location: number, call: string): EventSource {
  const { source } = scope;
  const wrong = (): Error =>
    callError(
      source,
      arg?.valueStart ?? location,
      '42601',
      `the first argument of ${call}() must be a table, the name of a WITH query, or a subquery in parentheses`,
    );
  if (arg === undefined || arg.name !== undefined) throw wrong();
  const copied = (): Piece[] => source.render(arg.valueStart, arg.valueEnd, scope.inner);
  const { tag, body } = taggedNode(arg.value);
  if (tag === 'SubLink' && body['subLinkType'] === 'EXPR_SUBLINK') {
    const select = taggedNode(body['subselect']).body;
    return {
      pieces: copied(),
      columns: selectColumns(select, { ctes: scope.ctes, lookup: scope.lookup }),
      types: new Map(),
      properties: {},
      name: undefined,
    };
  }
  const text = literalText(arg.value);
  if (tag !== 'ColumnRef' && text === undefined) throw wrong();
  const parts = text === undefined ? nameParts(body['fields']) : splitName(text);
  const name = parts?.at(-1);
  if (parts === undefined || name === undefined || name === '' || parts.length > 3) throw wrong();
  const schema = parts.at(-2);
  if (parts.length === 1 && scope.ctes.has(name)) {
    const pieces = text === undefined ? copied() : named(parts, arg.valueStart);
    return { pieces, columns: scope.ctes.get(name), types: new Map(), properties: {}, name };
  }
  const table: TableShape | undefined = scope.lookup(schema, name);
  return {
    pieces: text === undefined ? copied() : named(parts, arg.valueStart),
    columns: table?.columns.map((column) => column.name),
    types: new Map(table?.columns.map((column) => [column.name, column.type])),
    properties: table?.properties ?? {},
    name,
  };
}

function named(parts: readonly string[], from: number): Piece[] {
  return [{ text: parts.map(quoteIdentifier).join('.'), from, copied: false }];
}

/** `a.b."C d"` as PostgreSQL reads names; undefined if it is none. */
function splitName(text: string): readonly string[] | undefined {
  const parts: string[] = [];
  const pattern = /\s*(?:"((?:[^"]|"")+)"|([\p{L}_][\p{L}\p{N}_$]*))\s*(\.|$)/uy;
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found === null) return undefined;
    parts.push(found[1] === undefined ? (found[2] ?? '').toLowerCase() : found[1].replaceAll('""', '"'));
    at = pattern.lastIndex;
    if (found[3] === '') break;
    if (at >= text.length) return undefined;
  }
  return parts.length === 0 ? undefined : parts;
}

/** Columns that a table property names: `a` or `a, b`. */
export function propertyColumns(source: EventSource, ...names: readonly string[]): readonly string[] | undefined {
  for (const name of names) {
    const value = nodeOf(source.properties)[name];
    if (typeof value === 'string' && value.trim() !== '') return value.split(',').map((column) => column.trim());
  }
  return undefined;
}
