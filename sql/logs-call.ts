import { TimelineError, unsupported } from './errors.js';
import { listOf, nameParts, nodeOf, nodesTagged, type ParseNode, taggedNode } from './parse-tree.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import { assemble, type Edit, SourceText } from './source-text.js';
import { type Argument, argumentsOf, callError, literalText } from './timeline-options.js';
import { placeOf } from './timeline-texpr.js';
import type { ExpandedText } from './view-references.js';

const FORM = "SELECT * FROM logsql('logs', $$level:error$$) AS l";

/** logsql(table, filter) in FROM. */
export interface LogsCall {
  /** `catalog` or `catalog.table`. */
  readonly table: string;
  /** In LogsQL. */
  readonly filter: string;
  /** Of its arguments: 1-based, in code points. */
  readonly tablePosition: number;
  readonly filterPosition: number;
  /** Of the filter's n-th character (from 1); that of the argument where the text does not show it as it is. */
  positionIn(n: number): number;
}

export function isLogsCall(value: unknown): boolean {
  const { tag, body } = taggedNode(value);
  const parts = tag === 'FuncCall' ? nameParts(body['funcname']) : [];
  return parts.length === 1 && parts[0] === 'logsql';
}

/** Cheap, and true for every text that has such a call. */
export function mayCallLogs(text: string): boolean {
  return /logsql/i.test(text);
}

/** Numbers of the parameters in such calls. */
export function logsParameters(statement: unknown): readonly number[] {
  return nodesTagged(statement, 'RangeFunction').flatMap((range) => {
    const call = callIn(range);
    return (call === undefined ? [] : listOf(call['args'])).flatMap((arg) => {
      const { tag, body } = taggedNode(plainValue(arg));
      return tag === 'ParamRef' ? [Number(body['number'] ?? 0)] : [];
    });
  });
}

/** The call as text again. */
export function printLogsCall({ table, filter }: Pick<LogsCall, 'table' | 'filter'>): string {
  return `logsql(${quoteLiteral(table)}, ${quoteLiteral(filter)})`;
}

/** Replaces every logsql() in FROM by a relation's name, which `relationOf` gives. A call without alias goes by `logsql`. As rewriteResultCalls. */
export function rewriteLogsCalls(
  text: string,
  tree: unknown,
  parameters: readonly (string | null)[] | undefined,
  relationOf: (call: LogsCall) => { readonly schema: string; readonly table: string },
): ExpandedText {
  if (!mayCallLogs(text)) return { text, mapPosition: (position) => position };
  const source = new SourceText(text);
  const edits: Edit[] = [];
  for (const range of nodesTagged(tree, 'RangeFunction')) {
    const call = callIn(range);
    if (call === undefined) continue;
    const location = placeOf(call);
    const position = source.position(location);
    if (range['is_rowsfrom'] === true) throw unsupported('ROWS FROM with logsql()', { position });
    if (range['ordinality'] === true) throw unsupported('logsql() WITH ORDINALITY', { position });
    if (listOf(range['coldeflist']).length > 0)
      throw callError(source, location, '42601', 'a column definition list is not allowed after logsql()', FORM);
    const { args, end } = argumentsOf(source, call, location, 1);
    const [table, filter] = args;
    if (table === undefined || filter === undefined || args.length > 2)
      throw callError(source, location, '42601', 'logsql() takes a table of log entries and a LogsQL filter', FORM);
    for (const arg of args)
      if (arg.name !== undefined) throw callError(source, arg.start, '42601', 'arguments of logsql() have no names', FORM);
    const filterPosition = source.position(filter.valueStart);
    const filterText = textArgument(source, filter, 'filter', parameters);
    const shift = shownFrom(source.slice(filter.valueStart, filter.valueEnd), filterText);
    const relation = relationOf({
      table: textArgument(source, table, 'table', parameters),
      filter: filterText,
      tablePosition: source.position(table.valueStart),
      filterPosition,
      positionIn: (n) => (shift === undefined ? filterPosition : filterPosition + shift + n - 1),
    });
    const alias = range['alias'] === undefined ? ' AS logsql' : '';
    const name = `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.table)}${alias}`;
    edits.push({ start: location, end, pieces: [{ text: name, from: location, copied: false }] });
  }
  return assemble(source, source.render(0, source.length, edits));
}

function textArgument(source: SourceText, arg: Argument, what: string, parameters: readonly (string | null)[] | undefined): string {
  const position = source.position(arg.valueStart);
  const text = textOf(arg.value, parameters);
  if (text === undefined) throw unsupported(`logsql() with a ${what} that is neither a string nor a parameter`, { position });
  if (text !== null) return text;
  throw new TimelineError({ kind: 'semantic', sqlstate: '22004', message: `the ${what} of logsql() must not be null`, position });
}

function textOf(value: unknown, parameters: readonly (string | null)[] | undefined): string | null | undefined {
  const { tag, body } = taggedNode(value);
  if (tag === 'TypeCast') return textOf(body['arg'], parameters);
  if (tag === 'ParamRef') return parameters?.[Number(body['number'] ?? 0) - 1];
  if (tag === 'A_Const' && body['isnull'] === true) return null;
  return literalText(value);
}

/** Code points before the text in a literal that shows it as it is. */
function shownFrom(literal: string, text: string): number | undefined {
  const quote = /^(?:'|\$\w*\$)/u.exec(literal)?.[0];
  return quote !== undefined && literal.startsWith(text + quote, quote.length) ? [...quote].length : undefined;
}

function callIn(range: ParseNode): ParseNode | undefined {
  const calls = listOf(range['functions']).map((item) => listOf(nodeOf(nodeOf(item)['List'])['items'])[0]);
  const node = calls.find(isLogsCall);
  return node === undefined ? undefined : taggedNode(node).body;
}

function plainValue(arg: unknown): unknown {
  const { tag, body } = taggedNode(arg);
  return tag === 'NamedArgExpr' || tag === 'TypeCast' ? plainValue(body['arg']) : arg;
}
