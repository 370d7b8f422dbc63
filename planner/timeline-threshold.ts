import { intervalSpan } from '../sql/functions/state-functions.js';
import { parseValue } from '../sql/value-text.js';
import type { StateExpr } from './timeline-spec.js';

export interface Threshold {
  readonly numerical: StateExpr;
  /** Microseconds; null: the constant is NULL. */
  readonly target: number | null;
  /** `numerical < target` rather than `>=`. */
  readonly below: boolean;
}

/** A comparison with a constant interval that is right-continuous in time: `n >= c`, `n < c`, or mirrored. */
export function thresholdOf(expr: StateExpr): Threshold | undefined {
  if (expr.kind !== 'call') return undefined;
  const [a, b] = expr.args;
  if (a === undefined || b === undefined) return undefined;
  if (b.kind === 'constant' && (expr.fn === 'interval_ge(interval,interval)' || expr.fn === 'interval_lt(interval,interval)')) {
    return { numerical: a, target: targetOf(b), below: expr.fn.startsWith('interval_lt') };
  }
  if (a.kind === 'constant' && (expr.fn === 'interval_le(interval,interval)' || expr.fn === 'interval_gt(interval,interval)')) {
    return { numerical: b, target: targetOf(a), below: expr.fn.startsWith('interval_gt') };
  }
  return undefined;
}

function targetOf(side: StateExpr): number | null {
  return side.kind !== 'constant' || side.value === null ? null : Number(intervalSpan(parseValue(side.type, side.value)));
}
