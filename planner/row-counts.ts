import { Oid, type } from '../sql/types.js';
import type { PlanExpr } from './physical-plan.js';

/** Expressions over counts and numbers of rows, which are int8. */
export const INT8 = type(Oid.int8);

export function rowNumber(value: number | bigint): PlanExpr {
  return { kind: 'constant', type: INT8, value: String(value) };
}

export function minus(left: PlanExpr, right: PlanExpr): PlanExpr {
  return { kind: 'call', fn: 'int8mi(int8,int8)', operator: '-', args: [left, right], type: INT8, volatility: 'immutable' };
}

const COMPARISONS = { '=': 'int8eq', '>': 'int8gt', '<=': 'int8le' } as const;

export function compare(left: PlanExpr, operator: keyof typeof COMPARISONS, right: PlanExpr): PlanExpr {
  return {
    kind: 'call',
    fn: `${COMPARISONS[operator]}(int8,int8)`,
    operator,
    args: [left, right],
    type: type(Oid.bool),
    volatility: 'immutable',
  };
}
