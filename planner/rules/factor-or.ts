import { conjunction, conjuncts, isVolatile, sameExpr } from '../expression.js';
import { mapExpressions, rewrite } from '../logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf } from '../physical-plan.js';

/** `(a AND b) OR (a AND c)` is `a AND (b OR c)`, in filters and join conditions: what all branches ask for can go further down. */
export function factorOr(plan: Operator): Operator {
  return rewrite(plan, (op) =>
    op.kind === 'filter' || op.kind === 'join'
      ? mapExpressions(op, (predicate) => conjunction<PlanLeaf>(conjuncts<PlanLeaf>(predicate).flatMap(factored)) as PlanExpr)
      : op,
  );
}

function factored(part: PlanExpr): readonly PlanExpr[] {
  if (part.kind !== 'or' || isVolatile<PlanLeaf>(part)) return [part];
  const branches = part.args.map((arg) => conjuncts<PlanLeaf>(arg));
  const [first = [], ...others] = branches;
  const common = first.filter(
    (candidate, n) =>
      others.every((branch) => branch.some((other) => sameExpr(other, candidate))) &&
      first.findIndex((other) => sameExpr(other, candidate)) === n,
  );
  if (common.length === 0) return [part];
  const rest = branches.map((branch) => branch.filter((one) => !common.some((other) => sameExpr(one, other))));
  // a branch that asks for nothing more makes the others superfluous
  if (rest.some((branch) => branch.length === 0)) return common;
  return [...common, { kind: 'or', args: rest.map((branch) => conjunction<PlanLeaf>(branch) as PlanExpr) }];
}
