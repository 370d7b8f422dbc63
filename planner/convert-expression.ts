import { internal, unsupported } from '../sql/errors.js';
import type { Case } from '../sql/expression.js';
import type { QueryExpr, QueryLeaf, SubLink } from '../sql/query.js';
import { ELEMENT_OF } from '../sql/types.js';
import { parseArrayText } from '../sql/value-array.js';
import { type Inner, isInner, isVolatile, mapChildren } from './expression.js';
import type { PlanExpr, PlanLeaf } from './physical-plan.js';
import type { Scope } from './planning.js';
import { lowered } from './query-levels.js';

/** A query's expression over the columns of a plan. 0A000, by name, for what is not planned yet. */
export function convertExpression(expr: QueryExpr, scope: Scope, caseArg?: () => PlanExpr): PlanExpr {
  if (isInner<QueryLeaf>(expr)) {
    if (expr.kind === 'call' && expr.retset === true) throw unsupported(`the set-returning function ${expr.fn} in this place`);
    if (expr.kind === 'case' && expr.arg !== undefined) return searchedCase(expr, expr.arg, scope, caseArg);
    const converted = mapChildren<QueryLeaf, PlanLeaf>(expr as Inner<QueryLeaf>, (child) => convertExpression(child, scope, caseArg));
    return converted.kind === 'any_all' ? { ...converted, array: listed(converted.array) } : converted;
  }
  switch (expr.kind) {
    case 'constant':
      return expr;
    case 'parameter':
      throw internal(`parameter $${expr.number} was not bound`);
    case 'var':
      if (expr.column < 0) throw unsupported('a system column');
      return expr.level > 0 ? outerScope(scope, expr.level).column({ ...expr, level: 0 }) : scope.column(expr);
    case 'aggregate':
      if (expr.level > 0) return convertExpression(lowered(expr, expr.level), outerScope(scope, expr.level));
      if (scope.aggregate === undefined) throw unsupported(`the aggregate ${expr.fn} in this place`);
      return scope.aggregate(expr);
    case 'window':
      if (scope.window === undefined) throw unsupported(`the window function ${expr.fn} in this place`);
      return scope.window(expr);
    case 'grouping':
      if (expr.level > 0) return convertExpression(lowered(expr, expr.level), outerScope(scope, expr.level));
      if (scope.grouping === undefined) throw unsupported('GROUPING() in this place');
      return scope.grouping(expr);
    case 'subquery_column':
      if (scope.subqueryColumn === undefined) throw internal('a column of a subquery outside of its comparison');
      return scope.subqueryColumn(expr.column);
    case 'sublink':
      if (scope.subquery === undefined) throw unsupported(`${SUBLINKS[expr.link]} in this place`);
      return scope.subquery(expr, scope);
    case 'unknown_node':
      throw unsupported(expr.what);
    case 'case_arg':
      if (caseArg === undefined) throw internal('CASE argument outside of CASE');
      return caseArg();
  }
}

function outerScope(scope: Scope, level: number): Scope {
  let found: Scope | undefined = scope;
  for (let n = 0; n < level; n += 1) found = found?.outer;
  if (found === undefined) throw internal(`there are no ${level} queries round this one`);
  return found;
}

/** A constant array as the list of its elements, so that `= ANY ('{a,b}')` is to everyone what `IN ('a', 'b')` is. */
function listed(array: PlanExpr): PlanExpr {
  if (array.kind !== 'constant' || array.value === null) return array;
  const element = ELEMENT_OF.get(array.type.oid);
  if (element === undefined) return array;
  const elements = parseArrayText(array.value).map((value): PlanExpr => ({ kind: 'constant', type: { oid: element, typmod: -1 }, value }));
  return { kind: 'array', elements, type: array.type };
}

const SUBLINKS: Readonly<Record<SubLink['link'], string>> = {
  exists: 'EXISTS (subquery)',
  any: 'IN or ANY (subquery)',
  all: 'ALL (subquery)',
  scalar: 'a subquery as a value',
  array: 'ARRAY (subquery)',
  rowcompare: 'comparing a row with a subquery',
};

/** `CASE x WHEN 1 THEN …` as `CASE WHEN x = 1 THEN …`: plans have no CASE argument. */
function searchedCase(expr: Case<QueryLeaf>, arg: QueryExpr, scope: Scope, outer: (() => PlanExpr) | undefined): PlanExpr {
  if (isVolatile<QueryLeaf>(arg)) throw unsupported('CASE over a volatile expression');
  // Anew for each: no plan of a subquery stands in two places.
  const value = (): PlanExpr => convertExpression(arg, scope, outer);
  return {
    kind: 'case',
    whens: expr.whens.map((w) => ({ when: convertExpression(w.when, scope, value), result: convertExpression(w.result, scope, outer) })),
    otherwise: convertExpression(expr.otherwise, scope, outer),
    type: expr.type,
  };
}
