import { childrenOf, isVolatile } from '../../planner/expression.js';
import type { StateExpr, StateLeaf } from '../../planner/timeline-spec.js';
import type { Value } from '../../sql/value.js';
import { LeafKind, type LeafState } from './leaf-state.js';
import type { Evaluate } from './scalar.js';
import type { CodeSlots } from './value-store.js';

/**
 * An expression that reads one leaf with few values, and nothing else, is computed once a value: `lower(latest(state)) = 'x'`.
 * Undefined for other expressions, and for a leaf or a constant alone.
 */
export function memoised(expr: StateExpr, leafAt: (index: number) => LeafState, compile: () => Evaluate): Evaluate | undefined {
  if (childrenOf<StateLeaf>(expr).length === 0 || isVolatile<StateLeaf>(expr)) return undefined;
  const read = new Set<number>();
  if (!readsLeavesOnly(expr, read, false) || read.size !== 1) return undefined;
  const leaf = leafAt([...read][0] as number);
  if (leaf.kind !== LeafKind.code || leaf.expires) return undefined;
  const { codes } = leaf.codes as CodeSlots;
  const evaluate = compile();
  const memo: (Value | null | undefined)[] = [];
  return (slot) => {
    const code = codes.data[slot] as number;
    if (code < 0) return evaluate(slot);
    const known = memo[code];
    if (known !== undefined) return known;
    const value = evaluate(slot);
    for (let n = memo.length; n < code; n++) memo.push(undefined);
    memo[code] = value;
    return value;
  };
}

/** No keys, signals, nodes; and the argument of a CASE only inside of that CASE. */
function readsLeavesOnly(expr: StateExpr, read: Set<number>, inCase: boolean): boolean {
  switch (expr.kind) {
    case 'leaf':
      read.add(expr.index);
      return true;
    case 'case_arg':
      return inCase;
    case 'key':
    case 'signal':
    case 'state_op':
      return false;
    case 'case': {
      if (expr.arg !== undefined && !readsLeavesOnly(expr.arg, read, inCase)) return false;
      const inner = inCase || expr.arg !== undefined;
      return (
        expr.whens.every(({ when, result }) => readsLeavesOnly(when, read, inner) && readsLeavesOnly(result, read, inCase)) &&
        readsLeavesOnly(expr.otherwise, read, inCase)
      );
    }
    default:
      return childrenOf<StateLeaf>(expr).every((child) => readsLeavesOnly(child, read, inCase));
  }
}
