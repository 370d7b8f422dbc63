import type { Expr } from '../sql/expression.js';
import type { Type } from '../sql/types.js';

/** A column of a table as the connector's pushed predicates name it. */
export interface TableColumn {
  readonly kind: 'table_column';
  readonly name: string;
  readonly type: Type;
}

export type TablePredicate = Expr<TableColumn>;

export interface TableName {
  readonly schema: string;
  readonly table: string;
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
  /** What `narrow` needs to know of the columns that `splits` was asked about; the connector's own JSON. */
  readonly bounds?: unknown;
}

/** Splits that are left when more is known of the rows wanted. */
export interface NarrowedSplits {
  /** The `data` of splits, for `read`. */
  readonly splits: readonly unknown[];
  readonly skipped: { readonly files: number; readonly rows: number };
}

/** How splits should be, where the connector can. */
export interface SplitWish {
  /** What is small is put together up to so many bytes a split. */
  readonly bytes?: number | undefined;
  /** Columns that `narrow` may be asked about. */
  readonly bounded?: readonly string[];
}

export interface SplitPlan {
  readonly splits: readonly ConnectorSplit[];
  /** What pruning did, in order, for EXPLAIN and timeline.queries. */
  readonly pruning: readonly {
    readonly step: string;
    readonly before: number;
    readonly after: number;
    readonly bytesBefore?: number;
    readonly bytesAfter?: number;
  }[];
}

/** Counts bytes and requests and enforces the query's budget before each request. */
export interface Meter {
  /** Throws a `limit` error (53400) when the budget does not cover `bytes` more. */
  charge(bytes: number, requests: number): void;
}

/**
 * What the kernel reads. `sql`: a relation for DuckDB's FROM clause whose columns are named and typed as the table's
 * (physical types: src/kernel/duckdb-type.ts). `rows`: values in column order in PostgreSQL's text form.
 */
export type Readable =
  | { readonly kind: 'sql'; readonly relation: string; readonly release: () => Promise<void> }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly (string | null)[])[] };

export interface ReadRequest {
  readonly columns: readonly ColumnDescription[];
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

/** One configured source of tables. */
export interface Connector {
  /** Its name in the configuration. */
  readonly name: string;
  /** Its splits hold rows themselves, of this process: plans over such tables alone run here, and no workflow's history gets them. */
  readonly splitsHoldRows?: boolean;
  /** Local folders that a task must be allowed to read for what `read` gives; may grow by reading. Absent: none. */
  readonly readableFolders?: readonly string[];
  tables(signal?: AbortSignal): Promise<readonly TableName[]>;
  /** Undefined: no such table. */
  describe(table: TableName, signal?: AbortSignal): Promise<TableDescription | undefined>;
  /** Pins the current snapshot, or one by id, tag or instant (text form of timestamptz). */
  pin(table: TableName, asOf?: string, signal?: AbortSignal): Promise<{ readonly handle: Handle; readonly snapshot: string | null }>;
  pushdown(handle: Handle, request: PushdownRequest): PushdownAnswer;
  statistics(handle: Handle): Promise<TableStatistics>;
  splits(handle: Handle, signal: AbortSignal, wish?: SplitWish): Promise<SplitPlan>;
  /** Leaves out what holds no row that passes all filters, as far as the splits' bounds tell. Absent: never anything. */
  narrow?(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds' | 'rows'>[],
    filters: readonly TablePredicate[],
    signal: AbortSignal,
  ): Promise<NarrowedSplits>;
  /** Opens some splits of one handle for one task. */
  read(handle: Handle, splits: readonly unknown[], request: ReadRequest): Promise<Readable>;
  close(): Promise<void>;
}
