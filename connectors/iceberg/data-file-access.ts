import type { ConnectorSplit, DataFile, Handle, TableIdentity } from '../connector.js';
import type { TableMetadata } from './format/metadata.js';
import type { Schema } from './format/schema.js';
import { asHandle, asSplit, type IcebergHandle, type SplitFile } from './handle.js';
import { asBounds } from './prune/split-bounds.js';
import { metadataColumns } from './read/metadata-columns.js';

/** Undefined: the table has no lasting name, or a column of its own where rows' numbers are read. */
export function tableIdentity(handle: IcebergHandle, schema: Schema): TableIdentity | undefined {
  if (handle.uuid === '' || !metadataColumns(schema).some(({ name }) => name === '_pos')) return undefined;
  return { table: handle.uuid, columns: new Map(schema.fields.map(({ name, id }) => [name, String(id)])) };
}

/** Each file of the splits once. */
export function filesOf(splits: readonly unknown[]): readonly DataFile[] {
  const files = new Map<string, DataFile>();
  for (const { path, bytes, rows } of splits.flatMap((split) => asSplit(split).files)) {
    if (!files.has(path)) files.set(path, { path, bytes, rows });
  }
  return [...files.values()];
}

/** To read all that lies in the files, whatever was deleted, filtered or left out: a split a file. */
export function wholeFiles(
  handle: Handle,
  splits: readonly unknown[],
): { readonly handle: IcebergHandle; readonly splits: readonly ConnectorSplit[] } {
  const files = new Map<string, SplitFile>();
  for (const { part: _part, only: _only, deletes: _deletes, ...file } of splits.flatMap((split) => asSplit(split).files)) {
    if (!files.has(file.path)) files.set(file.path, file);
  }
  return {
    handle: { ...asHandle(handle), filters: [], limit: undefined, rows: true },
    splits: [...files.values()].map((file) => ({ data: { files: [file] }, bytes: file.bytes, rows: file.rows })),
  };
}

/** Of fewer files bounds tell nothing. */
const FEWEST_FILES = 4;

/**
 * Few values make bounds that are the same in every file; of very many, each file has others at its ends, if only by chance. Where files are sorted by
 * the column, or have bloom filters of it, a value is found without an index.
 */
export function isScattered(
  splits: readonly ConnectorSplit[],
  { metadata, schema, column }: { readonly metadata: TableMetadata; readonly schema: Schema; readonly column: string },
): boolean {
  const field = schema.fields.find(({ name }) => name === column);
  if (field === undefined || metadata.properties[`write.parquet.bloom-filter-enabled.column.${column}`] === 'true') return false;
  const order = metadata.sortOrders.get(metadata.defaultSortOrderId);
  if (order?.fields[0]?.sourceId === field.id) return false;
  const ends = new Map<string, string>();
  for (const { data, bounds } of splits) {
    const { files } = asSplit(data);
    for (const [n, { path }] of files.entries()) {
      const known = asBounds(bounds, files.length)?.[n]?.[field.id];
      if (known !== undefined) ends.set(path, JSON.stringify(known.slice(0, 2)));
    }
  }
  return ends.size >= FEWEST_FILES && new Set(ends.values()).size > ends.size / 2;
}
