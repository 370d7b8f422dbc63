import { columnIds, substitute } from '../columns.js';
import { childrenOf, isVolatile } from '../expression.js';
import { mapExpressions, rewrite } from '../logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf, ProjectOperator } from '../physical-plan.js';

/** A projection over a projection is one, unless that would compute something twice; an aggregate reads through mere renaming. */
export function mergeProjects(plan: Operator): Operator {
  return rewrite(plan, (op) => {
    if (op.kind === 'project' && op.input.kind === 'project') return merged(op, op.input);
    if (op.kind === 'aggregate' && op.input.kind === 'project' && op.input.items.every(({ expr }) => expr.kind === 'column')) {
      const by = new Map(op.input.items.map((item) => [item.field.id, item.expr]));
      return mapExpressions({ ...op, input: op.input.input }, (expr) => substitute(expr, by));
    }
    return op;
  });
}

function merged(outer: ProjectOperator, inner: ProjectOperator): ProjectOperator {
  const uses = new Map<number, number>();
  const count = (expr: PlanExpr): void => {
    if (expr.kind === 'column') uses.set(expr.id, (uses.get(expr.id) ?? 0) + 1);
    // a subquery may look at an outer column for each of its rows
    if (expr.kind === 'subquery') for (const id of columnIds(expr)) uses.set(id, (uses.get(id) ?? 0) + 2);
    for (const child of childrenOf<PlanLeaf>(expr)) count(child);
  };
  for (const item of outer.items) count(item.expr);
  const free = inner.items.every(
    ({ field, expr }) =>
      expr.kind === 'column' || expr.kind === 'constant' || ((uses.get(field.id) ?? 0) <= 1 && !isVolatile<PlanLeaf>(expr)),
  );
  if (!free) return outer;
  const by = new Map(inner.items.map((item) => [item.field.id, item.expr]));
  return { ...outer, input: inner.input, items: outer.items.map((item) => ({ ...item, expr: substitute(item.expr, by) })) };
}
