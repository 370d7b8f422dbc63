import { isNeverTrue, isTrue } from './expression.js';
import type { PlanExpr, ProjectOperator } from './physical-plan.js';
import type { Planning } from './planning.js';
import { isNeverNull } from './rules/nullable.js';
import { isPlain } from './timeline-above.js';
import type { TimelineLeaf } from './timeline-spec.js';

/**
 * Predicates over what the operator's projection reads, of which an event that can touch the leaf makes one TRUE: an event that makes none
 * of them TRUE changes nothing of the leaf. Undefined: every event may touch it.
 */
export function touches(leaf: TimelineLeaf, input: ProjectOperator, planning: Planning): readonly PlanExpr[] | undefined {
  switch (leaf.op) {
    case 'latest':
    case 'sum_so_far':
      return notNull(columnOf(leaf.value, input), input, planning);
    case 'latest_when':
    case 'has_existed':
    case 'has_existed_within':
    case 'count_so_far':
      return holds(columnOf(leaf.when, input));
    case 'last_event_time':
      return leaf.when === undefined ? undefined : holds(columnOf(leaf.when, input));
  }
}

/** What a column of the projection is made of; undefined: something that must not be computed twice. */
export function columnOf(id: number, input: ProjectOperator): PlanExpr | undefined {
  const expr = input.items.find(({ field }) => field.id === id)?.expr;
  return expr !== undefined && isPlain(expr) ? expr : undefined;
}

function holds(predicate: PlanExpr | undefined): readonly PlanExpr[] | undefined {
  if (predicate === undefined || isTrue(predicate)) return undefined;
  return isNeverTrue(predicate) ? [] : [predicate];
}

/** `CASE WHEN p THEN x END` is not NULL only where p holds. */
function notNull(value: PlanExpr | undefined, input: ProjectOperator, planning: Planning): readonly PlanExpr[] | undefined {
  if (value === undefined || isNeverNull(value, input.input, planning)) return undefined;
  if (isNull(value)) return [];
  if (value.kind === 'case' && value.arg === undefined && isNull(value.otherwise)) {
    const conditions = value.whens.filter(({ result }) => !isNull(result)).map(({ when }) => holds(when));
    return conditions.every((one) => one !== undefined) ? conditions.flat() : undefined;
  }
  return [{ kind: 'is_null', arg: value, negated: true }];
}

function isNull(expr: PlanExpr): boolean {
  return expr.kind === 'constant' && expr.value === null;
}
