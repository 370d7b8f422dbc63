import { childrenOf, isVolatile, substitute } from '../expression.js';
import { rewrite } from '../logical-plan.js';
import type { ColumnRef, Operator, PlanExpr, ProjectOperator } from '../physical-plan.js';

/** A projection over a projection is one, unless that would compute something twice. */
export function mergeProjects(plan: Operator): Operator {
  return rewrite(plan, (op) => (op.kind === 'project' && op.input.kind === 'project' ? merged(op, op.input) : op));
}

function merged(outer: ProjectOperator, inner: ProjectOperator): ProjectOperator {
  const uses = new Map<number, number>();
  const count = (expr: PlanExpr): void => {
    if (expr.kind === 'column') uses.set(expr.id, (uses.get(expr.id) ?? 0) + 1);
    for (const child of childrenOf<ColumnRef>(expr)) count(child);
  };
  for (const item of outer.items) count(item.expr);
  const free = inner.items.every(
    ({ field, expr }) =>
      expr.kind === 'column' || expr.kind === 'constant' || ((uses.get(field.id) ?? 0) <= 1 && !isVolatile<ColumnRef>(expr)),
  );
  if (!free) return outer;
  const by = new Map(inner.items.map((item) => [item.field.id, item.expr]));
  return { ...outer, input: inner.input, items: outer.items.map((item) => ({ ...item, expr: substitute(item.expr, by) })) };
}
