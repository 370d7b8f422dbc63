import type { DuckDBConnection } from '@duckdb/node-api';
import { encodeBound, encodeDatum } from '../format/bound-writer.js';
import { isNaNDatum } from '../format/datum.js';
import type { IcebergType, SchemaField } from '../format/schema.js';
import { quoteText } from '../read/sql-text.js';
import { metricsModes } from './metrics-mode.js';
import { datumOfText, datumSql } from './partition-values.js';
import { fieldAccess } from './physical-columns.js';
import { type Leaf, leavesOf, type TableShape } from './table-shape.js';
import type { FileMetrics } from './written-file.js';

/** Metrics of a file that was written, by asking for them: what its writer says of itself need not be believed. */
export async function measureFile(
  connection: DuckDBConnection,
  file: string,
  shape: TableShape,
): Promise<Omit<FileMetrics, 'bytes' | 'splitOffsets'>> {
  const modeOf = metricsModes(shape);
  const leaves = leavesOf(shape.schema.fields);
  const chunks = await connection.runAndReadAll(
    `SELECT path_in_schema, sum(total_compressed_size), sum(num_values), sum(stats_null_count) FROM parquet_metadata(${quoteText(file)}) GROUP BY ALL`,
  );
  const byPath = new Map(chunks.getRowsJson().map(([path, ...sums]) => [String(path), sums.map(Number)]));
  const single = leaves.filter((leaf) => !leaf.repeated && modeOf(leaf).kind !== 'none');
  const asked = await connection.runAndReadAll(`SELECT count(*)${single.map(aggregates).join('')} FROM read_parquet(${quoteText(file)})`);
  const [rows, ...answers] = asked.getRowsJson()[0] ?? [];
  const records = Number(rows);
  const metrics = {
    columnSizes: {} as Record<string, number>,
    valueCounts: {} as Record<string, number>,
    nullCounts: {} as Record<string, number>,
    nanCounts: {} as Record<string, number>,
    lower: {} as Record<string, string>,
    upper: {} as Record<string, string>,
  };
  for (const leaf of leaves) {
    const [bytes, values, nulls] = byPath.get(parquetPath(leaf, shape)) ?? [];
    if (bytes !== undefined) metrics.columnSizes[leaf.id] = bytes;
    if (!leaf.repeated || modeOf(leaf).kind === 'none' || values === undefined) continue;
    metrics.valueCounts[leaf.id] = values;
    if (nulls !== undefined && !Number.isNaN(nulls)) metrics.nullCounts[leaf.id] = nulls;
  }
  for (const [at, leaf] of single.entries()) {
    const [present, nans, min, max] = answers.slice(at * 4, at * 4 + 4);
    metrics.valueCounts[leaf.id] = records;
    metrics.nullCounts[leaf.id] = records - Number(present);
    if (isFloating(leaf.type)) metrics.nanCounts[leaf.id] = Number(nans);
    const mode = modeOf(leaf);
    if (mode.kind === 'counts') continue;
    const truncate = mode.kind === 'truncate' ? mode.length : undefined;
    const lower = bound(leaf.type, min, 'lower', truncate);
    const upper = bound(leaf.type, max, 'upper', truncate);
    if (lower) metrics.lower[leaf.id] = Buffer.from(lower).toString('base64');
    if (upper) metrics.upper[leaf.id] = Buffer.from(upper).toString('base64');
  }
  return { records, ...metrics };
}

function aggregates(leaf: Leaf): string {
  const value = fieldAccess(leaf.path);
  const floating = isFloating(leaf.type);
  const numbers = floating ? ` FILTER (WHERE NOT isnan(${value}))` : '';
  const edge = (call: string): string => datumSql(leaf.type, `${call}(${value})${numbers}`);
  return `, count(${value}), ${floating ? `count(*) FILTER (WHERE isnan(${value}))` : '0'}, ${edge('min')}, ${edge('max')}`;
}

function bound(type: IcebergType, text: unknown, side: 'lower' | 'upper', truncate: number | undefined): Uint8Array | undefined {
  if (typeof text !== 'string') return undefined;
  const name = type.kind === 'primitive' ? type.name : type.kind;
  // Texts and bytes are cut.
  if (name === 'string' || name === 'binary' || name === 'fixed') return encodeBound({ type, text, side, truncate });
  const datum = datumOfText(type, text);
  if (isNaNDatum(datum)) return undefined;
  return encodeDatum(type, datum === 0 ? (side === 'lower' ? -0 : 0) : datum);
}

export function isFloating(type: IcebergType): boolean {
  return type.kind === 'primitive' && (type.name === 'float' || type.name === 'double');
}

/** As DuckDB names a column chunk: with the groups that lists and maps are made of. */
function parquetPath(leaf: Leaf, shape: TableShape): string {
  const path: string[] = [];
  let type: IcebergType = { kind: 'struct', fields: shape.schema.fields };
  for (const name of leaf.path) {
    if (type.kind === 'list') {
      path.push('list', name);
      type = type.element;
    } else if (type.kind === 'map') {
      path.push('key_value', name);
      type = name === 'key' ? type.key : type.value;
    } else {
      path.push(name);
      const found: SchemaField | undefined = type.kind === 'struct' ? type.fields.find((field) => field.name === name) : undefined;
      if (found !== undefined) type = found.type;
    }
  }
  return path.join(', ');
}
