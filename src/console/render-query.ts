import { TimelineError } from '../../sql/errors.js';
import { parseOne } from '../../sql/parse.js';
import { statementKind } from '../../sql/statement-kind.js';
import { abandon } from '../execution.js';
import type { Engine, Execution, Session } from '../statement.js';
import { columnRoles } from './column-roles.js';
import { drawPicture, LEAST_WIDTH, MOST_WIDTH } from './draw-picture.js';
import { htmlPage } from './html-page.js';
import { readPictureRows } from './picture-rows.js';

export interface RenderRequest {
  readonly sql: string;
  readonly format: PictureFormat;
  /** Pixels. */
  readonly width: number;
  /** Undefined: the server's. */
  readonly timeZone: string | undefined;
  readonly title: string | undefined;
  readonly by: readonly string[] | undefined;
  readonly only: readonly string[];
}

export type PictureFormat = 'svg' | 'html';

/** The words of a request as they come: from a command line, a URL or a JSON body. */
export interface RenderWords {
  readonly sql: string | undefined;
  readonly format?: string | undefined;
  readonly width?: string | undefined;
  readonly timezone?: string | undefined;
  readonly title?: string | undefined;
  /** Names of columns with commas between them. */
  readonly by?: string | undefined;
  readonly key?: readonly string[];
}

const DEFAULT_WIDTH = 1200;

/** Throws 22023 for what makes no picture, 42601 when there is no SQL. */
export function renderRequest(words: RenderWords): RenderRequest {
  const { sql, format = 'svg', width = String(DEFAULT_WIDTH) } = words;
  if (sql === undefined || sql.trim() === '')
    throw new TimelineError({ kind: 'syntax', sqlstate: '42601', message: 'there is no query to draw' });
  if (format !== 'svg' && format !== 'html') throw invalid(`unknown format "${format.slice(0, 40)}"`, 'svg or html.');
  if (!/^\d{1,6}$/.test(width) || Number(width) < LEAST_WIDTH || Number(width) > MOST_WIDTH)
    throw invalid(`the width of a picture must be ${LEAST_WIDTH} to ${MOST_WIDTH} pixels, not "${width.slice(0, 40)}"`);
  const by = words.by?.split(',').map((name) => name.trim());
  if (by?.some((name) => name === '')) throw invalid(`a column name to group by is empty: "${words.by?.slice(0, 100)}"`);
  return { sql, format, width: Number(width), timeZone: words.timezone, title: words.title, by, only: words.key ?? [] };
}

function invalid(message: string, hint?: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '22023', message, ...(hint === undefined ? {} : { hint }) });
}

/**
 * Answers a query in a session of its own, which only reads, and draws its rows. `mostMs`: time for the statement; `rowLimit` as in
 * readPictureRows. Throws the query's errors, 25006 for a statement that is no query.
 */
export async function renderQuery(
  request: RenderRequest,
  options: {
    readonly engine: Engine;
    readonly user: string;
    readonly signal: AbortSignal;
    readonly mostMs?: number;
    readonly mostRows?: number;
  },
): Promise<string> {
  const { engine, signal } = options;
  const notices: string[] = [];
  const session = await engine.connect({
    user: options.user,
    database: 'timeline',
    settings: {
      application_name: 'timeline render',
      default_transaction_read_only: 'on',
      ...(request.timeZone === undefined ? {} : { TimeZone: request.timeZone }),
      ...(options.mostMs === undefined ? {} : { statement_timeout: String(options.mostMs) }),
    },
    onNotice: ({ severity, message }) => notices.push(`${severity}: ${message}`),
    onParameterStatus: () => undefined,
  });
  try {
    const timeZone = new Map(session.parameterStatuses()).get('TimeZone') ?? 'UTC';
    const execution = await run(request, session, signal);
    const columns = execution.columns ?? [];
    const rows = await readPictureRows({
      columns,
      batches: execution.batches,
      timeZone,
      ...(options.mostRows === undefined ? {} : { mostRows: options.mostRows }),
    });
    signal.throwIfAborted();
    for (const { severity, message } of execution.notices) notices.push(`${severity}: ${message}`);
    const svg = drawPicture(rows, { ...request, timeZone, notices });
    return request.format === 'html' ? htmlPage(svg) : svg;
  } finally {
    await session.close();
  }
}

/** Columns are looked at before anything is read. */
async function run(request: RenderRequest, session: Session, signal: AbortSignal): Promise<Execution> {
  const statements = await session.split(request.sql);
  const [first] = statements;
  if (first === undefined || statements.length > 1) {
    const message = statements.length > 1 ? 'a picture is drawn of one query, not of several statements' : 'there is no query to draw';
    throw new TimelineError({ kind: 'syntax', sqlstate: '42601', message });
  }
  const parsed = parseOne(first.text);
  if (parsed === undefined || statementKind(parsed.statement).kind !== 'select')
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '25006',
      message: 'a picture is drawn of a query (SELECT, WITH, VALUES, TABLE) only',
    });
  const prepared = await session.prepare(first.text, []);
  if (prepared.parameterTypes.length > 0)
    throw new TimelineError({ kind: 'semantic', sqlstate: '42P02', message: 'a query to draw takes no parameters ($1)' });
  columnRoles(prepared.columns ?? [], request.by);
  signal.throwIfAborted();
  const execution = await session.execute(prepared, [], { signal });
  if (execution.columns !== undefined) return execution;
  await abandon(execution);
  throw new TimelineError({ kind: 'semantic', sqlstate: '25006', message: 'the statement gives no rows' });
}
