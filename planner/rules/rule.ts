import type { TablePredicate } from '../../connectors/connector.js';
import type { Operator } from '../physical-plan.js';
import type { Planning } from '../planning.js';

export interface RuleContext {
  readonly planning: Planning;
  /** What each scan's connector was asked, by ScanOperator.scan. */
  readonly asked: Map<string, readonly TablePredicate[]>;
}

/** A rewriting that keeps the rows and columns of the plan. */
export interface Rule {
  readonly name: string;
  readonly apply: (op: Operator, context: RuleContext) => Operator;
}
