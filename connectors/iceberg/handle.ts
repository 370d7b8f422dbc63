import { internal } from '../../sql/errors.js';
import type { Handle, RowRuns, TablePredicate } from '../connector.js';

/** A pinned table with what was pushed into it: plain JSON, in plans and in workflow history. */
export interface IcebergHandle {
  readonly version: 1;
  readonly schema: string;
  readonly table: string;
  /** Location of the metadata file, as the catalog spells it. Metadata files never change. */
  readonly metadata: string;
  /** The table's, which tells it from one that had its name and place before. */
  readonly uuid: string;
  /** Null: the table is empty. */
  readonly snapshot: string | null;
  readonly schemaId: number;
  /** Conjuncts that may prune. */
  readonly filters: readonly TablePredicate[];
  /** Rows that suffice, when no filter stands between them and the reader. */
  readonly limit: number | undefined;
  /** The table was named with `$rows`: its rows have metadata columns. */
  readonly rows?: true;
  /** The table about this one that was named: `files`, `snapshots`, … */
  readonly about?: string;
}

export function asHandle(handle: Handle): IcebergHandle {
  const candidate = handle as Partial<IcebergHandle> | null | undefined;
  if (candidate?.version !== 1 || typeof candidate.metadata !== 'string') throw internal('not a handle of the Iceberg connector');
  return candidate as IcebergHandle;
}

/** One unit of reading: some data files, or parts of them. */
export interface IcebergSplit {
  readonly files: readonly SplitFile[];
}

/** All that reading needs of a manifest entry; kept short, since plans may hold thousands. Absent fields have the value in brackets. */
export interface SplitFile {
  /** As the manifest spells it. */
  readonly path: string;
  /** Rows of the whole file. */
  readonly rows: number;
  /** Bytes of the whole file. */
  readonly bytes: number;
  /** ['parquet'] */
  readonly format?: 'avro';
  /** Only row groups that begin at these byte offsets, from (inclusive), to (exclusive). [all] */
  readonly part?: readonly [from: number, to: number];
  /** Only these rows, numbered in the whole file; of a part, those of them that lie in it. [all] */
  readonly only?: RowRuns;
  /** Identity partition values by source column id, in PostgreSQL's text form: for columns that the file does not hold. [none] */
  readonly constants?: Readonly<Record<string, string | null>>;
  /** The first row's id in v3 tables. */
  readonly firstRowId?: string;
  /** Data sequence number of the file. [0] */
  readonly sequence?: number;
  readonly deletes?: readonly DeleteFile[];
}

/** Rows of the file or, as an estimate, of the part of it. */
export function rowsOf({ rows, bytes, part, only }: SplitFile): number {
  const all = only === undefined ? rows : only.reduce((sum, [, some]) => sum + some, 0);
  if (part === undefined || bytes === 0) return all;
  return Math.round((all * (part[1] - part[0])) / bytes);
}

/** A delete file that applies to the data file. */
export type DeleteFile =
  | { readonly kind: 'positions'; readonly path: string; readonly bytes: number; readonly rows: number; readonly format?: 'avro' }
  /** A deletion vector: a blob of a Puffin file. It replaces all position delete files. */
  | { readonly kind: 'vector'; readonly path: string; readonly offset: number; readonly length: number; readonly rows: number }
  | {
      readonly kind: 'equality';
      readonly path: string;
      readonly bytes: number;
      readonly rows: number;
      readonly columns: readonly number[];
      readonly format?: 'avro';
    };

export function asSplit(split: unknown): IcebergSplit {
  const candidate = split as Partial<IcebergSplit> | null | undefined;
  if (!Array.isArray(candidate?.files)) throw internal('not a split of the Iceberg connector');
  return candidate as IcebergSplit;
}
