import type { ColumnDescription, Connector, ConnectorWriter, TableName } from '../connectors/connector.js';
import type { SinkTable } from '../planner/physical-plan.js';
import type { PlanSink } from '../planner/sink.js';
import { asTimelineError, TimelineError } from '../sql/errors.js';
import { readInsert, readQuery } from '../sql/node-tree.js';
import type { WrittenName } from '../sql/references.js';
import type { Catalog, CatalogEntry } from './catalog.js';
import type { SelectContext, Writing } from './select.js';

/** A table to make: where, and as its connector names it. */
export interface NewTable {
  readonly schema: string;
  readonly connector: Connector;
  readonly writer: ConnectorWriter;
  readonly source: TableName;
}

/** Where CREATE TABLE makes a table. Throws 3F000, 42501; 42P07 is the caller's. */
export function newTable({ schema, name }: WrittenName, { catalog, analysis }: Pick<SelectContext, 'catalog' | 'analysis'>): NewTable {
  const chosen = schema ?? analysis.searchPath.find((one) => catalog.writers(one).length > 0);
  if (chosen === undefined) {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '3F000',
      message: 'no schema has been selected to create in',
      hint: 'Name a schema that catalogs.<name>.write.schemas of the configuration lists, or put one on the search_path.',
    });
  }
  const [found, other] = catalog.writers(chosen);
  if (found === undefined) {
    if (catalog.hasSchema(chosen) || isSystem(chosen))
      throw notAllowed(`permission denied for schema ${chosen}`, catalog.unwritable(chosen));
    throw new TimelineError({ kind: 'semantic', sqlstate: '3F000', message: `schema "${chosen}" does not exist`, hint: HOW });
  }
  if (other !== undefined) {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '42P06',
      message: `catalogs "${found.connector.name}" and "${other.connector.name}" may both write schema "${chosen}"`,
      hint: 'Let catalogs.<name>.write.schemas name it once, or give one a prefix.',
    });
  }
  const { connector } = found;
  return { schema: chosen, connector, writer: writerOf(connector), source: { schema: found.schema, table: name } };
}

/** The writer of a table that may be written. Throws 42501. */
export function writerFor(entry: CatalogEntry): ConnectorWriter {
  const { writer } = entry.connector;
  if (writer?.allows(entry.source.schema) === true) return writer;
  throw notAllowed(`permission denied for table ${entry.description.table}`, entry.connector.unwritable);
}

/** The table that a name means. Throws 42P01. */
export function existingTable(name: WrittenName, catalog: Catalog, searchPath: readonly string[]): CatalogEntry {
  const found = catalog.find(name.schema, name.name, searchPath);
  if (found !== undefined) return found;
  const shown = name.schema === undefined ? name.name : `${name.schema}.${name.name}`;
  throw new TimelineError({ kind: 'semantic', sqlstate: '42P01', message: `relation "${shown}" does not exist` });
}

/** Rows of an analysed INSERT, into its table. */
export function insertWriting(context: SelectContext): Writing {
  return async (tree, names) => {
    const { query, table, columns: into } = readInsert(tree, names);
    if (isSystem(table.schema)) throw notAllowed(`permission denied for table ${table.name}`);
    const entry = existingTable({ schema: table.schema, name: table.name }, context.catalog, []);
    const writer = writerFor(entry);
    const { handle, columns } = await writer.begin({ table: entry.source }, context.signal);
    const { description } = entry;
    requireSameColumns(description.columns, columns, `${description.schema}.${description.table}`);
    const sink: PlanSink = {
      kind: 'table',
      table: sinkTable(entry.connector, description, handle, context),
      columns: columns.map(sinkColumn),
    };
    const from = columns.map(({ name }) => {
      const number = description.columns.findIndex((column) => column.name === name) + 1;
      const at = into.indexOf(number);
      return at < 0 ? undefined : at;
    });
    return { query, write: { sink, from } };
  };
}

/** Rows of a SELECT, into a table that the commit makes. */
export function createWriting(
  table: NewTable,
  create: {
    readonly columns: readonly ColumnDescription[];
    readonly options: Readonly<Record<string, string>>;
    readonly withData: boolean;
  },
  context: SelectContext,
): Writing {
  return async (tree, names) => {
    const query = readQuery(tree, names);
    const { columns: wanted, options } = create;
    const { handle, columns } = await table.writer.begin({ table: table.source, create: { columns: wanted, options } }, context.signal);
    const name = { schema: table.schema, table: table.source.table };
    const sink: PlanSink = { kind: 'table', table: sinkTable(table.connector, name, handle, context), columns: columns.map(sinkColumn) };
    return { query, write: { sink, from: columns.map(({ name: column }) => wanted.findIndex((one) => one.name === column)) } };
  };
}

export function alreadyExists(name: string): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '42P07', message: `relation "${name}" already exists` });
}

export function isDuplicate(thrown: unknown): boolean {
  return asTimelineError(thrown).sqlstate === '42P07';
}

function sinkTable(connector: Connector, name: TableName, handle: unknown, context: SelectContext): SinkTable {
  return { connector: connector.name, schema: name.schema, table: name.table, handle, summary: { user: context.analysis.user } };
}

function sinkColumn({ name, type, nullable }: ColumnDescription): PlanSink['columns'][number] {
  return nullable ? { name, type } : { name, type, required: true };
}

/** What the statement was analysed with must be what is written. */
function requireSameColumns(analysed: readonly ColumnDescription[], now: readonly ColumnDescription[], table: string): void {
  const text = (columns: readonly ColumnDescription[]): string =>
    JSON.stringify(columns.map(({ name, type }) => [name, type.oid, type.typmod]).sort());
  if (text(analysed) === text(now)) return;
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '40001',
    message: `the columns of table ${table} have changed since the statement was analysed`,
    hint: 'Try the statement again.',
    retryable: true,
  });
}

const HOW = 'catalogs.<name>.write.schemas of the configuration lists the schemas that may be written.';

export function notAllowed(message: string, hint = HOW): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '42501', message, hint });
}

function writerOf(connector: Connector): ConnectorWriter {
  if (connector.writer === undefined) throw notAllowed(`catalog "${connector.name}" is not written`);
  return connector.writer;
}

function isSystem(schema: string): boolean {
  return schema.startsWith('pg_') || schema === 'information_schema' || schema === 'timeline';
}
