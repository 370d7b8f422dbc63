import { fieldsOf, type SampleOperator } from '../../planner/physical-plan.js';

/**
 * Each row by its own chance, for SYSTEM too. With a seed the row's values decide, so that neither the driver nor the way a
 * table is split changes the sample (rows that are equal in all columns are in it together, or not at all).
 */
export function printSample(op: SampleOperator, input: string): string {
  if (op.percent >= 100) return `SELECT * FROM ${input}`;
  // As text in full: a small percentage is no 1e-7 to DuckDB's DECIMAL.
  const share = `CAST('${op.percent}' AS DOUBLE) / 100`;
  if (op.seed === undefined) return `SELECT * FROM ${input} WHERE random() < ${share}`;
  const values = fieldsOf(op.input).map((field) => `c${field.id}`);
  const chance = `CAST(hash(hash(${[`CAST('${op.seed}' AS DOUBLE)`, ...values].join(', ')})) AS DOUBLE) / 18446744073709551616`;
  return `SELECT * FROM ${input} WHERE ${chance} < ${share}`;
}
