import type { Expr } from './expression.js';
import { Oid, type Type, type } from './types.js';

const BOOL = type(Oid.bool);

/** The type of an expression whose leaves know theirs. */
export function typeOf<L extends { readonly kind: string; readonly type: Type }>(expr: Expr<L>): Type {
  switch (expr.kind) {
    case 'and':
    case 'or':
    case 'not':
    case 'is_null':
    case 'is_bool':
    case 'distinct':
    case 'any_all':
      return BOOL;
    default:
      return (expr as { readonly type: Type }).type;
  }
}
