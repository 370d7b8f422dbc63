import { internal, unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import { setFunction } from '../sql/functions/set-returning.js';
import { functionName } from '../sql/functions/signature.js';
import type { Query, QueryExpr, QueryLeaf, SortClause, Target, Var } from '../sql/query.js';
import { Oid, type Type } from '../sql/types.js';
import { convertExpression } from './convert-expression.js';
import { columnRef, isVolatile, sameExpr } from './expression.js';
import { convertSetCall, isSetCall, type SetCall } from './from-function.js';
import { type Field, fieldsOf, type Operator, type PlanLeaf } from './physical-plan.js';
import type { Planning, Scope } from './planning.js';
import { mapQueryExpr, queryExprChildren } from './query-walk.js';

/** The range of the columns that calls have become: no range of a query has this number. */
const SETS = -1;

/** Those of a subquery are its own. */
function hasSetCall(expr: QueryExpr): boolean {
  if (expr.kind === 'sublink') return expr.test !== undefined && hasSetCall(expr.test);
  return isSetCall(expr) || queryExprChildren(expr).some(hasSetCall);
}

/**
 * Set-returning functions in expressions: those whose arguments have none are evaluated side by side for each row, then
 * those over their results, and so on. What comes back are the expressions over columns, and their scope.
 */
function expandSets(
  exprs: readonly QueryExpr[],
  from: { readonly input: Operator; readonly scope: Scope },
  planning: Planning,
): { readonly exprs: readonly QueryExpr[]; readonly input: Operator; readonly scope: Scope } {
  const fields: Field[] = [];
  const scope: Scope = {
    ...from.scope,
    column: (v) => {
      const field = v.range === SETS && v.level === 0 ? fields[v.column - 1] : undefined;
      return field === undefined ? from.scope.column(v) : columnRef(field);
    },
  };
  let { input } = from;
  let rest = exprs;
  while (rest.some(hasSetCall)) {
    const level: { readonly expr: QueryExpr; readonly fields: readonly Field[]; readonly first: number }[] = [];
    const replace = (expr: QueryExpr): QueryExpr => {
      if (!hasSetCall(expr)) return expr;
      if (expr.kind === 'sublink') return { ...expr, test: expr.test === undefined ? undefined : replace(expr.test) };
      if (!isSetCall(expr) || expr.args.some(hasSetCall)) return mapQueryExpr(expr, replace);
      const { rowField, ...call } = expr;
      // all columns of a call are of one evaluation
      const key = rowField === undefined ? call : { ...call, type: undefined };
      let known = level.find((one) => sameExpr(one.expr, key));
      if (known === undefined) {
        const made = rowColumns(expr).map(({ name, type }) => planning.newField(name, type));
        known = { expr: key as QueryExpr, fields: made, first: fields.length };
        fields.push(...made);
        level.push(known);
      }
      const at = (rowField ?? 1) - 1;
      const field = known.fields[at];
      if (field === undefined) throw internal(`${expr.fn} has no column ${at + 1}`);
      return { kind: 'var', level: 0, range: SETS, column: known.first + at + 1, type: field.type } satisfies Var;
    };
    rest = rest.map(replace);
    input = {
      kind: 'table_function',
      input,
      calls: level.map(({ expr, fields: given }) => ({ call: convertSetCall(expr, scope), fields: given })),
      ordinality: undefined,
    };
  }
  return { exprs: rest, input, scope };
}

function rowColumns(call: SetCall): readonly { readonly name: string; readonly type: Type }[] {
  const columns = setFunction(call.fn)?.columns;
  if (columns === undefined && call.rowField === undefined && call.type.oid !== Oid.record)
    return [{ name: functionName(call.fn), type: call.type }];
  if (columns === undefined || call.rowField === undefined) throw unsupported(`a row of ${call.fn} as a value`);
  return columns;
}

interface Rows {
  readonly input: Operator;
  readonly scope: Scope;
}

/** Set-returning functions among the grouping expressions: their rows are what is grouped. */
export function expandGroupSets(query: Query, from: Rows, planning: Planning): Rows & { readonly query: Query } {
  const at = query.ranges.findIndex((range) => range.kind === 'group' && range.exprs.some(hasSetCall));
  const group = query.ranges[at];
  if (!query.hasTargetSrfs || group?.kind !== 'group') return { ...from, query };
  const { exprs, input, scope } = expandSets(group.exprs, from, planning);
  return { input, scope, query: { ...query, ranges: query.ranges.map((range, n) => (n === at ? { kind: 'group', exprs } : range)) } };
}

/**
 * Set-returning functions of the select list, after grouping and windows. As in PostgreSQL the rows are put in order before
 * (so that those of one call stay in their own order), unless the order or DISTINCT looks at the functions' results.
 */
export function expandTargetSets(
  query: Query,
  from: Rows,
  planning: Planning,
): Rows & { readonly targets: readonly Target[]; readonly sorted: boolean } {
  if (!query.targets.some((target) => hasSetCall(target.expr))) return { ...from, targets: query.targets, sorted: false };
  const keys = query.orderBy.map((clause) => ({ clause, expr: query.targets.find((target) => target.ref === clause.ref)?.expr }));
  const sorted =
    keys.length > 0 &&
    query.distinct === 'none' &&
    !query.withTies &&
    keys.every(({ expr }) => expr !== undefined && !hasSetCall(expr) && !isVolatile<QueryLeaf>(expr));
  const input = sorted ? sortedInput(from, keys, planning) : from.input;
  const expanded = expandSets(
    query.targets.map((target) => target.expr),
    { input, scope: from.scope },
    planning,
  );
  const targets = query.targets.map((target, n) => ({ ...target, expr: expanded.exprs[n] ?? target.expr }));
  return { input: expanded.input, scope: expanded.scope, targets, sorted };
}

function sortedInput(
  { input, scope }: Rows,
  keys: readonly { readonly clause: SortClause; readonly expr: QueryExpr | undefined }[],
  planning: Planning,
): Operator {
  const items = keys.flatMap(({ clause, expr }) => {
    if (expr === undefined) return [];
    const converted = convertExpression(expr, scope);
    return [{ clause, field: planning.newField('', typeOf<PlanLeaf>(converted)), expr: converted }];
  });
  const passed = fieldsOf(input).map((field) => ({ field, expr: columnRef(field) }));
  return {
    kind: 'sort',
    input: { kind: 'project', input, items: [...passed, ...items.map(({ field, expr }) => ({ field, expr }))] },
    keys: items.map(({ clause, field }) => ({ expr: columnRef(field), descending: clause.descending, nullsFirst: clause.nullsFirst })),
  };
}
