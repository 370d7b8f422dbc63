import type { ColumnDescription } from '../connectors/connector.js';
import { decimalScale } from '../sql/duckdb-type.js';
import { TimelineError } from '../sql/errors.js';
import { readQuery } from '../sql/node-tree.js';
import { parseOne } from '../sql/parse.js';
import { taggedNode } from '../sql/parse-tree.js';
import { relationNodes } from '../sql/references.js';
import type { ResultColumn } from '../sql/result.js';
import { ELEMENT_OF, numericModifier, Oid, type Type } from '../sql/types.js';
import { commandExecution, textExecution } from './execution.js';
import { checkPlace } from './file-places.js';
import { buildIndexes } from './index-build.js';
import type { WriteStatement } from './prepare.js';
import { BUILD_INDEX, procedureOf } from './procedures.js';
import { runWrite, type SelectContext, type SelectStatement, type WriteResult, type Writing } from './select.js';
import type { SessionViews } from './session-views.js';
import type { Execution, Notice } from './statement.js';
import {
  alreadyExists,
  createWriting,
  existingTable,
  insertWriting,
  isDuplicate,
  type NewTable,
  newTable,
  writerFor,
} from './write-target.js';

export interface WriteContext {
  readonly select: SelectContext;
  readonly views: SessionViews;
}

/** Runs a statement that changes tables or makes files, to its end. */
export async function runWriteStatement(
  planned: WriteStatement,
  parameters: readonly (string | null)[],
  context: WriteContext,
): Promise<Execution> {
  const { select } = context;
  switch (planned.kind) {
    case 'insert': {
      const result = await runWrite(planned.statement, parameters, select, insertWriting(select));
      await select.engine.refreshCatalog();
      return commandExecution(`INSERT 0 ${result.rows}`, result.notices);
    }
    case 'create_table_as':
      return createTableAs(planned, parameters, select);
    case 'create_table':
      return createTable(planned, select);
    case 'drop_table':
      return dropTables(planned, context);
    case 'call':
      return callProcedure(planned, parameters, select);
    case 'copy_file': {
      const result = await runWrite(planned.statement, parameters, select, await fileWriting(planned, select));
      return commandExecution(`COPY ${result.rows}`, [...result.notices, ...textNumerics(planned)]);
    }
  }
}

/** How the rows of a planned write go out, for EXPLAIN. */
export async function writingOf(planned: WriteStatement, context: SelectContext): Promise<Writing | undefined> {
  switch (planned.kind) {
    case 'insert':
      return insertWriting(context);
    case 'create_table_as': {
      const { create, statement } = planned;
      const table = newTable(create.table, context);
      requireNew(table, context);
      return createWriting(table, { ...create, columns: createdColumns(statement, create.names) }, context);
    }
    case 'copy_file':
      return fileWriting(planned, context);
    default:
      return undefined;
  }
}

async function createTableAs(
  { create, statement }: WriteStatement & { readonly kind: 'create_table_as' },
  parameters: readonly (string | null)[],
  context: SelectContext,
): Promise<Execution> {
  const table = newTable(create.table, context);
  const columns = createdColumns(statement, create.names);
  const made = await creating(table, create.ifNotExists, context, () => {
    const writing = createWriting(table, { ...create, columns }, context);
    if (create.withData) return runWrite(statement, parameters, context, writing);
    return runWrite(emptied(statement), parameters, context, writing);
  });
  if ('skipped' in made) return commandExecution('CREATE TABLE AS', made.skipped);
  return commandExecution(create.withData ? `SELECT ${made.rows}` : 'CREATE TABLE AS', made.notices);
}

async function createTable(
  { create, text }: WriteStatement & { readonly kind: 'create_table' },
  context: SelectContext,
): Promise<Execution> {
  const table = newTable(create.table, context);
  const columns = (await context.engine.postgres.tableColumns(create.columnsSql(text), context.analysis)).map(
    (column): ColumnDescription => ({ ...column, comment: undefined }),
  );
  const made = await creating(table, create.ifNotExists, context, () => {
    const list = columns.map(({ type }) => `null::${context.engine.postgres.names.typeSql(type.oid)}${modifierSql(type)}`).join(', ');
    const statement = ownStatement(`select ${list} limit 0`, text);
    return runWrite(statement, [], context, createWriting(table, { columns, options: create.options, withData: false }, context));
  });
  return commandExecution('CREATE TABLE', 'skipped' in made ? made.skipped : made.notices);
}

/** Makes a table, unless it is there: then 42P07, or a notice that says so. */
async function creating(
  table: NewTable,
  ifNotExists: boolean,
  context: SelectContext,
  work: () => Promise<WriteResult>,
): Promise<WriteResult | { readonly skipped: readonly Notice[] }> {
  const name = table.source.table;
  try {
    requireNew(table, context);
    const result = await work();
    await context.engine.refreshCatalog();
    return result;
  } catch (thrown) {
    if (!ifNotExists || !isDuplicate(thrown)) throw thrown;
    const message = `relation "${name}" already exists, skipping`;
    return { skipped: [{ severity: 'NOTICE', sqlstate: '42P07', message }] };
  }
}

function requireNew({ schema, source }: NewTable, { catalog }: SelectContext): void {
  if (catalog.find(schema, source.table, []) !== undefined) throw alreadyExists(source.table);
}

/** Types of columns that no table can have, by OID. */
export const PSEUDO_TYPES: ReadonlyMap<number, string> = new Map([
  [2249, 'record'],
  [2278, 'void'],
  [705, 'unknown'],
  [2287, 'record[]'],
]);

/** Columns of CREATE TABLE AS: of the query, the first ones under other names. Throws as PostgreSQL does. */
export function createdColumns({ columns }: SelectStatement, names: readonly string[]): readonly ColumnDescription[] {
  const wrong = (sqlstate: string, message: string): TimelineError => new TimelineError({ kind: 'semantic', sqlstate, message });
  if (names.length > columns.length) throw wrong('42601', 'too many column names were specified');
  const seen = new Set<string>();
  return columns.map((column: ResultColumn, n): ColumnDescription => {
    const name = names[n] ?? column.name;
    if (seen.has(name)) throw wrong('42701', `column "${name}" specified more than once`);
    seen.add(name);
    const pseudo = PSEUDO_TYPES.get(column.type.oid);
    if (pseudo !== undefined) throw wrong('42P16', `column "${name}" has pseudo-type ${pseudo}`);
    return { name, type: column.type, nullable: true, comment: undefined };
  });
}

/** The query without its rows. */
export function emptied(statement: SelectStatement): SelectStatement {
  // The last line may be a comment.
  const text = `select * from (${statement.rewritten}\n) as q limit 0`;
  return { ...statement, rewritten: text };
}

function ownStatement(sql: string, original: string): SelectStatement {
  return { original, rewritten: sql, mapPosition: () => 1, parameterTypes: [], columns: [], relations: [], relationsNow: async () => [] };
}

async function dropTables({ drop }: WriteStatement & { readonly kind: 'drop_table' }, { select, views }: WriteContext): Promise<Execution> {
  const notices: Notice[] = [];
  // All of them are looked at before one of them goes.
  const tables = drop.tables.flatMap((name) => {
    if (name.schema === undefined && views.current.has(name.name)) {
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '42809',
        message: `"${name.name}" is not a table`,
        hint: 'Use DROP VIEW to remove a view.',
      });
    }
    const entry = select.catalog.find(name.schema, name.name, select.analysis.searchPath);
    if (entry !== undefined) return [{ entry, writer: writerFor(entry) }];
    const shown = name.schema === undefined ? name.name : `${name.schema}.${name.name}`;
    if (!drop.missingOk) throw new TimelineError({ kind: 'semantic', sqlstate: '42P01', message: `table "${name.name}" does not exist` });
    notices.push({ severity: 'NOTICE', sqlstate: '00000', message: `table "${shown}" does not exist, skipping` });
    return [];
  });
  for (const { entry, writer } of tables) await writer.dropTable(entry.source, { purge: true, signal: select.signal });
  await select.engine.refreshCatalog();
  return commandExecution('DROP TABLE', notices);
}

/** CALL timeline.optimize('lake.events') and its like. */
async function callProcedure(
  { call, text, columns }: WriteStatement & { readonly kind: 'call' },
  parameters: readonly (string | null)[],
  context: SelectContext,
): Promise<Execution> {
  const { parameters: declared } = procedureOf(call.procedure);
  const all = [
    { name: 'table', type: 'text', required: true },
    ...Object.entries(declared).map(([name, type]) => ({ name, type, required: false })),
  ];
  const values = await context.engine.postgres.callArguments(
    { name: call.procedure, parameters: all },
    call.argumentsSql(text),
    context.analysis,
    parameters,
  );
  const [table = null, ...rest] = values;
  const entry = existingTable(tableOf(table), context.catalog, context.analysis.searchPath);
  if (call.procedure === BUILD_INDEX) {
    const { row, notices } = await buildIndexes(entry, context);
    return textExecution({ columns, rows: [row], tag: () => 'CALL', notices });
  }
  const args = Object.fromEntries(Object.keys(declared).flatMap((name, n) => (rest[n] == null ? [] : [[name, rest[n] ?? null]])));
  const answer = await writerFor(entry).maintain(call.procedure, entry.source, args, context.signal);
  await context.engine.refreshCatalog();
  const places = columns.map(({ name }) => answer.columns.findIndex((column) => column.name === name));
  const rows = answer.rows.map((row) => places.map((place) => row[place] ?? null));
  return textExecution({ columns, rows, tag: () => 'CALL' });
}

/** A table's name as text: `lake.events`, `"Odd"."Name"`. */
function tableOf(text: string | null): { readonly schema: string | undefined; readonly name: string } {
  const invalid = (): TimelineError =>
    new TimelineError({ kind: 'semantic', sqlstate: '42602', message: `invalid name syntax: ${text ?? 'NULL'}` });
  if (text === null) throw invalid();
  let nodes: ReturnType<typeof relationNodes>;
  try {
    const statement = parseOne(`TABLE ${text}`)?.statement;
    if (taggedNode(statement).tag !== 'SelectStmt') throw invalid();
    nodes = relationNodes(statement);
  } catch {
    throw invalid();
  }
  const [node, other] = nodes;
  if (node === undefined || other !== undefined) throw invalid();
  return { schema: node.schema, name: node.name };
}

async function fileWriting({ file, statement }: WriteStatement & { readonly kind: 'copy_file' }, context: SelectContext): Promise<Writing> {
  const location = await checkPlace(context.engine.config.copy, file);
  return async (tree, names) => {
    const query = readQuery(tree, names);
    const columns = statement.columns.map(({ name, type }) => ({ name, type }));
    return { query, write: { sink: { kind: 'file', file: { ...file, location }, columns }, from: columns.map((_, n) => n) } };
  };
}

/** Parquet's decimals have a scale. */
function textNumerics({ file, statement }: WriteStatement & { readonly kind: 'copy_file' }): readonly Notice[] {
  if (file.format.kind !== 'parquet') return [];
  return statement.columns
    .filter(
      ({ type }) => [type.oid, ELEMENT_OF.get(type.oid)].includes(Oid.numeric) && decimalScale({ ...type, oid: Oid.numeric }) === undefined,
    )
    .map(({ name }) => ({
      severity: 'NOTICE' as const,
      sqlstate: '00000',
      message: `column "${name}" of type numeric is written as text`,
      hint: `Cast it to numeric(38, 9), for example, for a decimal.`,
    }));
}

function modifierSql(type: Type): string {
  const modifier = numericModifier(type);
  return modifier === undefined ? '' : `(${modifier.precision},${modifier.scale})`;
}
