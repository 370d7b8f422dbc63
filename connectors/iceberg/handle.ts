import { internal } from '../../sql/errors.js';
import type { Handle, TablePredicate } from '../connector.js';

/** A pinned table with what was pushed into it: plain JSON, in plans and in workflow history. */
export interface IcebergHandle {
  readonly version: 1;
  readonly schema: string;
  readonly table: string;
  /** Location of the metadata file, as the catalog spells it. Metadata files never change. */
  readonly metadata: string;
  /** Null: the table is empty. */
  readonly snapshot: string | null;
  readonly schemaId: number;
  /** Conjuncts that may prune. */
  readonly filters: readonly TablePredicate[];
  /** Rows that suffice, when no filter stands between them and the reader. */
  readonly limit: number | undefined;
}

export function asHandle(handle: Handle): IcebergHandle {
  const candidate = handle as Partial<IcebergHandle> | null | undefined;
  if (candidate?.version !== 1 || typeof candidate.metadata !== 'string') throw internal('not a handle of the Iceberg connector');
  return candidate as IcebergHandle;
}

/** One unit of reading: some data files. */
export interface IcebergSplit {
  readonly files: readonly SplitFile[];
}

export interface SplitFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}

export function asSplit(split: unknown): IcebergSplit {
  const candidate = split as Partial<IcebergSplit> | null | undefined;
  if (!Array.isArray(candidate?.files)) throw internal('not a split of the Iceberg connector');
  return candidate as IcebergSplit;
}
