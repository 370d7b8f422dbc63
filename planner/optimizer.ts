import { internal } from '../sql/errors.js';
import { fieldsOf, type Operator } from './physical-plan.js';
import type { Planning } from './planning.js';
import { askConnectors, settleConnectors } from './rules/connector-pushdown.js';
import { pushFilters } from './rules/filter-pushdown.js';
import { pushLimits } from './rules/limit-pushdown.js';
import { mergeProjects } from './rules/merge-projects.js';
import { pruneColumns } from './rules/projection-pruning.js';
import type { Rule, RuleContext } from './rules/rule.js';
import { simplify } from './rules/simplify.js';
import { dropSorts } from './rules/sort-removal.js';
import { topN } from './rules/top-n.js';

/** In this order, each once: filters go down before connectors are asked, columns are pruned when residuals are known. */
export const RULES: readonly Rule[] = [
  { name: 'simplify', apply: simplify },
  { name: 'filter-pushdown', apply: pushFilters },
  // predicates that came together over one input may now contradict or be constant
  { name: 'simplify again', apply: simplify },
  { name: 'sort-removal', apply: dropSorts },
  { name: 'limit-pushdown', apply: pushLimits },
  { name: 'top-n', apply: topN },
  { name: 'merge-projects', apply: mergeProjects },
  { name: 'connector-pushdown', apply: askConnectors },
  { name: 'projection-pruning', apply: pruneColumns },
  { name: 'connector-columns', apply: settleConnectors },
];

/** Applies the rules; after each the root's columns must be what they were. */
export function optimize(plan: Operator, options: { readonly planning: Planning; readonly rules?: readonly Rule[] }): Operator {
  const context: RuleContext = { planning: options.planning, asked: new Map() };
  const before = JSON.stringify(fieldsOf(plan));
  let op = plan;
  for (const rule of options.rules ?? RULES) {
    op = rule.apply(op, context);
    if (JSON.stringify(fieldsOf(op)) !== before) throw internal(`rule ${rule.name} changed the columns of the plan`);
  }
  return op;
}
