import type { SchemaField } from '../format/schema.js';
import type { DeletedRows } from './deletes/deleted-rows.js';
import type { ParquetFooter } from './parquet-footer.js';

/** A data file made ready for DuckDB: a local Parquet file with what must be done to its rows. Row numbers count from 0 in the data file. */
export interface OpenedFile {
  /** The data file, as the manifest spells it. */
  readonly location: string;
  /** The data file itself, a slice of it, or an Avro file turned into Parquet. */
  readonly path: string;
  /** Of the file at `path`'s schema: names, ids, nesting. */
  readonly footer: ParquetFooter;
  /** A slice's rows are these runs of the data file's, in order; absent: `path` has all rows. */
  readonly runs?: readonly RowRun[];
  /** Rows wanted at most; absent: all that `path` has. What lies outside may be made up (padding of a slice) and must not be seen. */
  readonly ranges?: readonly RowRun[];
  /** The file at `path` was made of the data file's rows, which lie there in another format. */
  readonly made?: true;
  readonly constants?: Readonly<Record<string, string | null>>;
  readonly firstRowId?: string;
  readonly sequence?: number;
  readonly deletes?: OpenedDeletes;
}

export interface RowRun {
  /** First row. */
  readonly start: number;
  readonly rows: number;
}

/** What goes of a file's rows, by their numbers in the data file or by equal values. */
export interface OpenedDeletes {
  readonly positions?: readonly DeletedRows[];
  /** All columns that `equality` names, with the types that its relations give them in. */
  readonly fields: readonly SchemaField[];
  /** Relations that DuckDB can read, to be anti-joined. Each gives columns `f<id>`; a row goes when all are equal, NULL to NULL too. They may be columns that the query, or today's schema, does not have. */
  readonly equality: readonly { readonly columns: readonly number[]; readonly relation: string }[];
}
