import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { internal, TimelineError } from '../../../sql/errors.js';
import { dayNumber, dayText, encodeBound } from '../format/bound-writer.js';
import type { DataFile, WriterColumn, WriterPrimitive, WriterTable } from './writer-types.js';

/** Where a table is written: the URI prefix that its files carry, and the local folder that stands for it. */
export interface WriterStorage {
  readonly location: string;
  readonly folder: string;
}

export interface DataFileRequest {
  readonly connection: DuckDBConnection;
  /** Relation for FROM, with the table's columns by name. */
  readonly relation: string;
  readonly table: WriterTable;
  readonly storage: WriterStorage;
  /** One value per partition field, which every row has: days since 1970-01-01, or null. */
  readonly partition: readonly (number | null)[];
  /** File name without folder and suffix; new for every file. */
  readonly name: string;
}

type Statistics = ReadonlyMap<string, ReadonlyMap<string, string>>;

const ROW_GROUP_ROWS = 131_072;
const DEFAULT_TRUNCATE = 16;

/** Sorts the relation and writes it as one Parquet file with field ids; the answer has the file's statistics. */
export async function writeDataFile(request: DataFileRequest): Promise<DataFile> {
  const { connection, relation, table, storage, partition, name } = request;
  const path = ['data', ...partitionFolders(table, partition), `${name}.parquet`].join('/');
  const file = join(storage.folder, path);
  await mkdir(dirname(file), { recursive: true });
  const columns = table.columns.map((column) => `CAST(${quoteName(column.name)} AS ${duckdbType(column)}) AS ${quoteName(column.name)}`);
  // DuckDB's dictionaries hold -0 and 0 as one value, and a limit of 0 is the only way to go without.
  const dictionary = table.columns.some(({ type }) => type === 'float' || type === 'double') ? ', DICTIONARY_SIZE_LIMIT 0' : '';
  const copied = await connection.runAndReadAll(
    `COPY (SELECT ${columns.join(', ')} FROM ${relation}${orderBy(table)}) TO ${quoteText(file)} ` +
      `(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_ROWS}${dictionary}, RETURN_STATS, FIELD_IDS ${fieldIds(table.columns)})`,
  );
  const row = copied.getRowObjectsJson()[0];
  if (!row) throw internal('COPY returned no statistics');
  const statistics = readStatistics(row.column_statistics);
  checkPartition(table, partition, statistics);
  await syncFile(file);
  return {
    path: `${storage.location}/${path}`,
    partition,
    records: Number(row.count),
    bytes: Number(row.file_size_bytes),
    ...columnMetrics(table, statistics),
    splitOffsets: await rowGroupOffsets(connection, file),
  };
}

function partitionFolders(table: WriterTable, partition: readonly (number | null)[]): string[] {
  return table.partition.map((field, at) => {
    const value = partition[at] ?? null;
    return `${encodeURIComponent(field.name)}=${value === null ? 'null' : dayText(value)}`;
  });
}

function orderBy(table: WriterTable): string {
  const names = table.sort.map((id) => table.columns.find((column) => column.id === id)?.name ?? '');
  return names.length === 0 ? '' : ` ORDER BY ${names.map((name) => `${quoteName(name)} ASC NULLS FIRST`).join(', ')}`;
}

function columnMetrics(table: WriterTable, statistics: Statistics) {
  const columnSizes = new Map<number, number>();
  const valueCounts = new Map<number, number>();
  const nullCounts = new Map<number, number>();
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  const truncate = truncateLength(table.properties);
  for (const leaf of leaves(table.columns)) {
    const stats = statistics.get(leaf.path);
    if (!stats) continue;
    columnSizes.set(leaf.id, Number(stats.get('column_size_bytes')));
    valueCounts.set(leaf.id, Number(stats.get('num_values')));
    nullCounts.set(leaf.id, Number(stats.get('null_count')));
    // Elements of maps have no bounds in Iceberg; and DuckDB's order puts NaN above all numbers, Iceberg's bounds leave it out.
    if (leaf.nested || stats.get('has_nan') === 'true') continue;
    const bound = (side: 'lower' | 'upper'): Uint8Array | undefined => {
      const text = stats.get(side === 'lower' ? 'min' : 'max');
      return text === undefined ? undefined : encodeBound({ type: leaf.type, text, side, truncate });
    };
    const [lower, upper] = [bound('lower'), bound('upper')];
    if (lower) lowerBounds.set(leaf.id, lower);
    if (upper) upperBounds.set(leaf.id, upper);
  }
  return { columnSizes, valueCounts, nullCounts, lowerBounds, upperBounds };
}

interface Leaf {
  readonly id: number;
  /** As RETURN_STATS names the column. */
  readonly path: string;
  readonly type: WriterPrimitive;
  readonly nested: boolean;
}

function leaves(columns: readonly WriterColumn[]): Leaf[] {
  return columns.flatMap(({ id, name, type }): Leaf[] => {
    const path = quoteName(name);
    if (typeof type === 'string') return [{ id, path, type, nested: false }];
    return [
      { id: type.keyId, path: `${path}."key"`, type: type.key, nested: true },
      { id: type.valueId, path: `${path}."value"`, type: type.value, nested: true },
    ];
  });
}

/** A row in the wrong partition would be lost to every pruned query: refuse it here. */
function checkPartition(table: WriterTable, partition: readonly (number | null)[], statistics: Statistics): void {
  for (const [at, field] of table.partition.entries()) {
    const column = table.columns.find(({ id }) => id === field.sourceId);
    const stats = column && statistics.get(quoteName(column.name));
    const ends = ['min', 'max'].map((end) => dayNumber(stats?.get(end)?.slice(0, 10) ?? '') ?? null);
    const nulls = Number(stats?.get('null_count') ?? 0);
    const expected = partition[at] ?? null;
    if (ends.some((day) => day !== expected) || (expected !== null && nulls > 0)) {
      throw new TimelineError({
        kind: 'data',
        sqlstate: '23514',
        message: `rows for partition ${field.name}=${expected === null ? 'null' : dayText(expected)} lie outside of it`,
        detail: `${column?.name} goes from ${stats?.get('min') ?? 'NULL'} to ${stats?.get('max') ?? 'NULL'}, with ${nulls} NULLs.`,
      });
    }
  }
}

/** [{key: '"ts"', value: [{key: 'min', value: '…'}, …]}, …] */
function readStatistics(value: unknown): Statistics {
  const pairs = (list: unknown): readonly { readonly key: string; readonly value: unknown }[] => (Array.isArray(list) ? list : []);
  return new Map(pairs(value).map((column) => [column.key, new Map(pairs(column.value).map((entry) => [entry.key, String(entry.value)]))]));
}

async function rowGroupOffsets(connection: DuckDBConnection, file: string): Promise<number[]> {
  const found = await connection.runAndReadAll(
    `SELECT min(coalesce(dictionary_page_offset, data_page_offset)) FROM parquet_metadata(${quoteText(file)}) GROUP BY row_group_id ORDER BY row_group_id`,
  );
  return found.getRowsJson().map(([offset]) => Number(offset));
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function truncateLength(properties: Readonly<Record<string, string>>): number {
  const match = /^truncate\((\d{1,4})\)$/.exec(properties['write.metadata.metrics.default'] ?? '');
  return Math.max(1, Number(match?.[1] ?? DEFAULT_TRUNCATE));
}

function fieldIds(columns: readonly WriterColumn[]): string {
  const entries = columns.map(({ id, name, type }) => {
    const value = typeof type === 'string' ? String(id) : `{__duckdb_field_id: ${id}, key: ${type.keyId}, value: ${type.valueId}}`;
    return `${quoteName(name)}: ${value}`;
  });
  return `{${entries.join(', ')}}`;
}

/** The DuckDB type that is written as the Parquet type which Iceberg prescribes. */
export function duckdbType({ type }: Pick<WriterColumn, 'type'>): string {
  return typeof type === 'string' ? primitiveType(type) : `MAP(${primitiveType(type.key)}, ${primitiveType(type.value)})`;
}

function primitiveType(type: WriterPrimitive): string {
  switch (type) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int':
      return 'INTEGER';
    case 'long':
      return 'BIGINT';
    case 'float':
      return 'FLOAT';
    case 'double':
      return 'DOUBLE';
    case 'date':
      return 'DATE';
    case 'time':
      return 'TIME';
    case 'timestamp':
      return 'TIMESTAMP';
    case 'timestamptz':
      return 'TIMESTAMPTZ';
    case 'string':
      return 'VARCHAR';
    case 'uuid':
      return 'UUID';
    case 'binary':
      return 'BLOB';
    default:
      return type.toUpperCase();
  }
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
