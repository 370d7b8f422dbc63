import type { Constant } from '../sql/expression.js';
import type { QueryExpr } from '../sql/query.js';
import { Oid, type Type, typeName } from '../sql/types.js';

/** Functions and keywords whose value is the statement's start, and the type it is taken to; those with a precision round to it. */
const CLOCKS: ReadonlyMap<string, { readonly oid: number; readonly rounds: boolean }> = new Map([
  ['now()', { oid: Oid.timestamptz, rounds: false }],
  ['transaction_timestamp()', { oid: Oid.timestamptz, rounds: false }],
  ['statement_timestamp()', { oid: Oid.timestamptz, rounds: false }],
  ['current_timestamp()', { oid: Oid.timestamptz, rounds: true }],
  ['localtimestamp()', { oid: Oid.timestamp, rounds: true }],
  ['current_time()', { oid: Oid.timetz, rounds: true }],
  ['localtime()', { oid: Oid.time, rounds: true }],
  ['current_date()', { oid: Oid.date, rounds: false }],
]);

/** `current_date` and its like as an expression over the statement's own start; undefined for every other call. */
export function statementTime(call: QueryExpr & { readonly kind: 'call' }, now: Constant): QueryExpr | undefined {
  const clock = CLOCKS.get(call.fn);
  if (clock === undefined) return undefined;
  const to: Type = { oid: clock.oid, typmod: -1 };
  const value: QueryExpr =
    clock.oid === Oid.timestamptz
      ? now
      : { kind: 'call', fn: `${typeName(to)}(timestamptz)`, args: [now], type: to, volatility: 'stable', isCast: true };
  if (!clock.rounds || call.type.typmod < 0) return value;
  const precision: Constant = { kind: 'constant', type: { oid: Oid.int4, typmod: -1 }, value: String(call.type.typmod) };
  return {
    kind: 'call',
    fn: `${typeName(to)}(${typeName(to)},int4)`,
    args: [value, precision],
    type: call.type,
    volatility: 'immutable',
    isCast: true,
  };
}

const MIXED = /^(date|timestamp|timestamptz)_(eq|ne|lt|le|gt|ge)_(date|timestamp|timestamptz)\(/;
const RANK = ['date', 'timestamp', 'timestamptz'];
const OIDS: Readonly<Record<string, number>> = { date: Oid.date, timestamp: Oid.timestamp, timestamptz: Oid.timestamptz };

/**
 * `ts >= date '2025-03-01'` as `ts >= timestamptz '2025-03-01 00:00 in the session's zone'`, where the side of the lesser type
 * is constant: what PostgreSQL's mixed comparison does for each row is done once, and connectors see a constant of the
 * column's own type.
 */
export function unmixedComparison(call: QueryExpr & { readonly kind: 'call' }, isConstant: (expr: QueryExpr) => boolean): QueryExpr {
  const [, left, op, right] = MIXED.exec(call.fn) ?? [];
  const [a, b] = call.args;
  if (left === undefined || right === undefined || a === undefined || b === undefined) return call;
  const [lesser, greater] = RANK.indexOf(left) < RANK.indexOf(right) ? [left, right] : [right, left];
  const raised = (expr: QueryExpr): QueryExpr => ({
    kind: 'call',
    fn: `${greater}(${lesser})`,
    args: [expr],
    type: { oid: OIDS[greater] ?? 0, typmod: -1 },
    volatility: greater === 'timestamptz' ? 'stable' : 'immutable',
    isCast: true,
  });
  const args = left === lesser ? [a, b] : [b, a];
  const [small] = args;
  if (small === undefined || !isConstant(small)) return call;
  return {
    ...call,
    fn: `${greater}_${op}(${greater},${greater})`,
    args: left === lesser ? [raised(a), b] : [a, raised(b)],
  };
}
