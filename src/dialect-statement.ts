import { checkDialect } from '../planner/dialect-check.js';
import { actionCalls } from '../sql/action-call.js';
import { DIALECT_LABELS, type Dialect, isDialect, translateDialect } from '../sql/dialect.js';
import { asTimelineError, TimelineError, unsupported } from '../sql/errors.js';
import { readQuery } from '../sql/node-tree.js';
import { parseOne } from '../sql/parse.js';
import { type PlannedStatement, type PrepareOptions, planStatement } from './prepare.js';
import type { Notice } from './statement.js';

export interface DialectOptions extends PrepareOptions {
  /** The session's timeline.dialect. */
  readonly dialect: string;
  readonly onNotice: (notice: Notice) => void;
}

/** As planStatement, for a text in the session's dialect; what it became is told in a notice. */
export async function planDialectStatement(options: DialectOptions): Promise<PlannedStatement | undefined> {
  const { dialect } = options;
  if (!isDialect(dialect) || acts(options)) return planStatement(options);
  const translated = translateDialect(options.text, dialect, (path) => {
    const [table = '', schema, ...more] = [...path].reverse();
    // A view of the session may hide the table.
    if (more.length > 0 || (schema === undefined && options.views.current.has(table))) return undefined;
    return options.engine
      .catalog()
      .find(schema, table, options.analysis.searchPath)
      ?.description.columns.map((column) => column.name);
  });
  if (translated === undefined) return planOther(options, dialect);
  if (dialect === 'bigquery' && options.analysis.timeZone.toUpperCase() !== 'UTC')
    throw unsupported('BigQuery SQL in a time zone other than UTC', { hint: "BigQuery computes in UTC: SET TimeZone = 'UTC'." });
  const { text } = translated;
  const back = (position: number): number => translated.mapPosition(position);
  let planned: PlannedStatement | undefined;
  try {
    planned = await planStatement({ ...options, text });
    if (planned?.kind === 'catalogue') await checkCatalogue(planned, options, dialect);
  } catch (thrown) {
    throw inDialect(thrown, dialect, text, back);
  }
  const notice = (message: string): void => options.onNotice({ severity: 'NOTICE', sqlstate: '00000', message });
  notice(`the ${DIALECT_LABELS[dialect]} query is read as: ${text}`);
  for (const note of translated.notes) notice(note);
  if (planned?.kind !== 'select' && planned?.kind !== 'explain') return planned;
  const { statement } = planned;
  const mapPosition = (position: number): number => back(statement.mapPosition(position));
  return { ...planned, statement: { ...statement, original: options.text, mapPosition, dialect } };
}

/** Functions that act have PostgreSQL's syntax in every dialect; what they are given to run has the session's. */
function acts({ text, analysis }: DialectOptions): boolean {
  if (!/timeline/i.test(text)) return false;
  try {
    return actionCalls(parseOne(text)?.statement, analysis.searchPath).length > 0;
  } catch {
    return false;
  }
}

/** A statement of the session. One that holds a query would hold it in PostgreSQL's SQL, which the session has not asked for. */
async function planOther(options: DialectOptions, dialect: Dialect): Promise<PlannedStatement | undefined> {
  const planned = await planStatement(options);
  switch (planned?.kind) {
    case 'prepare':
    case 'declare':
    case 'copy':
    case 'create_view':
    case 'insert':
    case 'create_table_as':
    case 'copy_file':
      throw unsupported(`a query inside of another statement in ${DIALECT_LABELS[dialect]} SQL`, {
        hint: "SET timeline.dialect = 'postgres' first.",
      });
    default:
      return planned;
  }
}

/** What the embedded Postgres answers alone is checked now: it is not planned by us later. */
async function checkCatalogue(
  planned: Extract<PlannedStatement, { kind: 'catalogue' }>,
  { engine, analysis }: DialectOptions,
  dialect: Dialect,
): Promise<void> {
  if (/^explain/i.test(planned.text)) return;
  const tree = await engine.postgres.analyse(planned.text, planned.parameterTypes, analysis);
  checkDialect(readQuery(tree, engine.postgres.names), dialect);
}

function inDialect(thrown: unknown, dialect: Dialect, text: string, back: (position: number) => number): TimelineError {
  const error = asTimelineError(thrown);
  if (error.kind === 'internal') return error;
  return new TimelineError({
    ...error.toJSON(),
    cause: error.cause,
    detail: [error.detail, `The ${DIALECT_LABELS[dialect]} query was read as: ${text}`].filter((part) => part !== undefined).join('\n'),
    ...(error.position === undefined ? {} : { position: back(error.position) }),
  });
}
