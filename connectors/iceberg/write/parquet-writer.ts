import type { DuckDBConnection } from '@duckdb/node-api';
import type { TableShape } from './table-shape.js';
import type { FileMetrics } from './written-file.js';

export interface ParquetJob {
  readonly connection: DuckDBConnection;
  /** SELECT that gives the file's rows in order, with the schema's columns by name in their physical types. */
  readonly select: string;
  /** Local path; new. */
  readonly file: string;
  readonly shape: TableShape;
  readonly signal: AbortSignal;
}

/** Writes one local Parquet file with field ids and tells what its manifest entry will say of it. */
export type ParquetWriter = (job: ParquetJob) => Promise<FileMetrics>;

export const ROW_GROUP_ROWS = 131_072;
