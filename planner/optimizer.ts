import { internal } from '../sql/errors.js';
import { columnRef } from './expression.js';
import { mapInputs, mapSubplans, operatorsIn } from './logical-plan.js';
import { fieldsOf, type Operator } from './physical-plan.js';
import type { Planning } from './planning.js';
import { narrowBounds } from './rules/bounds.js';
import { readPaths } from './rules/column-paths.js';
import { pushAggregates } from './rules/connector-aggregates.js';
import { askConnectors, settleConnectors } from './rules/connector-pushdown.js';
import { derivePredicates } from './rules/derive-predicates.js';
import { factorOr } from './rules/factor-or.js';
import { pushFilters } from './rules/filter-pushdown.js';
import { orderJoins } from './rules/join-order.js';
import { pushLimits } from './rules/limit-pushdown.js';
import { mergeProjects } from './rules/merge-projects.js';
import { pruneColumns } from './rules/projection-pruning.js';
import type { Rule, RuleContext } from './rules/rule.js';
import { semiJoins } from './rules/semi-join.js';
import { simplify } from './rules/simplify.js';
import { dropSorts } from './rules/sort-removal.js';
import { rangeTimes } from './rules/time-ranges.js';
import { dropTieOrder } from './rules/timeline-columns.js';
import { digestTimelines } from './rules/timeline-digest.js';
import { keysByQuery } from './rules/timeline-key-query.js';
import { findKeysFirst } from './rules/timeline-key-semi-join.js';
import { boundLookback } from './rules/timeline-lookback.js';
import { keepRelevant } from './rules/timeline-relevance.js';
import { askWindows } from './rules/timeline-window.js';
import { topN } from './rules/top-n.js';

/** In this order: filters go down before connectors are asked, what follows from them goes down once more, columns are pruned when residuals are known. */
export const RULES: readonly Rule[] = [
  { name: 'simplify', apply: simplify },
  { name: 'factor-or', apply: factorOr },
  { name: 'semi-join', apply: semiJoins },
  { name: 'filter-pushdown', apply: pushFilters },
  { name: 'time-ranges', apply: rangeTimes },
  { name: 'derived-predicates', apply: derivePredicates },
  { name: 'filter-pushdown', apply: pushFilters },
  // when the filters over spans are where they stay
  { name: 'timeline-key-query', apply: keysByQuery },
  { name: 'timeline-digest', apply: digestTimelines },
  { name: 'timeline-columns', apply: dropTieOrder },
  { name: 'timeline-lookback', apply: boundLookback },
  { name: 'timeline-relevance', apply: keepRelevant },
  { name: 'timeline-key-semi-join', apply: findKeysFirst },
  { name: 'join-order', apply: orderJoins },
  { name: 'bounds', apply: narrowBounds },
  // predicates that came together over one input may now contradict or be constant
  { name: 'simplify again', apply: simplify },
  { name: 'sort-removal', apply: dropSorts },
  { name: 'limit-pushdown', apply: pushLimits },
  { name: 'top-n', apply: topN },
  { name: 'merge-projects', apply: mergeProjects },
  { name: 'connector-pushdown', apply: askConnectors },
  { name: 'projection-pruning', apply: pruneColumns },
  // when connectors have seen predicates over whole columns, and it is known who reads these
  { name: 'column-paths', apply: readPaths },
  { name: 'projection-pruning again', apply: pruneColumns },
  { name: 'connector-columns', apply: settleConnectors },
  { name: 'timeline-window', apply: askWindows },
  // when handles have all filters in them; what it makes of a scan has no columns of the table any more
  { name: 'connector-aggregates', apply: pushAggregates },
];

/**
 * The plans that `plan` shares, by id, each giving just the columns that its readers read: from the highest id down, as a
 * shared plan may read those below it.
 */
export function* optimizeShared(plan: Operator, options: Omit<OptimizeOptions, 'rules'>): Generator<void, ReadonlyMap<number, Operator>> {
  const optimized = new Map<number, Operator>();
  const needed = new Map<number, Set<number>>();
  const collect = (root: Operator): void => {
    for (const op of operatorsIn(root)) {
      if (op.kind !== 'shared_read') continue;
      const columns = needed.get(op.id) ?? new Set();
      for (const column of op.columns) columns.add(column);
      needed.set(op.id, columns);
    }
  };
  collect(plan);
  for (const [id, whole] of [...options.planning.shared].sort(([a], [b]) => b - a)) {
    const columns = needed.get(id);
    if (columns === undefined) continue;
    const kept = fieldsOf(whole).filter((field) => columns.has(field.id));
    const narrow = yield* optimizing(
      { kind: 'project', input: whole, items: kept.map((field) => ({ field, expr: columnRef(field) })) },
      options,
    );
    optimized.set(id, narrow);
    collect(narrow);
  }
  return new Map([...optimized].reverse());
}

interface OptimizeOptions {
  readonly planning: Planning;
  readonly rules?: readonly Rule[];
  /** Gets what each scan's connector was asked, by ScanOperator.scan. */
  readonly asked?: RuleContext['asked'];
}

/** Applies the rules, all in one go. */
export function optimize(plan: Operator, options: OptimizeOptions): Operator {
  const steps = optimizing(plan, options);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Applies the rules, with a pause after each; then the root's columns must be what they were. */
export function* optimizing(plan: Operator, options: OptimizeOptions): Generator<void, Operator> {
  const context: RuleContext = { planning: options.planning, asked: options.asked ?? new Map() };
  const before = JSON.stringify(fieldsOf(plan));
  let op = plan;
  for (const rule of options.rules ?? RULES) {
    op = applyDeep(rule, op, context);
    if (JSON.stringify(fieldsOf(op)) !== before) throw internal(`rule ${rule.name} changed the columns of the plan`);
    yield;
  }
  return op;
}

/** A rule sees one tree; the plans of subqueries in its expressions are trees of their own. */
function applyDeep(rule: Rule, op: Operator, context: RuleContext): Operator {
  const inside = (node: Operator): Operator =>
    mapSubplans(
      mapInputs(node, (input) => inside(input)),
      (plan) => applyDeep(rule, plan, context),
    );
  return inside(rule.apply(op, context));
}
