import type { WindowOperator } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';

export function printWindow(op: WindowOperator, _input: string): string {
  throw unsupported(op.kind);
}
