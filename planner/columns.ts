import { unsupported } from '../sql/errors.js';
import { childrenOf, isVolatile, mapLeaves, someNode } from './expression.js';
import { inputsOf, mapExpressions, operatorsIn, rewrite } from './logical-plan.js';
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

/** Trees are never changed, and are asked again and again by every tree round them: without a memory, each level would double the work. */
const outerOf = new WeakMap<Operator, ReadonlySet<number>>();

/** Ids of columns that a tree reads and does not give itself: those that tie it to operators outside (correlation). */
export function outerColumns(op: Operator): ReadonlySet<number> {
  const known = outerOf.get(op);
  if (known !== undefined) return known;
  const given = new Set<number>();
  const read = new Set<number>();
  const visit = (inner: Operator): void => {
    for (const field of fieldsOf(inner)) given.add(field.id);
    mapExpressions(inner, (expr) => {
      columnIds(expr, read);
      return expr;
    });
    for (const input of inputsOf(inner)) visit(input);
  };
  visit(op);
  const outer = new Set([...read].filter((id) => !given.has(id)));
  outerOf.set(op, outer);
  return outer;
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

/** Does it call a volatile function, in a subquery of it too? */
export function isVolatilePlan(plan: Operator): boolean {
  let found = false;
  for (const op of operatorsIn(plan)) {
    mapExpressions(op, (expr) => {
      found ||= isVolatile<PlanLeaf>(expr);
      return expr;
    });
    if (found) return true;
  }
  return false;
}

/** The kernel's SQL engine runs a query once for all rows outside that look the same to it; PostgreSQL once for each. */
export function requireSameEachTime(plan: Operator, what: string): void {
  if (outerColumns(plan).size > 0 && isVolatilePlan(plan)) throw unsupported(`${what} with a volatile function`);
}
