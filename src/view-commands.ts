import { asTimelineError, unsupported } from '../sql/errors.js';
import { innerText, parseOne } from '../sql/parse.js';
import { taggedNode } from '../sql/parse-tree.js';
import type { AnalysisContext } from '../sql/postgres.js';
import { refusedClause } from '../sql/references.js';
import { rewriteTimelineCalls } from '../sql/timeline-call.js';
import type { ViewDrop } from '../sql/view-statement.js';
import type { EngineContext } from './engine-context.js';
import { commandExecution } from './execution.js';
import { tableLookup } from './prepare.js';
import type { SessionViews } from './session-views.js';
import type { Execution, Notice } from './statement.js';

interface ViewContext {
  readonly engine: EngineContext;
  readonly analysis: AnalysisContext;
  readonly views: SessionViews;
}

/** CREATE TEMP VIEW: PostgreSQL makes it, among those of the session, and tells what it has become. */
export async function createView(
  { name, text, innerStart }: { readonly name: string; readonly text: string; readonly innerStart: number },
  { engine, analysis, views }: ViewContext,
): Promise<Execution> {
  const head = [...text].slice(0, innerStart).join('');
  if (/\brecursive\b/i.test(head)) throw unsupported('CREATE RECURSIVE VIEW', { hint: 'Write WITH RECURSIVE in the query of the view.' });
  // The query at its place, so that positions in it stay right.
  const inner = innerText(text, { innerStart, innerEnd: undefined });
  const statement = parseOne(inner)?.statement;
  if (taggedNode(statement).tag !== 'SelectStmt') throw unsupported('a view of anything but SELECT');
  const refused = refusedClause(statement);
  if (refused !== undefined) throw unsupported(refused);
  const rewritten = rewriteTimelineCalls(inner, statement, tableLookup(engine.catalog(), analysis, views));
  const sql = head + [...rewritten.text].slice(innerStart).join('');
  const changed = await engine.postgres.changeViews(sql, { ...analysis, views: views.script }).catch((thrown: unknown) => {
    const error = asTimelineError(thrown);
    throw error.position === undefined || error.position <= innerStart ? error : error.at(rewritten.mapPosition(error.position));
  });
  const view = changed.find((one) => one.name === name);
  if (view === undefined) throw unsupported('a temporary view of this form');
  views.put(view);
  return commandExecution('CREATE VIEW');
}

/** DROP VIEW: PostgreSQL says what is left. */
export async function dropViews(
  { drop, text }: { readonly drop: ViewDrop; readonly text: string },
  { engine, analysis, views }: ViewContext,
): Promise<Execution> {
  const left = new Set((await engine.postgres.changeViews(text, { ...analysis, views: views.script })).map(({ name }) => name));
  const gone = [...views.current.keys()].filter((name) => !left.has(name));
  const notices: Notice[] = [];
  const notice = (message: string): void => void notices.push({ severity: 'NOTICE', sqlstate: '00000', message });
  if (drop.missingOk) {
    for (const name of drop.names) if (!views.current.has(name)) notice(`view "${name}" does not exist, skipping`);
  }
  const others = gone.filter((name) => !drop.names.includes(name));
  if (others.length === 1) notice(`drop cascades to view ${others[0]}`);
  if (others.length > 1) notice(`drop cascades to ${others.length} other objects`);
  views.keep(left);
  return commandExecution('DROP VIEW', notices);
}
