import { TimelineError, unsupported } from '../sql/errors.js';
import type { QueryExpr, TableSample } from '../sql/query.js';
import type { Operator, SampleOperator } from './physical-plan.js';

/** TABLESAMPLE with the checks that PostgreSQL makes when it begins to read. */
export function planSample(sample: TableSample, input: Operator): SampleOperator {
  const percent = constant(sample.percent, '2202H', 'TABLESAMPLE parameter cannot be null');
  if (!(percent >= 0 && percent <= 100)) throw invalid('2202H', 'sample percentage must be between 0 and 100');
  const seed = sample.seed === undefined ? undefined : constant(sample.seed, '2202G', 'TABLESAMPLE REPEATABLE parameter cannot be null');
  return { kind: 'sample', input, method: sample.method, percent, seed };
}

function constant(expr: QueryExpr, sqlstate: string, isNull: string): number {
  if (expr.kind !== 'constant') throw unsupported('TABLESAMPLE with an argument that is not constant');
  if (expr.value === null) throw invalid(sqlstate, isNull);
  return Number(expr.value);
}

function invalid(sqlstate: string, message: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate, message });
}
