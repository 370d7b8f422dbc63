import type { RecursiveOperator, RecursiveRead } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';

export function printRecursive(op: RecursiveOperator, _base: string, _step: string): string {
  throw unsupported(op.kind);
}

export function printRecursiveRead(op: RecursiveRead): string {
  throw unsupported(op.kind);
}
