import type { DuckDBConnection } from '@duckdb/node-api';
import { internal } from '../../../sql/errors.js';
import { encodeBound } from '../format/bound-writer.js';
import { quoteName, quoteText } from '../read/sql-text.js';
import { isFloating } from './file-metrics.js';
import { metricsModes } from './metrics-mode.js';
import { type ParquetJob, ROW_GROUP_ROWS } from './parquet-writer.js';
import { datumSql } from './partition-values.js';
import { fieldAccess, fieldIds } from './physical-columns.js';
import { type Leaf, leavesOf, rowGroupRows, type TableShape, wishedCodec } from './table-shape.js';
import type { FileMetrics } from './written-file.js';

type Statistics = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** DuckDB's COPY: fast and small (zstd), one page per column chunk, no page index. */
export async function writeWithDuckdb(job: ParquetJob): Promise<FileMetrics> {
  const { connection, select, file, shape } = job;
  const copied = await connection.runAndReadAll(
    `COPY (${select}) TO ${quoteText(file)} (FORMAT parquet, COMPRESSION ${codec(shape)}, ROW_GROUP_SIZE ${rowGroupRows(shape, ROW_GROUP_ROWS)}${dictionaryOption(shape)}, ` +
      `RETURN_STATS, FIELD_IDS ${fieldIds(shape.schema.fields)})`,
  );
  const row = copied.getRowObjectsJson()[0];
  if (!row) throw internal('COPY returned no statistics');
  const statistics = readStatistics(row['column_statistics']);
  return {
    records: Number(row['count']),
    bytes: Number(row['file_size_bytes']),
    ...(await columnMetrics(connection, file, shape, statistics)),
    splitOffsets: await rowGroupOffsets(connection, file),
  };
}

/** DuckDB's dictionaries hold -0 and 0 as one value, and a limit of 0 is the only way to go without. */
export function dictionaryOption(shape: TableShape): string {
  return leavesOf(shape.schema.fields).some(({ type }) => isFloating(type)) ? ', DICTIONARY_SIZE_LIMIT 0' : '';
}

function codec(shape: TableShape): string {
  const name = wishedCodec(shape);
  return name === 'lz4' ? 'lz4_raw' : name;
}

async function columnMetrics(
  connection: DuckDBConnection,
  file: string,
  shape: TableShape,
  statistics: Statistics,
): Promise<Omit<FileMetrics, 'records' | 'bytes' | 'splitOffsets'>> {
  const modeOf = metricsModes(shape);
  const metrics = {
    columnSizes: {} as Record<string, number>,
    valueCounts: {} as Record<string, number>,
    nullCounts: {} as Record<string, number>,
    nanCounts: {} as Record<string, number>,
    lower: {} as Record<string, string>,
    upper: {} as Record<string, string>,
  };
  for (const leaf of leavesOf(shape.schema.fields)) {
    const stats = statistics.get(leaf.path.map(quoteName).join('.'));
    if (!stats) continue;
    metrics.columnSizes[leaf.id] = Number(stats.get('column_size_bytes'));
    const mode = modeOf(leaf);
    if (mode.kind === 'none') continue;
    metrics.valueCounts[leaf.id] = Number(stats.get('num_values'));
    metrics.nullCounts[leaf.id] = Number(stats.get('null_count'));
    // Elements of lists and maps have no bounds in Iceberg.
    if (leaf.repeated) continue;
    let [min, max] = [stats.get('min'), stats.get('max')];
    if (isFloating(leaf.type)) {
      // DuckDB's order puts NaN above all numbers, Iceberg's bounds leave it out.
      const numbers = stats.get('has_nan') === 'false' ? { nans: 0, min, max } : await numbersOf(connection, file, leaf);
      metrics.nanCounts[leaf.id] = numbers.nans;
      [min, max] = [numbers.min, numbers.max];
    }
    if (mode.kind === 'counts') continue;
    const truncate = mode.kind === 'truncate' ? mode.length : undefined;
    const lower = min === undefined ? undefined : encodeBound({ type: leaf.type, text: min, side: 'lower', truncate });
    const upper = max === undefined ? undefined : encodeBound({ type: leaf.type, text: max, side: 'upper', truncate });
    if (lower) metrics.lower[leaf.id] = Buffer.from(lower).toString('base64');
    if (upper) metrics.upper[leaf.id] = Buffer.from(upper).toString('base64');
  }
  return metrics;
}

async function numbersOf(
  connection: DuckDBConnection,
  file: string,
  leaf: Leaf,
): Promise<{ readonly nans: number; readonly min: string | undefined; readonly max: string | undefined }> {
  const value = fieldAccess(leaf.path);
  const number = (call: string): string => datumSql(leaf.type, `${call}(${value}) FILTER (WHERE NOT isnan(${value}))`);
  const found = await connection.runAndReadAll(
    `SELECT count(*) FILTER (WHERE isnan(${value})), ${number('min')}, ${number('max')} FROM read_parquet(${quoteText(file)})`,
  );
  const [nans, min, max] = found.getRowsJson()[0] ?? [];
  const text = (item: unknown): string | undefined => (typeof item === 'string' ? item.replace(/^(-?)inf$/, '$1Infinity') : undefined);
  return { nans: Number(nans), min: text(min), max: text(max) };
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
