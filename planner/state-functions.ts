import { unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import { isComputable } from '../sql/functions/computable.js';
import type { PostgresArgument, PostgresExpr, PostgresSpec } from '../sql/functions/postgres-spec.js';
import { comparator, stateFunction } from '../sql/functions/state-functions.js';
import { ELEMENT_OF, Oid } from '../sql/types.js';
import { type Inner, isInner, mapChildren } from './expression.js';
import type { StateExpr, StateLeaf } from './timeline-spec.js';

/** The function that a node calls, by signature. */
function calledBy(expr: { readonly kind: string }): string | undefined {
  const node = expr as StateExpr;
  if (node.kind === 'call' || node.kind === 'any_all') return node.fn;
  return node.kind === 'distinct' || node.kind === 'nullif' ? node.call.fn : undefined;
}

/** 0A000 for what cannot be computed over states. `expr` may be any expression of SQL: only its own node is looked at. */
export function checkStateFunction(expr: { readonly kind: string }): void {
  const fn = calledBy(expr);
  if (fn === undefined) return;
  const call = expr as { readonly volatility?: 'immutable' | 'stable' | 'volatile'; readonly retset?: boolean };
  if (call.retset === true) throw unsupported(`the set-returning function ${fn} over states of timeline()`);
  if (call.volatility === 'volatile')
    throw unsupported(`the volatile function ${fn} over states of timeline()`, { hint: 'Compute it in the query around timeline().' });
  if (stateFunction(fn) === undefined && !isComputable(fn, call.volatility ?? 'immutable')) {
    throw unsupported(`the function ${fn} over states of timeline()`, {
      hint: 'Compute it inside latest(…), or in the query around timeline().',
    });
  }
}

const TEXTS: ReadonlySet<number> = new Set([Oid.text, Oid.varchar, Oid.bpchar, Oid.name, Oid.unknown]);

/** Does JavaScript compute this node, whatever computes its children? What it does not, PostgreSQL computes. */
export function isNativeState(expr: StateExpr): boolean {
  const fn = calledBy(expr);
  if (fn !== undefined && stateFunction(fn) === undefined) return false;
  switch (expr.kind) {
    case 'call':
      return expr.args.length === 1 || expr.args.length === 2;
    case 'minmax':
      return comparator(expr.type) !== undefined;
    case 'array':
      return expr.elements.every((element) => !ELEMENT_OF.has(typeOf<StateLeaf>(element).oid));
    case 'subscript':
      return ELEMENT_OF.has(typeOf<StateLeaf>(expr.arg).oid);
    case 'cast':
      // to text every value has one way; from text there are more spellings than sql/value-text.ts reads
      return expr.via === 'relabel' || (!TEXTS.has(typeOf<StateLeaf>(expr.arg).oid) && TEXTS.has(expr.type.oid));
    case 'template':
      return false;
    default:
      return true;
  }
}

/** A node that PostgreSQL computes, with those below it that it computes as well; `args` are what JavaScript gives it. */
export function postgresState(expr: StateExpr): { readonly spec: PostgresSpec; readonly args: readonly StateExpr[] } {
  const args: StateExpr[] = [];
  const known = new Map<string, number>();
  const argument = (child: StateExpr): PostgresExpr => {
    const text = JSON.stringify(child);
    const index = known.get(text) ?? args.push(child) - 1;
    known.set(text, index);
    return { kind: 'argument', index, type: { oid: typeOf<StateLeaf>(child).oid, typmod: -1 } };
  };
  const inside = (node: StateExpr): PostgresExpr => {
    if (node.kind === 'constant') return node;
    return isInner<StateLeaf>(node) && !isNativeState(node) ? opened(node) : argument(node);
  };
  const opened = (node: StateExpr): PostgresExpr =>
    isInner<StateLeaf>(node)
      ? mapChildren<StateLeaf, PostgresArgument & { readonly kind: 'argument' }>(node as Inner<StateLeaf>, inside)
      : inside(node);
  return { spec: { form: 'scalar', expr: opened(expr) }, args };
}
