import type { ColumnVector } from '../../../sql/column-vector.js';
import { unsupported } from '../../../sql/errors.js';
import type { Type } from '../../../sql/types.js';

/** A column to decode: its place among the leaves of the file's schema (null: the file has none, all rows are NULL) and the type wanted. */
export interface ParquetColumn {
  readonly leaf: number | null;
  readonly type: Type;
}

/** What the footer says of a leaf's values in a row group; instants in microseconds. It is the writer's word: who builds on it checks the rows. */
export interface LeafBounds {
  /** Of the values that are not NULL. */
  readonly min: number;
  readonly max: number;
  /** Undefined: not said. */
  readonly nulls: number | undefined;
}

export interface ParquetRowGroup {
  readonly rows: number;
  /** Compressed, of all columns. */
  readonly bytes: number;
  /** Least and greatest value of a timestamp(tz) leaf; undefined: none are said, or they are doubtful. */
  bounds(leaf: number): LeafBounds | undefined;
}

/** A local Parquet file, read synchronously. */
export interface ParquetFile {
  readonly rowGroups: readonly ParquetRowGroup[];
  /** Can `read` decode the column as the type? (What pages hold may still be of a kind that it refuses.) */
  reads(column: ParquetColumn): boolean;
  /**
   * All rows of the columns in a row group; memory is that of the result and of one page. Errors: XX001 naming location and column for
   * damage, 58030 where the file cannot be read, 0A000 for what it cannot decode, 54000 for row groups and pages beyond all measure.
   */
  read(group: number, columns: readonly ParquetColumn[]): ColumnVector[];
  close(): void;
}

/** Opens a file and reads its footer. Errors: 58030, XX001 naming `location`. */
export async function openParquet(file: { readonly path: string; readonly location: string }): Promise<ParquetFile> {
  throw unsupported(`decoding of Parquet file "${file.location}"`);
}
