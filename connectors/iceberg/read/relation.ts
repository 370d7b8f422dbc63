import { duckdbType } from '../../../sql/duckdb-type.js';
import { internal, unsupported } from '../../../sql/errors.js';
import { ELEMENT_OF, Oid, type Type, typeName } from '../../../sql/types.js';
import type { ColumnDescription } from '../../connector.js';
import type { SchemaField } from '../format/schema.js';
import { duckdbScalar, postgresType } from '../format/types.js';
import { columnLayout, type Layout, quoteName, quoteText, scanType } from './file-layout.js';
import { jsonText } from './json-projection.js';
import { LAST_UPDATED_FIELD, type MetadataColumn, ROW_ID_FIELD } from './metadata-columns.js';
import type { OpenedFile } from './opened-file.js';
import { dataRowNumber, inRanges, sliceRanges } from './row-number.js';

/** A column to read: the schema's field, or what the row has beside its columns; and the name and type that the reader wants it under. */
export type BoundColumn = FieldColumn | { readonly kind: 'metadata'; readonly name: MetadataColumn; readonly wanted: ColumnDescription };

interface FieldColumn {
  readonly kind: 'field';
  readonly field: SchemaField;
  readonly wanted: ColumnDescription;
}

/** Read in place of a column by queries that need rows only. */
const ROW_MARK = 'row';
/** Name of the row's number in its data file, beside the columns' f<id>. */
const POSITION = 'pos';

/**
 * DuckDB's relation over local Parquet files: columns found by field id, named and typed as the table's. Files whose nested columns have
 * different names inside are read apart, and so is each file of which the rows' numbers matter.
 */
export function relationOf(columns: readonly BoundColumn[], files: readonly OpenedFile[]): string {
  if (files.length === 0) return `(SELECT ${emptyList(columns)} WHERE false)`;
  const selects: string[] = [];
  const groups = new Map<string, { layouts: readonly Layout[]; paths: string[] }>();
  for (const file of files) {
    const layouts = columns.map((column) => layoutOf(column, file));
    if (needsRowNumbers(columns, file)) {
      selects.push(selectRows(columns, layouts, file));
      continue;
    }
    // Scalars need no telling apart: one scan takes them from every file, and gives NULL where the file has none.
    const key = JSON.stringify(layouts.map((layout, index) => (isScalar(columns[index]) ? null : layout)));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { layouts, paths: [file.path] });
    else group.paths.push(file.path);
  }
  selects.push(...[...groups.values()].map((group) => select(columns, group.layouts, group.paths)));
  return `(${selects.join(' UNION ALL ')})`;
}

function needsRowNumbers(columns: readonly BoundColumn[], file: OpenedFile): boolean {
  const { ranges, deletes } = file;
  return (
    ranges !== undefined ||
    (deletes !== undefined && (deletes.positions !== undefined || deletes.equality.length > 0)) ||
    columns.some((column) => column.kind === 'metadata')
  );
}

function layoutOf(column: BoundColumn, file: OpenedFile): Layout {
  return column.kind === 'field' ? columnLayout(column.field, file.footer) : { kind: 'absent' };
}

function select(columns: readonly BoundColumn[], layouts: readonly Layout[], paths: readonly string[]): string {
  if (columns.length === 0) return `SELECT true AS ${ROW_MARK} FROM ${scan(paths, [])}`;
  const parts = columns.flatMap((column, index) => (column.kind === 'field' ? [part(column, layouts[index] ?? { kind: 'absent' })] : []));
  return `SELECT ${parts.map((one) => one.output).join(', ')} FROM ${scan(paths, parts)}`;
}

function scan(paths: readonly string[], parts: readonly Scanned[], options = ''): string {
  const list = paths.map((path) => quoteText(globLiteral(path))).join(', ');
  const map = parts.map(({ id, name, type }) => `${id}: {name: ${quoteText(name)}, type: ${quoteText(type)}, default_value: NULL}`);
  const schema = parts.length === 0 ? '' : `schema = MAP {${map.join(', ')}}, `;
  return `read_parquet([${list}], ${schema}hive_partitioning = false, union_by_name = false${options})`;
}

/** One file's rows but for those outside of its ranges and the deleted ones, which are known by their numbers or by equal values. */
function selectRows(columns: readonly BoundColumn[], layouts: readonly Layout[], file: OpenedFile): string {
  const parts = new Map<number, Scanned>();
  const outputs = columns.map((column, index) => {
    if (column.kind === 'metadata') return `${metadataValue(column.name, file, parts)} AS ${quoteName(column.wanted.name)}`;
    const one = part(column, layouts[index] ?? { kind: 'absent' });
    parts.set(one.id, one);
    return one.output;
  });
  const joins: string[] = [];
  const { deletes, ranges, runs } = file;
  if (deletes?.positions !== undefined) joins.push(`ANTI JOIN ${deletes.positions} AS p ON d.${POSITION} = p.${POSITION}`);
  for (const [index, { columns: ids, relation }] of (deletes?.equality ?? []).entries()) {
    const equal = ids.map((id) => {
      const field = deletes?.fields.find((one) => one.id === id);
      if (field === undefined) throw internal(`no field ${id} of an equality delete`);
      if (!parts.has(id)) parts.set(id, scanned(field));
      return `d.f${id} IS NOT DISTINCT FROM e${index}.f${id}`;
    });
    joins.push(`ANTI JOIN ${relation} AS e${index} ON ${equal.join(' AND ')}`);
  }
  const source = scan([file.path], [...parts.values()], ', file_row_number = true');
  const where = ranges === undefined ? '' : ` WHERE ${inRanges('file_row_number', sliceRanges(ranges, runs))}`;
  const numbered = `(SELECT *, ${dataRowNumber('file_row_number', runs)} AS ${POSITION} FROM ${source}${where}) AS d`;
  return `SELECT ${outputs.length === 0 ? `true AS ${ROW_MARK}` : outputs.join(', ')} FROM ${[numbered, ...joins].join(' ')}`;
}

/** `parts`: what is to be scanned beside; a file that rows have been moved to keeps their lineage in columns of its own. */
function metadataValue(name: MetadataColumn, file: OpenedFile, parts: Map<number, Scanned>): string {
  const { firstRowId, sequence = 0 } = file;
  const kept = (id: number, otherwise: string): string => {
    if (!file.footer.columns.some((column) => column.fieldId === id)) return otherwise;
    const one = { id, name: `f${id}`, type: 'BIGINT' };
    parts.set(id, one);
    return `coalesce(${one.name}, ${otherwise})`;
  };
  switch (name) {
    case '_file':
      return quoteText(file.location);
    case '_pos':
      return `CAST(d.${POSITION} AS BIGINT)`;
    case '_row_id':
      return kept(ROW_ID_FIELD, firstRowId === undefined ? 'CAST(NULL AS BIGINT)' : `(${BigInt(firstRowId)}::BIGINT + d.${POSITION})`);
    case '_last_updated_sequence_number':
      return kept(LAST_UPDATED_FIELD, `CAST(${firstRowId === undefined ? 'NULL' : sequence} AS BIGINT)`);
  }
}

interface Scanned {
  readonly id: number;
  readonly name: string;
  readonly type: string;
}

interface Part extends Scanned {
  readonly output: string;
}

function scanned(field: SchemaField): Scanned {
  const type = duckdbScalar(field.type);
  if (type === undefined) throw unsupported(`equality deletes by column "${field.name}"`);
  return { id: field.id, name: `f${field.id}`, type };
}

function part(column: FieldColumn, layout: Layout): Part {
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
  if (column?.kind !== 'field') return true;
  const { kind } = column.field.type;
  return kind === 'primitive' || kind === 'decimal' || kind === 'fixed';
}

function emptyList(columns: readonly BoundColumn[]): string {
  if (columns.length === 0) return `true AS ${ROW_MARK}`;
  return columns.map(({ wanted }) => `CAST(NULL AS ${kernelType(wanted.type)}) AS ${quoteName(wanted.name)}`).join(', ');
}

/** DuckDB takes every path for a pattern. */
export function globLiteral(path: string): string {
  return path.replace(/[*?[]/g, (character) => `[${character}]`);
}
