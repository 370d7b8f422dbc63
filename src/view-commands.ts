import { asTimelineError, unsupported } from '../sql/errors.js';
import { SNAPSHOT_SCHEMA } from '../sql/extra-relations.js';
import { printLogsCall, rewriteLogsCalls } from '../sql/logs-call.js';
import { innerText, parseOne } from '../sql/parse.js';
import { taggedNode } from '../sql/parse-tree.js';
import type { AnalysisContext, EmbeddedPostgres } from '../sql/postgres.js';
import { quoteLiteral } from '../sql/quote.js';
import { refusedClause, relationNodes } from '../sql/references.js';
import { rewriteResultCalls } from '../sql/result-call.js';
import { printSnapshotCall, rewriteSnapshotCalls } from '../sql/snapshot-call.js';
import { assemble, type Edit, SourceText } from '../sql/source-text.js';
import { rewriteTimelineCalls } from '../sql/timeline-call.js';
import type { Type } from '../sql/types.js';
import type { ExpandedText } from '../sql/view-references.js';
import type { ViewDrop } from '../sql/view-statement.js';
import type { EngineContext } from './engine-context.js';
import { commandExecution } from './execution.js';
import type { SessionViews } from './session-views.js';
import type { Execution, Notice } from './statement.js';
import { StatementTables } from './statement-tables.js';

export interface ViewContext {
  readonly engine: EngineContext;
  readonly analysis: AnalysisContext;
  readonly views: SessionViews;
  /** The session's timeline.as_of; undefined: now. */
  readonly asOf: string | undefined;
}

/** CREATE TEMP VIEW: PostgreSQL makes it, among those of the session, and tells what it has become. */
export async function createView(
  { name, text, innerStart }: { readonly name: string; readonly text: string; readonly innerStart: number },
  { engine, analysis, views, asOf }: ViewContext,
): Promise<Execution> {
  const head = [...text].slice(0, innerStart).join('');
  if (/\brecursive\b/i.test(head)) throw unsupported('CREATE RECURSIVE VIEW', { hint: 'Write WITH RECURSIVE in the query of the view.' });
  // The query at its place, so that positions in it stay right.
  const inner = innerText(text, { innerStart, innerEnd: undefined });
  const statement = parseOne(inner)?.statement;
  if (taggedNode(statement).tag !== 'SelectStmt') throw unsupported('a view of anything but SELECT');
  const refused = refusedClause(statement);
  if (refused !== undefined) throw unsupported(refused);
  const tables = new StatementTables({ engine, catalog: engine.catalog(), analysis, views, asOf, parameters: { types: [], values: [] } });
  const rewritten = await rewriteViewQuery(inner, statement, tables);
  const sql = head + [...rewritten.text].slice(innerStart).join('');
  const changed = await engine.postgres
    .changeViews(sql, { ...analysis, views: views.script, relations: tables.relations })
    .catch((thrown: unknown) => {
      const error = asTimelineError(thrown);
      throw error.position === undefined || error.position <= innerStart ? error : error.at(rewritten.mapPosition(error.position));
    });
  const view = changed.find((one) => one.name === name);
  if (view === undefined) throw unsupported('a temporary view of this form');
  // The embedded Postgres has such relations for one statement only: it is told of the view's columns.
  const stub = tables.relations.length > 0 ? stubOf(view.columns, engine.postgres) : undefined;
  views.put({ ...view, definition: rewritten.restore(view.definition), ...(stub === undefined ? {} : { stub }) });
  return commandExecution('CREATE VIEW');
}

/** TIMELINE calls rewritten; calls of at_snapshot() by relations, which `restore` turns back into calls. */
async function rewriteViewQuery(
  text: string,
  statement: unknown,
  tables: StatementTables,
): Promise<ExpandedText & { restore(definition: string): string }> {
  const calls = await tables.settle(() => rewriteTimelineCalls(text, statement, tables.lookup));
  const tree = calls.text === text ? statement : parseOne(calls.text)?.statement;
  const written = new Map<string, string>();
  const snapshots = await tables.settle(() => {
    for (const { schema, name } of relationNodes(tree)) tables.lookup(schema, name);
    return rewriteSnapshotCalls(calls.text, tree, ({ schema, table, version }) => {
      const relation = tables.snapshot(schema, table, version);
      written.set(relation.table, printSnapshotCall(schema === undefined ? [table] : [schema, table], version.text));
      return relation;
    });
  });
  const snapshotsTree = snapshots.text === calls.text ? tree : parseOne(snapshots.text)?.statement;
  const results = await tables.settle(() =>
    rewriteResultCalls(snapshots.text, snapshotsTree, [], (call) => {
      const relation = tables.result(call);
      written.set(relation.table, `timeline.result(${quoteLiteral(call.id)})`);
      return relation;
    }),
  );
  const resultsTree = results.text === snapshots.text ? snapshotsTree : parseOne(results.text)?.statement;
  const logs = await tables.settle(() =>
    rewriteLogsCalls(results.text, resultsTree, [], (call) => {
      const relation = tables.logs(call);
      written.set(relation.table, printLogsCall(call));
      return relation;
    }),
  );
  return {
    text: logs.text,
    mapPosition: (position) => calls.mapPosition(snapshots.mapPosition(results.mapPosition(logs.mapPosition(position)))),
    restore(definition) {
      const source = new SourceText(definition);
      const edits = relationNodes(parseOne(definition)?.statement)
        .filter(({ schema }) => schema === SNAPSHOT_SCHEMA)
        .map(({ name, body }): Edit => {
          const start = Number(body['location'] ?? 0);
          return { start, end: source.endOfName(start, 2), pieces: [{ text: written.get(name) ?? '', from: start, copied: false }] };
        });
      return assemble(source, source.render(0, source.length, edits)).text;
    },
  };
}

function stubOf(columns: readonly { readonly type: Type }[], postgres: EmbeddedPostgres): string {
  const nulls = columns.map(({ type }) => `null::${postgres.names.typeSql(type.oid)}`);
  // Whoever reads it there by mistake gets an error.
  return `select ${nulls.join(', ')} where timeline_ops.misrouted()`;
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
