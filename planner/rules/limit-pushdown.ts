import { mapInputs } from '../logical-plan.js';
import type { LimitOperator, Operator } from '../physical-plan.js';

/**
 * Moves LIMIT below projections, merges neighbouring ones, and bounds each input of a UNION ALL, the side of an outer join that
 * loses no row, both sides of a product; never past a filter.
 */
export function pushLimits(op: Operator): Operator {
  if (op.kind !== 'limit') return mapInputs(op, pushLimits);
  const { input } = op;
  switch (input.kind) {
    case 'project':
      return { ...input, input: pushLimits({ ...op, input: input.input }) };
    case 'limit':
      return pushLimits(both(op, input));
    case 'union_all': {
      if (op.limit === undefined) return mapInputs(op, pushLimits);
      const limit = op.limit + (op.offset ?? 0);
      return { ...op, input: { ...input, inputs: input.inputs.map((each) => pushLimits({ kind: 'limit', input: each, limit })) } };
    }
    case 'join': {
      if (op.limit === undefined || input.lateral === true) return mapInputs(op, pushLimits);
      const limit = op.limit + (op.offset ?? 0);
      const first = (side: Operator): Operator => pushLimits({ kind: 'limit', input: side, limit });
      // each row of an outer join's own side gives at least one; of a product, each row of a side gives as many
      const left = input.type === 'left' || input.type === 'cross' ? first(input.left) : pushLimits(input.left);
      const right = input.type === 'right' || input.type === 'cross' ? first(input.right) : pushLimits(input.right);
      return { ...op, input: { ...input, left, right } };
    }
    default:
      return mapInputs(op, pushLimits);
  }
}

/** LIMIT over LIMIT: offsets add up; the inner one's limit is what is left of it after the outer offset. */
function both(outer: LimitOperator, inner: LimitOperator): LimitOperator {
  const offset = (outer.offset ?? 0) + (inner.offset ?? 0);
  const left = inner.limit === undefined ? Number.POSITIVE_INFINITY : Math.max(0, inner.limit - (outer.offset ?? 0));
  const limit = Math.min(outer.limit ?? Number.POSITIVE_INFINITY, left);
  return { kind: 'limit', input: inner.input, ...(Number.isFinite(limit) ? { limit } : {}), ...(offset === 0 ? {} : { offset }) };
}
