import type { Type } from './types.js';

/**
 * A typed scalar expression, as PostgreSQL's analyser left it: every name resolved, every cast explicit.
 * `L` is the kind of leaf: range-table columns in a query tree, column ids in a plan, table columns in a
 * connector's predicate, states in a timeline signal. Plain JSON.
 */
export type Expr<L> =
  | L
  | Constant
  | Parameter
  | Call<L>
  | { readonly kind: 'and' | 'or'; readonly args: readonly Expr<L>[] }
  | { readonly kind: 'not'; readonly arg: Expr<L> }
  | { readonly kind: 'is_null'; readonly arg: Expr<L>; readonly negated: boolean }
  | { readonly kind: 'is_bool'; readonly arg: Expr<L>; readonly test: 'true' | 'false' | 'unknown'; readonly negated: boolean }
  | { readonly kind: 'distinct'; readonly call: Call<L>; readonly negated: boolean }
  | Case<L>
  | { readonly kind: 'coalesce'; readonly args: readonly Expr<L>[]; readonly type: Type }
  | { readonly kind: 'minmax'; readonly op: 'greatest' | 'least'; readonly args: readonly Expr<L>[]; readonly type: Type }
  | { readonly kind: 'nullif'; readonly call: Call<L>; readonly type: Type }
  | AnyAll<L>
  | { readonly kind: 'array'; readonly elements: readonly Expr<L>[]; readonly type: Type }
  | Template<L>
  | { readonly kind: 'subscript'; readonly arg: Expr<L>; readonly index: Expr<L>; readonly type: Type }
  /** A change of type by text output and input (CoerceViaIO), without a change of bits (RelabelType), or of a numeric to a scale that must hold all its digits. */
  | { readonly kind: 'cast'; readonly via: 'io' | 'relabel' | 'exact'; readonly arg: Expr<L>; readonly type: Type };

/** `value` is PostgreSQL's text form (ISO dates, UTC for timestamptz, `postgres` intervals); null is NULL. */
export interface Constant {
  readonly kind: 'constant';
  readonly type: Type;
  readonly value: string | null;
}

/** $n, 1-based; replaced by constants before a plan is made. */
export interface Parameter {
  readonly kind: 'parameter';
  readonly number: number;
  readonly type: Type;
}

/**
 * A function or operator call; an operator is its pg_operator.oprcode function.
 * `fn` is its signature: `schema-less name(argument type names)`, e.g. `texteq(text,text)`, `date_trunc(text,timestamptz)`,
 * in pg_proc's declared types (so `array_length(anyarray,int4)`); functions outside pg_catalog carry their schema.
 */
export interface Call<L> {
  readonly kind: 'call';
  readonly fn: string;
  /** The operator's name when it was written as one, for messages and EXPLAIN: `=`, `+`, `->>`. */
  readonly operator?: string;
  readonly args: readonly Expr<L>[];
  readonly type: Type;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  /** An implicit or explicit cast by function (funcformat), shown as `x::type`. */
  readonly isCast?: boolean;
  /** It gives rows (a set-returning function): only where a plan expects rows. */
  readonly retset?: true;
  /** `(jsonb_each(x)).key`: of the rows of such a function only this column (from 1), whose type is `type`. */
  readonly rowField?: number;
}

/** `CASE [arg] WHEN … END`; with `arg`, each `when` compares the `case_arg` leaf (PostgreSQL's CaseTestExpr). */
export interface Case<L> {
  readonly kind: 'case';
  readonly arg?: Expr<L>;
  readonly whens: readonly { readonly when: Expr<L>; readonly result: Expr<L> }[];
  readonly otherwise: Expr<L>;
  readonly type: Type;
}

/**
 * What only PostgreSQL computes (row constructors, slices, JSON constructors, other collations …), as its SQL with `args` between the
 * pieces: pieces[0] args[0] pieces[1] … A piece is made by sql/node-tree-expression.ts, and has names and literals quoted.
 */
export interface Template<L> {
  readonly kind: 'template';
  /** For messages and EXPLAIN: `ROW`, `JSON_VALUE`. */
  readonly name: string;
  readonly pieces: readonly string[];
  readonly args: readonly Expr<L>[];
  readonly type: Type;
}

/** `arg op ANY (array)` / `ALL`; `IN (…)` and `NOT IN (…)` too. `fn` as in Call. */
export interface AnyAll<L> {
  readonly kind: 'any_all';
  readonly fn: string;
  readonly operator: string;
  readonly quantifier: 'any' | 'all';
  readonly arg: Expr<L>;
  readonly array: Expr<L>;
}
