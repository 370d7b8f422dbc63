import { corrupt } from '../format/corrupt.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import type { PartitionSpec } from '../format/schema.js';
import type { SplitFile } from '../handle.js';
import type { DeleteIndex } from './delete-index.js';
import { type ColumnTypes, partitionConstants } from './partition-values.js';

export interface SplitFileOptions {
  readonly spec: PartitionSpec | undefined;
  readonly types: ColumnTypes;
  readonly deletes: Pick<DeleteIndex, 'deletesOf'>;
  /** A location for errors: relative to the warehouse. */
  readonly display: (location: string) => string;
}

/** All that reading needs of a data file's manifest entry. */
export function splitFile(file: ManifestFileEntry, { spec, types, deletes, display }: SplitFileOptions): SplitFile {
  const applied = deletes.deletesOf(file);
  let constants: SplitFile['constants'];
  try {
    constants = spec === undefined ? undefined : partitionConstants(file, spec, types);
  } catch (error) {
    throw corrupt(display(file.path), error instanceof Error ? error.message : String(error), error);
  }
  return {
    path: file.path,
    rows: file.rows,
    bytes: file.bytes,
    ...(file.format === 'AVRO' ? { format: 'avro' } : {}),
    ...(constants === undefined ? {} : { constants }),
    ...(file.firstRowId === undefined ? {} : { firstRowId: String(file.firstRowId) }),
    ...(file.sequence === 0 ? {} : { sequence: file.sequence }),
    ...(applied.length === 0 ? {} : { deletes: applied }),
  };
}

/** Rows that the file has at least, whatever its deletes hold. */
export function sureRows({ rows, deletes = [] }: Pick<SplitFile, 'rows' | 'deletes'>): number {
  // One row of equality deletes may take any number of rows.
  if (deletes.some((one) => one.kind === 'equality')) return 0;
  return Math.max(
    0,
    deletes.reduce((left, one) => left - one.rows, rows),
  );
}
