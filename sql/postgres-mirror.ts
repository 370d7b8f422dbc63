import { ACTION_SCHEMA } from './action-call.js';
import type { TimelineError } from './errors.js';
import { IMAGE_DATABASE } from './postgres-image-format.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import type { Type } from './types.js';

/** A table as the embedded Postgres is to know it; connectors' TableDescription fits. */
export interface MirrorTable {
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly {
    readonly name: string;
    readonly type: Type;
    readonly nullable: boolean;
    readonly comment: string | undefined;
  }[];
  readonly comment: string | undefined;
  readonly rowEstimate: number | undefined;
}

/** A table that has no mirror, and why (a duplicate column name, a type that can't be stored, …). */
export interface MirrorFailure {
  readonly schema: string;
  readonly table: string;
  readonly error: TimelineError;
}

/** Schemas that Postgres and the image own. */
const RESERVED = /^(pg_.*|information_schema|timeline_ops)$/;

export function isReservedSchema(schema: string): boolean {
  return RESERVED.test(schema);
}

export function tableKey({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return JSON.stringify([schema, table]);
}

/** Two tables with the same shape keep their relation, and so its OID. */
function sameShape(a: MirrorTable, b: MirrorTable): boolean {
  const shape = (table: MirrorTable) =>
    JSON.stringify(table.columns.map((column) => [column.name, column.type.oid, column.type.typmod, column.nullable]));
  return shape(a) === shape(b);
}

/** One piece of DDL; with `table` its failure leaves the others as they are. */
export interface MirrorStep {
  readonly table: MirrorTable | undefined;
  readonly sql: string;
}

/**
 * What turns one mirror into another, in order. `typeSql`: the name of a type with its modifier, as format_type gives it. `lasting`: schemas that
 * are there without tables, too.
 */
export function mirrorSteps(
  before: ReadonlyMap<string, MirrorTable>,
  wanted: ReadonlyMap<string, MirrorTable>,
  typeSql: (type: Type) => string,
  lasting: readonly string[] = [],
): readonly MirrorStep[] {
  const steps: MirrorStep[] = [];
  const schemasBefore = new Set([...before.values()].map((table) => table.schema));
  const schemas = new Set([...lasting, ...[...wanted.values()].map((table) => table.schema)]);
  for (const [key, table] of before) {
    const next = wanted.get(key);
    if (next === undefined || !sameShape(table, next)) steps.push({ table: undefined, sql: dropTable(table) });
  }
  for (const schema of schemasBefore) if (!schemas.has(schema)) steps.push({ table: undefined, sql: dropSchema(schema) });
  for (const schema of schemas) if (!schemasBefore.has(schema)) steps.push({ table: undefined, sql: createSchema(schema) });
  for (const [key, table] of wanted) {
    const old = before.get(key);
    if (old === undefined || !sameShape(old, table)) steps.push({ table, sql: createRelation(table, typeSql) });
    else if (JSON.stringify(old) !== JSON.stringify(table)) steps.push({ table, sql: describeTable(table) });
  }
  return steps;
}

export function createRelation(table: MirrorTable, typeSql: (type: Type) => string): string {
  const name = qualified(table);
  const columns = table.columns.map((column) => `${quoteIdentifier(column.name)} ${typeSql(column.type)}`).join(', ');
  const required = table.columns.flatMap((column, i) => (column.nullable ? [] : [i + 1]));
  return [
    `create table ${name} (${columns})`,
    // Row security is asked for rows only, so there is one; NOT NULL comes after it, as it holds nothing but nulls.
    `insert into ${name} default values`,
    `alter table ${name} enable row level security`,
    `create policy "the engine reads the rows" on ${name} for select using (timeline_ops.misrouted())`,
    `grant select on ${name} to public`,
    ...(required.length === 0
      ? []
      : [
          `update pg_catalog.pg_attribute set attnotnull = true where attrelid = ${regclass(table)} and attnum in (${required.join(', ')})`,
        ]),
    describeTable(table),
  ].join(';\n');
}

/** Comments and estimates: what may change without a new relation. */
function describeTable(table: MirrorTable): string {
  const name = qualified(table);
  const rows = table.rowEstimate === undefined ? -1 : Math.max(0, Math.round(table.rowEstimate));
  return [
    `comment on table ${name} is ${table.comment === undefined ? 'null' : quoteLiteral(table.comment)}`,
    ...table.columns.map(
      (column) =>
        `comment on column ${name}.${quoteIdentifier(column.name)} is ${column.comment === undefined ? 'null' : quoteLiteral(column.comment)}`,
    ),
    `update pg_catalog.pg_class set reltuples = ${rows}, relpages = ${Math.max(1, Math.ceil(rows / 100))} where oid = ${regclass(table)}`,
  ].join(';\n');
}

function dropTable(table: { readonly schema: string; readonly table: string }): string {
  return `drop table ${qualified(table)}`;
}

function createSchema(schema: string): string {
  return `create schema if not exists ${quoteIdentifier(schema)}; grant usage on schema ${quoteIdentifier(schema)} to public`;
}

function dropSchema(schema: string): string {
  // The image made them.
  return schema === 'public' || schema === ACTION_SCHEMA ? 'select' : `drop schema ${quoteIdentifier(schema)}`;
}

export function renameDatabase(from: string, to: string): string {
  return `update pg_catalog.pg_database set datname = ${quoteLiteral(to)} where datname = ${quoteLiteral(from === '' ? IMAGE_DATABASE : from)}`;
}

function qualified({ schema, table }: { readonly schema: string; readonly table: string }): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

function regclass(table: MirrorTable): string {
  return `${quoteLiteral(qualified(table))}::pg_catalog.regclass`;
}
