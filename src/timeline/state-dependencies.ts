import { childrenOf } from '../../planner/expression.js';
import type { StateExpr, StateLeaf, TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';

/** The expression of a signal. */
export function signalAt(spec: TimelineSpec, index: number): StateExpr {
  const signal = spec.signals[index];
  if (signal === undefined) throw internal(`timeline: no signal ${index}`);
  return signal.expr;
}

/** Leaves that an expression reads, itself and through signals and stateful operators. */
export function leavesIn(expr: StateExpr, spec: TimelineSpec): ReadonlySet<number> {
  const leaves = new Set<number>();
  const signals = new Set<number>();
  const visit = (part: StateExpr): void => {
    if (part.kind === 'leaf') leaves.add(part.index);
    if (part.kind === 'signal') {
      if (signals.has(part.index)) return;
      signals.add(part.index);
    }
    for (const child of parts(part, spec)) visit(child);
  };
  visit(expr);
  return leaves;
}

/** Does the state of some stateful operator depend on a duration that counts from `since`? */
export function countsInside(spec: TimelineSpec): boolean {
  const seen = new Set<string>();
  const visit = (expr: StateExpr, inside: boolean): boolean => {
    if (expr.kind === 'signal') {
      const visited = `${expr.index} ${inside}`;
      if (seen.has(visited)) return false;
      seen.add(visited);
    }
    if (inside && expr.kind === 'state_op' && expr.op === 'duration_where') return true;
    return parts(expr, spec).some((part) => visit(part, inside || expr.kind === 'state_op'));
  };
  return spec.signals.some((signal) => visit(signal.expr, false));
}

/** How many stateful operators, each over the state of the next, are in an expression and the signals that it reads. */
export function nestingDepth(expr: StateExpr, spec: TimelineSpec): number {
  const bySignal = new Map<number, number>();
  const visit = (part: StateExpr): number => {
    if (part.kind === 'signal') {
      const depth = bySignal.get(part.index) ?? visit(signalAt(spec, part.index));
      bySignal.set(part.index, depth);
      return depth;
    }
    const inner = parts(part, spec).reduce((most, child) => Math.max(most, visit(child)), 0);
    return part.kind === 'state_op' ? inner + 1 : inner;
  };
  return visit(expr);
}

function parts(expr: StateExpr, spec: TimelineSpec): readonly StateExpr[] {
  if (expr.kind === 'signal') return [signalAt(spec, expr.index)];
  return expr.kind === 'state_op' ? [expr.arg] : childrenOf<StateLeaf>(expr);
}
