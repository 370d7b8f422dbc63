import { mapLeaves } from './expression.js';
import type { PlanExpr, PlanLeaf, TimelineOperator } from './physical-plan.js';
import { ANYTHING, just, type Leaves, mayBeTrue, NULL_ONLY, type Possible, possibleValues } from './possible-values.js';
import { columnsBeforeSignals, spanColumns } from './timeline-parts.js';
import type { StateExpr, StateLeaf, TimelineLeaf, TimelineSpec } from './timeline-spec.js';

/**
 * A key is *untouched* at an instant if all leaves have their initial values: NULL for latest, FALSE for has_existed, 0 for counts. It is so
 * before the first event that touches a leaf, and if leaves forget (ttl, within) also when they have forgotten. A filter that no
 * untouched instant passes makes invisible when the key's timeline begins, and whether it exists at all.
 */

/** A predicate over the operator's rows as one over its states; undefined: it reads times of spans. */
export function stateOf(predicate: PlanExpr, timeline: TimelineOperator): StateExpr | undefined {
  const { spec } = timeline;
  const columns = spanColumns(timeline);
  const first = columnsBeforeSignals(spec);
  let readable = true;
  const state = mapLeaves<PlanLeaf, StateLeaf>(predicate, (leaf) => {
    const column = leaf.kind === 'column' ? columns[timeline.fields.findIndex((field) => field.id === leaf.id)] : undefined;
    if (column !== undefined && column < spec.keys.length) return { kind: 'key', index: column, type: leaf.type };
    if (column !== undefined && column >= first) return { kind: 'signal', index: column - first, type: leaf.type };
    readable = false;
    return { kind: 'constant', type: leaf.type, value: null };
  });
  return readable ? state : undefined;
}

/** An expression over no signals: each replaced by what it is made of; undefined: that would be too large. */
export function withoutSignals(expr: StateExpr, spec: TimelineSpec): StateExpr | undefined {
  let left = MOST_NODES;
  const expanded = (one: StateExpr): StateExpr =>
    mapLeaves<StateLeaf, StateLeaf>(one, (leaf) => {
      left -= 1;
      if (left < 0) return leaf;
      if (leaf.kind === 'state_op') return { ...leaf, arg: expanded(leaf.arg) };
      const signal = leaf.kind === 'signal' ? spec.signals[leaf.index] : undefined;
      return signal === undefined ? leaf : expanded(signal.expr);
    });
  const whole = expanded(expr);
  return left < 0 ? undefined : whole;
}

/** Signals of signals may unfold to very much. */
const MOST_NODES = 1000;

/** What leaves are before any event touches them. */
export function initialValue(leaf: TimelineLeaf): Possible {
  switch (leaf.op) {
    case 'latest':
    case 'latest_when':
    case 'last_event_time':
      return NULL_ONLY;
    case 'has_existed':
    case 'has_existed_within':
      return just(false);
    case 'count_so_far':
      return just(0n);
    case 'sum_so_far':
      return ANYTHING;
  }
}

/** Of an untouched key. Stateful operators over states that have never been TRUE yet are FALSE. */
export function untouchedLeaves(spec: TimelineSpec): Leaves {
  const leaves: Leaves = (leaf) => {
    switch (leaf.kind) {
      case 'leaf': {
        const found = spec.leaves[leaf.index];
        return found === undefined ? ANYTHING : initialValue(found);
      }
      case 'key':
        return { null: false, values: 'any' };
      case 'signal': {
        const signal = spec.signals[leaf.index];
        const expr = signal === undefined ? undefined : withoutSignals(signal.expr, spec);
        return expr === undefined ? ANYTHING : possibleValues(expr, leaves);
      }
      case 'state_op':
        if (leaf.op !== 'has_existed' && leaf.op !== 'has_existed_within') return { null: false, values: 'any' };
        return mayBeTrue(possibleValues(leaf.arg, leaves)) ? ANYTHING : just(false);
    }
  };
  return leaves;
}

/** Does one of the filters drop every row of an untouched key? */
export function dropsUntouched(filters: readonly PlanExpr[], timeline: TimelineOperator): boolean {
  const leaves = untouchedLeaves(timeline.spec);
  return filters.some((filter) => {
    const state = stateOf(filter, timeline);
    return state !== undefined && !mayBeTrue(possibleValues(state, leaves));
  });
}
