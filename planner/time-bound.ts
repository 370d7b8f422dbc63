import type { Call, Constant, Expr } from '../sql/expression.js';
import { Oid, type } from '../sql/types.js';
import { instantText } from './instant.js';

const FUNCTIONS = { '<': 'timestamptz_lt', '<=': 'timestamptz_le', '>=': 'timestamptz_ge' } as const;

/** `time < instant` and its like, of a timestamptz and microseconds since 1970. */
export function timeBound<L extends { readonly kind: string }>(
  time: Expr<L>,
  operator: keyof typeof FUNCTIONS,
  instant: bigint | string,
): Call<L> {
  const constant: Constant = { kind: 'constant', type: type(Oid.timestamptz), value: instantText(instant.toString()) };
  return {
    kind: 'call',
    fn: `${FUNCTIONS[operator]}(timestamptz,timestamptz)`,
    operator,
    args: [time, constant],
    type: type(Oid.bool),
    volatility: 'immutable',
  };
}
