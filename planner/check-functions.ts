import { unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import { isAllowed } from '../sql/functions/allow-list.js';
import { isComputable } from '../sql/functions/computable.js';
import { isNative } from '../sql/functions/native.js';
import { type AggregateShape, isNativeAggregate } from '../sql/functions/native-aggregate.js';
import { setFunction } from '../sql/functions/set-returning.js';
import { functionName } from '../sql/functions/signature.js';
import { childrenOf } from './expression.js';
import { mapExpressions, operatorsIn } from './logical-plan.js';
import type { Operator, PlanAggregate, PlanExpr, PlanLeaf } from './physical-plan.js';

/**
 * 0A000 now, rather than from a task, for functions that neither the kernel nor PostgreSQL may run over rows. What a connector computes
 * exactly is gone by now. Gives the names of what PostgreSQL will compute.
 */
export function checkFunctions(plan: Operator): readonly string[] {
  const computed = new Set<string>();
  for (const op of operatorsIn(plan)) {
    if (op.kind === 'aggregate') {
      for (const aggregate of op.aggregates) {
        if (!isNativeAggregate(shapeOf(aggregate))) computed.add(functionName(aggregate.fn));
      }
    }
    mapExpressions(op, (expr) => {
      check(expr, computed);
      return expr;
    });
  }
  return [...computed];
}

export function shapeOf({ fn, args, distinct, orderBy }: PlanAggregate): AggregateShape {
  return {
    fn,
    argTypes: args.map((arg) => typeOf<PlanLeaf>(arg)),
    distinct,
    orderTypes: orderBy.map((key) => typeOf<PlanLeaf>(key.expr)),
    constantSeparator: args[1]?.kind === 'constant',
  };
}

function check(expr: PlanExpr, computed: Set<string>): void {
  const fn =
    expr.kind === 'call' || expr.kind === 'any_all'
      ? expr.fn
      : expr.kind === 'distinct' || expr.kind === 'nullif'
        ? expr.call.fn
        : undefined;
  const returnsSet = expr.kind === 'call' && expr.retset === true;
  const volatility = expr.kind === 'call' ? expr.volatility : 'immutable';
  const known =
    fn === undefined ||
    (returnsSet
      ? setFunction(fn) !== undefined || isComputable(fn, volatility)
      : isAllowed(fn) || isNative(expr) || isComputable(fn, volatility));
  if (fn !== undefined && !known) throw unsupported(named(expr, fn));
  if (returnsSet ? setFunction(fn ?? '') === undefined : expr.kind !== 'constant' && !isNative(expr)) computed.add(shortName(expr));
  if (expr.kind === 'subquery' && expr.test !== undefined) check(expr.test, computed);
  for (const child of childrenOf<PlanLeaf>(expr)) check(child, computed);
}

function named(expr: PlanExpr, fn: string): string {
  const operator = (expr as { readonly operator?: string }).operator;
  if (operator !== undefined) return `the operator ${operator} as ${fn}`;
  return expr.kind === 'call' && expr.isCast === true ? `the cast ${fn}` : `the function ${fn}`;
}

function shortName(expr: PlanExpr): string {
  switch (expr.kind) {
    case 'call':
    case 'any_all':
      return expr.operator ?? functionName(expr.fn);
    case 'distinct':
      return 'IS DISTINCT FROM';
    case 'template':
      return expr.name;
    default:
      return expr.kind;
  }
}
