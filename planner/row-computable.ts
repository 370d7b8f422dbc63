import { typeOf } from '../sql/expression-type.js';
import { comparator, stateFunction } from '../sql/functions/state-functions.js';
import { Oid, TYPE_NAME, type Type } from '../sql/types.js';
import { childrenOf } from './expression.js';
import type { PlanExpr, PlanLeaf } from './physical-plan.js';
import { isNativeState } from './state-functions.js';
import type { StateExpr } from './timeline-spec.js';

/** Types whose values have one text whatever the session's settings are. */
const WITH_TEXT: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.float4,
  Oid.float8,
  Oid.numeric,
  Oid.uuid,
  Oid.date,
  Oid.timestamp,
]);

/** Zones whose clocks are UTC's: a timestamp in them has the number of its instant. */
const UTC_NAMES: ReadonlySet<string> = new Set(['utc', 'etc/utc', 'zulu', 'etc/zulu']);

/**
 * Can the kernel compute it over typed columns, row by row, without DuckDB? Planner and kernel ask the same: an expression that passes
 * here must compile there (src/kernel/timeline/row-program.ts).
 */
export function isComputableRow(expr: PlanExpr): boolean {
  return isComputableNode(expr) && childrenOf<PlanLeaf>(expr).every(isComputableRow);
}

function isComputableNode(expr: PlanExpr): boolean {
  if (utcInstant(expr) !== undefined) return true;
  // only the node's own kind and types are looked at
  if (!isNativeState(expr as unknown as StateExpr)) return false;
  switch (expr.kind) {
    case 'column':
    case 'and':
    case 'or':
    case 'not':
    case 'is_null':
    case 'is_bool':
    case 'coalesce':
    case 'array':
      return true;
    case 'constant':
      return TYPE_NAME.has(expr.type.oid);
    case 'case':
      return expr.arg === undefined;
    case 'call':
      return isFunction(expr.fn, expr.args.length);
    case 'distinct':
    case 'nullif':
      return isFunction(expr.call.fn, expr.call.args.length);
    case 'any_all':
      return isFunction(expr.fn, 2);
    case 'minmax':
      return comparator(expr.type) !== undefined;
    case 'cast':
      return expr.via === 'relabel' || (expr.via === 'io' && isText(expr.type) && WITH_TEXT.has(typeOf<PlanLeaf>(expr.arg).oid));
    case 'subquery':
    case 'parameter':
    case 'template':
    case 'subscript':
      return false;
  }
}

function isFunction(fn: string, args: number): boolean {
  return (args === 1 || args === 2) && stateFunction(fn) !== undefined;
}

function isText({ oid, typmod }: Type): boolean {
  return (oid === Oid.text || oid === Oid.varchar) && typmod === -1;
}

/** The timestamp in `timezone('UTC', t)`, which is t's own number; undefined for any other expression. */
export function utcInstant(expr: PlanExpr): PlanExpr | undefined {
  if (expr.kind !== 'call' || expr.fn !== 'timezone(text,timestamp)') return undefined;
  const [zone, time] = expr.args;
  return zone?.kind === 'constant' && zone.value !== null && UTC_NAMES.has(zone.value.toLowerCase()) ? time : undefined;
}

/** Can it raise an error for some values? Then it must be computed for just the rows that need it. */
export function mayFail(expr: PlanExpr): boolean {
  if (expr.kind === 'cast' && expr.via !== 'relabel') return true;
  if (expr.kind === 'call' && !isComparison(expr.fn) && utcInstant(expr) === undefined) return true;
  return childrenOf<PlanLeaf>(expr).some(mayFail);
}

const COMPARISON = /(?:eq|ne|lt|le|gt|ge)\(/;

function isComparison(fn: string): boolean {
  return COMPARISON.test(fn);
}
