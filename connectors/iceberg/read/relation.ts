import { duckdbType } from '../../../sql/duckdb-type.js';
import { internal, TimelineError, unsupported } from '../../../sql/errors.js';
import { ELEMENT_OF, Oid, type Type, typeName } from '../../../sql/types.js';
import type { ColumnDescription, ColumnPath } from '../../connector.js';
import type { IcebergType, SchemaField } from '../format/schema.js';
import { duckdbScalar, postgresType } from '../format/types.js';
import { type AbsentValue, absentLiteral } from './absent-value.js';
import { byFile, deletedRows } from './deletes/deleted-rows.js';
import { type FoundField, findField, isUnknown } from './file-layout.js';
import { type FileScan, scanById, scanByPosition } from './file-scan.js';
import { jsonText } from './json-projection.js';
import { memberValue } from './member-value.js';
import { LAST_UPDATED_FIELD, type MetadataColumn, ROW_ID_FIELD } from './metadata-columns.js';
import type { OpenedFile } from './opened-file.js';
import { dataRowNumber, inRanges, sliceRanges } from './row-number.js';
import { type Conversion, conversionOf, converted } from './scalar-value.js';
import { quoteName, quoteText } from './sql-text.js';

/** A column to read: the schema's field, or what the row has beside its columns; and the name and type that the reader wants it under. */
export type BoundColumn = FieldColumn | { readonly kind: 'metadata'; readonly name: MetadataColumn; readonly wanted: ColumnDescription };

interface FieldColumn {
  readonly kind: 'field';
  readonly field: SchemaField;
  readonly wanted: ColumnDescription;
  /** Only this member of it. */
  readonly path?: ColumnPath;
}

/** Read in place of a column by queries that need rows only. */
const ROW_MARK = 'row';
/** Name of the row's number in its data file, beside the columns'. */
const POSITION = 'pos';
/** Name of the file's place in its group. */
const FILE = 'file';

/** One file, or many that are read alike. */
interface Group {
  readonly scan: FileScan;
  readonly fields: readonly (FoundField | undefined)[];
  readonly paths: string[];
  /** The files, where their rows' numbers matter. */
  readonly numbered: OpenedFile[] | undefined;
}

/**
 * DuckDB's relation over local Parquet files, its columns named and typed as the table's. Files that hold the wanted columns in the same
 * way are read together, those of which the rows' numbers matter apart from the rest; a file of which only parts are read by itself, as
 * DuckDB leaves out row groups for a condition on row numbers only where that is the same for all files. `display` names a file in errors.
 */
export function relationOf(
  columns: readonly BoundColumn[],
  files: readonly OpenedFile[],
  display: (location: string) => string = (location) => location,
): string {
  if (files.length === 0) return `(SELECT ${emptyList(columns)} WHERE false)`;
  const groups = new Map<string, Group>();
  for (const [index, file] of files.entries()) {
    try {
      const fields = columns.map((column) => (column.kind === 'field' ? findField(column.field, file.footer, file.constants) : undefined));
      const byId = columns.every((column, at) => column.kind === 'metadata' || isFoundById(column.field, fields[at]));
      const numbered = needsRowNumbers(columns, file);
      const key = !numbered ? groupKey(fields, file, byId) : isAlone(file) ? String(index) : numberedKey(fields, file);
      const group = groups.get(key) ?? {
        scan: byId && !numbered ? scanById() : scanByPosition(file.footer),
        fields,
        paths: [],
        numbered: numbered ? [] : undefined,
      };
      groups.set(key, group);
      group.paths.push(file.path);
      group.numbered?.push(file);
    } catch (error) {
      if (error instanceof TimelineError) throw error;
      throw new Error(`${error instanceof Error ? error.message : String(error)} in file "${display(file.location)}"`);
    }
  }
  return `(${[...groups.values()].map((group) => select(columns, group)).join(' UNION ALL ')})`;
}

/** Can DuckDB find it by its id and cast it right, in many files at once, or take NULL for it where the file has none? */
function isFoundById(field: SchemaField, found: FoundField | undefined): boolean {
  if (found === undefined) return false;
  const { layout, hasId, path } = found;
  if (layout.kind === 'absent') return true;
  if (layout.kind !== 'scalar' || !hasId || path.length !== 1) return false;
  const conversion = conversionOf(field.type, layout.native);
  return conversion !== undefined && conversion.kind !== 'expression';
}

/** Equal for files that one scan reads. */
function groupKey(fields: readonly (FoundField | undefined)[], file: OpenedFile, byId: boolean): string {
  // Scalars need no telling apart: one scan takes them from every file, and gives NULL where the file has none.
  if (byId) return JSON.stringify(fields.map((found) => (found?.layout.kind === 'absent' ? absentKey(found.layout.value) : null)));
  return JSON.stringify([file.footer.columns.map((column) => column.name), fields]);
}

function isAlone({ ranges, runs }: OpenedFile): boolean {
  return ranges !== undefined || runs !== undefined;
}

/** Equal for files that one scan reads with their rows' numbers: all alike but for deleted positions, names and lineage. */
function numberedKey(fields: readonly (FoundField | undefined)[], { footer, constants, deletes }: OpenedFile): string {
  const columns = footer.columns.map(({ name, native, type, children }) => [name, native, type, children]);
  const equality = deletes?.equality ?? [];
  const compared = equality.length === 0 ? [] : deletes?.fields.map((field) => findField(field, footer, constants));
  const lineage = [ROW_ID_FIELD, LAST_UPDATED_FIELD].map((id) => footer.columns.findIndex((column) => column.fieldId === id));
  return `numbered ${JSON.stringify([columns, fields, compared, equality, lineage])}`;
}

function absentKey(value: AbsentValue): AbsentValue | null {
  return value.kind === 'null' ? null : value;
}

function needsRowNumbers(columns: readonly BoundColumn[], file: OpenedFile): boolean {
  const { ranges, deletes } = file;
  return (
    ranges !== undefined ||
    (deletes !== undefined && (deletes.positions !== undefined || deletes.equality.length > 0)) ||
    columns.some((column) => column.kind === 'metadata')
  );
}

function select(columns: readonly BoundColumn[], { scan, fields, paths, numbered }: Group): string {
  const outputs = columns.map((column, index) => {
    const value = column.kind === 'field' ? fieldValue(column, fields[index], scan) : metadataValue(column.name, numbered ?? [], scan);
    return `${value} AS ${quoteName(column.wanted.name)}`;
  });
  const [first] = numbered ?? [];
  const conditions = numbered === undefined || first === undefined ? undefined : rowConditions(numbered, first, scan);
  const list = outputs.length === 0 ? `true AS ${ROW_MARK}` : outputs.join(', ');
  if (first === undefined || conditions === undefined) return `SELECT ${list} FROM ${scan.print(paths)}`;
  const numbers = `CAST(file_index AS BIGINT) AS ${FILE}, ${dataRowNumber('file_row_number', first.runs)} AS ${POSITION}`;
  const rows = `(SELECT *, ${numbers} FROM ${scan.print(paths)}${conditions.where}) AS d`;
  return `SELECT ${list} FROM ${[rows, ...conditions.joins].join(' ')}`;
}

/**
 * What leaves out rows outside of a file's ranges and deleted ones, which are known by their numbers or by equal values. All but numbers
 * is as the first file has it.
 */
function rowConditions(
  files: readonly OpenedFile[],
  file: OpenedFile,
  scan: FileScan,
): { readonly where: string; readonly joins: readonly string[] } {
  const { deletes, ranges, runs } = file;
  const joins: string[] = [];
  const deleted = deletedRows(files);
  if (deleted !== undefined) joins.push(`ANTI JOIN ${deleted} AS p ON d.${FILE} = p.${FILE} AND d.${POSITION} = p.${POSITION}`);
  for (const [index, { columns: ids, relation }] of (deletes?.equality ?? []).entries()) {
    const equal = ids.map((id) => {
      const field = deletes?.fields.find((one) => one.id === id);
      if (field === undefined) throw internal(`no field ${id} of an equality delete`);
      if (duckdbScalar(field.type) === undefined) throw unsupported(`equality deletes by column "${field.name}"`);
      const found = findField(field, file.footer, file.constants);
      return sameValue(field.type, scalarValue(field, found, scan), `e${index}.f${id}`);
    });
    joins.push(`ANTI JOIN ${relation} AS e${index} ON ${equal.join(' AND ')}`);
  }
  return { where: ranges === undefined ? '' : ` WHERE ${inRanges('file_row_number', sliceRanges(ranges, runs))}`, joins };
}

/** NULL is NULL and NaN is NaN; but zeros of two signs are not equal, as they are not for Iceberg's own library. */
function sameValue(type: IcebergType, a: string, b: string): string {
  const same = `${a} IS NOT DISTINCT FROM ${b}`;
  if (type.kind !== 'primitive' || (type.name !== 'float' && type.name !== 'double')) return same;
  const isMinusZero = (value: string): string => `coalesce(${value} = 0 AND signbit(${value}), false)`;
  return `${same} AND ${isMinusZero(a)} = ${isMinusZero(b)}`;
}

/** A file that rows have been moved to keeps their lineage in columns of its own. */
function metadataValue(name: MetadataColumn, files: readonly OpenedFile[], scan: FileScan): string {
  const [first] = files;
  if (first === undefined) throw internal('a metadata column without its file');
  const each = (print: (file: OpenedFile) => string): string => byFile(`d.${FILE}`, files.map(print));
  const kept = (id: number, otherwise: string): string => {
    const field: SchemaField = { id, name, required: false, type: { kind: 'primitive', name: 'long' }, doc: undefined };
    const found = findField(field, first.footer);
    return found.layout.kind === 'absent' ? otherwise : `coalesce(${scalarValue(field, found, scan)}, ${otherwise})`;
  };
  switch (name) {
    case '_file':
      return each(({ location }) => quoteText(location));
    case '_pos':
      return `CAST(d.${POSITION} AS BIGINT)`;
    case '_row_id':
      return kept(
        ROW_ID_FIELD,
        `(${each(({ firstRowId }) => (firstRowId === undefined ? 'CAST(NULL AS BIGINT)' : `${BigInt(firstRowId)}::BIGINT`))} + d.${POSITION})`,
      );
    case '_last_updated_sequence_number':
      return kept(
        LAST_UPDATED_FIELD,
        each(({ firstRowId, sequence = 0 }) => `CAST(${firstRowId === undefined ? 'NULL' : sequence} AS BIGINT)`),
      );
  }
}

function fieldValue(column: FieldColumn, found: FoundField | undefined, scan: FileScan): string {
  const { field, wanted, path } = column;
  if (found === undefined) throw internal('a column without its place');
  if (path !== undefined) return memberValue(field.type, { layout: found.layout, value: () => scan.value(field, found) }, path);
  const own = postgresType(field.type);
  if (own.oid === Oid.jsonb) return jsonText(field.type, found.layout, scan.value(field, found));
  return cast(scalarValue(field, found, scan), own, wanted.type);
}

/** A scalar, or a list of scalars, in the kernel's type. */
function scalarValue(field: SchemaField, found: FoundField, scan: FileScan): string {
  const { layout } = found;
  const target = kernelType(postgresType(field.type));
  if (isUnknown(field.type)) return `CAST(NULL AS ${target})`;
  const value = scan.value(field, found);
  // Other files of the scan may hold what this one does not.
  if (scan.casts && (layout.kind !== 'absent' || layout.value.kind === 'null')) return value;
  switch (layout.kind) {
    case 'absent':
      return layout.value.kind === 'null' ? `CAST(NULL AS ${target})` : `CAST(${absentLiteral(field.type, layout.value)} AS ${target})`;
    case 'scalar': {
      const conversion = requiredConversion(field.type, layout.native, field.name);
      return conversion.kind === 'same' && conversion.type === target ? value : `CAST(${converted(conversion, value)} AS ${target})`;
    }
    case 'list': {
      const list = layout.wrapped ? `struct_extract_at(${value}, 1)` : value;
      if (field.type.kind !== 'list' || layout.element.kind !== 'scalar') throw new Error(`the layout of list "${field.name}"`);
      const conversion = requiredConversion(field.type.element, layout.element.native, field.name);
      if (conversion.kind === 'same' && `${conversion.type}[]` === target) return list;
      if (conversion.kind !== 'expression') return `CAST(${list} AS ${target})`;
      return `CAST(list_transform(${list}, lambda x: ${converted(conversion, 'x')}) AS ${target})`;
    }
    default:
      throw new Error(`the layout of column "${field.name}"`);
  }
}

function requiredConversion(type: IcebergType, native: string, name: string): Conversion {
  const conversion = conversionOf(type, native);
  if (conversion === undefined) throw new Error(`column "${name}", of which the file's type is ${native}`);
  return conversion;
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

function emptyList(columns: readonly BoundColumn[]): string {
  if (columns.length === 0) return `true AS ${ROW_MARK}`;
  return columns.map(({ wanted }) => `CAST(NULL AS ${kernelType(wanted.type)}) AS ${quoteName(wanted.name)}`).join(', ');
}
