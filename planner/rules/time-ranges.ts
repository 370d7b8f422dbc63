import { conjunction, conjuncts, FALSE } from '../expression.js';
import { mapExpressions, rewrite } from '../logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf } from '../physical-plan.js';
import { rangesOf } from '../time-predicate.js';
import type { RuleContext } from './rule.js';

/**
 * What a predicate over a function of a time column says of the column itself, as a range that files and row groups can be
 * left out by: `date_trunc('day', ts) = …`, `ts::date BETWEEN …`, `extract(year from ts) = 2025`, `ts + interval '1 day' < …`.
 * The range replaces its predicate where both always agree, and stands before it where it is only wider.
 */
export function rangeTimes(plan: Operator, context: RuleContext): Operator {
  const { timeZone } = context.planning.session;
  return rewrite(plan, (op) =>
    op.kind === 'filter' ? mapExpressions(op, (predicate) => withRanges(conjuncts<PlanLeaf>(predicate), timeZone)) : op,
  );
}

function withRanges(parts: readonly PlanExpr[], zone: string): PlanExpr {
  const found = rangesOf(parts, zone);
  const made = [...found.values()].flatMap(({ parts: some }) => some);
  const kept = parts.filter((part) => found.get(part)?.exact !== true);
  return conjunction<PlanLeaf>([...made, ...kept]) ?? FALSE;
}
