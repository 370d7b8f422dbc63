import type { ColumnPath, PruningStep, Skipping } from '../connectors/connector.js';
import type { CopyFile } from '../sql/copy-statement.js';
import type { Expr } from '../sql/expression.js';
import type { WindowFrame } from '../sql/query.js';
import type { Type } from '../sql/types.js';
import type { TimelineSpec } from './timeline-spec.js';

/**
 * The physical plan: versioned plain JSON, made once per query, read by both drivers and by every worker.
 * It holds no rows but VALUES. Columns are named by plan-wide unique ids (`c12` in the kernel and in stage files).
 */
export interface PhysicalPlan {
  readonly version: 1;
  /** The query's columns, in order: fields of the last stage's root, which gives exactly these. */
  readonly output: readonly Field[];
  /** In dependency order; the last one's rows are the answer. */
  readonly stages: readonly Stage[];
  readonly snapshots: readonly PinnedSnapshot[];
  readonly session: PlanSession;
  /** SQLSTATE-free remarks for the user (NOTICE). */
  readonly notices: readonly string[];
  /** Functions that DuckDB does not have, for EXPLAIN: PostgreSQL computes them for the kernel, which is slower. */
  readonly computedByPostgres?: readonly string[];
}

export interface PlanSession {
  readonly timeZone: string;
  /** Statement start, microseconds since 1970-01-01 UTC as text. */
  readonly now: string;
  /** Bytes of kernel memory per task. */
  readonly memoryLimit: number;
  /** Absent: where it pays. */
  readonly skipping?: Skipping;
}

export interface PinnedSnapshot {
  readonly catalog: string;
  readonly table: string;
  /** 64-bit ids are text. */
  readonly snapshot: string | null;
  /** The version that was asked for; absent: the current one. */
  readonly asOf?: string;
}

export interface Stage {
  readonly id: number;
  readonly kind: 'scan' | 'operator' | 'final';
  readonly root: Operator;
  /** Ids of stages whose files (exchange_read) or keys (dynamic filters) this one reads. */
  readonly deps: readonly number[];
  readonly tasks: readonly Task[];
  /**
   * How this stage's rows are cut into files: `partitions` files a task by hash of `by` (ids of output fields),
   * read back by the task with the same `partition`; absent: one file a task.
   */
  readonly exchange?: { readonly by: readonly number[]; readonly partitions: number };
  /** Output fields whose values its tasks keep beside their rows, for scans with dynamic filters. */
  readonly keys?: readonly number[];
  /** The rows of task n come before those of task n+1 and keep their order in the task (an ORDER BY result). */
  readonly ordered: boolean;
  /** Its rows leave the plan: see planner/sink.ts. */
  readonly sink?: StageSink;
}

/**
 * What tasks do with their rows where they are not an answer. A table is written by the tasks of one stage (`write`), then their work is
 * committed by one task (`commit`); a file is made of an earlier stage's rows (`format`), then put in its place (`publish`). The tasks of
 * `commit` and `publish` have their result as their only row: rows, snapshot, whether it had been there before.
 */
export type StageSink =
  | { readonly kind: 'write'; readonly table: SinkTable; readonly columns: readonly SinkColumn[] }
  /** `stage`: the one that wrote. */
  | { readonly kind: 'commit'; readonly table: SinkTable; readonly stage: number }
  | { readonly kind: 'format'; readonly file: SinkFile; readonly columns: readonly SinkColumn[] }
  | { readonly kind: 'publish'; readonly file: SinkFile; readonly stage: number };

export interface SinkTable {
  readonly connector: string;
  /** As users name it. */
  readonly schema: string;
  readonly table: string;
  /** Of ConnectorWriter.begin. */
  readonly handle: unknown;
  /** For the snapshot's summary. */
  readonly summary: Readonly<Record<string, string>>;
}

/** An output field under the name that it has in a table or file. */
export interface SinkColumn {
  readonly id: number;
  readonly name: string;
  readonly type: Type;
  /** 23502 for a NULL. */
  readonly required?: boolean;
}

export interface SinkFile {
  /** Normal form: `file:///folder/name`, `s3://bucket/key`. */
  readonly location: string;
  readonly overwrite: boolean;
  readonly format: FileFormat;
  /** Key-value metadata of a Parquet file (src/replay/result-columns.ts); other formats have no place for it. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export type FileFormat = CopyFile['format'];

export interface Task {
  readonly id: number;
  /** Splits for each scan operator of the stage's tree, by ScanOperator.scan. */
  readonly splits: Readonly<Record<string, readonly Split[]>>;
  /** Which partition of its inputs this task reads; absent: all files of the input stage. */
  readonly partition?: number;
}

/** One unit of reading, made by a connector (`data` is its own JSON) when the plan is made. */
export interface Split {
  readonly connector: string;
  readonly data: unknown;
  readonly bytes: number;
  readonly rows: number;
  /** The connector's own JSON, for Connector.narrow; only where the scan has a dynamic filter. */
  readonly bounds?: unknown;
}

export interface Field {
  readonly id: number;
  readonly name: string;
  readonly type: Type;
}

export type PlanExpr = Expr<PlanLeaf>;

export type PlanLeaf = ColumnRef | SubqueryExpr;

export interface ColumnRef {
  readonly kind: 'column';
  readonly id: number;
  readonly type: Type;
}

/**
 * A query as a value. Its plan may read columns of the operator in whose expression it stands (a correlated subquery), of that
 * one's outer operators too: ids are plan-wide, so nothing marks them but that no operator of the plan gives them.
 */
export interface SubqueryExpr {
  readonly kind: 'subquery';
  /** `scalar`: its one column of its only row, NULL without rows, 21000 with several. `array`: its one column of all rows, in order. */
  readonly link: 'scalar' | 'exists' | 'array' | 'any' | 'all';
  readonly plan: Operator;
  /** any, all: the comparison, over columns of the plan and of the operators outside. */
  readonly test: PlanExpr | undefined;
  readonly type: Type;
}

export type Operator =
  | ScanOperator
  | ExchangeRead
  | ValuesOperator
  | FilterOperator
  | ProjectOperator
  | AggregateOperator
  | JoinOperator
  | SortOperator
  | LimitOperator
  | DistinctOperator
  | WindowOperator
  | UnionAllOperator
  | TableFunctionOperator
  | SampleOperator
  | RecursiveOperator
  | RecursiveRead
  | SharedRead
  | AssertOperator
  | TimelineOperator;

export interface ScanOperator {
  readonly kind: 'scan';
  /** Key into Task.splits; unique in the plan. */
  readonly scan: string;
  /** Connector instance, i.e. the catalog's name in the configuration. */
  readonly connector: string;
  readonly schema: string;
  readonly table: string;
  /** The connector's pinned and pushed-down handle. */
  readonly handle: unknown;
  /** Fields of the output, each a table column of the same name, or a member of one. */
  readonly fields: readonly ScanField[];
  /** For EXPLAIN: what was pushed and how it was answered; files and bytes before and after each pruning step. */
  readonly pushed: readonly PushedPredicate[];
  readonly pruning: readonly PruningStep[];
  /** An index of the table, and what came of it; absent: it has none. */
  readonly index?: ScanIndex;
  readonly dynamic?: readonly DynamicFilter[];
  /** Its rows are groups that the connector computes (rules/connector-aggregates.ts), for EXPLAIN; fields are no columns of the table then. */
  readonly groups?: string;
}

/** For EXPLAIN and timeline.queries. */
export interface ScanIndex {
  /** The connector that keeps it. */
  readonly name: string;
  /** scan: it was searched and nothing came of it. */
  readonly result: 'narrowed' | 'scan' | 'not asked';
  readonly text: string;
}

export interface ScanField extends Field {
  readonly path?: ColumnPath;
}

/** Of a scan only those rows matter whose `column` is among the values that the field `key` has in an earlier stage's rows (no NULLs). */
export interface DynamicFilter {
  /** A field of the scan. */
  readonly column: number;
  readonly stage: number;
  readonly key: number;
}

export interface PushedPredicate {
  readonly text: string;
  readonly answer: 'exact' | 'inexact' | 'unsupported';
}

export type { PruningStep } from '../connectors/connector.js';

/** Rows of an earlier stage. */
export interface ExchangeRead {
  readonly kind: 'exchange_read';
  readonly stage: number;
  readonly fields: readonly Field[];
}

export interface ValuesOperator {
  readonly kind: 'values';
  readonly rows: readonly (readonly PlanExpr[])[];
  readonly fields: readonly Field[];
}

export interface FilterOperator {
  readonly kind: 'filter';
  readonly input: Operator;
  readonly predicate: PlanExpr;
}

export interface ProjectOperator {
  readonly kind: 'project';
  readonly input: Operator;
  readonly items: readonly { readonly field: Field; readonly expr: PlanExpr }[];
}

/** `single` computes rows to results; `partial` gives states, which `final` (same calls, in the same order) combines. */
export interface AggregateOperator {
  readonly kind: 'aggregate';
  readonly phase: 'single' | 'partial' | 'final';
  readonly input: Operator;
  /** Empty: one group, also over no rows. In `final` each expr is the column that `partial` gave. */
  readonly keys: readonly { readonly field: Field; readonly expr: PlanExpr }[];
  readonly aggregates: readonly PlanAggregate[];
  /** Grouping sets: each the indexes of its keys; the other keys are NULL in its rows. An empty one is one row over no rows, too. */
  readonly sets?: readonly (readonly number[])[];
  /** GROUPING(…) columns: the indexes of the keys asked for. */
  readonly groupings?: readonly { readonly field: Field; readonly keys: readonly number[] }[];
}

export interface PlanAggregate {
  readonly field: Field;
  /** Signature, as in AggregateCall.fn. */
  readonly fn: string;
  readonly args: readonly PlanExpr[];
  readonly distinct: boolean;
  readonly orderBy: readonly SortKey[];
  readonly filter: PlanExpr | undefined;
  /** Direct arguments of an ordered-set aggregate, whose WITHIN GROUP is `orderBy`; absent for any other. */
  readonly direct?: readonly PlanExpr[];
  /** `partial` output, `final` input: columns that hold the state (kernel/aggregate-state decides how many and of which type). */
  readonly state: readonly Field[];
}

export interface JoinOperator {
  readonly kind: 'join';
  /** `semi` and `anti` give the left input's rows that have, or have not, a match: EXISTS and NOT EXISTS. */
  readonly type: 'inner' | 'left' | 'right' | 'full' | 'cross' | 'semi' | 'anti';
  readonly left: Operator;
  /** With `lateral` (cross, inner, left) it may read the left input's columns. */
  readonly right: Operator;
  readonly lateral?: boolean;
  readonly condition: PlanExpr | undefined;
  /** Before stages are cut: its left input alone gives the same answer (planner/optional-joins.ts). */
  readonly optional?: true;
}

export interface SortKey {
  readonly expr: PlanExpr;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export interface SortOperator {
  readonly kind: 'sort';
  readonly input: Operator;
  readonly keys: readonly SortKey[];
  /** Top-N: rows to keep after `offset`. */
  readonly limit?: number;
  readonly offset?: number;
  /** Of a top-N over one scan: read part by part, until no unread part can hold rows of the answer. */
  readonly first?: FirstRows;
}

/** What tells the parts of a scan that may hold the first rows: bounds of the column behind a sort key. */
export interface FirstRows {
  readonly scan: string;
  /** A field of the scan. */
  readonly column: number;
  /** Index of the key; those before it are constant. */
  readonly key: number;
  /** Later keys choose among rows with the same value. */
  readonly ties: boolean;
}

export interface LimitOperator {
  readonly kind: 'limit';
  readonly input: Operator;
  readonly limit?: number;
  readonly offset?: number;
}

export interface DistinctOperator {
  readonly kind: 'distinct';
  readonly input: Operator;
}

/** Its input's columns, then one for each call. */
export interface WindowOperator {
  readonly kind: 'window';
  readonly input: Operator;
  readonly partitionBy: readonly PlanExpr[];
  readonly orderBy: readonly SortKey[];
  /** Offsets are constant or read no column. */
  readonly frame: WindowFrame<PlanExpr>;
  readonly calls: readonly PlanWindowCall[];
}

export interface PlanWindowCall {
  readonly field: Field;
  /** Signature, as in WindowCall.fn: `row_number()`, `lag(anycompatible,int4,anycompatible)`, or an aggregate's. */
  readonly fn: string;
  readonly args: readonly PlanExpr[];
  readonly filter: PlanExpr | undefined;
}

/**
 * Set-returning functions for each row of its input, side by side, the shorter padded with NULLs; an input row whose functions
 * give no row is gone. Its input's columns, then the functions', then the ordinality.
 */
export interface TableFunctionOperator {
  readonly kind: 'table_function';
  readonly input: Operator;
  /** `call` is a call of a set-returning function over the input's columns; several fields: the columns of its composite result. */
  readonly calls: readonly {
    readonly call: PlanExpr;
    readonly fields: readonly Field[];
    /** The fields are those of a column definition list: the function looks at their names and types. */
    readonly defined?: true;
  }[];
  readonly ordinality: Field | undefined;
  /** LEFT JOIN LATERAL … ON true: an input row whose functions give no row comes once, with NULLs. */
  readonly keepEmpty?: boolean;
}

/** TABLESAMPLE. Without a seed two runs differ; with one they don't, on any driver. */
export interface SampleOperator {
  readonly kind: 'sample';
  readonly input: Operator;
  readonly method: 'bernoulli' | 'system';
  readonly percent: number;
  readonly seed: number | undefined;
}

/** WITH RECURSIVE: `base`, then `step` over the rows that came last (recursive_read of the same id) until there are none. */
export interface RecursiveOperator {
  readonly kind: 'recursive';
  readonly id: number;
  readonly base: Operator;
  readonly step: Operator;
  /** UNION ALL; otherwise rows that were there before are dropped. */
  readonly all: boolean;
  readonly fields: readonly Field[];
}

export interface RecursiveRead {
  readonly kind: 'recursive_read';
  readonly id: number;
  readonly fields: readonly Field[];
}

/** Before stages are cut: rows of a WITH query that several places read, planned once (Planning.shared). Field n is its column `columns[n]`. */
export interface SharedRead {
  readonly kind: 'shared_read';
  readonly id: number;
  readonly columns: readonly number[];
  readonly fields: readonly Field[];
}

/** Inputs have the same types; output field n takes field n of each input. */
export interface UnionAllOperator {
  readonly kind: 'union_all';
  readonly inputs: readonly Operator[];
  readonly fields: readonly Field[];
}

/** Passes its rows on; an error with this SQLSTATE and message if there is none (`missing => 'error'`). */
export interface AssertOperator {
  readonly kind: 'assert';
  readonly input: Operator;
  readonly sqlstate: string;
  readonly message: string;
}

/** TIMELINE(): the time-state kernel over its input's rows. Sorts its input itself. */
export interface TimelineOperator {
  readonly kind: 'timeline';
  readonly input: Operator;
  /** One row, one timestamptz column: the data horizon (only when spec.until is the horizon). Of a direct operator undefined too where it is max(ts) of the input. */
  readonly horizon: Operator | undefined;
  readonly spec: TimelineSpec;
  /** Keys, [bucket_start, bucket_end], then started_at, ended_at, duration, seconds, is_open | evaluated_at; then signals. With a digest: its columns. */
  readonly fields: readonly Field[];
  /** Sums of spans in place of spans. */
  readonly digest?: TimelineDigest;
  /** For EXPLAIN: which events are read, and why. */
  readonly reading?: TimelineReading;
  /** The input is filters and projections over one scan, which the operator's task reads itself: as typed columns where it can, without an exchange below. */
  readonly direct?: boolean;
  readonly carry?: TimelineCarry;
}

/** States of a direct timeline operator that are kept from query to query: see timeline-carry.ts. */
export interface TimelineCarry {
  readonly scan: string;
  /** Field of the scan that is the operator's ts. */
  readonly column: number;
  /** States that it may begin with, the latest first, if they are there: then events before `at` are not read. */
  readonly load: readonly CarryPoint[];
  /** States to keep on the way, unless they are there. */
  readonly save: readonly CarryPoint[];
}

export interface CarryPoint {
  /** Microseconds since 1970 as text: the state is that of all events before it. */
  readonly at: string;
  /** Hash of all that the state depends on. */
  readonly key: string;
}

/** Which events a TIMELINE() reads. What is absent was not asked or did not pay. */
export interface TimelineReading {
  /** Events before `from` (microseconds, text) are not read. */
  readonly lookback?: { readonly kind: 'asked' | 'found'; readonly from: string } | UnboundedLookback;
  /** Events that touch no state are not read. */
  readonly relevant?: true;
  /** Read are only keys with an event that the filter above needs, or keys that it asks for. */
  readonly keys?: 'events' | 'query';
}

/** Every event that may be remembered is read. */
export interface UnboundedLookback {
  readonly kind: 'unbounded';
  readonly why: string;
  /** The leaf that remembers for ever, if it is for one. */
  readonly leaf?: number;
  /** Rows (estimated) that are read for the state at `since`, and from then on. */
  readonly rows?: { readonly before: number; readonly since: number };
  /** Before splits are known: how to ask for the rows from `since` on (planner/timeline-windows.ts). */
  readonly window?: { readonly scan: string; readonly handle: unknown };
}

/**
 * Spans with the same values in some columns are one row, with the sum of their lengths and how many they were; or several such rows, for
 * what reads them adds them up. The same, not just equal: 1.0 and 1.00, 0 and -0 are two values. Sums are exact to the microsecond.
 */
export interface TimelineDigest {
  /** The columns of spans that are kept, as indexes into the columns that the operator would have without a digest: keys, buckets, signals. */
  readonly columns: readonly number[];
  /** What follows them in `fields`: the sum of `seconds` (float8), of whole microseconds (int8), of `duration` (interval), the number of spans (int8). */
  readonly sums: readonly ('seconds' | 'micros' | 'duration' | 'count')[];
}

/** What a stage did when it ran. */
export interface StageFigures {
  readonly id: number;
  readonly tasks: number;
  readonly rows: number;
  readonly bytesRead: number;
  readonly milliseconds: number;
  readonly retries: number;
  /** Files that dynamic filters left unread, and their rows. */
  readonly skipped?: { readonly files: number; readonly rows: number };
  /** What tasks pruned inside of files: row groups, pages. */
  readonly pruned?: readonly PruningStep[];
}

/** Output fields of an operator. */
export function fieldsOf(op: Operator): readonly Field[] {
  switch (op.kind) {
    case 'scan':
    case 'exchange_read':
    case 'values':
    case 'union_all':
    case 'timeline':
    case 'recursive':
    case 'recursive_read':
    case 'shared_read':
      return op.fields;
    case 'filter':
    case 'sort':
    case 'limit':
    case 'distinct':
    case 'assert':
    case 'sample':
      return fieldsOf(op.input);
    case 'project':
      return op.items.map((item) => item.field);
    case 'aggregate':
      return [
        ...op.keys.map((key) => key.field),
        ...op.aggregates.flatMap((a) => (op.phase === 'partial' ? a.state : [a.field])),
        ...(op.groupings ?? []).map((grouping) => grouping.field),
      ];
    case 'window':
      return [...fieldsOf(op.input), ...op.calls.map((call) => call.field)];
    case 'table_function':
      return [...fieldsOf(op.input), ...op.calls.flatMap((call) => call.fields), ...(op.ordinality === undefined ? [] : [op.ordinality])];
    case 'join':
      if (op.type === 'semi' || op.type === 'anti') return fieldsOf(op.left);
      return [...fieldsOf(op.left), ...fieldsOf(op.right)];
  }
}
