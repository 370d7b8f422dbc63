import { rewrite } from '../logical-plan.js';
import type { Operator } from '../physical-plan.js';

/** ORDER BY … LIMIT as one operator, which keeps N rows and not all. */
export function topN(plan: Operator): Operator {
  return rewrite(plan, (op) => {
    if (op.kind !== 'limit' || op.input.kind !== 'sort' || op.input.limit !== undefined || op.input.offset !== undefined) return op;
    return {
      ...op.input,
      ...(op.limit === undefined ? {} : { limit: op.limit }),
      ...(op.offset === undefined ? {} : { offset: op.offset }),
    };
  });
}
