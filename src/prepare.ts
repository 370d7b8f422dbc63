import { ACTION_SCHEMA, actionCalls, type RowAction, refusedAction, rewriteActionCalls } from '../sql/action-call.js';
import type { CopyFile, CopyFormat, CopyStatement } from '../sql/copy-statement.js';
import type { CursorDeclaration, CursorFetch } from '../sql/cursor-statement.js';
import { asTimelineError, internal, TimelineError, unsupported } from '../sql/errors.js';
import type { ExplainOptions } from '../sql/explain-options.js';
import { innerText, parseOne } from '../sql/parse.js';
import { taggedNode } from '../sql/parse-tree.js';
import type { AnalysisContext } from '../sql/postgres.js';
import { quoteIdentifier } from '../sql/quote.js';
import { refusedClause } from '../sql/references.js';
import type { ResultColumn } from '../sql/result.js';
import { statementKind, type UtilityStatement } from '../sql/statement-kind.js';
import { OPS } from '../sql/timeline-marker.js';
import { Oid, type } from '../sql/types.js';
import { functionsBehind, isViewReference, relationsBehind } from '../sql/view-references.js';
import type { ViewDrop } from '../sql/view-statement.js';
import type { InsertStatement, PlainTableCreation, ProcedureCall, TableCreation, TableDrop } from '../sql/write-statement.js';
import type { Catalog } from './catalog.js';
import type { EngineContext } from './engine-context.js';
import { textColumn } from './execution.js';
import { procedureOf } from './procedures.js';
import { rewriteTables, withoutTarget } from './rewrite-tables.js';
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
      readonly kind: 'action';
      readonly parameterTypes: readonly number[];
      /** In place of each action's column it has an array of texts, its arguments. */
      readonly query: ReadStatement;
      readonly columns: readonly ResultColumn[];
      readonly actions: readonly (RowAction & { readonly column: number })[];
    }
  | {
      readonly kind: 'explain';
      readonly parameterTypes: readonly number[];
      readonly statement: SelectStatement;
      readonly options: ExplainOptions;
      /** EXPLAIN of what writes. */
      readonly write?: WriteStatement;
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
  | { readonly kind: 'drop_view'; readonly parameterTypes: readonly number[]; readonly drop: ViewDrop; readonly text: string }
  | WriteStatement;

/** A statement that changes tables or makes files; `command` is PostgreSQL's name for it. */
export type WriteStatement =
  | { readonly kind: 'insert'; readonly command: string; readonly parameterTypes: readonly number[]; readonly statement: SelectStatement }
  | {
      readonly kind: 'create_table_as';
      readonly command: string;
      readonly parameterTypes: readonly number[];
      readonly create: TableCreation;
      readonly statement: SelectStatement;
    }
  | {
      readonly kind: 'create_table';
      readonly command: string;
      readonly parameterTypes: readonly number[];
      readonly create: PlainTableCreation;
      readonly text: string;
    }
  | { readonly kind: 'drop_table'; readonly command: string; readonly parameterTypes: readonly number[]; readonly drop: TableDrop }
  | {
      readonly kind: 'call';
      readonly command: string;
      readonly parameterTypes: readonly number[];
      readonly call: ProcedureCall;
      readonly text: string;
      readonly columns: readonly ResultColumn[];
    }
  | {
      readonly kind: 'copy_file';
      readonly command: string;
      readonly parameterTypes: readonly number[];
      readonly statement: SelectStatement;
      readonly file: CopyFile;
    };

export interface PrepareOptions {
  readonly views: SessionViews;
  readonly text: string;
  readonly parameterTypes: readonly number[];
  readonly engine: EngineContext;
  readonly analysis: AnalysisContext;
  /** The session's timeline.as_of; undefined: now. */
  readonly asOf: string | undefined;
  /** Every query is planned, also one that the embedded Postgres could answer alone. */
  readonly everyQuery?: boolean;
  /** Values of the parameters, where some name replays in timeline.result(), or are arguments of logsql(). */
  readonly resultIds?: readonly (string | null)[];
}

/** Table functions that only the engine answers. */
const TIMELINE_FUNCTIONS = new Set(['timeline', 'read_until', 'read_range', 'version_at', 'at_snapshot']);

/** Parses, classifies and analyses one statement. Undefined: it is empty. */
export async function planStatement(options: PrepareOptions): Promise<PlannedStatement | undefined> {
  const parsed = parseOne(options.text);
  if (parsed === undefined) return undefined;
  const kind = statementKind(parsed.statement);
  const actions = actionCalls(parsed.statement, options.analysis.searchPath);
  // What PREPARE holds is planned by itself.
  if (actions.length > 0 && kind.kind !== 'prepare') {
    if (kind.kind !== 'select') throw refusedAction(options.text, actions);
    return planActions(options, parsed.statement);
  }
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
      if (inner?.kind === 'insert' || inner?.kind === 'create_table_as') {
        const { parameterTypes, statement } = inner;
        return { kind: 'explain', parameterTypes, statement, options: kind.options, write: inner };
      }
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
    case 'insert':
      return { kind: 'insert', command: 'INSERT', ...(await planInsert(options, parsed.statement, kind.insert)) };
    case 'create_table_as': {
      const text = kind.create.querySql(options.text);
      const analysed = await refreshing(options, () => analyseSelect({ ...options, text }, selectOf(text)));
      const statement = { ...analysed.statement, original: options.text };
      return { kind: 'create_table_as', command: kind.tag, ...analysed, statement, create: kind.create };
    }
    case 'create_table':
      return { kind: 'create_table', command: 'CREATE TABLE', parameterTypes: [], create: kind.create, text: options.text };
    case 'drop_table':
      return { kind: 'drop_table', command: 'DROP TABLE', parameterTypes: [], drop: kind.drop };
    case 'call': {
      const { call } = kind;
      const columns = procedureOf(call.procedure).columns.map(([name, of]): ResultColumn => ({ ...textColumn(name), type: type(Oid[of]) }));
      // PostgreSQL finds their types when it runs; until then they are text.
      const parameterTypes = Array.from({ length: call.parameters }, () => Oid.text);
      return { kind: 'call', command: 'CALL', parameterTypes, call, text: options.text, columns };
    }
    case 'copy':
      return planCopy(options, kind.copy, innerText(options.text, parsed));
  }
}

/** A SELECT whose rows are acted upon. */
async function planActions(options: PrepareOptions, statement: unknown): Promise<PlannedStatement> {
  const { text, analysis } = options;
  // First as it was written: what is wrong with a call, PostgreSQL says.
  const asked = await planRead(options, statement);
  const rewritten = rewriteActionCalls(text, statement, analysis.searchPath);
  const { parameterTypes } = asked;
  const query = await planRead({ ...options, text: rewritten.text, parameterTypes }, parseOne(rewritten.text)?.statement).catch(
    (thrown: unknown) => {
      throw mapped(thrown, rewritten);
    },
  );
  const columns = columnsOf(asked);
  // A star may stand for any number of columns, but none of them has another type than before.
  const places = columnsOf(query).flatMap(({ type }, n) => (type.oid === columns[n]?.type.oid ? [] : [n]));
  if (places.length !== rewritten.actions.length) throw internal(`${rewritten.actions.length} actions are in ${places.length} columns`);
  return {
    kind: 'action',
    parameterTypes,
    query,
    columns,
    actions: rewritten.actions.map((one, n) => ({ ...one, column: places[n] ?? 0 })),
  };
}

function columnsOf(read: ReadStatement): readonly ResultColumn[] {
  return read.kind === 'select' ? read.statement.columns : (read.columns ?? []);
}

/** A text that must be one query. */
async function planQuery(options: PrepareOptions): Promise<ReadStatement> {
  const planned = await planStatement(options);
  if (planned?.kind !== 'select' && planned?.kind !== 'catalogue') throw unsupported('set_config() here');
  return planned;
}

async function planCopy(
  options: PrepareOptions,
  { table, format, optionsSql, file }: CopyStatement,
  inner: string,
): Promise<PlannedStatement> {
  if (table !== undefined && isViewReference({ ...table, body: {} }, options.views.current)) {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '42809',
      message: `cannot copy from view "${table.name}"`,
      hint: 'Try the COPY (SELECT ...) TO variant.',
    });
  }
  if (file !== undefined) {
    const text = table === undefined ? inner : tableQuery(table);
    const read = { ...options, text, parameterTypes: [] };
    const { statement, parameterTypes } = await refreshing(options, () => analyseSelect(read, selectOf(text)));
    requireNoParameters(parameterTypes);
    if (optionsSql !== '') await options.engine.postgres.checkCopyOptions(optionsSql, statement.columns, options.analysis);
    return { kind: 'copy_file', command: 'COPY', parameterTypes: [], statement: { ...statement, original: options.text }, file };
  }
  const query = await (table === undefined
    ? planQuery({ ...options, text: inner, parameterTypes: [] })
    : planQuery({ ...options, text: tableQuery(table), parameterTypes: [] }).catch((thrown: unknown) => {
        // Its places are of the text that we made.
        throw asTimelineError(thrown).at(undefined);
      }));
  requireNoParameters(query.parameterTypes);
  const columns = query.kind === 'select' ? query.statement.columns : (query.columns ?? []);
  if (optionsSql !== '') await options.engine.postgres.checkCopyOptions(optionsSql, columns, options.analysis);
  return { kind: 'copy', parameterTypes: [], query, format };
}

function requireNoParameters(types: readonly number[]): void {
  if (types.length > 0) throw new TimelineError({ kind: 'semantic', sqlstate: '42P02', message: 'there is no parameter $1' });
}

function tableQuery({ schema, name, columns }: NonNullable<CopyStatement['table']>): string {
  const list = columns.length === 0 ? '*' : columns.map(quoteIdentifier).join(', ');
  return `SELECT ${list} FROM ${schema === undefined ? '' : `${quoteIdentifier(schema)}.`}${quoteIdentifier(name)}`;
}

/** The tree of a text that must be a SELECT which neither writes nor locks. */
function selectOf(text: string): unknown {
  const statement = parseOne(text)?.statement;
  const refused = refusedClause(statement);
  if (refused !== undefined) throw unsupported(refused);
  return statement;
}

async function planInsert(
  options: PrepareOptions,
  statement: unknown,
  { table }: InsertStatement,
): Promise<{ readonly parameterTypes: readonly number[]; readonly statement: SelectStatement }> {
  const { body } = taggedNode(statement);
  if (isViewReference({ ...table, body: {} }, options.views.current)) throw unsupported(`INSERT into view "${table.name}"`);
  const refused = refusedClause([body['selectStmt'], body['withClause']]);
  if (refused !== undefined) throw unsupported(refused);
  // Its table is no source: a view of the same name, or TIMELINE's lookups, have nothing to do with it.
  return refreshing(options, () => analyseSelect(options, withoutTarget(statement)));
}

/** Once more after a look at the catalogs, if a table or column was missing that may have appeared since the last one. */
async function refreshing<T>({ engine }: PrepareOptions, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    const error = asTimelineError(thrown);
    const isMissing = error.sqlstate === '42P01' || error.sqlstate === '3F000';
    if ((isMissing || error.sqlstate === '42703') && (await engine.refreshCatalog())) return work();
    throw isMissing ? orUnreachable(error, engine.catalog()) : error;
  }
}

async function planRead(options: PrepareOptions, statement: unknown): Promise<ReadStatement> {
  const refused = refusedClause(statement);
  if (refused !== undefined) throw unsupported(refused);
  return refreshing(options, async () =>
    options.everyQuery === true || isOurs(options, statement)
      ? { kind: 'select', ...(await analyseSelect(options, statement)) }
      : planCatalogue(options, options.text),
  );
}

/** Nobody can tell that a relation does not exist while a catalog has never been seen. */
function orUnreachable(error: TimelineError, catalog: Catalog): TimelineError {
  const unseen = catalog.failed.find((failure) => !failure.kept);
  if (unseen === undefined) return error;
  return new TimelineError({
    ...error.toJSON(),
    kind: 'connector',
    sqlstate: '08001',
    message: `${error.message}, unless it is in catalog "${unseen.connector}", which cannot be read: ${unseen.error.message}`,
    retryable: true,
  });
}

/** Does the engine answer it (a table of ours, a TIMELINE function), rather than the embedded Postgres alone? */
function isOurs({ engine, analysis, views }: PrepareOptions, statement: unknown): boolean {
  const catalog = engine.catalog();
  const relations = relationsBehind(statement, views.current);
  const ours = relations.filter(
    ({ schema, name }) => catalog.find(schema, name, analysis.searchPath) !== undefined || isAboutTable(schema, name, catalog, analysis),
  );
  // the definitions of views have the operators that calls were rewritten to
  const calls = functionsBehind(statement, views.current).some(({ schema, name }) =>
    schema === undefined
      ? TIMELINE_FUNCTIONS.has(name.toLowerCase()) || name === 'logsql'
      : `${schema}.` === OPS || (schema === ACTION_SCHEMA && name === 'result'),
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
  const tables = new StatementTables({
    engine,
    catalog: engine.catalog(),
    analysis,
    views,
    asOf,
    parameters: undefined,
    resultIds: options.resultIds,
  });
  const rewritten = await rewriteTables(text, statement, tables, views, parameterTypes);
  const types = await withVersionParameters(tables.versions, parameterTypes, engine.postgres, analysis);
  const { relations } = tables;
  const describe = async (relations: readonly StatementRelation[]) =>
    engine.postgres.describe(rewritten.text, types, { ...analysis, relations }).catch((error: unknown) => {
      throw mapped(error, { mapPosition: rewritten.mapPosition, rewritten: rewritten.text });
    });
  const described = await describe(relations);
  const columns = described.columns ?? [];
  return {
    parameterTypes: described.parameterTypes,
    statement: {
      original: text,
      rewritten: rewritten.text,
      mapPosition: rewritten.mapPosition,
      ...(rewritten.reads.length === 0 ? {} : { reads: rewritten.reads }),
      parameterTypes: described.parameterTypes,
      columns,
      relations,
      async relationsNow(values, now) {
        if (tables.versions.length === 0 && now === asOf) return relations;
        const parameters = { types: described.parameterTypes, values };
        const again = new StatementTables({
          engine,
          catalog: engine.catalog(),
          analysis,
          views,
          asOf: now,
          parameters,
          resultIds: options.resultIds,
        });
        const { text: same } = await rewriteTables(text, statement, again, views, parameterTypes);
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

async function planCatalogue({ parameterTypes, engine, analysis, views }: PrepareOptions, text: string): Promise<ReadStatement> {
  const described = await engine.postgres.describe(text, parameterTypes, { ...analysis, views: views.script });
  return { kind: 'catalogue', parameterTypes: described.parameterTypes, text, columns: described.columns };
}
