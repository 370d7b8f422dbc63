import { TimelineError, unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import type { Query, QueryExpr } from '../sql/query.js';
import { Oid } from '../sql/types.js';
import { columnIds } from './columns.js';
import { convertExpression } from './convert-expression.js';
import { columnRef, conjunction, isVolatile } from './expression.js';
import { DEFAULT_FRAME } from './from-window.js';
import { type Field, fieldsOf, type Operator, type PlanExpr, type PlanLeaf, type SortKey } from './physical-plan.js';
import type { Planning, Scope } from './planning.js';
import { compare, INT8, minus, rowNumber } from './row-counts.js';

/** Which rows of a query are its answer by their place in its order: DISTINCT ON, LIMIT, OFFSET, WITH TIES. */

/** DISTINCT ON: of the rows that agree in `on` the first one in the query's order. */
export function firstOfEach(input: Operator, on: readonly PlanExpr[], orderBy: readonly SortKey[], planning: Planning): Operator {
  const place = placeField('row_number', planning);
  const numbered: Operator = {
    kind: 'window',
    input,
    partitionBy: on,
    orderBy,
    frame: DEFAULT_FRAME,
    calls: [{ field: place, fn: 'row_number()', args: [], filter: undefined }],
  };
  return { kind: 'filter', input: numbered, predicate: compare(columnRef(place), '=', rowNumber(1)) };
}

interface LimitRequest {
  readonly query: Query;
  readonly keys: readonly SortKey[];
  readonly scope: Scope;
  readonly planning: Planning;
}

/** ORDER BY, LIMIT and OFFSET. */
export function planLimit(input: Operator, { query, keys, scope, planning }: LimitRequest): Operator {
  const sorted = (op: Operator): Operator => (keys.length === 0 ? op : { kind: 'sort', input: op, keys });
  const limit = rowCount(query.limit, 'LIMIT', scope);
  const offset = rowCount(query.offset, 'OFFSET', scope) ?? 0;
  if (
    (limit === undefined || typeof limit === 'number') &&
    typeof offset === 'number' &&
    (!query.withTies || limit === undefined || limit === 0)
  ) {
    if (limit === undefined && offset === 0) return sorted(input);
    return { kind: 'limit', input: sorted(input), ...(limit === undefined ? {} : { limit }), ...(offset === 0 ? {} : { offset }) };
  }
  if (keys.length < query.orderBy.length) throw unsupported('LIMIT of an expression over the rows of a set-returning function');
  // By their numbers: skipped are the first `offset`, kept are those up to the last one, with ties by rank.
  const place = placeField('row_number', planning);
  const reached = query.withTies ? placeField('rank', planning) : place;
  // A computed count stands in the plan once, as a column.
  const counts: { readonly field: Field; readonly expr: PlanExpr }[] = [];
  const asExpr = (count: number | PlanExpr): PlanExpr => {
    if (typeof count === 'number') return rowNumber(count);
    const field = counts.find((one) => one.expr === count)?.field ?? placeField('row_count', planning);
    if (counts.every((one) => one.field !== field)) counts.push({ field, expr: count });
    return columnRef(field);
  };
  const tests: PlanExpr[] = [];
  if (offset !== 0) tests.push(compare(columnRef(place), '>', asExpr(offset)));
  if (typeof limit === 'number' && typeof offset === 'number') {
    tests.push(compare(columnRef(reached), '<=', rowNumber(BigInt(limit) + BigInt(offset))));
  } else if (limit !== undefined) {
    const kept = asExpr(limit);
    const isAll: PlanExpr = { kind: 'is_null', arg: kept, negated: false };
    const rows = offset === 0 ? columnRef(reached) : minus(columnRef(reached), asExpr(offset));
    tests.push({ kind: 'or', args: [isAll, compare(rows, '<=', kept)] });
    // FETCH FIRST 0 ROWS WITH TIES: there is no last row to tie with.
    if (query.withTies) tests.push({ kind: 'or', args: [isAll, compare(kept, '>', rowNumber(0))] });
  }
  const numbered: Operator = {
    kind: 'window',
    input:
      counts.length === 0
        ? input
        : { kind: 'project', input, items: [...fieldsOf(input).map((field) => ({ field, expr: columnRef(field) })), ...counts] },
    partitionBy: [],
    orderBy: keys,
    frame: DEFAULT_FRAME,
    calls: [
      { field: place, fn: 'row_number()', args: [], filter: undefined },
      ...(query.withTies ? [{ field: reached, fn: 'rank()', args: [], filter: undefined }] : []),
    ],
  };
  const predicate = conjunction<PlanLeaf>(tests);
  return sorted(predicate === undefined ? input : { kind: 'filter', input: numbered, predicate });
}

function placeField(name: string, planning: Planning): Field {
  return planning.newField(name, INT8);
}

/** LIMIT and OFFSET as PostgreSQL reads them: NULL means absent, negative is an error. An expression if only the run decides. */
function rowCount(expr: QueryExpr | undefined, clause: 'LIMIT' | 'OFFSET', scope: Scope): number | PlanExpr | undefined {
  if (expr === undefined) return undefined;
  if (expr.kind !== 'constant') return computedCount(convertExpression(expr, scope), clause);
  if (expr.value === null) return undefined;
  const count = BigInt(expr.value);
  if (count < 0n) {
    throw new TimelineError({ kind: 'data', sqlstate: clause === 'LIMIT' ? '2201W' : '2201X', message: `${clause} must not be negative` });
  }
  // No result has 2^53 rows: such a LIMIT is none, such an OFFSET skips all.
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) return clause === 'LIMIT' ? undefined : Number.MAX_SAFE_INTEGER;
  return Number(count);
}

function computedCount(expr: PlanExpr, clause: 'LIMIT' | 'OFFSET'): PlanExpr {
  if (isVolatile<PlanLeaf>(expr)) throw unsupported(`${clause} of a volatile expression`);
  if (columnIds(expr).size > 0) throw unsupported(`${clause} that depends on a column of the query around it`);
  if (typeOf(expr).oid !== Oid.int8) throw unsupported(`${clause} of this type`);
  const value: PlanExpr = clause === 'OFFSET' ? { kind: 'coalesce', args: [expr, rowNumber(0)], type: INT8 } : expr;
  return {
    kind: 'call',
    fn: clause === 'LIMIT' ? 'timeline.limit_count(int8)' : 'timeline.offset_count(int8)',
    args: [value],
    type: INT8,
    volatility: 'immutable',
  };
}
