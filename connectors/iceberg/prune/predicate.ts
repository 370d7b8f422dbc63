import { compareData, type Datum } from '../format/datum.js';
import type { IcebergType } from '../format/schema.js';

/**
 * What pruning makes of a pushed filter: rows for which it is TRUE match; `any` stands for everything that nothing can be concluded from.
 * Values are in the column's own domain (datum.ts).
 */
export type Condition =
  | { readonly kind: 'any' }
  | { readonly kind: 'never' }
  | { readonly kind: 'and' | 'or'; readonly args: readonly Condition[] }
  | { readonly kind: 'test'; readonly column: ConditionColumn; readonly test: Test };

export interface ConditionColumn {
  readonly id: number;
  readonly type: IcebergType;
}

export type Test =
  | { readonly kind: 'compare'; readonly op: ComparisonOp; readonly value: Datum }
  /** Ascending, each once, all of one kind (see inTest). */
  | { readonly kind: 'in'; readonly values: readonly Datum[] }
  /** The text begins with these UTF-8 bytes. */
  | { readonly kind: 'prefix'; readonly prefix: Uint8Array }
  | { readonly kind: 'is_null' }
  | { readonly kind: 'not_null' };

export type ComparisonOp = '=' | '<' | '<=' | '>' | '>=';

export const ANY: Condition = { kind: 'any' };
export const NEVER: Condition = { kind: 'never' };

export function allOf(args: readonly Condition[]): Condition {
  const kept = args.filter((arg) => arg.kind !== 'any');
  if (kept.some((arg) => arg.kind === 'never')) return NEVER;
  return kept.length === 1 && kept[0] !== undefined ? kept[0] : kept.length === 0 ? ANY : { kind: 'and', args: kept };
}

export function anyOf(args: readonly Condition[]): Condition {
  const kept = args.filter((arg) => arg.kind !== 'never');
  if (kept.some((arg) => arg.kind === 'any')) return ANY;
  return kept.length === 1 && kept[0] !== undefined ? kept[0] : kept.length === 0 ? NEVER : { kind: 'or', args: kept };
}

/** In order, so that a range of values is looked up by halving: lists may have thousands, and are asked for each file. */
export function inTest(values: readonly Datum[]): Test {
  const sorted = [...values].sort(compareData);
  return { kind: 'in', values: sorted.filter((value, index) => index === 0 || compareData(sorted[index - 1] ?? value, value) !== 0) };
}

/** Which tests a group of rows may pass, asked for each test of the condition. */
export function mayMatch(condition: Condition, test: (column: ConditionColumn, test: Test) => boolean): boolean {
  switch (condition.kind) {
    case 'any':
      return true;
    case 'never':
      return false;
    case 'and':
      return condition.args.every((arg) => mayMatch(arg, test));
    case 'or':
      return condition.args.some((arg) => mayMatch(arg, test));
    case 'test':
      return test(condition.column, condition.test);
  }
}

/** Ids of the columns that the condition tests. */
export function columnsOf(condition: Condition, into: Set<number> = new Set()): Set<number> {
  if (condition.kind === 'test') into.add(condition.column.id);
  if (condition.kind === 'and' || condition.kind === 'or') for (const arg of condition.args) columnsOf(arg, into);
  return into;
}
