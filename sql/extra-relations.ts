import type { CatalogueNames } from './catalogue-names.js';
import { createRelation, type MirrorTable, tableKey } from './postgres-mirror.js';
import { quoteIdentifier, quoteLiteral } from './quote.js';
import type { Type } from './types.js';

/**
 * A relation of one statement: a table as it was at some snapshot, or a table about a table. The embedded Postgres has it for the time of
 * the statement's requests, in place of a table of that name; nothing of it stays.
 */
export interface ExtraRelation {
  readonly mirror: MirrorTable;
  /** What plans call it. */
  readonly schema: string;
  readonly name: string;
}

/** The schema of relations that stand for calls of at_snapshot(). */
export const SNAPSHOT_SCHEMA = '~at_snapshot';

/** PostgreSQL hands OIDs out from below: these are never a relation's. The relation's number in its statement is added. */
const FIRST_ID = 4_294_900_000;
/** Relations in one statement. */
export const MOST_EXTRA_RELATIONS = 200;

/** DDL that makes them in a transaction; `mirrored`: keys of the tables that there are. */
export function makeRelations(
  relations: readonly ExtraRelation[],
  mirrored: ReadonlyMap<string, MirrorTable>,
  typeSql: (type: Type) => string,
): string {
  const schemas = new Set(relations.map(({ mirror }) => mirror.schema));
  return [
    ...[...schemas].map((schema) => `create schema if not exists ${name(schema)}; grant usage on schema ${name(schema)} to public`),
    ...relations.map(({ mirror }) => {
      const drop = mirrored.has(tableKey(mirror)) ? `drop table ${qualified(mirror)}; ` : '';
      return `${drop}${createRelation(mirror, typeSql)}`;
    }),
  ].join(';\n');
}

/** SQL of an array of their OIDs, in their order. */
export function relationOids(relations: readonly ExtraRelation[]): string {
  const oids = relations.map(({ mirror }) => `${quoteLiteral(qualified(mirror))}::pg_catalog.regclass::pg_catalog.oid`);
  return `pg_catalog.array_to_string(array[${oids.join(', ')}]::pg_catalog.oid[], ',')`;
}

/** A tree with ids that outlive the transaction in place of the relations' OIDs. */
export function withLastingIds(tree: string, oids: readonly string[]): string {
  const ids = new Map(oids.map((oid, n) => [oid, FIRST_ID + n]));
  return tree.replace(/(:relid )(\d+)(?= )/g, (all, field: string, oid: string) => {
    const id = ids.get(oid);
    return id === undefined ? all : `${field}${id}`;
  });
}

/** Names that know a statement's relations too. */
export function namesWith(names: CatalogueNames, relations: readonly ExtraRelation[]): CatalogueNames {
  return relations.length === 0 ? names : names.withRelations((oid) => relations[oid - FIRST_ID]);
}

function name(text: string): string {
  return quoteIdentifier(text);
}

function qualified({ schema, table }: MirrorTable): string {
  return `${name(schema)}.${name(table)}`;
}
