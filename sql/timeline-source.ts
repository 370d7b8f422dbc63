import { unsupported } from './errors.js';
import { nameParts, nodeOf, taggedNode } from './parse-tree.js';
import { quoteIdentifier } from './quote.js';
import { isSnapshotCall, printSnapshotCall, readSnapshotCall, splitName, versionOf } from './snapshot-call.js';
import { selectColumns, type TableLookup, type TableShape, type VisibleCtes } from './source-columns.js';
import type { Edit, Piece, SourceText } from './source-text.js';
import { type Argument, callError, isNullLiteral, literalText } from './timeline-options.js';
import type { Type } from './types.js';

/** What is in sight where a call stands. */
export interface CallScope {
  readonly source: SourceText;
  readonly lookup: TableLookup;
  readonly ctes: VisibleCtes;
  /** OIDs that the client declared for $1, $2, …; 0 or absent: none. */
  readonly parameterTypes: readonly number[];
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

/**
 * `table`, `cte`, `'name'`, `at_snapshot(…)` or `(SELECT …)`; a table by name as it was at `asOf`. Throws 42601 for anything else, 0A000 for
 * a version of what is no table.
 */
export function eventSource(
  scope: CallScope,
  args: { readonly source: Argument | undefined; readonly asOf: Argument | undefined },
  location: number,
  call: string,
): EventSource {
  const { source: arg, asOf } = args;
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
  const version = asOf === undefined || isNullLiteral(asOf.value) ? undefined : versionOf(source, asOf);
  const noTable = (): Error =>
    unsupported('the option "as_of" for a source that is no table by name', {
      position: source.position(asOf?.start ?? location),
      hint: "Read versions inside of it: FROM at_snapshot('schema.table', version).",
    });
  const { tag, body } = taggedNode(arg.value);
  if (isSnapshotCall(arg.value)) {
    if (version !== undefined) throw noTable();
    const read = readSnapshotCall(source, body);
    return tableSource(scope.lookup(read.schema, read.table, read.version), copied(), read.table);
  }
  if (tag === 'SubLink' && body['subLinkType'] === 'EXPR_SUBLINK') {
    if (version !== undefined) throw noTable();
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
    if (version !== undefined) throw noTable();
    const pieces = text === undefined ? copied() : named(parts, arg.valueStart);
    return { pieces, columns: scope.ctes.get(name), types: new Map(), properties: {}, name };
  }
  const table = scope.lookup(schema, name, version);
  if (version !== undefined && asOf !== undefined) {
    const pieces: Piece[] = [{ text: printSnapshotCall(parts.slice(-2), version.text), from: asOf.valueStart, copied: false }];
    return tableSource(table, pieces, name);
  }
  return tableSource(table, text === undefined ? copied() : named(parts, arg.valueStart), name);
}

function tableSource(table: TableShape | undefined, pieces: readonly Piece[], name: string): EventSource {
  return {
    pieces,
    columns: table?.columns.map((column) => column.name),
    types: new Map(table?.columns.map((column) => [column.name, column.type])),
    properties: table?.properties ?? {},
    name,
  };
}

function named(parts: readonly string[], from: number): Piece[] {
  return [{ text: parts.map(quoteIdentifier).join('.'), from, copied: false }];
}

/** Columns that a table property names: `a` or `a, b`. */
export function propertyColumns(source: EventSource, ...names: readonly string[]): readonly string[] | undefined {
  for (const name of names) {
    const value = nodeOf(source.properties)[name];
    if (typeof value === 'string' && value.trim() !== '') return value.split(',').map((column) => column.trim());
  }
  return undefined;
}
