import type { PlanAggregate } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';
import { type PrintPlan, printExpression } from './print-expression.js';

/**
 * One aggregate in three steps, each DuckDB SQL: `partial` aggregates over rows, `merge` aggregates over columns that hold
 * partial's results, `finish` the scalar expression over either's results that gives PostgreSQL's answer.
 */
export interface Recipe {
  readonly partial: readonly string[];
  readonly merge: (states: readonly string[]) => readonly string[];
  readonly finish: (states: readonly string[]) => string;
}

/** `over`: the name of the window of an aggregate that is called as a window function. */
export type Aggregated = PlanAggregate & { readonly over?: string };

/** `fn(value) FILTER … OVER …`; `where` is a condition besides that of the aggregate. */
export type Step = (fn: string, value: string, where?: string) => string;

export function stepOf({ filter, over }: Aggregated, plan: PrintPlan): Step {
  const given = filter === undefined ? [] : [printExpression(filter, plan)];
  const window = over === undefined ? '' : ` OVER ${over}`;
  return (fn, value, where) => {
    const conditions = where === undefined ? given : [where, ...given];
    const among = conditions.length === 0 ? '' : ` FILTER (WHERE ${conditions.join(' AND ')})`;
    // Of a frame that ends before it begins DuckDB counts less than no rows.
    const sql = `${fn}(${value})${among}${window}`;
    return fn === 'count' && over !== undefined ? `greatest(${sql}, 0)` : sql;
  };
}

/** An aggregate whose rows must meet in one task. */
export function unsplit(sql: string, finish: (state: string) => string = (state) => state): Recipe {
  return {
    partial: [sql],
    merge: () => {
      throw unsupported('combining parts of an ordered aggregate');
    },
    finish: ([state]) => finish(state as string),
  };
}
