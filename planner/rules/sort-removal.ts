import { functionName } from '../../sql/functions/signature.js';
import { mapInputs } from '../logical-plan.js';
import type { Operator } from '../physical-plan.js';

/** Aggregates whose result does not depend on the order of their input. */
const ORDERLESS = new Set([
  'count',
  'sum',
  'min',
  'max',
  'avg',
  'bool_and',
  'bool_or',
  'every',
  'stddev',
  'stddev_samp',
  'stddev_pop',
  'variance',
  'var_samp',
  'var_pop',
  ...['corr', 'covar_pop', 'covar_samp', 'regr_avgx', 'regr_avgy', 'regr_count', 'regr_intercept', 'regr_r2'],
  ...['regr_slope', 'regr_sxx', 'regr_sxy', 'regr_syy', 'bit_and', 'bit_or', 'bit_xor'],
]);

/**
 * Drops an ORDER BY (without LIMIT) whose order nobody can see, because something above sorts again, groups, or
 * makes rows distinct. Otherwise a subselect's order stays: it is the order of the result.
 */
export function dropSorts(plan: Operator): Operator {
  return visit(plan, true);
}

function visit(op: Operator, seen: boolean): Operator {
  switch (op.kind) {
    case 'sort':
      if (!seen && op.limit === undefined && op.offset === undefined) return visit(op.input, false);
      return mapInputs(op, (input) => visit(input, false));
    case 'aggregate': {
      const orderless = op.aggregates.every((a) => a.orderBy.length > 0 || ORDERLESS.has(functionName(a.fn)));
      return mapInputs(op, (input) => visit(input, !orderless));
    }
    case 'distinct':
      return mapInputs(op, (input) => visit(input, false));
    case 'filter':
    case 'project':
    case 'assert':
      return mapInputs(op, (input) => visit(input, seen));
    // a LIMIT takes the first rows; TIMELINE breaks ties by input order; a join or union passes on what it is given
    default:
      return mapInputs(op, (input) => visit(input, true));
  }
}
