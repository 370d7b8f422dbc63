import type { SchemaElement } from 'hyparquet';
import { decimalScale } from '../../../sql/duckdb-type.js';
import { Oid, type Type } from '../../../sql/types.js';
import type { ParquetRows } from '../../connector.js';
import type { IcebergType } from '../format/schema.js';
import { duckdbScalar, postgresType } from '../format/types.js';
import { findField } from './file-layout.js';
import type { OpenedFile } from './opened-file.js';
import type { ParquetFooter, ParquetNode } from './parquet-footer.js';
import type { BoundColumn } from './relation.js';
import { conversionOf } from './scalar-value.js';

/** That every reader of typed columns unpacks. */
const CODECS: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW']);

type RowsFile = ParquetRows['files'][number];

/**
 * The relation's rows as row groups of files, file by file in the order of `files`; undefined where the relation does more than read them:
 * deletes, parts of row groups, values that are not in the files, conversions that are more than widening.
 */
export function parquetRows(
  columns: readonly BoundColumn[],
  files: readonly OpenedFile[],
  display: (location: string) => string,
): ParquetRows | undefined {
  const found: RowsFile[] = [];
  for (const file of files) {
    const rowGroups = wholeRowGroups(file);
    if (rowGroups === undefined || file.made === true || hasDeletes(file)) return undefined;
    const elements = file.footer.metadata.schema.filter(({ type }) => type !== undefined);
    const known: (number | null)[] = [];
    for (const column of columns) {
      const leaf = leafOf(column, file, elements);
      if (leaf === undefined) return undefined;
      known.push(leaf);
    }
    const { location, path } = file;
    found.push({ path, location: display(location), columns: known, ...(rowGroups === 'all' ? {} : { rowGroups }) });
  }
  return { files: found };
}

function hasDeletes({ deletes }: OpenedFile): boolean {
  return deletes !== undefined && (deletes.positions !== undefined || deletes.equality.length > 0);
}

/** The row groups that `ranges` covers; undefined: it covers parts of some. */
function wholeRowGroups({ ranges, runs, footer }: OpenedFile): readonly number[] | 'all' | undefined {
  if (ranges === undefined) return 'all';
  // A slice's ranges are of rows that it may not have.
  if (runs !== undefined) return undefined;
  const groups: number[] = [];
  let [first, covered] = [0, 0];
  for (const [index, group] of footer.metadata.row_groups.entries()) {
    const end = first + Number(group.num_rows);
    let rows = 0;
    for (const { start, rows: length } of ranges) rows += Math.max(0, Math.min(end, start + length) - Math.max(first, start));
    if (rows !== 0 && rows !== end - first) return undefined;
    if (rows > 0) groups.push(index);
    covered += rows;
    first = end;
  }
  return covered === ranges.reduce((sum, { rows }) => sum + rows, 0) ? groups : undefined;
}

/** The place of the leaf that holds the column as it is; null: all are NULL; undefined: neither. */
function leafOf(column: BoundColumn, { footer, constants }: OpenedFile, leaves: readonly SchemaElement[]): number | null | undefined {
  if (column.kind !== 'field' || column.path !== undefined) return undefined;
  const { field, wanted } = column;
  const { layout, path } = findField(field, footer, constants);
  if (layout.kind === 'absent') return layout.value.kind === 'null' ? null : undefined;
  const [top, inner] = path;
  if (layout.kind !== 'scalar' || top === undefined || inner !== undefined) return undefined;
  if (!isWidening(postgresType(field.type), wanted.type)) return undefined;
  const index = footer.columns.slice(0, top).reduce((sum, node) => sum + leafCount(node), 0);
  const element = leaves[index];
  if (element === undefined || element.repetition_type === 'REPEATED' || !isPlain(field.type, layout.native, element)) return undefined;
  return isUnpacked(footer, index) ? index : undefined;
}

function leafCount({ group, children }: ParquetNode): number {
  return group === undefined ? 1 : children.reduce((sum, child) => sum + leafCount(child), 0);
}

/** A column may be wanted as a later schema has it. */
function isWidening(own: Type, wanted: Type): boolean {
  if (own.oid !== wanted.oid)
    return (own.oid === Oid.int4 && wanted.oid === Oid.int8) || (own.oid === Oid.float4 && wanted.oid === Oid.float8);
  return own.oid !== Oid.numeric || (decimalScale(own) ?? 0) <= (decimalScale(wanted) ?? -1);
}

/** Do the bytes say the value with no more than widening? `native`: DuckDB's type of the leaf. */
function isPlain(type: IcebergType, native: string, element: SchemaElement): boolean {
  const { type: physical, logical_type: logical, converted_type: converted } = element;
  const conversion = conversionOf(type, native);
  if (conversion === undefined || physical === 'INT96' || logical?.type === 'FLOAT16') return false;
  const isNanos = (logical?.type === 'TIME' || logical?.type === 'TIMESTAMP') && logical.unit === 'NANOS';
  switch (native) {
    case 'VARCHAR':
    case 'JSON':
      // Bytes of a fixed length may be text to DuckDB.
      return physical === 'BYTE_ARRAY' && duckdbScalar(type) === 'VARCHAR';
    case 'BLOB':
      return conversion.kind === 'same' && logical === undefined && converted === undefined;
    case 'TIME':
      return conversion.kind === 'same' && !isNanos;
    case 'TIMESTAMP_NS':
      // Digits below a microsecond are cut off.
      return duckdbScalar(type) === 'TIMESTAMP';
    case 'TINYINT':
    case 'SMALLINT':
    case 'INTEGER':
    case 'FLOAT':
      return conversion.kind !== 'expression';
    default:
      return conversion.kind === 'same' || native.startsWith('DECIMAL');
  }
}

function isUnpacked(footer: ParquetFooter, leaf: number): boolean {
  return footer.metadata.row_groups.every((group) => CODECS.has(group.columns[leaf]?.meta_data?.codec ?? ''));
}
