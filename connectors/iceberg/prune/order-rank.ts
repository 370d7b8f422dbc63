import type { Constant } from '../../../sql/expression.js';
import type { ScanOrder } from '../../connector.js';
import { compareData, type Datum, isNaNDatum } from '../format/datum.js';
import type { IcebergType } from '../format/schema.js';
import { place } from './comparison.js';
import type { Evidence } from './evidence.js';
import type { ConditionColumn } from './predicate.js';

/** A place in an order: NULLs before all values, something that may be before every value, a value, NULLs after all values. */
export type Rank =
  | { readonly kind: 'nulls first' | 'unknown' | 'nulls last' }
  | { readonly kind: 'value'; readonly value: Datum; readonly descending: boolean };

const PLACES = { 'nulls first': 0, unknown: 1, value: 2, 'nulls last': 3 } as const;

/** Below 0: `a` comes first. */
export function compareRanks(a: Rank, b: Rank): number {
  if (a.kind !== 'value' || b.kind !== 'value') return PLACES[a.kind] - PLACES[b.kind];
  const order = compareData(a.value, b.value);
  return a.descending ? -order : order;
}

/** Can rows be told apart by bounds of such a column? Nanoseconds are shown cut to microseconds, in which bounds are not. */
export function isRanked(type: IcebergType): boolean {
  return datumKind(type) !== undefined;
}

function datumKind(type: IcebergType): 'bigint' | 'number' | 'object' | undefined {
  if (type.kind === 'decimal') return 'bigint';
  if (type.kind === 'fixed') return 'object';
  if (type.kind !== 'primitive') return undefined;
  switch (type.name) {
    case 'float':
    case 'double':
      return 'number';
    case 'string':
    case 'binary':
    case 'uuid':
      return 'object';
    case 'boolean':
    case 'int':
    case 'long':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'timestamptz':
      return 'bigint';
    default:
      return undefined;
  }
}

/** The first place that a row of the group may have. */
export function bestRank(evidence: Evidence, column: ConditionColumn, order: ScanOrder): Rank {
  const { lower, upper, mayHaveNull, mayHaveNaN, mayHaveValue } = evidence;
  if (mayHaveNull && order.nullsFirst) return { kind: 'nulls first' };
  if (!mayHaveValue) return { kind: 'nulls last' };
  // NaN is above every number, and no bound tells of it.
  const bound = order.descending ? (mayHaveNaN ? undefined : upper) : lower;
  if (bound === undefined || isNaNDatum(bound) || typeof bound !== datumKind(column.type)) return { kind: 'unknown' };
  return { kind: 'value', value: bound, descending: order.descending };
}

/** The last place that a row of the group may have; undefined: not known. */
export function worstRank(evidence: Evidence, column: ConditionColumn, order: ScanOrder): Rank | undefined {
  const { lower, upper, mayHaveNull, mayHaveNaN, mayHaveValue } = evidence;
  if (mayHaveNull && !order.nullsFirst) return { kind: 'nulls last' };
  if (!mayHaveValue) return { kind: 'nulls first' };
  const bound = order.descending ? lower : mayHaveNaN ? undefined : upper;
  if (bound === undefined || isNaNDatum(bound) || typeof bound !== datumKind(column.type)) return undefined;
  return { kind: 'value', value: bound, descending: order.descending };
}

/** Undefined: where it lies in the column's order is not certain. */
export function rankOf(constant: Constant, column: ConditionColumn, order: ScanOrder): Rank | undefined {
  if (constant.value === null) return { kind: order.nullsFirst ? 'nulls first' : 'nulls last' };
  const placed = place(column, constant.type, constant.value);
  if (placed?.exact !== true || isNaNDatum(placed.floor) || typeof placed.floor !== datumKind(column.type)) return undefined;
  return { kind: 'value', value: placed.floor, descending: order.descending };
}
