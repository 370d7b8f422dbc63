import type { Expr } from './expression.js';
import type { Type } from './types.js';

/** PostgreSQL's analysed Query, with our own names: what sql/node-tree.ts reads from pg_proc.prosqlbody. */
export interface Query {
  readonly targets: readonly Target[];
  readonly ranges: readonly RangeEntry[]; // varno n is ranges[n - 1]
  readonly from: readonly FromItem[]; // comma list: cross joined
  readonly where: QueryExpr | undefined;
  readonly groupBy: readonly number[]; // Target.ref values
  /** GROUPING SETS, ROLLUP, CUBE as written; undefined: plain GROUP BY. Several are a cross product. */
  readonly groupingSets: readonly GroupingSet[] | undefined;
  /** GROUP BY DISTINCT: equal grouping sets count once. */
  readonly groupDistinct: boolean;
  readonly windows: readonly WindowClause[];
  readonly having: QueryExpr | undefined;
  readonly distinct: 'none' | 'all' | 'on';
  /** Target.ref values of DISTINCT (ON). */
  readonly distinctOn: readonly number[];
  readonly orderBy: readonly SortClause[];
  readonly limit: QueryExpr | undefined;
  readonly offset: QueryExpr | undefined;
  readonly withTies: boolean;
  readonly setOperation: SetOperation | undefined; // leaves are subquery ranges
  readonly ctes: readonly Cte[];
  readonly hasAggregates: boolean;
  readonly hasWindows: boolean;
  readonly hasTargetSrfs: boolean;
  readonly hasForUpdate: boolean;
}

export interface Target {
  readonly expr: QueryExpr;
  readonly name: string;
  /** ressortgroupref: 0 when no clause refers to it. */
  readonly ref: number;
  /** Computed for ORDER BY or GROUP BY only; not an output column. */
  readonly junk: boolean;
}

export type GroupingSet =
  | { readonly kind: 'empty' }
  /** Target.ref values that are grouped together. */
  | { readonly kind: 'simple'; readonly refs: readonly number[] }
  | { readonly kind: 'rollup' | 'cube' | 'sets'; readonly content: readonly GroupingSet[] };

/** One window of the WINDOW clause or of an OVER; calls name it by `ref`. */
export interface WindowClause {
  readonly ref: number;
  /** Target.ref values. */
  readonly partitionBy: readonly number[];
  readonly orderBy: readonly SortClause[];
  readonly frame: WindowFrame<QueryExpr>;
}

export interface WindowFrame<E> {
  readonly mode: 'rows' | 'range' | 'groups';
  readonly start: FrameBound<E>;
  readonly end: FrameBound<E>;
  readonly exclude: 'none' | 'current_row' | 'group' | 'ties';
}

export type FrameBound<E> =
  | { readonly kind: 'unbounded_preceding' | 'current_row' | 'unbounded_following' }
  | { readonly kind: 'preceding' | 'following'; readonly offset: E };

export interface SortClause {
  readonly ref: number;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

export type RangeEntry =
  | {
      readonly kind: 'table';
      readonly relid: number;
      readonly schema: string;
      readonly name: string;
      readonly alias: string;
      readonly columns: readonly string[];
      readonly sample: TableSample | undefined;
    }
  | {
      readonly kind: 'subquery';
      readonly query: Query;
      readonly alias: string;
      readonly columns: readonly string[];
      readonly lateral: boolean;
    }
  | {
      readonly kind: 'cte';
      readonly name: string;
      readonly level: number;
      readonly alias: string;
      readonly columns: readonly string[];
      readonly selfReference: boolean;
    }
  | {
      readonly kind: 'values';
      readonly rows: readonly (readonly QueryExpr[])[];
      readonly alias: string;
      readonly columns: readonly string[];
      readonly types: readonly Type[];
    }
  /** ROWS FROM (…): the functions' rows side by side, shorter ones padded with NULLs; `columns` are all of theirs, then the ordinality. */
  | {
      readonly kind: 'function';
      readonly functions: readonly RangeFunction[];
      readonly ordinality: boolean;
      readonly alias: string;
      readonly columns: readonly string[];
      readonly lateral: boolean;
    }
  /** A join's own columns: each the expression over its inputs (joinaliasvars; COALESCE for FULL … USING). */
  | { readonly kind: 'join'; readonly columns: readonly string[]; readonly aliasVars: readonly QueryExpr[] }
  /** PostgreSQL 18's *GROUP* entry: column n is the n-th grouping expression. */
  | { readonly kind: 'group'; readonly exprs: readonly QueryExpr[] }
  | { readonly kind: 'result' };

export interface TableSample {
  readonly method: 'bernoulli' | 'system';
  /** Percent of the rows. */
  readonly percent: QueryExpr;
  /** REPEATABLE (seed). */
  readonly seed: QueryExpr | undefined;
}

export interface RangeFunction {
  readonly expr: QueryExpr;
  /** How many of the range's columns are this function's. */
  readonly width: number;
  /** Given by a column definition list (`AS t(a int, …)`); empty otherwise. */
  readonly types: readonly Type[];
}

export type FromItem =
  | { readonly kind: 'range'; readonly range: number } // varno, 1-based
  | {
      readonly kind: 'join';
      readonly type: JoinType;
      readonly left: FromItem;
      readonly right: FromItem;
      readonly on: QueryExpr | undefined;
      readonly range: number;
    }
  /** A parenthesised FROM list with its own quals. */
  | { readonly kind: 'list'; readonly items: readonly FromItem[]; readonly where: QueryExpr | undefined };

export type JoinType = 'inner' | 'left' | 'right' | 'full';

export type SetOperation =
  | { readonly kind: 'leaf'; readonly range: number }
  | {
      readonly kind: 'set';
      readonly op: 'union' | 'intersect' | 'except';
      readonly all: boolean;
      readonly left: SetOperation;
      readonly right: SetOperation;
      readonly types: readonly Type[];
    };

export interface Cte {
  readonly name: string;
  readonly query: Query;
  readonly recursive: boolean;
  readonly materialized: 'default' | 'always' | 'never';
}

export type QueryExpr = Expr<QueryLeaf>;

export type QueryLeaf = Var | AggregateCall | GroupingCall | WindowCall | SubLink | SubqueryColumn | CaseArg | UnknownNode;

/** A column: attribute `column` (1-based; 0 the whole row, negative a system column) of range `range`, `level` queries up. */
export interface Var {
  readonly kind: 'var';
  readonly level: number;
  readonly range: number;
  readonly column: number;
  readonly type: Type;
}

export interface AggregateCall {
  readonly kind: 'aggregate';
  /** Signature as in Call.fn: `sum(int8)`, `count()` for count(*), `count(any)`. */
  readonly fn: string;
  readonly args: readonly QueryExpr[];
  readonly star: boolean;
  readonly distinct: boolean;
  readonly orderBy: readonly { readonly expr: QueryExpr; readonly descending: boolean; readonly nullsFirst: boolean }[];
  readonly filter: QueryExpr | undefined;
  /** Ordered-set and hypothetical-set aggregates have direct arguments. */
  readonly direct: readonly QueryExpr[];
  readonly level: number;
  readonly type: Type;
}

/** GROUPING(a, b): a bit for each argument, set when the row's grouping set leaves it out; the last argument's is the lowest. */
export interface GroupingCall {
  readonly kind: 'grouping';
  /** Target.ref values. */
  readonly refs: readonly number[];
  readonly level: number;
  readonly type: Type;
}

export interface WindowCall {
  readonly kind: 'window';
  readonly fn: string;
  readonly args: readonly QueryExpr[];
  readonly star: boolean;
  readonly filter: QueryExpr | undefined;
  /** WindowClause.ref. */
  readonly window: number;
  readonly type: Type;
}

/** In SubLink.test: output column `column` (1-based) of the sublink's query. */
export interface SubqueryColumn {
  readonly kind: 'subquery_column';
  readonly column: number;
  readonly type: Type;
}

/** EXISTS, IN (SELECT …), scalar subqueries. */
export interface SubLink {
  readonly kind: 'sublink';
  readonly link: 'exists' | 'any' | 'all' | 'scalar' | 'array' | 'rowcompare';
  readonly query: Query;
  readonly test: QueryExpr | undefined;
  readonly type: Type;
}

/** The value that a simple CASE compares. */
export interface CaseArg {
  readonly kind: 'case_arg';
  readonly type: Type;
}

/** A node that we don't read yet; planning it is 0A000 with this name. */
export interface UnknownNode {
  readonly kind: 'unknown_node';
  readonly what: string;
  readonly type: Type;
}
