import { internal, TimelineError } from '../sql/errors.js';
import type { Constant, Expr } from '../sql/expression.js';
import { typeOf } from '../sql/expression-type.js';
import { functionName } from '../sql/functions/signature.js';
import type { Query, QueryExpr, QueryLeaf } from '../sql/query.js';
import { Oid } from '../sql/types.js';
import { existsQuery } from './exists-query.js';
import { isInner } from './expression.js';
import { instantText } from './instant.js';
import type { PlanContext } from './planning.js';
import { mapQuery, mapQueryExpr, queryExprChildren } from './query-walk.js';
import { statementTime, unmixedComparison } from './statement-time.js';

/**
 * Binds parameters, replaces the statement's time, and replaces every largest constant subexpression by its value,
 * computed by PostgreSQL in one round trip. What raises an error is thrown, as PostgreSQL does when it plans, unless
 * it stands where it may never be reached (under CASE, COALESCE): there it stays for the kernel to raise.
 */
export async function foldQuery(
  query: Query,
  parameters: readonly Constant[],
  context: Pick<PlanContext, 'session' | 'evaluate'>,
): Promise<Query> {
  const now: Constant = { kind: 'constant', type: { oid: Oid.timestamptz, typmod: -1 }, value: instantText(context.session.now) };
  const bind = (expr: QueryExpr): QueryExpr => {
    if (expr.kind === 'parameter') {
      const bound = parameters[expr.number - 1];
      if (bound === undefined)
        throw new TimelineError({ kind: 'semantic', sqlstate: '42P02', message: `there is no parameter $${expr.number}` });
      return { kind: 'constant', type: expr.type, value: bound.value };
    }
    if (expr.kind === 'sublink' && expr.link === 'exists') return mapQueryExpr({ ...expr, query: existsQuery(expr.query) }, bind);
    if (expr.kind !== 'call') return mapQueryExpr(expr, bind);
    const time = statementTime(expr, now);
    if (time !== undefined) return time;
    const call = mapQueryExpr(expr, bind);
    return call.kind === 'call' ? unmixedComparison(call, (side) => isConstant(side, false)) : call;
  };
  const bound = mapQuery(query, bind);

  const found: { readonly expr: QueryExpr; readonly guarded: boolean }[] = [];
  const collect = (expr: QueryExpr, guarded: boolean): void => {
    if (expr.kind === 'constant') return;
    if (isConstant(expr, false)) {
      found.push({ expr, guarded });
      return;
    }
    const within = guarded || expr.kind === 'case' || expr.kind === 'coalesce';
    for (const child of queryExprChildren(expr)) collect(child, within);
  };
  mapQuery(bound, (expr) => {
    collect(expr, false);
    return expr;
  });
  if (found.length === 0) return bound;

  const values = await context.evaluate(found.map(({ expr }) => expr as Expr<never>));
  if (values.length !== found.length) throw internal(`evaluate gave ${values.length} values for ${found.length} expressions`);
  const folded = new Map<QueryExpr, Constant>();
  found.forEach(({ expr, guarded }, n) => {
    const value = values[n];
    if (value === undefined) return;
    if (!(value instanceof TimelineError)) folded.set(expr, { ...value, type: typeOf<QueryLeaf>(expr) });
    else if (!guarded && value.kind !== 'unsupported' && value.kind !== 'internal') throw value;
  });
  const replace = (expr: QueryExpr): QueryExpr => folded.get(expr) ?? mapQueryExpr(expr, replace);
  return mapQuery(bound, replace);
}

/** Constant and safe to compute once: no leaves, nothing volatile, no function of ours. */
function isConstant(expr: QueryExpr, caseArg: boolean): boolean {
  if (expr.kind === 'constant') return true;
  if (expr.kind === 'case_arg') return caseArg;
  if (!isInner<QueryLeaf>(expr)) return false;
  // A row's text cannot be read again.
  if (typeOf<QueryLeaf>(expr).oid === Oid.record) return false;
  switch (expr.kind) {
    case 'call':
      if (expr.volatility === 'volatile' || expr.retset === true || isOurs(expr.fn)) return false;
      break;
    case 'distinct':
    case 'nullif':
      if (expr.call.volatility === 'volatile' || isOurs(expr.call.fn)) return false;
      break;
    case 'case':
      return (
        (expr.arg === undefined || isConstant(expr.arg, caseArg)) &&
        expr.whens.every((w) => isConstant(w.when, caseArg || expr.arg !== undefined) && isConstant(w.result, caseArg)) &&
        isConstant(expr.otherwise, caseArg)
      );
    default:
  }
  return queryExprChildren(expr).every((child) => isConstant(child, caseArg));
}

/** Functions outside pg_catalog (their name carries a schema) mean something to the planner, not to PostgreSQL. */
function isOurs(fn: string): boolean {
  return functionName(fn).includes('.');
}
