import { childrenOf, mapLeaves, someNode } from './expression.js';
import { mapExpressions, operatorsIn, rewrite } from './logical-plan.js';
import { fieldsOf, type Operator, type PlanExpr, type PlanLeaf } from './physical-plan.js';

/** Ids of the columns an expression reads from the operator that it stands in; of a subquery, those that tie it to the outside. */
export function columnIds(expr: PlanExpr, into: Set<number> = new Set()): Set<number> {
  if (expr.kind === 'column') into.add(expr.id);
  else if (expr.kind === 'subquery') {
    for (const id of outerColumns(expr.plan)) into.add(id);
    if (expr.test !== undefined) {
      const own = new Set(fieldsOf(expr.plan).map((field) => field.id));
      for (const id of columnIds(expr.test)) if (!own.has(id)) into.add(id);
    }
  } else for (const child of childrenOf<PlanLeaf>(expr)) columnIds(child, into);
  return into;
}

/** Ids of columns that a tree reads and does not give itself: those that tie it to operators outside (correlation). */
export function outerColumns(op: Operator): ReadonlySet<number> {
  const given = new Set<number>();
  const read = new Set<number>();
  // the operators of subqueries come by themselves: opening each here again would double the work at every level of nesting
  const collect = (expr: PlanExpr): void => {
    if (expr.kind === 'column') read.add(expr.id);
    else if (expr.kind === 'subquery') {
      if (expr.test !== undefined) collect(expr.test);
    } else for (const child of childrenOf<PlanLeaf>(expr)) collect(child);
  };
  for (const inner of operatorsIn(op)) {
    for (const field of fieldsOf(inner)) given.add(field.id);
    mapExpressions(inner, (expr) => {
      collect(expr);
      return expr;
    });
  }
  return new Set([...read].filter((id) => !given.has(id)));
}

/** Replaces columns by expressions; those not in the map stay. */
export function substitute(expr: PlanExpr, by: ReadonlyMap<number, PlanExpr>): PlanExpr {
  return mapLeaves<PlanLeaf, PlanLeaf>(expr, (leaf) => {
    if (leaf.kind === 'column') return by.get(leaf.id) ?? leaf;
    const test = leaf.test === undefined ? undefined : substitute(leaf.test, by);
    return { ...leaf, plan: substituteOuter(leaf.plan, by), test };
  });
}

/** Replaces the columns by which a subquery's plan is tied to the outside. */
function substituteOuter(plan: Operator, by: ReadonlyMap<number, PlanExpr>): Operator {
  return rewrite(plan, (op) => mapExpressions(op, (expr) => substitute(expr, by)));
}

/** Does a subquery stand in it? */
export function hasSubquery(expr: PlanExpr): boolean {
  return someNode<PlanLeaf>(expr, (node) => node.kind === 'subquery');
}
