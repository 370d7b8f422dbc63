import type { Constant, Expr } from '../sql/expression.js';
import { Oid, type Type } from '../sql/types.js';
import type { ColumnRef, Field } from './physical-plan.js';

/** What every kind of leaf has in common. */
export interface Leaf {
  readonly kind: string;
  readonly type: Type;
}

/** The inner nodes of an expression; everything else is a leaf, a constant or a parameter. */
const INNER_KINDS = [
  'call',
  'and',
  'or',
  'not',
  'is_null',
  'is_bool',
  'distinct',
  'case',
  'coalesce',
  'minmax',
  'nullif',
  'any_all',
  'array',
  'subscript',
  'template',
  'cast',
] as const;
const INNER: ReadonlySet<string> = new Set(INNER_KINDS);

export type Inner<L> = Extract<Expr<L>, { readonly kind: (typeof INNER_KINDS)[number] }>;

/** Stands for whatever leaves an expression has, in code that looks at inner nodes only. */
interface Opaque {
  readonly kind: 'opaque';
  readonly type: Type;
}

export function isInner<L extends Leaf>(expr: Expr<L>): expr is Inner<L> & Expr<L> {
  return INNER.has(expr.kind);
}

const BOOL: Type = { oid: Oid.bool, typmod: -1 };
export const TRUE: Constant = { kind: 'constant', type: BOOL, value: 'true' };
export const FALSE: Constant = { kind: 'constant', type: BOOL, value: 'false' };
export const NULL_BOOL: Constant = { kind: 'constant', type: BOOL, value: null };

/** The same expression with `map` applied to each direct child; leaves, constants and parameters come back as they are. */
export function mapChildren<L extends Leaf, M extends Leaf>(expr: Inner<L>, map: (child: Expr<L>) => Expr<M>): Expr<M> {
  const node = expr as unknown as Inner<Opaque>;
  const f = map as unknown as (child: Expr<Opaque>) => Expr<Opaque>;
  const out = ((): Expr<Opaque> => {
    switch (node.kind) {
      case 'call':
        return { ...node, args: node.args.map(f) };
      case 'and':
      case 'or':
        return { ...node, args: node.args.map(f) };
      case 'not':
      case 'is_null':
      case 'is_bool':
      case 'cast':
        return { ...node, arg: f(node.arg) };
      case 'distinct':
      case 'nullif':
        return { ...node, call: { ...node.call, args: node.call.args.map(f) } };
      case 'case': {
        const { arg, ...rest } = node;
        return {
          ...rest,
          ...(arg === undefined ? {} : { arg: f(arg) }),
          whens: node.whens.map((w) => ({ when: f(w.when), result: f(w.result) })),
          otherwise: f(node.otherwise),
        };
      }
      case 'coalesce':
      case 'minmax':
      case 'template':
        return { ...node, args: node.args.map(f) };
      case 'any_all':
        return { ...node, arg: f(node.arg), array: f(node.array) };
      case 'array':
        return { ...node, elements: node.elements.map(f) };
      case 'subscript':
        return { ...node, arg: f(node.arg), index: f(node.index) };
    }
  })();
  return out as unknown as Expr<M>;
}

export function childrenOf<L extends Leaf>(expr: Expr<L>): readonly Expr<L>[] {
  if (!isInner(expr)) return [];
  const node = expr as unknown as Inner<Opaque>;
  const children = ((): readonly Expr<Opaque>[] => {
    switch (node.kind) {
      case 'call':
      case 'and':
      case 'or':
      case 'coalesce':
      case 'minmax':
      case 'template':
        return node.args;
      case 'not':
      case 'is_null':
      case 'is_bool':
      case 'cast':
        return [node.arg];
      case 'distinct':
      case 'nullif':
        return node.call.args;
      case 'case': {
        const whens = node.whens.flatMap(({ when, result }) => [when, result]);
        return [...(node.arg === undefined ? [] : [node.arg]), ...whens, node.otherwise];
      }
      case 'any_all':
        return [node.arg, node.array];
      case 'array':
        return node.elements;
      case 'subscript':
        return [node.arg, node.index];
    }
  })();
  return children as unknown as readonly Expr<L>[];
}

/** Replaces leaves, keeping everything above them. */
export function mapLeaves<L extends Leaf, M extends Leaf>(expr: Expr<L>, map: (leaf: L) => Expr<M>): Expr<M> {
  if (isInner(expr)) return mapChildren<L, M>(expr as Inner<L>, (child) => mapLeaves(child, map));
  if (expr.kind === 'constant' || expr.kind === 'parameter') return expr as Expr<M>;
  return map(expr as L);
}

export function someNode<L extends Leaf>(expr: Expr<L>, test: (node: Expr<L>) => boolean): boolean {
  if (test(expr)) return true;
  for (const child of childrenOf(expr)) if (someNode(child, test)) return true;
  return false;
}

export function isVolatile<L extends Leaf>(expr: Expr<L>): boolean {
  return someNode(expr, (node) => (node as { volatility?: string }).volatility === 'volatile');
}

export function columnRef(field: Field): ColumnRef {
  return { kind: 'column', id: field.id, type: field.type };
}

/** The conjuncts of a predicate, flat. */
export function conjuncts<L extends Leaf>(predicate: Expr<L> | undefined): readonly Expr<L>[] {
  if (predicate === undefined) return [];
  if (predicate.kind !== 'and') return [predicate];
  return (predicate as { readonly args: readonly Expr<L>[] }).args.flatMap((arg) => conjuncts(arg));
}

/** AND of conjuncts; undefined for none. */
export function conjunction<L extends Leaf>(parts: readonly Expr<L>[]): Expr<L> | undefined {
  if (parts.length < 2) return parts[0];
  return { kind: 'and', args: parts } as Expr<L>;
}

export function isTrue(expr: { readonly kind: string }): boolean {
  return expr.kind === 'constant' && truth(expr as Constant) === true;
}

/** FALSE or NULL: no row passes a filter on it. */
export function isNeverTrue(expr: { readonly kind: string }): boolean {
  return expr.kind === 'constant' && truth(expr as Constant) !== true;
}

export function truth(constant: Constant): boolean | null {
  if (constant.value === null) return null;
  return constant.value === 't' || constant.value === 'true';
}

/** Expressions are never changed, and long lists of them are compared each with each. */
const texts = new WeakMap<object, string>();

/** The same text for the same expression: all are plain JSON made by the same code, so key order is the same. */
export function exprText(expr: { readonly kind: string }): string {
  let text = texts.get(expr);
  if (text === undefined) {
    text = JSON.stringify(expr);
    texts.set(expr, text);
  }
  return text;
}

/** Structural equality. */
export function sameExpr(a: { readonly kind: string }, b: { readonly kind: string }): boolean {
  return a === b || exprText(a) === exprText(b);
}
