import { TimelineError } from '../sql/errors.js';
import { inputsOf, subplansOf } from './logical-plan.js';
import type { Operator } from './physical-plan.js';

/** DuckDB takes twice as long for each level to bind subqueries in expressions, and nothing interrupts it: some seconds here. */
const MOST_LEVELS = 16;

/** 54001 when subqueries of expressions stand in each other too deeply; those that became joins do not count. */
export function checkNesting(plan: Operator): void {
  const visit = (op: Operator, levels: number): void => {
    if (levels > MOST_LEVELS) throw tooDeep();
    for (const subplan of subplansOf(op)) visit(subplan, levels + 1);
    for (const input of inputsOf(op)) visit(input, levels);
  };
  visit(plan, 0);
}

function tooDeep(): TimelineError {
  return new TimelineError({
    kind: 'limit',
    sqlstate: '54001',
    message: `statement is too complex: subqueries stand in each other more than ${MOST_LEVELS} levels deep`,
    hint: 'Write the inner queries in a WITH clause.',
  });
}
