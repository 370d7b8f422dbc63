import { unsupported } from '../sql/errors.js';
import type { Call } from '../sql/expression.js';
import { typeOf } from '../sql/expression-type.js';
import { Oid, type Type, typeName } from '../sql/types.js';
import type { PlanExpr, PlanLeaf } from './physical-plan.js';

/** pg_cast's implicit casts by function, between the types that columns of a UNION can have: source -> targets. */
const IMPLICIT: ReadonlyMap<number, readonly number[]> = new Map([
  [Oid.int2, [Oid.int4, Oid.int8, Oid.numeric, Oid.float4, Oid.float8]],
  [Oid.int4, [Oid.int8, Oid.numeric, Oid.float4, Oid.float8]],
  [Oid.int8, [Oid.numeric, Oid.float4, Oid.float8]],
  [Oid.numeric, [Oid.float4, Oid.float8]],
  [Oid.float4, [Oid.float8]],
  [Oid.date, [Oid.timestamp, Oid.timestamptz]],
  [Oid.timestamp, [Oid.timestamptz]],
  [Oid.bpchar, [Oid.text, Oid.varchar]],
  [Oid.name, [Oid.text]],
]);

/** Casts that depend on the session's time zone. */
const STABLE = new Set(['timestamptz(date)', 'timestamptz(timestamp)']);

/** The implicit cast of an expression to another type, as PostgreSQL's planner adds for set operations. */
export function coerce(expr: PlanExpr, to: Type): PlanExpr {
  const from = typeOf<PlanLeaf>(expr);
  if (from.oid === to.oid) return from.typmod === to.typmod ? expr : { kind: 'cast', via: 'relabel', arg: expr, type: to };
  if (from.oid === Oid.varchar && to.oid === Oid.text) return { kind: 'cast', via: 'relabel', arg: expr, type: to };
  if (from.oid === Oid.text && to.oid === Oid.varchar) return { kind: 'cast', via: 'relabel', arg: expr, type: to };
  if (!IMPLICIT.get(from.oid)?.includes(to.oid)) throw unsupported(`a UNION of ${typeName(from)} with ${typeName(to)}`);
  // bpchar -> varchar goes by text(bpchar), as in pg_cast.
  const fn = `${typeName(to.oid === Oid.varchar ? Oid.text : to)}(${typeName(from)})`;
  const call: Call<PlanLeaf> = {
    kind: 'call',
    fn,
    args: [expr],
    type: to,
    volatility: STABLE.has(fn) ? 'stable' : 'immutable',
    isCast: true,
  };
  return call;
}
