import { directInput } from '../direct-timeline.js';
import { exprText } from '../expression.js';
import type { Operator, PlanExpr, TimelineOperator } from '../physical-plan.js';
import { mayBeTrue, possibleValues } from '../possible-values.js';
import { selectivity } from '../statistics.js';
import { mapTimelines } from '../timeline-above.js';
import { stateLeaves } from '../timeline-parts.js';
import type { StateLeaf, TimelineSpec } from '../timeline-spec.js';
import { touches } from '../timeline-touches.js';
import { dropsUntouched, untouchedLeaves } from '../timeline-untouched.js';
import { pushFilters } from './filter-pushdown.js';
import type { RuleContext } from './rule.js';

/**
 * Events that touch no leaf are not read: the OR over leaves of "this event can touch it" goes below. An event that makes it FALSE or NULL
 * changes no leaf, so all that its absence could change is:
 *
 * - liveness: not without `idle` and `ends`.
 * - which of several duplicates is the first: not without `dedupe`. (With `ties => 'error'` it is no part of a conflict.)
 * - when the key's timeline begins, and with `fill` or without, whether it has one. Until the first event that touches a leaf the key is
 *   untouched, with those events and without. The filter above drops all rows of untouched keys, and no run of equal tuples that it
 *   lets pass reaches into that time.
 * - operators over states, which look back to the beginning. has_existed, has_existed_within and duration_where see it only if their
 *   state could be TRUE while the key is untouched. duration_in_state always may.
 * - leaves that every event touches (count_so_far(true), last_event_time()) are none that it leaves untouched.
 *
 * The horizon is read by itself, from all events. It pays if few events are left; what only DuckDB computes is not worth it where
 * the operator would otherwise read its events itself.
 */
export function keepRelevant(plan: Operator, { planning }: RuleContext): Operator {
  const mode = planning.timelineRules?.relevance ?? 'auto';
  if (mode === 'off') return plan;
  return mapTimelines(plan, (timeline, filters) => {
    const { spec, input } = timeline;
    if (input.kind !== 'project' || !isBlind(spec) || !dropsUntouched(filters, timeline)) return undefined;
    const disjuncts = new Map<string, PlanExpr>();
    for (const leaf of spec.leaves) {
      const found = touches(leaf, input, planning);
      if (found === undefined) return undefined;
      for (const one of found) disjuncts.set(exprText(one), one);
    }
    const args = [...disjuncts.values()];
    const [first] = args;
    if (first === undefined) return undefined;
    const predicate: PlanExpr = args.length === 1 ? first : { kind: 'or', args };
    if (mode === 'auto' && selectivity(predicate) > MOST_RELEVANT) return undefined;
    const relevant = pushFilters({ ...input, input: { kind: 'filter', input: input.input, predicate } });
    if (mode === 'auto' && directInput(input) !== undefined && directInput(relevant) === undefined) return undefined;
    const narrowed: TimelineOperator = { ...timeline, input: relevant, reading: { ...timeline.reading, relevant: true } };
    return narrowed;
  });
}

/** If more events than this are left (estimated), looking at each costs more than it saves. */
const MOST_RELEVANT = 0.5;

/** Can nothing of it see an event that touches no leaf, but by when the key's timeline begins? */
function isBlind(spec: TimelineSpec): boolean {
  if (spec.idle !== undefined || spec.ends !== undefined || spec.dedupe.length > 0 || spec.probe !== undefined) return false;
  const leaves = untouchedLeaves(spec);
  const blind = (leaf: StateLeaf): boolean =>
    leaf.kind !== 'state_op' || (leaf.op !== 'duration_in_state' && !mayBeTrue(possibleValues(leaf.arg, leaves)));
  return spec.signals.every((signal) => [...stateLeaves(signal.expr)].every(blind));
}
