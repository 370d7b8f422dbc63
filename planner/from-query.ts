import { internal, TimelineError, unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import type { Query, QueryExpr, Target } from '../sql/query.js';
import { convertExpression } from './convert-expression.js';
import { columnRef } from './expression.js';
import { isGrouped, planAggregate } from './from-aggregate.js';
import { planFrom } from './from-clause.js';
import { planSetOperation } from './from-setop.js';
import { expandGroupSets, expandTargetSets } from './from-target-sets.js';
import { isTimelineQuery, planTimeline } from './from-timeline.js';
import type { Field, Operator, SortKey } from './physical-plan.js';
import type { CteFrames, Planning, Scope } from './planning.js';

/** Where a query stands: the WITH queries it may name, the scope round it. */
export interface QueryContext {
  readonly ctes: CteFrames;
  readonly outer: Scope | undefined;
  readonly planning: Planning;
}

/** The logical plan of a query whose constants are folded; its fields are the query's output columns, in order. */
export function planSelect(query: Query, { ctes, outer, planning }: QueryContext): Operator {
  if (isTimelineQuery(query)) return planTimeline({ query, planning, ctes, outer });
  refuse(query);
  const frames: CteFrames = [{ ctes: query.ctes, outer }, ...ctes];
  const context: QueryContext = { ctes: frames, outer, planning };
  const from = query.setOperation === undefined ? planFrom(query, context) : planSetOperation(query, query.setOperation, context);
  const grouped = expandGroupSets(query, from, planning);
  const rows = isGrouped(query) ? planAggregate(grouped.query, grouped, planning) : from;
  const { input, scope, targets, sorted } = expandTargetSets(query, rows, planning);

  const items = targets.map((target) => {
    const expr = convertExpression(target.expr, scope);
    return { target, field: planning.newField(target.name, typeOf(expr)), expr };
  });
  const shown = items.filter((item) => !item.target.junk);
  if (shown.length === 0) throw unsupported('SELECT without columns');

  let op: Operator = { kind: 'project', input, items: items.map(({ field, expr }) => ({ field, expr })) };
  if (query.distinct === 'all') {
    if (shown.length < items.length) throw internal('DISTINCT with hidden columns');
    op = { kind: 'distinct', input: op };
  }
  if (query.orderBy.length > 0 && !sorted) op = { kind: 'sort', input: op, keys: query.orderBy.map((clause) => sortKey(clause, items)) };
  op = limited(op, query);
  if (shown.length === items.length) return op;
  return {
    kind: 'project',
    input: op,
    items: shown.map(({ field }) => ({ field: planning.newField(field.name, field.type), expr: columnRef(field) })),
  };
}

function refuse(query: Query): void {
  if (query.groupingSets !== undefined) throw unsupported('GROUPING SETS, ROLLUP or CUBE');
  if (query.hasWindows) throw unsupported(`a window function${windowName(query.targets)}`);
  if (query.distinct === 'on') throw unsupported('DISTINCT ON');
  if (query.withTies) throw unsupported('FETCH FIRST … WITH TIES');
  if (query.hasForUpdate) throw unsupported('FOR UPDATE or FOR SHARE');
}

function windowName(targets: readonly Target[]): string {
  const window = targets.find((target) => target.expr.kind === 'window')?.expr;
  return window?.kind === 'window' ? ` (${window.fn})` : '';
}

function sortKey(clause: Query['orderBy'][number], items: readonly { readonly target: Target; readonly field: Field }[]): SortKey {
  const item = items.find(({ target }) => target.ref === clause.ref);
  if (item === undefined) throw internal(`ORDER BY refers to target ${clause.ref}, which is not there`);
  return { expr: columnRef(item.field), descending: clause.descending, nullsFirst: clause.nullsFirst };
}

function limited(input: Operator, query: Query): Operator {
  const limit = rowCount(query.limit, 'LIMIT');
  const offset = rowCount(query.offset, 'OFFSET');
  if (limit === undefined && (offset === undefined || offset === 0)) return input;
  return { kind: 'limit', input, ...(limit === undefined ? {} : { limit }), ...(offset === undefined || offset === 0 ? {} : { offset }) };
}

/** LIMIT and OFFSET as PostgreSQL reads them: NULL means absent, negative is an error. */
function rowCount(expr: QueryExpr | undefined, clause: 'LIMIT' | 'OFFSET'): number | undefined {
  if (expr === undefined) return undefined;
  if (expr.kind !== 'constant') throw unsupported(`${clause} of an expression that is not constant`);
  if (expr.value === null) return undefined;
  const count = BigInt(expr.value);
  if (count < 0n) {
    throw new TimelineError({ kind: 'data', sqlstate: clause === 'LIMIT' ? '2201W' : '2201X', message: `${clause} must not be negative` });
  }
  // No result has 2^53 rows: such a LIMIT is none, such an OFFSET skips all.
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) return clause === 'LIMIT' ? undefined : Number.MAX_SAFE_INTEGER;
  return Number(count);
}
