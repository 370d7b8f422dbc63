import { Oid } from '../../sql/types.js';
import { fieldsOf, type Operator, type TimelineOperator } from '../physical-plan.js';
import { mapTimelines } from '../timeline-above.js';
import type { TimelineLeaf } from '../timeline-spec.js';
import type { RuleContext } from './rule.js';

/**
 * The tie-break is read only where it can matter: for which of several values of one instant is the latest, for which of several duplicates
 * is the first, and for in which order inexact numbers are added up. Predicates that hold at an instant, counts and exact sums
 * are the same in any order, as all events of an instant are applied before anything looks.
 */
export function dropTieOrder(plan: Operator, { planning }: RuleContext): Operator {
  if (planning.timelineRules?.columns === 'off') return plan;
  return mapTimelines(plan, (timeline) => {
    const { spec } = timeline;
    if (spec.orderBy.length === 0 || spec.ties === 'error' || spec.dedupe.length > 0) return undefined;
    if (spec.leaves.some((leaf) => dependsOnOrder(leaf, timeline))) return undefined;
    return { ...timeline, spec: { ...spec, orderBy: [] } };
  });
}

function dependsOnOrder(leaf: TimelineLeaf, { input }: TimelineOperator): boolean {
  switch (leaf.op) {
    case 'latest':
    case 'latest_when':
      return true;
    case 'sum_so_far': {
      // of bigints one order may overflow where another one does not
      const oid = fieldsOf(input).find(({ id }) => id === leaf.value)?.type.oid;
      return oid !== Oid.int2 && oid !== Oid.int4;
    }
    case 'has_existed':
    case 'has_existed_within':
    case 'count_so_far':
    case 'last_event_time':
      return false;
  }
}
