import type { CopyFormat, CopyStatement } from '../sql/copy-statement.js';
import type { CursorDeclaration, CursorFetch } from '../sql/cursor-statement.js';
import { asTimelineError, TimelineError, unsupported } from '../sql/errors.js';
import type { ExplainOptions } from '../sql/explain-options.js';
import { innerText, parseOne } from '../sql/parse.js';
import type { AnalysisContext } from '../sql/postgres.js';
import { quoteIdentifier } from '../sql/quote.js';
import { refusedClause, relationNodes } from '../sql/references.js';
import type { ResultColumn } from '../sql/result.js';
import { rewriteSnapshotCalls } from '../sql/snapshot-call.js';
import { statementKind, type UtilityStatement } from '../sql/statement-kind.js';
import { rewriteTimelineCalls } from '../sql/timeline-call.js';
import { type ExpandedText, expandViews, functionsBehind, isViewReference, relationsBehind } from '../sql/view-references.js';
import type { ViewDrop } from '../sql/view-statement.js';
import type { EngineContext } from './engine-context.js';
import { mapped, type SelectStatement } from './select.js';
import type { SessionViews } from './session-views.js';
import { isAboutTable, type StatementRelation, StatementTables } from './statement-tables.js';
import { withVersionParameters } from './table-version.js';

/** A query, analysed: of tables of ours, or answered by the embedded Postgres alone. */
export type ReadStatement =
  | {
      readonly kind: 'catalogue';
      readonly parameterTypes: readonly number[];
      readonly text: string;
      readonly columns: readonly ResultColumn[] | undefined;
    }
  | { readonly kind: 'select'; readonly parameterTypes: readonly number[]; readonly statement: SelectStatement };

/** EXECUTE as it was written: PostgreSQL computes its arguments when it runs. */
export interface ExecuteCall {
  readonly name: string;
  /** Blanks stand for what is before it. */
  readonly text: string;
  readonly hasArguments: boolean;
}

/** A statement, classified and analysed, ready to run any number of times. */
export type PlannedStatement =
  | ReadStatement
  | { readonly kind: 'utility'; readonly parameterTypes: readonly number[]; readonly statement: UtilityStatement }
  | {
      readonly kind: 'explain';
      readonly parameterTypes: readonly number[];
      readonly statement: SelectStatement;
      readonly options: ExplainOptions;
    }
  | {
      readonly kind: 'prepare';
      readonly parameterTypes: readonly number[];
      readonly name: string;
      /** `PREPARE name (types) AS `; undefined: no types were written. */
      readonly head: string | undefined;
      readonly text: string;
    }
  | { readonly kind: 'execute'; readonly parameterTypes: readonly number[]; readonly call: ExecuteCall }
  | {
      readonly kind: 'explain_execute';
      readonly parameterTypes: readonly number[];
      readonly call: ExecuteCall;
      readonly options: ExplainOptions;
      /** `EXPLAIN (…) `, as written. */
      readonly head: string;
    }
  | {
      readonly kind: 'declare';
      readonly parameterTypes: readonly number[];
      readonly declaration: CursorDeclaration;
      readonly query: ReadStatement;
    }
  | { readonly kind: 'fetch'; readonly parameterTypes: readonly number[]; readonly fetch: CursorFetch }
  | { readonly kind: 'close'; readonly parameterTypes: readonly number[]; readonly name: string | undefined }
  | { readonly kind: 'copy'; readonly parameterTypes: readonly number[]; readonly query: ReadStatement; readonly format: CopyFormat }
  | {
      readonly kind: 'create_view';
      readonly parameterTypes: readonly number[];
      readonly name: string;
      readonly text: string;
      readonly innerStart: number;
    }
  | { readonly kind: 'drop_view'; readonly parameterTypes: readonly number[]; readonly drop: ViewDrop; readonly text: string };

export interface PrepareOptions {
  readonly views: SessionViews;
  readonly text: string;
  readonly parameterTypes: readonly number[];
  readonly engine: EngineContext;
  readonly analysis: AnalysisContext;
  /** The session's timeline.as_of; undefined: now. */
  readonly asOf: string | undefined;
}

/** Table functions that only the engine answers. */
const TIMELINE_FUNCTIONS = new Set(['timeline', 'read_until', 'read_range', 'version_at', 'at_snapshot']);

/** Parses, classifies and analyses one statement. Undefined: it is empty. */
export async function planStatement(options: PrepareOptions): Promise<PlannedStatement | undefined> {
  const parsed = parseOne(options.text);
  if (parsed === undefined) return undefined;
  const kind = statementKind(parsed.statement);
  switch (kind.kind) {
    case 'utility':
      return { kind: 'utility', parameterTypes: [], statement: kind.statement };
    case 'select':
      return planRead(options, parsed.statement);
    case 'explain': {
      const inner = await planStatement({ ...options, text: innerText(options.text, parsed) });
      const head = [...options.text].slice(0, parsed.innerStart).join('');
      if (inner?.kind === 'select') return { ...inner, kind: 'explain', options: kind.options };
      if (inner?.kind === 'declare' && inner.query.kind === 'select') return { ...inner.query, kind: 'explain', options: kind.options };
      if (inner?.kind === 'execute') return { ...inner, kind: 'explain_execute', options: kind.options, head };
      return planCatalogue(options, options.text);
    }
    case 'prepare': {
      const head = kind.hasTypes ? [...options.text].slice(0, parsed.innerStart).join('') : undefined;
      return { kind: 'prepare', parameterTypes: [], name: kind.name, head, text: innerText(options.text, parsed) };
    }
    case 'execute':
      return { kind: 'execute', parameterTypes: [], call: { name: kind.name, text: options.text, hasArguments: kind.hasArguments } };
    case 'declare': {
      const query = await planQuery({ ...options, text: innerText(options.text, parsed) });
      return { kind: 'declare', parameterTypes: query.parameterTypes, declaration: kind.declaration, query };
    }
    case 'fetch':
      return { kind: 'fetch', parameterTypes: [], fetch: kind.fetch };
    case 'close':
      return { kind: 'close', parameterTypes: [], name: kind.name };
    case 'create_view':
      return { kind: 'create_view', parameterTypes: [], name: kind.view.name, text: options.text, innerStart: parsed.innerStart ?? 0 };
    case 'drop_view':
      return { kind: 'drop_view', parameterTypes: [], drop: kind.drop, text: options.text };
    case 'copy':
      return planCopy(options, kind.copy, innerText(options.text, parsed));
  }
}

/** A text that must be one query. */
async function planQuery(options: PrepareOptions): Promise<ReadStatement> {
  const planned = await planStatement(options);
  if (planned?.kind !== 'select' && planned?.kind !== 'catalogue') throw unsupported('set_config() here');
  return planned;
}

async function planCopy(options: PrepareOptions, { table, format, optionsSql }: CopyStatement, inner: string): Promise<PlannedStatement> {
  if (table !== undefined && isViewReference({ ...table, body: {} }, options.views.current)) {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '42809',
      message: `cannot copy from view "${table.name}"`,
      hint: 'Try the COPY (SELECT ...) TO variant.',
    });
  }
  const query = await (table === undefined
    ? planQuery({ ...options, text: inner, parameterTypes: [] })
    : planQuery({ ...options, text: tableQuery(table), parameterTypes: [] }).catch((thrown: unknown) => {
        // Its places are of the text that we made.
        throw asTimelineError(thrown).at(undefined);
      }));
  if (query.parameterTypes.length > 0)
    throw new TimelineError({ kind: 'semantic', sqlstate: '42P02', message: 'there is no parameter $1' });
  const columns = query.kind === 'select' ? query.statement.columns : (query.columns ?? []);
  if (optionsSql !== '') await options.engine.postgres.checkCopyOptions(optionsSql, columns, options.analysis);
  return { kind: 'copy', parameterTypes: [], query, format };
}

function tableQuery({ schema, name, columns }: NonNullable<CopyStatement['table']>): string {
  const list = columns.length === 0 ? '*' : columns.map(quoteIdentifier).join(', ');
  return `SELECT ${list} FROM ${schema === undefined ? '' : `${quoteIdentifier(schema)}.`}${quoteIdentifier(name)}`;
}

async function planRead(options: PrepareOptions, statement: unknown): Promise<ReadStatement> {
  const refused = refusedClause(statement);
  if (refused !== undefined) throw unsupported(refused);
  if (!isOurs(options, statement)) return planCatalogue(options, options.text);
  try {
    return { kind: 'select', ...(await analyseSelect(options, statement)) };
  } catch (thrown) {
    const error = asTimelineError(thrown);
    // A table that appeared after the last look at the catalogs.
    if ((error.sqlstate === '42P01' || error.sqlstate === '3F000') && (await options.engine.refreshCatalog())) {
      return { kind: 'select', ...(await analyseSelect(options, statement)) };
    }
    throw error;
  }
}

/** Does the engine answer it (a table of ours, a TIMELINE function), rather than the embedded Postgres alone? */
function isOurs({ engine, analysis, views }: PrepareOptions, statement: unknown): boolean {
  const catalog = engine.catalog();
  const relations = relationsBehind(statement, views.current);
  const ours = relations.filter(
    ({ schema, name }) => catalog.find(schema, name, analysis.searchPath) !== undefined || isAboutTable(schema, name, catalog, analysis),
  );
  const calls = functionsBehind(statement, views.current).some(
    (name) => name.schema === undefined && TIMELINE_FUNCTIONS.has(name.name.toLowerCase()),
  );
  return ours.length > 0 || calls;
}

async function analyseSelect(
  options: PrepareOptions,
  statement: unknown,
): Promise<{ readonly parameterTypes: readonly number[]; readonly statement: SelectStatement }> {
  const { text, parameterTypes, engine, analysis, asOf } = options;
  // As they are now: a statement that was prepared keeps them.
  const views = { current: options.views.current };
  const tables = new StatementTables({ engine, catalog: engine.catalog(), analysis, views, asOf, parameters: undefined });
  const rewritten = await rewriteTables(text, statement, tables, views);
  const types = await withVersionParameters(tables.versions, parameterTypes, engine.postgres, analysis);
  const { relations } = tables;
  const describe = async (relations: readonly StatementRelation[]) =>
    engine.postgres.describe(rewritten.text, types, { ...analysis, relations }).catch((error: unknown) => {
      throw mapped(error, rewritten);
    });
  const described = await describe(relations);
  const columns = described.columns ?? [];
  return {
    parameterTypes: described.parameterTypes,
    statement: {
      original: text,
      rewritten: rewritten.text,
      mapPosition: rewritten.mapPosition,
      parameterTypes: described.parameterTypes,
      columns,
      relations,
      async relationsNow(values, now) {
        if (tables.versions.length === 0 && now === asOf) return relations;
        const parameters = { types: described.parameterTypes, values };
        const again = new StatementTables({ engine, catalog: engine.catalog(), analysis, views, asOf: now, parameters });
        const { text: same } = await rewriteTables(text, statement, again, views);
        const changed = same !== rewritten.text || !sameColumns(columns, (await describe(again.relations)).columns ?? []);
        if (changed) throw resultChanged();
        return again.relations;
      },
    },
  };
}

function sameColumns(before: readonly ResultColumn[], after: readonly ResultColumn[]): boolean {
  const shape = (columns: readonly ResultColumn[]) => JSON.stringify(columns.map(({ name, type }) => [name, type]));
  return shape(before) === shape(after);
}

function resultChanged(): TimelineError {
  return new TimelineError({
    kind: 'semantic',
    sqlstate: '0A000',
    message: 'cached plan must not change result type',
    hint: 'The columns are others at this version: name the columns that you need, or write the version as a literal.',
  });
}

/** The text with its TIMELINE calls rewritten, then with definitions for its views, then with relations for its snapshots. */
export async function rewriteTables(
  text: string,
  statement: unknown,
  tables: StatementTables,
  views: Pick<SessionViews, 'current'>,
): Promise<ExpandedText> {
  const calls = await tables.settle(() => rewriteTimelineCalls(text, statement, tables.lookup));
  const tree = calls.text === text ? statement : parseOne(calls.text)?.statement;
  const expanded = expandViews(calls.text, tree, views.current);
  const expandedTree = expanded.text === calls.text ? tree : parseOne(expanded.text)?.statement;
  const back = (position: number): number => calls.mapPosition(expanded.mapPosition(position));
  try {
    const snapshots = await tables.settle(() => {
      // What the text names must be known too: tables as of the session's version, and tables about tables.
      for (const { schema, name } of relationNodes(expandedTree)) tables.lookup(schema, name);
      return rewriteSnapshotCalls(expanded.text, expandedTree, ({ schema, table, version }) => tables.snapshot(schema, table, version));
    });
    return { text: snapshots.text, mapPosition: (position) => back(snapshots.mapPosition(position)) };
  } catch (thrown) {
    throw mapped(thrown, { mapPosition: back });
  }
}

async function planCatalogue({ parameterTypes, engine, analysis, views }: PrepareOptions, text: string): Promise<ReadStatement> {
  const described = await engine.postgres.describe(text, parameterTypes, { ...analysis, views: views.script });
  return { kind: 'catalogue', parameterTypes: described.parameterTypes, text, columns: described.columns };
}
