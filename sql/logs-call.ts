import { TimelineError, unsupported } from './errors.js';
import { quoteLiteral } from './quote.js';
import { callParameters, constantText, rewriteCalls, type SourceFunction } from './source-call.js';
import type { SourceText } from './source-text.js';
import { type Argument, callError } from './timeline-options.js';
import type { ExpandedText } from './view-references.js';

const LOGSQL: SourceFunction = { name: ['logsql'], form: "SELECT * FROM logsql('logs', $$level:error$$) AS l" };

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

/** Cheap, and true for every text that has such a call. */
export function mayCallLogs(text: string): boolean {
  return /logsql/i.test(text);
}

/** Numbers of the parameters in such calls. */
export function logsParameters(statement: unknown): readonly number[] {
  return callParameters(LOGSQL, statement);
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
  return rewriteCalls(LOGSQL, text, tree, ({ source, location, args }) => {
    const [table, filter] = args;
    if (table === undefined || filter === undefined || args.length > 2)
      throw callError(source, location, '42601', 'logsql() takes a table of log entries and a LogsQL filter', LOGSQL.form);
    for (const arg of args)
      if (arg.name !== undefined) throw callError(source, arg.start, '42601', 'arguments of logsql() have no names', LOGSQL.form);
    const filterPosition = source.position(filter.valueStart);
    const filterText = textArgument(source, filter, 'filter', parameters);
    const shift = shownFrom(source.slice(filter.valueStart, filter.valueEnd), filterText);
    return relationOf({
      table: textArgument(source, table, 'table', parameters),
      filter: filterText,
      tablePosition: source.position(table.valueStart),
      filterPosition,
      positionIn: (n) => (shift === undefined ? filterPosition : filterPosition + shift + n - 1),
    });
  });
}

function textArgument(source: SourceText, arg: Argument, what: string, parameters: readonly (string | null)[] | undefined): string {
  const position = source.position(arg.valueStart);
  const text = constantText(arg.value, parameters);
  if (text === undefined) throw unsupported(`logsql() with a ${what} that is neither a string nor a parameter`, { position });
  if (text !== null) return text;
  throw new TimelineError({ kind: 'semantic', sqlstate: '22004', message: `the ${what} of logsql() must not be null`, position });
}

/** Code points before the text in a literal that shows it as it is. */
function shownFrom(literal: string, text: string): number | undefined {
  const quote = /^(?:'|\$\w*\$)/u.exec(literal)?.[0];
  return quote !== undefined && literal.startsWith(text + quote, quote.length) ? [...quote].length : undefined;
}
