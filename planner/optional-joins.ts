import { mapSubplans, operatorsIn, rewrite } from './logical-plan.js';
import type { Operator, TimelineOperator } from './physical-plan.js';

/** What an optional join's right side reads must be so many times less than what its left side reads. */
const FEWER = 20;

/**
 * The plan with each optional join either plain or gone: it stays if the rows of the splits on its right side, which are read to find keys,
 * are few beside those on its left side; undefined: they were not asked for.
 */
export function settleOptionalJoins(plan: Operator, rows: (scan: string) => number | undefined): Operator {
  const read = (op: Operator): number =>
    [...operatorsIn(op)].reduce((sum, one) => sum + (one.kind === 'scan' ? (rows(one.scan) ?? Number.POSITIVE_INFINITY) : 0), 0);
  return rewrite(plan, (op) => {
    if (op.kind === 'join' && op.optional === true) {
      const { optional: _optional, ...join } = op;
      return read(op.right) * FEWER <= read(op.left) ? join : op.left;
    }
    if (op.kind === 'timeline') return withoutKeys(op);
    return mapSubplans(op, (inner) => settleOptionalJoins(inner, rows));
  });
}

/** Scans on the right sides of optional joins, and those on the left side of each: they need to be asked for splits only if these are worth it. */
export function optionalScans(plans: readonly Operator[]): ReadonlyMap<string, readonly string[]> {
  const scansIn = (op: Operator): string[] => [...operatorsIn(op)].flatMap((one) => (one.kind === 'scan' ? [one.scan] : []));
  const found = new Map<string, readonly string[]>();
  for (const op of plans.flatMap((plan) => [...operatorsIn(plan)])) {
    if (op.kind === 'join' && op.optional === true) for (const scan of scansIn(op.right)) found.set(scan, scansIn(op.left));
  }
  return found;
}

/** The plan as it is if none of them pays. */
export function withoutOptionalJoins(plan: Operator): Operator {
  return rewrite(plan, (op) => (op.kind === 'join' && op.optional === true ? op.left : mapSubplans(op, withoutOptionalJoins)));
}

/** EXPLAIN must not speak of a join that is gone. */
function withoutKeys(op: TimelineOperator): TimelineOperator {
  if (op.reading?.keys === undefined || [...operatorsIn(op.input)].some((one) => one.kind === 'join')) return op;
  const { keys: _keys, ...reading } = op.reading;
  return { ...op, reading };
}
