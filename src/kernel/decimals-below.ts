import { columnIds } from '../../planner/columns.js';
import { columnRef, isVolatile } from '../../planner/expression.js';
import { mapExpressions } from '../../planner/logical-plan.js';
import { type AggregateOperator, fieldsOf, type PlanAggregate, type ProjectOperator } from '../../planner/physical-plan.js';
import { Oid } from '../../sql/types.js';
import { type PrintPlan, printDecimal, typeOf } from './print-expression.js';

/**
 * A numeric without modifier is a column of text. What is only added up needs none: sums compute it themselves from the columns below the
 * projection, which are passed on to them. Undefined: nothing to change.
 */
export function decimalsBelow(op: AggregateOperator, plan: PrintPlan): AggregateOperator | undefined {
  const { input } = op;
  if (input.kind !== 'project' || op.phase === 'final') return undefined;
  const passed = new Set<number>();
  const aggregates = op.aggregates.map((aggregate): PlanAggregate => {
    const [arg] = aggregate.args;
    if (arg?.kind !== 'column' || typeOf(arg).oid !== Oid.numeric || typeOf(arg).typmod >= 0 || !/^(sum|avg)\(/.test(aggregate.fn))
      return aggregate;
    const expr = input.items.find(({ field }) => field.id === arg.id)?.expr;
    if (expr === undefined || isVolatile(expr) || printDecimal(expr, plan) === undefined) return aggregate;
    columnIds(expr, passed);
    return { ...aggregate, args: [expr] };
  });
  if (passed.size === 0) return undefined;
  const read = new Set<number>();
  mapExpressions({ ...op, aggregates }, (expr) => {
    columnIds(expr, read);
    return expr;
  });
  const kept = input.items.filter(({ field }) => read.has(field.id));
  const more = fieldsOf(input.input).filter((field) => passed.has(field.id) && !kept.some((item) => item.field.id === field.id));
  const project: ProjectOperator = { ...input, items: [...kept, ...more.map((field) => ({ field, expr: columnRef(field) }))] };
  return { ...op, input: project, aggregates };
}
