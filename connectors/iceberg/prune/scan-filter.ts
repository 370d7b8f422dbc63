import type { Datum } from '../format/datum.js';
import { datumText } from '../format/datum-text.js';
import type { Json, JsonObject } from '../format/exact-json.js';
import type { IcebergType } from '../format/schema.js';
import type { ComparisonOp, Condition, ConditionColumn, Test } from './predicate.js';

/** The name by which the server finds a column; undefined: it might find another one, or none. */
export type ServerName = (column: ConditionColumn) => string | undefined;

const OPERATIONS = { '=': 'eq', '<': 'lt', '<=': 'lt-eq', '>': 'gt', '>=': 'gt-eq' } as const;
const MOST_VALUES = 1000;

/**
 * The condition as an expression of Iceberg's REST protocol, weaker where the protocol's meaning, or a server's, could be narrower than ours:
 * what it leaves out is ours to test. Undefined: nothing can be said.
 */
export function scanFilter(condition: Condition, name: ServerName): JsonObject | undefined {
  switch (condition.kind) {
    case 'any':
    case 'never':
      return undefined;
    case 'and':
      return joined(
        'and',
        condition.args.map((arg) => scanFilter(arg, name)).filter((arg) => arg !== undefined),
      );
    case 'or': {
      const args = condition.args.map((arg) => scanFilter(arg, name));
      return args.every((arg) => arg !== undefined) ? joined('or', args) : undefined;
    }
    case 'test': {
      const term = name(condition.column);
      return term === undefined ? undefined : testFilter(condition.test, term, condition.column.type);
    }
  }
}

/** Halved again and again: parsers bound the depth. */
function joined(type: 'and' | 'or', args: readonly JsonObject[]): JsonObject | undefined {
  if (args.length < 2) return args[0];
  const half = args.length >> 1;
  const [left, right] = [joined(type, args.slice(0, half)), joined(type, args.slice(half))];
  return left === undefined || right === undefined ? undefined : { type, left, right };
}

function testFilter(test: Test, term: string, type: IcebergType): JsonObject | undefined {
  switch (test.kind) {
    case 'is_null':
      return { type: 'is-null', term };
    case 'not_null':
      return { type: 'not-null', term };
    case 'prefix': {
      const value = textOf(test.prefix);
      return value === undefined ? undefined : { type: 'starts-with', term, value };
    }
    case 'compare':
      return comparison(test.op, test.value, term, type);
    case 'in':
      return oneOf(test.values, term, type);
  }
}

function oneOf(values: readonly Datum[], term: string, type: IcebergType): JsonObject | undefined {
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  if (values.length === 1) return comparison('=', first, term, type);
  if (values.length > MOST_VALUES) {
    const ends = [comparison('>=', first, term, type), comparison('<=', last, term, type)].filter((one) => one !== undefined);
    return joined('and', ends);
  }
  const list = values.map((value) => literal('=', value, type));
  return list.every((value) => value !== undefined) ? { type: 'in', term, values: list } : undefined;
}

function comparison(op: ComparisonOp, value: Datum, term: string, type: IcebergType): JsonObject | undefined {
  const json = literal(op, value, type);
  if (json === undefined) return undefined;
  const test = { type: OPERATIONS[op], term, value: json };
  // NaN is above every number for PostgreSQL, and no number's match for Iceberg.
  return isFloating(type) && (op === '>' || op === '>=') ? { type: 'or', left: test, right: { type: 'is-nan', term } } : test;
}

function literal(op: ComparisonOp, value: Datum, type: IcebergType): Json | undefined {
  if (typeof value === 'number') return isFloating(type) ? floatLiteral(op, value, type) : undefined;
  if (type.kind === 'decimal') return typeof value === 'bigint' ? datumText(type, value) : undefined;
  if (type.kind !== 'primitive') return undefined;
  // UUIDs have two orders among writers; bytes have more than one spelling.
  if (value instanceof Uint8Array) return type.name === 'string' ? textOf(value) : undefined;
  switch (type.name) {
    case 'boolean':
      return op === '=' ? value !== 0n : undefined;
    case 'int':
    case 'long':
      return BigInt.asIntN(64, value) === value ? value : undefined;
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return timeLiteral(type, value);
    default:
      return undefined;
  }
}

/** Java orders -0 below 0, where PostgreSQL has them equal; and a server may round a double to a column's float. */
function floatLiteral(op: ComparisonOp, value: number, type: IcebergType): number | undefined {
  if (!Number.isFinite(value) || (value === 0 && (op === '=' || op === '>='))) return undefined;
  const isFloat = type.kind === 'primitive' && type.name === 'float';
  return isFloat && Math.fround(value) !== value ? undefined : value;
}

/** ISO 8601 of the years that all parsers take. */
function timeLiteral(type: IcebergType & { readonly kind: 'primitive' }, value: bigint): string | undefined {
  if (value < -1n << 62n || value >= 1n << 62n) return undefined;
  const text = datumText(type, value);
  if (text === undefined) return undefined;
  const [, day, time = '', fraction = ''] =
    /^(\d{4}-\d{2}-\d{2})?[ ]?(\d{2}:\d{2}:\d{2})?(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text) ?? ([] as (string | undefined)[]);
  const clock = time === '' ? '' : `${time}.${fraction.padEnd(6, '0')}`;
  switch (type.name) {
    case 'date':
      return day !== undefined && time === '' && !day.startsWith('0000') ? day : undefined;
    case 'time':
      return day === undefined && time !== '' && !time.startsWith('24') ? clock : undefined;
    default:
      if (day === undefined || time === '' || day.startsWith('0000')) return undefined;
      return `${day}T${clock}${type.name === 'timestamptz' ? '+00:00' : ''}`;
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function isFloating(type: IcebergType): boolean {
  return type.kind === 'primitive' && (type.name === 'float' || type.name === 'double');
}
