import { conjunction, mapLeaves } from './expression.js';
import type { PlanExpr, PlanLeaf, ProjectOperator } from './physical-plan.js';
import type { Planning } from './planning.js';
import { ANYTHING, type Leaves, mayBeTrue, possibleValues } from './possible-values.js';
import { selectivity } from './statistics.js';
import { stateLeaves } from './timeline-parts.js';
import type { StateExpr, StateLeaf, TimelineSpec } from './timeline-spec.js';
import { columnOf, touches } from './timeline-touches.js';
import { initialValue } from './timeline-untouched.js';

interface ImpliedContext {
  readonly spec: TimelineSpec;
  readonly input: ProjectOperator;
  readonly planning: Planning;
}

/**
 * If a state is TRUE at some instant, then the key has an event for which this predicate is TRUE; of several such predicates the one that
 * likely holds for fewest events. It reads what the operator's projection reads. `state` has no signals (withoutSignals).
 *
 *     has_existed(p), has_existed_within(p, d)       p
 *     latest(e) = 'fatal'                            e = 'fatal'       as the latest e was that of some event, or there was none, NULL
 *     latest_when(p, e) > 3                          p AND e > 3
 *     count_so_far(p) >= 2                           p                 as it is not TRUE for 0
 *     a AND b                                        that of a, or that of b
 *     a OR b                                         either
 */
export function impliedEvent(state: StateExpr, context: ImpliedContext): PlanExpr | undefined {
  switch (state.kind) {
    case 'and':
      return fewest(state.args.map((arg) => impliedEvent(arg, context)));
    case 'or': {
      const args = state.args.map((arg) => impliedEvent(arg, context));
      return args.every((arg) => arg !== undefined) ? either(args) : undefined;
    }
    case 'state_op':
      return state.op === 'has_existed' || state.op === 'has_existed_within' ? impliedEvent(state.arg, context) : undefined;
    default:
      return fewest([...new Set(leavesOf(state))].map((leaf) => impliedByLeaf(state, leaf, context)));
  }
}

function leavesOf(state: StateExpr): readonly number[] {
  return [...stateLeaves(state)].flatMap((leaf) => (leaf.kind === 'leaf' ? [leaf.index] : []));
}

/** With the leaf at its initial value the state is never TRUE, whatever all else is: so where it is, an event has touched the leaf. */
function impliedByLeaf(state: StateExpr, index: number, context: ImpliedContext): PlanExpr | undefined {
  const { spec, input, planning } = context;
  const leaf = spec.leaves[index];
  if (leaf === undefined) return undefined;
  const untouched: Leaves = (one) => (one.kind === 'leaf' && one.index === index ? initialValue(leaf) : ANYTHING);
  if (mayBeTrue(possibleValues(state, untouched))) return undefined;
  if (leaf.op === 'latest' || leaf.op === 'latest_when') {
    const value = columnOf(leaf.value, input);
    const same = value === undefined ? undefined : ofEvent(state, { index, value, context });
    if (same !== undefined) {
      const when = leaf.op === 'latest' ? undefined : columnOf(leaf.when, input);
      if (leaf.op === 'latest') return same;
      if (when !== undefined) return conjunction<PlanLeaf>([when, same]);
    }
  }
  const touching = touches(leaf, input, planning);
  return touching === undefined || touching.length === 0 ? undefined : either(touching);
}

/** The state with an event's value in place of its only leaf; undefined: it has others. NULL is what an expired leaf has, too. */
function ofEvent(
  state: StateExpr,
  { index, value, context }: { readonly index: number; readonly value: PlanExpr; readonly context: ImpliedContext },
): PlanExpr | undefined {
  const { spec, input } = context;
  let alone = true;
  const row = mapLeaves<StateLeaf, PlanLeaf>(state, (leaf) => {
    const expr =
      leaf.kind === 'leaf' && leaf.index === index ? value : leaf.kind === 'key' ? columnOf(spec.keys[leaf.index] ?? -1, input) : undefined;
    alone &&= expr !== undefined;
    return expr ?? { kind: 'constant', type: leaf.type, value: null };
  });
  return alone ? row : undefined;
}

function either(args: readonly PlanExpr[]): PlanExpr | undefined {
  return args.length < 2 ? args[0] : { kind: 'or', args };
}

function fewest(candidates: readonly (PlanExpr | undefined)[]): PlanExpr | undefined {
  let best: PlanExpr | undefined;
  for (const one of candidates) if (one !== undefined && (best === undefined || selectivity(one) < selectivity(best))) best = one;
  return best;
}
