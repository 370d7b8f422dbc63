import { duckdbType } from '../../../sql/duckdb-type.js';
import { unsupported } from '../../../sql/errors.js';
import { ELEMENT_OF, Oid, type Type, typeName } from '../../../sql/types.js';
import type { ColumnDescription } from '../../connector.js';
import type { SchemaField } from '../format/schema.js';
import { postgresType } from '../format/types.js';
import { columnLayout, type Layout, quoteName, quoteText, scanType } from './file-layout.js';
import { jsonText } from './json-projection.js';
import type { OpenedFile } from './opened-file.js';

/** A column to read: the schema's field, and the name and type that the reader wants it under. */
export interface BoundColumn {
  readonly field: SchemaField;
  readonly wanted: ColumnDescription;
}

/** Read in place of a column by queries that need rows only. */
const ROW_MARK = 'row';

/**
 * DuckDB's relation over local Parquet files: columns found by field id, named and typed as the table's. Files whose nested columns have
 * different names inside are read apart.
 */
export function relationOf(columns: readonly BoundColumn[], files: readonly OpenedFile[]): string {
  if (files.length === 0) return `(SELECT ${emptyList(columns)} WHERE false)`;
  const groups = new Map<string, { layouts: readonly Layout[]; paths: string[] }>();
  for (const { path, footer } of files) {
    const layouts = columns.map((column) => columnLayout(column.field, footer));
    // Scalars need no telling apart: one scan takes them from every file, and gives NULL where the file has none.
    const key = JSON.stringify(layouts.map((layout, index) => (isScalar(columns[index]) ? null : layout)));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { layouts, paths: [path] });
    else group.paths.push(path);
  }
  const selects = [...groups.values()].map((group) => select(columns, group.layouts, group.paths));
  return `(${selects.join(' UNION ALL ')})`;
}

function select(columns: readonly BoundColumn[], layouts: readonly Layout[], paths: readonly string[]): string {
  const list = paths.map((path) => quoteText(globLiteral(path))).join(', ');
  const options = 'hive_partitioning = false, union_by_name = false';
  if (columns.length === 0) return `SELECT true AS ${ROW_MARK} FROM read_parquet([${list}], ${options})`;
  const parts = columns.map((column, index) => part(column, layouts[index] ?? { kind: 'absent' }));
  const map = parts.map(({ id, name, type }) => `${id}: {name: ${quoteText(name)}, type: ${quoteText(type)}, default_value: NULL}`);
  return `SELECT ${parts.map((one) => one.output).join(', ')} FROM read_parquet([${list}], schema = MAP {${map.join(', ')}}, ${options})`;
}

interface Part {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly output: string;
}

function part(column: BoundColumn, layout: Layout): Part {
  const { field, wanted } = column;
  // Named by id in the scan: names of the table may differ in case only, which DuckDB does not tell apart.
  const name = `f${field.id}`;
  const own = postgresType(field.type);
  const output = (value: string): string => `${value} AS ${quoteName(wanted.name)}`;
  if (own.oid === Oid.jsonb) {
    const json = layout.kind === 'absent' ? 'CAST(NULL AS VARCHAR)' : jsonText(field.type, layout, name);
    return { id: field.id, name, type: scanType(layout), output: output(json) };
  }
  const type = layout.kind === 'list' || layout.kind === 'scalar' ? kernelType(own) : kernelType(wanted.type);
  return { id: field.id, name, type, output: output(cast(name, own, wanted.type)) };
}

/** A column may be wanted as a later schema has it (time travel); only what loses nothing is cast. */
function cast(value: string, own: Type, wanted: Type): string {
  if (kernelType(own) === kernelType(wanted)) return value;
  const widened =
    (own.oid === Oid.int4 && wanted.oid === Oid.int8) ||
    (own.oid === Oid.float4 && wanted.oid === Oid.float8) ||
    (own.oid === Oid.numeric && wanted.oid === Oid.numeric);
  if (!widened) throw unsupported(`reading a column of type ${typeName(own)} as ${typeName(wanted)}`);
  return `CAST(${value} AS ${kernelType(wanted)})`;
}

/** Types that columns of Iceberg tables have, or lists of them. */
const READABLE: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int4,
  Oid.int8,
  Oid.float4,
  Oid.float8,
  Oid.numeric,
  Oid.text,
  Oid.jsonb,
  Oid.bytea,
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.uuid,
]);

function kernelType(type: Type): string {
  const element = ELEMENT_OF.get(type.oid) ?? type.oid;
  if (!READABLE.has(element)) throw unsupported(`reading a column of type ${typeName(element)}`);
  return duckdbType(type);
}

function isScalar(column: BoundColumn | undefined): boolean {
  const kind = column?.field.type.kind;
  return kind === 'primitive' || kind === 'decimal' || kind === 'fixed';
}

function emptyList(columns: readonly BoundColumn[]): string {
  if (columns.length === 0) return `true AS ${ROW_MARK}`;
  return columns.map(({ wanted }) => `CAST(NULL AS ${kernelType(wanted.type)}) AS ${quoteName(wanted.name)}`).join(', ');
}

/** DuckDB takes every path for a pattern. */
function globLiteral(path: string): string {
  return path.replace(/[*?[]/g, (character) => `[${character}]`);
}
