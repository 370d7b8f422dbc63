import { internal } from '../../../sql/errors.js';

/** A data file that was written, as JSON: what its manifest entry will say. Maps go by field id; bounds are base64 of the single-value serialization. */
export interface WrittenFile {
  readonly path: string;
  readonly specId: number;
  readonly sortOrderId: number;
  /** One value per field of the spec in the text form of partition-values.ts. */
  readonly partition: readonly (string | null)[];
  readonly records: number;
  readonly bytes: number;
  readonly columnSizes: Readonly<Record<string, number>>;
  readonly valueCounts: Readonly<Record<string, number>>;
  readonly nullCounts: Readonly<Record<string, number>>;
  readonly nanCounts: Readonly<Record<string, number>>;
  readonly lower: Readonly<Record<string, string>>;
  readonly upper: Readonly<Record<string, string>>;
  /** Byte offsets of the row groups. */
  readonly splitOffsets: readonly number[];
}

/** Lists of many files would make workflow histories large: those lie in a file beside the table's metadata. */
export type Written =
  | { readonly kind: 'file'; readonly file: WrittenFile }
  | { readonly kind: 'list'; readonly path: string; readonly files: number };

export function asWritten(json: unknown): Written {
  const candidate = json as Partial<Written> | null | undefined;
  if (candidate?.kind !== 'file' && candidate?.kind !== 'list') throw internal('not what a write of the Iceberg connector gave');
  return candidate as Written;
}

/** What a data file's Parquet writer tells of it. */
export type FileMetrics = Omit<WrittenFile, 'path' | 'specId' | 'sortOrderId' | 'partition'>;
