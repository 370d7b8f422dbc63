import type { TableFunctionOperator } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';
import type { PrintPlan } from './print-expression.js';

export function printTableFunction(op: TableFunctionOperator, _input: string, _plan: PrintPlan): string {
  throw unsupported(op.kind);
}
