import { childrenOf, mapLeaves } from './expression.js';
import type { TimelineOperator } from './physical-plan.js';
import type { StateExpr, StateLeaf, TimelineLeaf, TimelineSpec } from './timeline-spec.js';

/** Number of columns before the signals: keys, buckets and times. */
export function columnsBeforeSignals(spec: TimelineSpec): number {
  return spec.keys.length + (spec.emit === 'points' ? 1 : spec.every === undefined ? 5 : 7);
}

/** Which column that the operator would have without a digest each of its fields is; undefined: a sum. */
export function spanColumns(op: TimelineOperator): readonly (number | undefined)[] {
  return op.digest === undefined ? op.fields.map((_, n) => n) : op.fields.map((_, n) => op.digest?.columns[n]);
}

/** Input columns that a leaf reads. */
function leafColumns(leaf: TimelineLeaf): readonly number[] {
  return [...('value' in leaf ? [leaf.value] : []), ...('when' in leaf && leaf.when !== undefined ? [leaf.when] : [])];
}

/** Input columns that the operator reads. */
export function timelineColumns(spec: TimelineSpec): ReadonlySet<number> {
  return new Set([
    ...spec.keys,
    spec.ts,
    ...spec.orderBy,
    ...spec.dedupe,
    ...(spec.ends === undefined ? [] : [spec.ends]),
    ...(spec.probe === undefined ? [] : [spec.probe]),
    ...spec.leaves.flatMap(leafColumns),
  ]);
}

/** The leaves of a state expression, those inside of stateful operators too. */
export function* stateLeaves(expr: StateExpr): Generator<StateLeaf> {
  switch (expr.kind) {
    case 'leaf':
    case 'key':
    case 'signal':
    case 'case_arg':
      yield expr;
      return;
    case 'state_op':
      yield expr;
      yield* stateLeaves(expr.arg);
      return;
    default:
      for (const child of childrenOf<StateLeaf>(expr)) yield* stateLeaves(child);
  }
}

/** The signals of `indexes` and those that they are made of, ascending. */
export function signalClosure(spec: TimelineSpec, indexes: Iterable<number>): readonly number[] {
  const kept = new Set(indexes);
  // a set that grows while it is gone through
  for (const index of kept) {
    const signal = spec.signals[index];
    if (signal === undefined) continue;
    for (const leaf of stateLeaves(signal.expr)) if (leaf.kind === 'signal') kept.add(leaf.index);
  }
  return [...kept].sort((a, b) => a - b);
}

/** The call with these signals only (closed under what they are made of), and the leaves that they need. */
export function withSignals(spec: TimelineSpec, indexes: readonly number[]): TimelineSpec {
  const kept = indexes.flatMap((index) => spec.signals[index] ?? []);
  const used = new Set<number>();
  for (const signal of kept) for (const leaf of stateLeaves(signal.expr)) if (leaf.kind === 'leaf') used.add(leaf.index);
  const leaves = [...used].sort((a, b) => a - b);
  const moved = (expr: StateExpr): StateExpr =>
    mapLeaves<StateLeaf, StateLeaf>(expr, (leaf) => {
      switch (leaf.kind) {
        case 'leaf':
          return { ...leaf, index: leaves.indexOf(leaf.index) };
        case 'signal':
          return { ...leaf, index: indexes.indexOf(leaf.index) };
        case 'state_op':
          return { ...leaf, arg: moved(leaf.arg) };
        default:
          return leaf;
      }
    });
  return {
    ...spec,
    leaves: leaves.flatMap((index) => spec.leaves[index] ?? []),
    signals: kept.map((signal) => ({ ...signal, expr: moved(signal.expr) })),
  };
}
