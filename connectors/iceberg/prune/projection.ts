import type { Datum } from '../format/datum.js';
import type { IcebergType, Transform } from '../format/schema.js';
import { applyTransform, keepsOrder, truncateUtf8 } from '../format/transforms.js';
import { inTest, type Test } from './predicate.js';

/**
 * A test of a column as a test of its partition value: whatever row passes the one, its partition value passes the other.
 * Undefined: nothing can be said.
 */
export function projectTest(test: Test, transform: Transform, type: IcebergType): Test | undefined {
  if (transform.kind === 'void' || transform.kind === 'unknown') return undefined;
  switch (test.kind) {
    case 'is_null':
    case 'not_null':
      // Every transform but void keeps NULL, and makes it of nothing else.
      return test;
    case 'in': {
      const values = test.values.map((value) => applyTransform(transform, type, value));
      return values.every((value) => value !== undefined) ? inTest(values) : undefined;
    }
    case 'prefix':
      if (transform.kind === 'identity') return test;
      return transform.kind === 'truncate' ? { kind: 'prefix', prefix: truncateUtf8(test.prefix, transform.width) } : undefined;
    case 'compare':
      return projectComparison(test, transform, type);
  }
}

function projectComparison(test: Extract<Test, { kind: 'compare' }>, transform: Transform, type: IcebergType): Test | undefined {
  if (transform.kind === 'identity') return test;
  if (test.op !== '=' && !keepsOrder(transform)) return undefined;
  const value = applyTransform(transform, type, edge(test.op, test.value));
  if (value === undefined) return undefined;
  const op = test.op === '<' ? '<=' : test.op === '>' ? '>=' : test.op;
  return { kind: 'compare', op, value };
}

/** Whole numbers: x < c is x <= c - 1, so that `ts < midnight` leaves the day that begins there out. */
function edge(op: '=' | '<' | '<=' | '>' | '>=', value: Datum): Datum {
  if (typeof value !== 'bigint') return value;
  return op === '<' ? value - 1n : op === '>' ? value + 1n : value;
}
