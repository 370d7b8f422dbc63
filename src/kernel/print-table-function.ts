import type { TableFunctionOperator } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';

export function printTableFunction(op: TableFunctionOperator, _input: string): string {
  throw unsupported(op.kind);
}
