import type { SampleOperator } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';

export function printSample(op: SampleOperator, _input: string): string {
  throw unsupported(op.kind);
}
