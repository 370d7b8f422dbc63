import { unsupported } from '../../../sql/errors.js';
import type { ParquetFooter } from './parquet-footer.js';
import type { BoundColumn } from './relation.js';

/** That DuckDB unpacks: not LZO, and not the framing that Hadoop gave LZ4. */
const CODECS: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW']);

/** Throws 0A000 naming the file where the wanted columns are packed in a way that DuckDB does not read, or any column is encrypted. */
export function refuseUnreadableChunks(columns: readonly BoundColumn[], footer: ParquetFooter, file: string): void {
  const ids = new Set(columns.flatMap((column) => (column.kind === 'field' ? [column.field.id] : [])));
  const names = new Set(footer.columns.filter((column) => column.fieldId !== undefined && ids.has(column.fieldId)).map(({ name }) => name));
  for (const group of footer.metadata.row_groups) {
    for (const { meta_data: chunk } of group.columns) {
      if (chunk === undefined) throw unsupported(`reading Parquet files with encrypted columns (file "${file}")`);
      if (names.has(chunk.path_in_schema[0] ?? '') && !CODECS.has(chunk.codec)) {
        throw unsupported(`reading Parquet files compressed with ${chunk.codec} (file "${file}")`);
      }
    }
  }
}
