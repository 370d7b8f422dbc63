import { internal, unsupported } from '../sql/errors.js';
import { typeOf } from '../sql/expression-type.js';
import type { Query, Target } from '../sql/query.js';
import { convertExpression } from './convert-expression.js';
import { columnRef } from './expression.js';
import { isGrouped, planAggregate } from './from-aggregate.js';
import { planFrom } from './from-clause.js';
import { planSetOperation } from './from-setop.js';
import { expandGroupSets, expandTargetSets } from './from-target-sets.js';
import { isTimelineQuery, planTimeline } from './from-timeline.js';
import { planWindows } from './from-window.js';
import { type Field, fieldsOf, type Operator, type PlanExpr, type SortKey } from './physical-plan.js';
import type { CteFrames, Planning, Scope } from './planning.js';
import { firstOfEach, planLimit } from './row-choice.js';

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
  const sets = expandGroupSets(query, from, planning);
  const grouped = isGrouped(query) ? planAggregate(sets.query, sets, planning) : from;
  const windowed = query.hasWindows ? planWindows(query, grouped, planning) : { ...grouped, computed: undefined };
  const { input, scope, targets, sorted } = expandTargetSets(query, windowed, planning);

  const items = targets.map((target) => {
    const expr = windowed.computed?.get(target.ref) ?? convertExpression(target.expr, scope);
    return { target, field: planning.newField(target.name, typeOf(expr)), expr };
  });
  const shown = items.filter((item) => !item.target.junk);
  if (shown.length === 0) throw unsupported('SELECT without columns');

  let op: Operator = { kind: 'project', input, items: items.map(({ field, expr }) => ({ field, expr })) };
  if (query.distinct === 'all') {
    // What is hidden here only windows or grouping sets refer to: ORDER BY names columns that are shown.
    if (shown.length < items.length)
      op = { kind: 'project', input: op, items: shown.map(({ field }) => ({ field, expr: columnRef(field) })) };
    op = { kind: 'distinct', input: op };
  }
  const keys = sorted ? [] : query.orderBy.map((clause) => sortKey(clause, items));
  if (query.distinct === 'on')
    op = firstOfEach(
      op,
      query.distinctOn.map((ref) => targetColumn(ref, items)),
      keys,
      planning,
    );
  op = planLimit(op, { query, keys, scope, planning });
  const given = fieldsOf(op);
  if (given.length === shown.length && shown.every(({ field }, n) => given[n]?.id === field.id)) return op;
  return {
    kind: 'project',
    input: op,
    items: shown.map(({ field }) => ({ field: planning.newField(field.name, field.type), expr: columnRef(field) })),
  };
}

function refuse(query: Query): void {
  if (query.hasForUpdate) throw unsupported('FOR UPDATE or FOR SHARE');
}

type Items = readonly { readonly target: Target; readonly field: Field }[];

function sortKey(clause: Query['orderBy'][number], items: Items): SortKey {
  return { expr: targetColumn(clause.ref, items), descending: clause.descending, nullsFirst: clause.nullsFirst };
}

function targetColumn(ref: number, items: Items): PlanExpr {
  const item = items.find(({ target }) => target.ref === ref);
  if (item === undefined) throw internal(`a clause refers to target ${ref}, which is not there`);
  return columnRef(item.field);
}
