import { internal, unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import { functionName } from '../sql/functions/signature.js';
import type { AggregateCall, Query, QueryExpr, Var } from '../sql/query.js';
import { convertExpression } from './convert-expression.js';
import { columnRef, isVolatile, sameExpr } from './expression.js';
import { expandGroupingSets, keyIndex } from './grouping-sets.js';
import type { Field, Operator, PlanAggregate, PlanExpr } from './physical-plan.js';
import type { Planning, Scope } from './planning.js';
import { lowered, walkLevels } from './query-levels.js';

export function isGrouped(query: Query): boolean {
  return query.groupBy.length > 0 || query.groupingSets !== undefined || query.hasAggregates || query.having !== undefined;
}

/**
 * GROUP BY, aggregates and HAVING over a planned FROM. The scope that comes back resolves PostgreSQL 18's group
 * range to the keys and each aggregate call to its result column.
 */
export function planAggregate(
  query: Query,
  from: { readonly input: Operator; readonly scope: Scope },
  planning: Planning,
): { readonly input: Operator; readonly scope: Scope } {
  const groupRange = query.ranges.findIndex((range) => range.kind === 'group') + 1;
  const group = query.ranges[groupRange - 1];
  if (query.groupBy.length > 0 && group?.kind !== 'group') throw internal('GROUP BY without a group range');
  const exprs: readonly QueryExpr[] = group?.kind === 'group' ? group.exprs : [];
  const keys = exprs.map((expr, n): { field: Field; expr: PlanExpr } => {
    const converted = convertExpression(expr, from.scope);
    if (isVolatile(converted)) throw unsupported('GROUP BY a volatile expression');
    return { field: planning.newField(keyName(query, groupRange, n) ?? `key${n + 1}`, typeOf(converted)), expr: converted };
  });

  const sets = expandGroupingSets(query);
  // The analysed query names the outer column itself where it means the key, which is NULL in some sets.
  if (sets !== undefined && exprs.some((expr) => expr.kind === 'var' && expr.level > 0))
    throw unsupported('GROUPING SETS, ROLLUP or CUBE of a column of the query around it');
  const calls: { readonly call: AggregateCall; readonly aggregate: PlanAggregate }[] = [];
  const groupings: { readonly refs: readonly number[]; readonly field: Field; readonly keys: readonly number[] }[] = [];
  const scope: Scope = {
    outer: from.scope.outer,
    ...(from.scope.subquery === undefined ? {} : { subquery: from.scope.subquery }),
    column: (v: Var) => {
      const key = v.range === groupRange ? keys[v.column - 1] : undefined;
      if (key === undefined) throw internal(`column ${v.column} of range ${v.range} is neither grouped nor aggregated`);
      return columnRef(key.field);
    },
    aggregate: (call) => {
      const known = calls.find((entry) => sameExpr(entry.call, call));
      if (known !== undefined) return columnRef(known.aggregate.field);
      const aggregate = convertAggregate(call, from.scope, planning);
      calls.push({ call, aggregate });
      return columnRef(aggregate.field);
    },
    grouping: (call) => {
      // Without grouping sets no key is ever left out.
      if (sets === undefined) return { kind: 'constant', type: call.type, value: '0' };
      const known = groupings.find((one) => one.refs.join() === call.refs.join());
      if (known !== undefined) return columnRef(known.field);
      const field = planning.newField('grouping', call.type);
      groupings.push({ refs: call.refs, field, keys: call.refs.map((ref) => keyIndex(query, ref)) });
      return columnRef(field);
    },
  };
  // Every aggregate must be known before the operator is built: HAVING's and the targets'.
  // Those of a subquery are its own, unless their level says that they are this query's.
  const visit = (expr: QueryExpr): void =>
    walkLevels(expr, (node, depth) => {
      if ((node.kind !== 'aggregate' && node.kind !== 'grouping') || node.level !== depth) return true;
      convertExpression(depth === 0 ? node : lowered(node, depth), scope);
      return false;
    });
  for (const target of query.targets) visit(target.expr);
  if (query.having !== undefined) visit(query.having);

  let input: Operator;
  if (sets !== undefined) {
    const aggregates = calls.map((entry) => entry.aggregate);
    const asked = groupings.map(({ field, keys: of }) => ({ field, keys: of }));
    input = { kind: 'aggregate', phase: 'single', input: from.input, keys, aggregates, sets, groupings: asked };
  } else if (keys.length === 0 && calls.length === 0) {
    // HAVING without aggregates: still one group, whatever FROM gives.
    const count = convertAggregate(
      {
        kind: 'aggregate',
        fn: 'count()',
        args: [],
        star: true,
        distinct: false,
        orderBy: [],
        filter: undefined,
        direct: [],
        level: 0,
        type: { oid: 20, typmod: -1 },
      },
      from.scope,
      planning,
    );
    input = { kind: 'aggregate', phase: 'single', input: from.input, keys, aggregates: [count] };
  } else {
    input = { kind: 'aggregate', phase: 'single', input: from.input, keys, aggregates: calls.map((entry) => entry.aggregate) };
  }
  if (query.having !== undefined) input = { kind: 'filter', input, predicate: convertExpression(query.having, scope) };
  return { input, scope };
}

function convertAggregate(call: AggregateCall, scope: Scope, planning: Planning): PlanAggregate {
  if (call.star && call.fn !== 'count()') throw unsupported(`the aggregate ${call.fn} of *`);
  return {
    field: planning.newField(functionName(call.fn), call.type),
    fn: call.fn,
    args: call.args.map((arg) => convertExpression(arg, scope)),
    distinct: call.distinct,
    orderBy: call.orderBy.map((key) => ({ ...key, expr: convertExpression(key.expr, scope) })),
    ...(call.direct.length === 0 ? {} : { direct: call.direct.map((arg) => convertExpression(arg, scope)) }),
    filter: call.filter === undefined ? undefined : convertExpression(call.filter, scope),
    state: [],
  };
}

/** The name of the target that is just this key. */
function keyName(query: Query, groupRange: number, n: number): string | undefined {
  return query.targets.find((t) => t.expr.kind === 'var' && t.expr.range === groupRange && t.expr.column === n + 1 && !t.junk)?.name;
}
