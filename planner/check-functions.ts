import { unsupported } from '../sql/errors.js';
import { isAllowed } from '../sql/functions/allow-list.js';
import { setFunction } from '../sql/functions/set-returning.js';
import { childrenOf } from './expression.js';
import { mapExpressions, operatorsIn } from './logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf } from './physical-plan.js';

/** 0A000 now, rather than from a task, for functions that the kernel may not run. What a connector computes exactly is gone by now. */
export function checkFunctions(plan: Operator): void {
  for (const op of operatorsIn(plan)) {
    mapExpressions(op, (expr) => {
      check(expr);
      return expr;
    });
  }
}

function check(expr: PlanExpr): void {
  const fn =
    expr.kind === 'call' || expr.kind === 'any_all'
      ? expr.fn
      : expr.kind === 'distinct' || expr.kind === 'nullif'
        ? expr.call.fn
        : undefined;
  const known = fn === undefined || (expr.kind === 'call' && expr.retset === true ? setFunction(fn) !== undefined : isAllowed(fn));
  if (fn !== undefined && !known) throw unsupported(named(expr, fn));
  for (const child of childrenOf<PlanLeaf>(expr)) check(child);
}

function named(expr: PlanExpr, fn: string): string {
  const operator = (expr as { readonly operator?: string }).operator;
  if (operator !== undefined) return `the operator ${operator} as ${fn}`;
  return expr.kind === 'call' && expr.isCast === true ? `the cast ${fn}` : `the function ${fn}`;
}
