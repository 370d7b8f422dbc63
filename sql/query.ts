import type { Expr } from './expression.js';
import type { Type } from './types.js';

/** PostgreSQL's analysed Query, with our own names: what sql/node-tree.ts reads from pg_proc.prosqlbody. */
export interface Query {
  readonly targets: readonly Target[];
  readonly ranges: readonly RangeEntry[]; // varno n is ranges[n - 1]
  readonly from: readonly FromItem[]; // comma list: cross joined
  readonly where: QueryExpr | undefined;
  readonly groupBy: readonly number[]; // Target.ref values
  readonly groupingSets: boolean; // present: unsupported yet
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
      readonly tablesample: boolean;
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
  | { readonly kind: 'function'; readonly expr: QueryExpr; readonly alias: string; readonly columns: readonly string[] }
  /** A join's own columns: each the expression over its inputs (joinaliasvars; COALESCE for FULL … USING). */
  | { readonly kind: 'join'; readonly columns: readonly string[]; readonly aliasVars: readonly QueryExpr[] }
  /** PostgreSQL 18's *GROUP* entry: column n is the n-th grouping expression. */
  | { readonly kind: 'group'; readonly exprs: readonly QueryExpr[] }
  | { readonly kind: 'result' };

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

export type QueryLeaf = Var | AggregateCall | WindowCall | SubLink | CaseArg | UnknownNode;

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

export interface WindowCall {
  readonly kind: 'window';
  readonly fn: string;
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
