import { duckdbType } from '../duckdb-type.js';
import type { Expr } from '../expression.js';
import { typeOf } from '../expression-type.js';
import { ELEMENT_OF, Oid, type as plainType, type Type } from '../types.js';
import { parseArrayText } from '../value-array.js';
import { ALLOW_LIST } from './allow-list.js';
import { type FunctionEntry, type PrintedArgument, raise } from './entry.js';
import { inputTemplate, outputTemplate } from './io-casts.js';

/** Types whose values DuckDB orders as PostgreSQL does, by the value or by the kernel's key for it. */
const ORDERED: ReadonlySet<number> = new Set([
  Oid.bool,
  Oid.int2,
  Oid.int4,
  Oid.int8,
  Oid.oid,
  Oid.float4,
  Oid.float8,
  Oid.numeric,
  Oid.text,
  Oid.varchar,
  Oid.bpchar,
  Oid.name,
  Oid.unknown,
  Oid.bytea,
  Oid.date,
  Oid.time,
  Oid.timestamp,
  Oid.timestamptz,
  Oid.interval,
  Oid.uuid,
]);

/** Types without an order of ours whose values are equal just when their texts are. */
const EQUAL_BY_TEXT: ReadonlySet<number> = new Set([
  Oid.timetz,
  Oid.char,
  28, // xid
  29, // cid
  650, // cidr
  774, // macaddr8
  790, // money
  829, // macaddr
  869, // inet
  1560, // bit
  1562, // varbit
  3220, // pg_lsn
  3614, // tsvector
  3904, // int4range
  3908, // tsrange
  3910, // tstzrange
  3912, // daterange
  3926, // int8range
  4451, // int4multirange
  4533, // tsmultirange
  4534, // tstzmultirange
  4535, // datemultirange
  4536, // int8multirange
  5069, // xid8
]);

export function isOrdered(oid: number): boolean {
  const element = ELEMENT_OF.get(oid);
  return ORDERED.has(element ?? oid);
}

export function isEqualByText(oid: number): boolean {
  return EQUAL_BY_TEXT.has(oid);
}

/** What every kind of leaf has in common. */
interface Leaf {
  readonly kind: 'column' | 'subquery';
  readonly type: Type;
}

type AnyExpr = Expr<Leaf>;

/** tstzrange, tstzmultirange and their arrays. */
const ZONED: ReadonlySet<number> = new Set([3910, 3911, 4534, 6153]);

/** Functions that no SQL can name: planner/row-choice.ts calls them where LIMIT and OFFSET are computed by the run. */
const ROW_COUNTS: ReadonlyMap<string, FunctionEntry> = new Map([
  ['timeline.limit_count(int8)', `CASE WHEN $1 < 0 THEN ${raise('2201W', 'LIMIT must not be negative')} ELSE $1 END`],
  ['timeline.offset_count(int8)', `CASE WHEN $1 < 0 THEN ${raise('2201X', 'OFFSET must not be negative')} ELSE $1 END`],
]);

/** DuckDB SQL with `$n` for a call of the allow-list; undefined: not listed, or not for these arguments. */
export function nativeTemplate(fn: string, args: readonly PrintedArgument[]): string | undefined {
  const entry = ALLOW_LIST.get(fn) ?? ROW_COUNTS.get(fn);
  return typeof entry === 'function' ? entry(args) : entry;
}

/** Does the kernel compute this node in DuckDB, whatever computes its children? What it does not, PostgreSQL computes for it. */
export function isNative(expr: AnyExpr): boolean {
  switch (expr.kind) {
    case 'call':
      return nativeTemplate(expr.fn, expr.args.map(described)) !== undefined;
    case 'nullif':
      return nativeTemplate(expr.call.fn, expr.call.args.map(described)) !== undefined;
    case 'distinct': {
      const [left, right] = expr.call.args;
      return left !== undefined && right !== undefined && ALLOW_LIST.has(expr.call.fn) && comparable(left) && comparable(right);
    }
    case 'minmax':
      return ORDERED.has(expr.type.oid);
    case 'any_all':
      return nativeAnyAll(expr);
    case 'array': {
      const element = ELEMENT_OF.get(expr.type.oid);
      return element !== undefined && expr.elements.every((item) => !ELEMENT_OF.has(typeOf<Leaf>(item).oid));
    }
    case 'subscript':
      return ELEMENT_OF.has(typeOf<Leaf>(expr.arg).oid);
    case 'cast': {
      const from = typeOf<Leaf>(expr.arg).oid;
      if (expr.via === 'relabel') return duckdbType(plainType(from)) === duckdbType(plainType(expr.type.oid));
      return outputTemplate(from) !== undefined && inputTemplate(expr.type.oid) !== undefined;
    }
    case 'constant':
      // Constants are kept in UTC, which the text of these would show.
      return !ZONED.has(expr.type.oid);
    case 'template':
      return false;
    default:
      return true;
  }
}

function nativeAnyAll(expr: Extract<AnyExpr, { kind: 'any_all' }>): boolean {
  const element = ELEMENT_OF.get(typeOf<Leaf>(expr.array).oid);
  if (element === undefined || !ALLOW_LIST.has(expr.fn)) return false;
  const elements = listElements(expr.array);
  if (elements === undefined) return false;
  const [arg, other] = [described(expr.arg), { sql: '', constant: undefined, oid: element }];
  return elements.every((item) => {
    const constant = item.kind === 'constant' ? (item as { readonly value: string | null }).value : undefined;
    return nativeTemplate(expr.fn, [arg, { ...other, constant }]) !== undefined;
  });
}

/** The elements of ARRAY[…] or of a constant array (none: a NULL array); undefined: an array that only the row knows. */
export function listElements(array: AnyExpr): readonly AnyExpr[] | undefined {
  if (array.kind === 'array') return array.elements;
  if (array.kind === 'cast') return array.via === 'relabel' ? listElements(array.arg) : undefined;
  if (array.kind !== 'constant') return undefined;
  const { value, type } = array;
  if (value === null) return [];
  if (/^\s*(\[|\{\s*\{)/.test(value)) return undefined;
  const element: Type = { oid: ELEMENT_OF.get(type.oid) ?? Oid.text, typmod: -1 };
  return parseArrayText(value).map((item): AnyExpr => ({ kind: 'constant', type: element, value: item }));
}

function comparable(expr: AnyExpr): boolean {
  const { oid } = typeOf<Leaf>(expr);
  return ORDERED.has(oid) || oid === Oid.jsonb;
}

/** An argument as entries look at it: what it is, not its SQL. */
function described(expr: AnyExpr): PrintedArgument {
  const constant = expr.kind === 'constant' ? (expr as { readonly value: string | null }).value : undefined;
  return { sql: '', constant, oid: typeOf<Leaf>(expr).oid };
}
