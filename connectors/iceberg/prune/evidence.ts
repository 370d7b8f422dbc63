import { compareData, type Datum, isNaNDatum } from '../format/datum.js';
import type { Test } from './predicate.js';

/** What is known of the values of one column (or of one partition field) in a group of rows. */
export interface Evidence {
  /** No value is lower; undefined: not known. Neither NULL nor NaN count. */
  readonly lower: Datum | undefined;
  readonly upper: Datum | undefined;
  readonly mayHaveNull: boolean;
  readonly mayHaveValue: boolean;
  /** NaN lies outside of the bounds, and above every number for PostgreSQL. */
  readonly mayHaveNaN: boolean;
}

/** May a row of the group pass the test? */
export function mayPass(test: Test, evidence: Evidence): boolean {
  if (test.kind === 'is_null') return evidence.mayHaveNull;
  if (!evidence.mayHaveValue) return false;
  const { lower, upper } = evidence;
  switch (test.kind) {
    case 'not_null':
      return true;
    case 'compare':
      return mayCompare(test.op, test.value, evidence);
    case 'in':
      return mayBeIn(test.values, evidence);
    case 'prefix': {
      const { prefix } = test;
      if (upper instanceof Uint8Array && Buffer.compare(upper, prefix) < 0) return false;
      return !(lower instanceof Uint8Array && Buffer.compare(lower.subarray(0, prefix.length), prefix) > 0);
    }
  }
}

/** The first value that is not below the lower bound must not be above the upper one. NaN is never among the values. */
function mayBeIn(values: readonly Datum[], evidence: Evidence): boolean {
  let [from, to] = [0, values.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    const below = comparable(evidence.lower, values[middle] ?? 0);
    if (below !== undefined && below > 0) from = middle + 1;
    else to = middle;
  }
  const first = values[from];
  return first !== undefined && mayCompare('=', first, evidence);
}

function mayCompare(op: '=' | '<' | '<=' | '>' | '>=', value: Datum, evidence: Evidence): boolean {
  // PostgreSQL's NaN equals itself: nothing is concluded from bounds.
  if (isNaNDatum(value)) return true;
  const lower = comparable(evidence.lower, value);
  const upper = comparable(evidence.upper, value);
  switch (op) {
    case '=':
      return !(lower !== undefined && lower > 0) && !(upper !== undefined && upper < 0);
    case '<':
      return !(lower !== undefined && lower >= 0);
    case '<=':
      return !(lower !== undefined && lower > 0);
    case '>':
      return evidence.mayHaveNaN || !(upper !== undefined && upper <= 0);
    case '>=':
      return evidence.mayHaveNaN || !(upper !== undefined && upper < 0);
  }
}

/** bound compared to value, if both are of one kind. */
function comparable(bound: Datum | undefined, value: Datum): number | undefined {
  if (bound === undefined || isNaNDatum(bound)) return undefined;
  if (bound instanceof Uint8Array !== value instanceof Uint8Array) return undefined;
  return typeof bound === typeof value ? compareData(bound, value) : undefined;
}
