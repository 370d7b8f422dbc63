import type { TimelineError } from '../sql/errors.js';
import type { Constant, Expr } from '../sql/expression.js';
import type { Type } from '../sql/types.js';

/** A column of a table as the connector's pushed predicates name it. */
export interface TableColumn {
  readonly kind: 'table_column';
  readonly name: string;
  readonly type: Type;
}

/** A member of a jsonb column's objects, as `column->'a'->'b'` reads it, or (`text`) `column->'a'->>'b'`. At least one key. */
export interface ColumnPath {
  readonly column: string;
  readonly keys: readonly string[];
  readonly as: 'jsonb' | 'text';
}

export type TablePredicate = Expr<TableColumn>;

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

/** A version of a table, to be read. */
export interface PinnedTable {
  readonly handle: Handle;
  readonly snapshot: string | null;
  /** Of the columns it is read with, as in its description: these may be newer than those that a statement was analysed with. Absent: they never change. */
  readonly schemaVersion?: string;
  /** Which rows are in it that lie elsewhere first. Absent: the source does not tell. */
  readonly flushed?: FlushedRows;
}

/** Up to where the rows of each writer, which numbers them from 1 (or 0) without gaps, are in a version of a table. */
export interface FlushedRows {
  readonly upTo: Readonly<Record<string, string>>;
  /** Of writers that are not in `upTo` there is no row; else nobody knows. */
  readonly complete: boolean;
}

/** Rows that lie with a connector while they are on their way into tables of others. */
export interface RecentRows {
  /** The tables, as users name them. */
  readonly tables: readonly TableName[];
  /** Reads what `pin` gives, in the table's columns. */
  readonly reader: Connector;
  /** Those rows of a table, each once, that are not in the version with `flushed`, as they are now. 0A000 where they could not be told or read exactly. */
  pin(request: RecentRequest): Promise<RecentPin>;
}

export interface RecentRequest {
  readonly table: TableName;
  /** TableIdentity.table */
  readonly identity: string;
  readonly columns: readonly ColumnDescription[];
  readonly flushed: FlushedRows;
  readonly signal: AbortSignal;
}

export interface RecentPin {
  readonly handle: Handle;
  readonly rows: number;
  /** What is missing, for the user. */
  readonly notices: readonly string[];
}

export interface TableDescription extends TableName {
  readonly columns: readonly ColumnDescription[];
  readonly comment: string | undefined;
  /** Roles of columns for TIMELINE() and replay: from table properties `timeline.key`, `timeline.ts`, … or the names of its specification. */
  readonly properties: Readonly<Record<string, string>>;
  readonly rowEstimate: number | undefined;
  /** Changes when and only when the columns change. */
  readonly schemaVersion: string;
}

/** A column to read, or (`path`) a member of one, which `name` and `type` are then of. */
export interface ReadColumn extends ColumnDescription {
  readonly path?: ColumnPath;
}

/** An immutable file of a table's rows. */
export interface DataFile {
  /** As the table's metadata spells it. A file of other bytes or rows under the same path is another file. */
  readonly path: string;
  readonly bytes: number;
  /** All of the file's, deleted ones included. */
  readonly rows: number;
  /** It lies on another machine: reading it costs requests. */
  readonly remote?: true;
}

/** Rows of a data file by their numbers in it, from 0: runs, ascending, disjoint. */
export type RowRuns = readonly (readonly [first: number, rows: number])[];

/** The data files behind the splits of a table, for whoever keeps an index of their rows. */
export interface DataFileAccess {
  /** Undefined: this handle's rows are not those of data files. */
  identity(handle: Handle, signal: AbortSignal): Promise<TableIdentity | undefined>;
  /** Each file of the splits once, also if several of them read parts of it. */
  files(splits: readonly unknown[]): readonly DataFile[];
  /**
   * The splits with only those rows of a file that `only` has for its path (deletes still apply); a file that it does not have stays as it is.
   * Splits that are left without rows go. A superset of the rows named may be given.
   */
  restrict(splits: readonly ConnectorSplit[], only: ReadonlyMap<string, RowRuns>): readonly ConnectorSplit[];
  /** To read all rows of each of the files, deleted ones too, with their numbers in an int8 column `_pos`: one split a file, in the order of `files`. */
  whole(handle: Handle, splits: readonly unknown[]): { readonly handle: Handle; readonly splits: readonly ConnectorSplit[] };
  /**
   * Is it likely that one value of a column is in few rows, which may lie anywhere in the files, with nothing in these to find them by? Tells by
   * bounds, which `splits` must have been asked for. Absent: not known.
   */
  scattered?(handle: Handle, splits: readonly ConnectorSplit[], column: string, signal: AbortSignal): Promise<boolean>;
}

export interface TableIdentity {
  /** Of the table as long as it is; another one under its name has another. */
  readonly table: string;
  /** By name as the handle's schema has it: an id that outlives renames and is never given to another column. */
  readonly columns: ReadonlyMap<string, string>;
}

/** What a search in an index gave. It may leave out rows of covered files only, and only such as pass not all of the filters. */
export type Candidates =
  | {
      readonly kind: 'narrowed';
      /** By path, of each covered file: the rows that may pass. Absent files must be read in full. */
      readonly only: ReadonlyMap<string, RowRuns>;
      /** Rows found, before runs were joined. */
      readonly hits: number;
      readonly form: 'positions' | 'ranges' | 'files';
      /** The filters that were used, for EXPLAIN. */
      readonly used: string;
      /** Why files were not covered, for EXPLAIN; absent: all were. */
      readonly uncovered?: string;
      /** Those of them that building the index would cover, as far as is known. */
      readonly unbuilt?: number;
    }
  | {
      readonly kind: 'scan';
      /** For EXPLAIN: completes "not used: …". */
      readonly reason: string;
      /** Files that building the index would cover, as far as is known. */
      readonly unbuilt?: number;
    };

export interface CandidateRequest {
  /** As users name it. */
  readonly table: TableName;
  readonly identity: TableIdentity;
  readonly files: readonly DataFile[];
  /** Conjuncts over the table's columns. */
  readonly filters: readonly TablePredicate[];
  /** What a scan of the files would read, about. */
  readonly bytes: number;
  /** Search, whether or not it seems to pay (timeline.use_index = on). */
  readonly always: boolean;
  readonly signal: AbortSignal;
}

/** An index that a connector keeps over tables of other connectors. */
export interface TableIndex {
  /** The tables, as users name them, that the configuration lets it index. */
  readonly tables: readonly TableName[];
  /** Never rejects but for an abort: every doubt is a `scan`. */
  candidates(request: CandidateRequest): Promise<Candidates>;
  /** Indexes those of the files that are not covered. Goes on where an earlier one was interrupted. Errors: 0A000 the table has no column to go by, 55000 what else keeps all of it from being indexed. */
  build(request: IndexBuildRequest): Promise<IndexBuildResult>;
  /** One entry a file, in order. */
  coverage(table: IndexedTable): Promise<readonly FileCoverage[]>;
}

/** A table at a snapshot, for who keeps an index of it. */
export interface IndexedTable {
  /** As users name it. */
  readonly table: TableName;
  readonly identity: TableIdentity;
  readonly columns: readonly ColumnDescription[];
  /** TableDescription.properties. */
  readonly properties: Readonly<Record<string, string>>;
  readonly files: readonly DataFile[];
  readonly signal: AbortSignal;
}

export interface IndexBuildRequest extends IndexedTable {
  /** All rows of a file, in batches: `_pos`, then the columns asked for, in PostgreSQL's text form (ISO dates, UTC). */
  rows(file: DataFile, columns: readonly string[], signal: AbortSignal): AsyncIterable<readonly (readonly (string | null)[])[]>;
  /** Told what was done, a line now and then. */
  readonly onProgress: (text: string) => void;
}

export interface IndexBuildResult {
  /** Of the table's files: were covered before, are since, and are not. */
  readonly before: number;
  readonly indexed: number;
  readonly uncovered: number;
  /** Rows and bytes of the documents written. */
  readonly rows: number;
  readonly bytes: number;
  /** Why files are not covered, each with how many, the most first. */
  readonly reasons: readonly (readonly [reason: string, files: number])[];
}

export interface FileCoverage {
  readonly path: string;
  readonly rows: number;
  readonly covered: boolean;
  /** Why it is not. */
  readonly reason: string | null;
  /** Names at the time when it was indexed. */
  readonly columns: readonly string[];
  /** Of its documents, as written; null: not known. */
  readonly bytes: number | null;
  /** Milliseconds since 1970. */
  readonly certifiedAt: number | null;
}

/** Rows that a connector computes in place of the table's own: groups with their aggregates, perhaps several of one group, to be added up. */
export interface AggregateRequest {
  readonly keys: readonly AggregateKey[];
  readonly aggregates: readonly ConnectorAggregate[];
}

export type AggregateKey =
  | { readonly kind: 'column'; readonly column: string }
  /** date_trunc in a zone that is `offset` seconds east of UTC all the time. */
  | {
      readonly kind: 'trunc';
      readonly column: string;
      readonly unit: 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year';
      readonly offset: number;
    };

/** `count` without a column counts rows. It gives int8, `sum` numeric(38, 0), `min` and `max` the column's type. */
export interface ConnectorAggregate {
  readonly fn: 'count' | 'min' | 'max' | 'sum';
  readonly column?: string;
  /** Only of rows that pass it. */
  readonly filter?: TablePredicate;
}

export interface ColumnDescription {
  readonly name: string;
  readonly type: Type;
  readonly nullable: boolean;
  readonly comment: string | undefined;
}

/** JSON that stands for one table at one snapshot with what was pushed into it. Opaque outside its connector. */
export type Handle = unknown;

export interface PushdownRequest {
  /** Conjuncts; the answer has one entry for each. */
  readonly filters: readonly TablePredicate[];
  /** Columns that anything above still needs (residual filters included). */
  readonly columns: readonly string[];
  readonly limit: number | undefined;
}

export interface PushdownAnswer {
  readonly handle: Handle;
  /** exact: the residual may go. inexact: fewer rows, the engine filters again. unsupported: ignored. */
  readonly answers: readonly ('exact' | 'inexact' | 'unsupported')[];
  readonly limitDone: boolean;
}

export interface TableStatistics {
  readonly rows: number | undefined;
  readonly bytes: number | undefined;
}

/** One unit of reading; `data` is the connector's own JSON and crosses processes. */
export interface ConnectorSplit {
  readonly data: unknown;
  readonly bytes: number;
  readonly rows: number;
  /** What `narrow` and `ordered` need to know of the columns that `splits` was asked about; the connector's own JSON. */
  readonly bounds?: unknown;
}

/** Splits that are left when more is known of the rows wanted. */
export interface NarrowedSplits {
  /** The `data` of splits, for `read`. */
  readonly splits: readonly unknown[];
  readonly skipped: { readonly files: number; readonly rows: number };
}

/** The first key of an ORDER BY: a column of the table, in PostgreSQL's order. */
export interface ScanOrder {
  readonly column: string;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** Rows of a scan in parts, of which those are given first that may hold the first rows of an order. */
export interface OrderedParts {
  /**
   * Splits for `read` that hold about `rows` rows and were not given yet; undefined: no part that is left may hold a row which comes before `last`
   * in the order, or (`ties`) beside it. Without `last` every row counts. Splits without rows may be given (`[]`), too.
   */
  next(request: {
    readonly rows: number;
    readonly last: { readonly constant: Constant; readonly ties: boolean } | undefined;
  }): Promise<readonly unknown[] | undefined>;
  /** What was given until now of all there is. */
  readonly pruning: readonly PruningStep[];
}

/** How splits should be, where the connector can. */
export interface SplitWish {
  /** What is small is put together up to so many bytes a split. */
  readonly bytes?: number | undefined;
  /** Columns that `narrow` or `ordered` may be asked about. */
  readonly bounded?: readonly string[];
}

/** What one step of pruning left of manifests, files, row groups or pages. */
export interface PruningStep {
  readonly step: string;
  readonly before: number;
  readonly after: number;
  readonly bytesBefore?: number;
  readonly bytesAfter?: number;
  /** How the step went, in words, in place of the numbers. */
  readonly note?: string;
}

export interface SplitPlan {
  readonly splits: readonly ConnectorSplit[];
  /** What pruning did, in order, for EXPLAIN and timeline.queries. */
  readonly pruning: readonly PruningStep[];
}

/** Counts bytes and requests and enforces the query's budget before each request. */
export interface Meter {
  /** Throws a `limit` error (53400) when the budget does not cover `bytes` more. */
  charge(bytes: number, requests: number): void;
}

/**
 * What the kernel reads. `sql`: a relation for DuckDB's FROM clause whose columns are named and typed as the table's, and in the order asked for where names differ in case only
 * (physical types: sql/duckdb-type.ts). `rows`: values in column order in PostgreSQL's text form.
 */
export type Readable =
  | {
      readonly kind: 'sql';
      readonly relation: string;
      readonly release: () => Promise<void>;
      /** The relation's rows once more, for who decodes them without SQL. Absent: the relation does more than read files. */
      readonly parquet?: ParquetRows;
      /** Of an error of the kernel's that may come from a file's damage: the same, naming file and table; undefined: it has another cause. */
      readonly explain?: (error: TimelineError) => Promise<TimelineError | undefined>;
    }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly (string | null)[])[] };

/**
 * Rows that are just those of local Parquet files, in order: nothing deleted, filtered or made up. Each column asked for is a flat one of the
 * files, whose logical type says its PostgreSQL type (or one that is only widened to it).
 */
export interface ParquetRows {
  readonly files: readonly {
    readonly path: string;
    /** As errors should name it. */
    readonly location: string;
    /** Absent: all of the file's. */
    readonly rowGroups?: readonly number[];
    /** In the order of ReadRequest.columns: the index of the column among the leaves of the file's schema; null: the file has none, all are NULL. */
    readonly columns: readonly (number | null)[];
  }[];
}

/** Whether files' own indexes are used to skip rows; absent: where it pays. For tests and for files with wrong indexes. */
export interface Skipping {
  readonly pageIndex?: 'on' | 'off';
  readonly bloomFilters?: 'on' | 'off';
}

export interface ReadRequest {
  /** With paths only where `readsPath` says yes. */
  readonly columns: readonly ReadColumn[];
  readonly meter: Meter;
  readonly signal: AbortSignal;
  /** Told of pruning that needs the files themselves (row groups, pages, bloom filters): steps of one name are summed over tasks. */
  readonly report?: (step: PruningStep) => void;
  readonly skipping?: Skipping;
}

/** Rows are appended to a table that exists, or to one that the commit makes. */
export interface WriteRequest {
  readonly table: TableName;
  /** Columns of a table to make (CREATE TABLE AS); absent: the table exists. */
  readonly create?: {
    readonly columns: readonly ColumnDescription[];
    /** WITH (…) as text: the connector's own (Iceberg: `partitioning`, `sorted_by`, table properties); 22023 for what it does not know. */
    readonly options?: Readonly<Record<string, string>>;
  };
}

/** JSON that stands for one append; opaque outside its connector. Holds no secrets. */
export type WriteHandle = unknown;

export interface WriteInput {
  /** Local Parquet files of one task, with the table's columns by name in physical types as `duckdbType` has them. */
  readonly files: readonly string[];
  readonly rows: number;
  /** Unique for the task in its query, the same for each attempt: names of what is written derive from it and the attempt. */
  readonly task: string;
  readonly attempt: number;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

export interface CommitRequest {
  /** What `write` gave, of every task of the query. */
  readonly written: readonly unknown[];
  /** The query's id: a commit with an id that the table has seen does nothing and says so. */
  readonly batch: string;
  /** For the snapshot's summary: query, replay, user. */
  readonly summary: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

export interface CommitResult {
  readonly rows: number;
  readonly snapshot: string | null;
  /** The batch had been committed before. */
  readonly repeated: boolean;
  /** Data files that it added; absent: not known. */
  readonly files?: number;
}

/** A maintenance procedure: its arguments in order, by PostgreSQL's type names, after the table's; and the columns of its result. */
export interface Procedure {
  readonly parameters: Readonly<Record<string, string>>;
  readonly columns: readonly (readonly [name: string, type: 'int8' | 'text'])[];
}

/** What ConnectorWriter.maintain knows. A count that a connector does not know is NULL. */
export const PROCEDURES: Readonly<Record<string, Procedure>> = {
  optimize: {
    parameters: { target_file_bytes: 'int8', min_input_files: 'int4' },
    columns: [
      ['files_before', 'int8'],
      ['files_after', 'int8'],
      ['bytes_before', 'int8'],
      ['bytes_after', 'int8'],
      ['rows', 'int8'],
      ['snapshot', 'text'],
    ],
  },
  expire_snapshots: {
    parameters: { older_than: 'timestamptz', retain_last: 'int4' },
    columns: [
      ['snapshots_expired', 'int8'],
      ['files_deleted', 'int8'],
      ['bytes_deleted', 'int8'],
    ],
  },
  remove_orphan_files: {
    parameters: { older_than: 'timestamptz', dry_run: 'bool', force: 'bool' },
    columns: [
      ['path', 'text'],
      ['bytes', 'int8'],
    ],
  },
  rewrite_manifests: {
    parameters: {},
    columns: [
      ['manifests_before', 'int8'],
      ['manifests_after', 'int8'],
      ['snapshot', 'text'],
    ],
  },
};

/** The writing side of a connector. Nothing is seen of an append before its commit; after it, everything. */
export interface ConnectorWriter {
  /** Does the configuration allow tables of this schema to be made, written and dropped? */
  allows(schema: string): boolean;
  /** The schemas that the configuration names: shown to users before they have tables, too. */
  readonly schemas?: readonly string[];
  /**
   * The answer's columns are as the table keeps them (int2 as int4, jsonb as text, …): `write` wants rows of exactly these types.
   * Errors: 42501 where the configuration does not allow it, 42P01 no such table, 42P07 it exists, 0A000 a type that cannot be written.
   */
  begin(
    request: WriteRequest,
    signal: AbortSignal,
  ): Promise<{ readonly handle: WriteHandle; readonly columns: readonly ColumnDescription[] }>;
  /** Writes one task's rows and returns JSON that tells `commit` of them. */
  write(handle: WriteHandle, input: WriteInput): Promise<readonly unknown[]>;
  /** All rows or none, once, whatever dies in between. Errors: 40001 (retryable) when others won again and again, 08007 outcome unknown. */
  commit(handle: WriteHandle, request: CommitRequest): Promise<CommitResult>;
  /** What a commit of this batch did to the table of this handle, which remembers it. Undefined: there was none, or the table has gone. */
  committed?(handle: WriteHandle, batch: string, signal: AbortSignal): Promise<CommitResult | undefined>;
  /** Deletes what `write` gave, of a query that ended before its commit began. */
  discard?(handle: WriteHandle, written: readonly unknown[], signal: AbortSignal): Promise<void>;
  /** Removes the table from its catalog and, with `purge`, its files. */
  dropTable(table: TableName, options: { readonly purge: boolean; readonly signal: AbortSignal }): Promise<void>;
  /** A maintenance procedure by name, with its named arguments as text: `optimize`, `expire_snapshots`, `remove_orphan_files`, `rewrite_manifests`. Its result as named columns, those of PROCEDURES. */
  maintain(
    procedure: string,
    table: TableName,
    args: Readonly<Record<string, string | null>>,
    signal: AbortSignal,
  ): Promise<{ readonly columns: readonly ColumnDescription[]; readonly rows: readonly (readonly (string | null)[])[] }>;
}

/** One configured source of tables. */
export interface Connector {
  /** Its name in the configuration. */
  readonly name: string;
  /** Its splits hold rows themselves, of this process: plans over such tables alone run here, and no workflow's history gets them. */
  readonly splitsHoldRows?: boolean;
  /** Local folders that a task must be allowed to read for what `read` gives; may grow by reading. Absent: none. */
  readonly readableFolders?: readonly string[];
  /** Absent: the source is read-only. */
  readonly writer?: ConnectorWriter;
  /** Why nothing is ever written to its tables, whatever the configuration says: a hint for who tries. */
  readonly unwritable?: string;
  /** Absent: its tables cannot be indexed. */
  readonly dataFiles?: DataFileAccess;
  /** Absent: it keeps no index. */
  readonly index?: TableIndex;
  /** Absent: it keeps no rows of other connectors' tables. */
  readonly recent?: RecentRows;
  /** What users list. `describe` and `pin` may know more names: metadata tables such as `events$snapshots`. */
  tables(signal?: AbortSignal): Promise<readonly TableName[]>;
  /** The table now, or as it was (time travel shows a snapshot with its own columns). Undefined: no such table. */
  describe(table: TableName, signal?: AbortSignal, asOf?: string): Promise<TableDescription | undefined>;
  /** Pins the current snapshot, or one by id, tag or instant (text form of timestamptz). */
  pin(table: TableName, asOf?: string, signal?: AbortSignal): Promise<PinnedTable>;
  /**
   * The name by which `describe` and `pin` know those rows of a table that pass a filter in the source's own language, which nobody has checked (logsql()).
   * Errors: 42601 and 54000 for such as might mean something else, their `position` in the filter's characters from 1. Absent: there is none.
   */
  filtered?(table: TableName, filter: string): TableName;
  pushdown(handle: Handle, request: PushdownRequest): PushdownAnswer;
  /**
   * A handle whose rows are groups: a column `k<n>` for each key, `a<n>` for each aggregate, in this order. A group may come several times (once a
   * window of time, say): the engine adds counts and sums up, and takes the least and greatest of the others; NULL says nothing. Each group of the
   * table must come, and no other. Asked only where every filter was answered exactly. Undefined, or absent: it cannot do all of it exactly.
   */
  aggregate?(
    handle: Handle,
    request: AggregateRequest,
  ): { readonly handle: Handle; readonly columns: readonly ColumnDescription[] } | undefined;
  /** Can a member of a column be read without the rest of it, just as PostgreSQL's operators would give it? Absent: none. */
  readsPath?(handle: Handle, path: ColumnPath): boolean;
  statistics(handle: Handle): Promise<TableStatistics>;
  splits(handle: Handle, signal: AbortSignal, wish?: SplitWish): Promise<SplitPlan>;
  /** Leaves out what holds no row that passes all filters, as far as the splits' bounds tell. Absent: never anything. */
  narrow?(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds' | 'rows'>[],
    filters: readonly TablePredicate[],
    signal: AbortSignal,
  ): Promise<NarrowedSplits>;
  /**
   * Text that is equal for splits, whole ones of any handles, only if the rows in them are equal, column by column of one name; filters pushed into
   * the handle aside. Undefined: not known.
   */
  fingerprint?(handle: Handle, splits: readonly unknown[]): string | undefined;
  /** The splits' rows in parts that are best read one after the other for the first rows of an order. Undefined, or absent: they are not worth parting. */
  ordered?(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[],
    order: ScanOrder,
    request: Pick<ReadRequest, 'meter' | 'signal'>,
  ): Promise<OrderedParts | undefined>;
  /**
   * Groups of the splits, by index, in an order: each row of a group comes before every one of the next, none beside it. One group, or absent: no
   * such order is known.
   */
  sequence?(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[],
    order: ScanOrder,
    signal: AbortSignal,
  ): Promise<readonly (readonly number[])[]>;
  /** Opens some splits of one handle for one task. */
  read(handle: Handle, splits: readonly unknown[], request: ReadRequest): Promise<Readable>;
  close(): Promise<void>;
}
