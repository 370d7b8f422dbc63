import type { WindowOperator } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';
import type { PrintPlan } from './print-expression.js';

export function printWindow(op: WindowOperator, _input: string, _plan: PrintPlan): string {
  throw unsupported(op.kind);
}
