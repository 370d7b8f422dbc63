import { hasSubquery, substitute } from './columns.js';
import { conjuncts, isVolatile } from './expression.js';
import { mapInputs } from './logical-plan.js';
import type { Operator, PlanExpr, PlanLeaf, TimelineOperator } from './physical-plan.js';

/** A timeline operator under filters and projections, as one filter and one projection over its rows would be. */
export interface TimelineBelow {
  readonly timeline: TimelineOperator;
  /** Conjuncts over the operator's fields, all of which its rows pass. */
  readonly filters: readonly PlanExpr[];
  /** An expression over the top's columns, over the operator's fields. */
  readonly over: (expr: PlanExpr) => PlanExpr;
}

/** Undefined: there is something else in between, a subquery or a volatile function among it. */
export function timelineBelow(top: Operator): TimelineBelow | undefined {
  switch (top.kind) {
    case 'timeline':
      return { timeline: top, filters: [], over: (expr) => expr };
    case 'filter': {
      const below = isPlain(top.predicate) ? timelineBelow(top.input) : undefined;
      return below && { ...below, filters: [...below.filters, ...conjuncts<PlanLeaf>(top.predicate).map(below.over)] };
    }
    case 'project': {
      const below = top.items.every(({ expr }) => isPlain(expr)) ? timelineBelow(top.input) : undefined;
      if (below === undefined) return undefined;
      const by = new Map(top.items.map(({ field, expr }) => [field.id, below.over(expr)]));
      return { ...below, over: (expr) => substitute(expr, by) };
    }
    default:
      return undefined;
  }
}

export function isPlain(expr: PlanExpr): boolean {
  return !hasSubquery(expr) && !isVolatile<PlanLeaf>(expr);
}

/** The plan with each timeline operator replaced, given the conjuncts (over its fields) that all of its rows must pass. */
export function mapTimelines(
  op: Operator,
  map: (timeline: TimelineOperator, filters: readonly PlanExpr[]) => TimelineOperator | undefined,
): Operator {
  const below = timelineBelow(op);
  if (below === undefined) return mapInputs(op, (input) => mapTimelines(input, map));
  const mapped = map(below.timeline, below.filters) ?? below.timeline;
  const inside = mapInputs(mapped, (input) => mapTimelines(input, map));
  return replaced(op, below.timeline, inside);
}

function replaced(op: Operator, timeline: TimelineOperator, by: Operator): Operator {
  return op === timeline ? by : mapInputs(op, (input) => replaced(input, timeline, by));
}
