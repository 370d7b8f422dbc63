import { columnIds } from '../../../planner/columns.js';
import type { DirectInput } from '../../../planner/direct-timeline.js';
import type { PlanExpr } from '../../../planner/physical-plan.js';
import type { ColumnVector } from '../../../sql/column-vector.js';
import { internal } from '../../../sql/errors.js';
import { truthsOf } from './boolean-vectors.js';
import { compileRowExpression, type RowColumns, type RowExpression } from './row-expression.js';
import { gatherVector, type Rows } from './vectors.js';

/** What is left of a part's rows, and what is computed of them. */
export interface ProgramRows {
  readonly rowCount: number;
  /** By the input's field id. */
  readonly columns: ReadonlyMap<number, ColumnVector>;
  /** The rows left, as numbers of the part's rows, ascending; undefined: all. */
  readonly rows: Rows | undefined;
}

/** Filters and projections over a scan's columns, computed on typed columns without DuckDB. */
export interface RowProgram {
  /** Ids of the scan's columns that it reads. */
  readonly reads: readonly number[];
  run(columns: RowColumns, rowCount: number): ProgramRows;
}

/** Computes the input's fields with the ids `wanted`. */
export function compileRows({ filters, columns }: DirectInput, wanted: readonly number[]): RowProgram {
  const tests = filters.map(compileRowExpression);
  const outputs = [...new Set(wanted)].map((id): readonly [number, RowExpression] => {
    const expr = columns.get(id);
    if (expr === undefined) throw internal(`timeline: the input has no column ${id}`);
    return [id, compileRowExpression(expr)];
  });
  const kept = readBy(wanted.map((id) => columns.get(id) as PlanExpr));
  return {
    reads: [...new Set([...readBy(filters), ...kept])],
    run(input, rowCount) {
      let rows: Rows | undefined;
      let left = input;
      let count = rowCount;
      for (const [n, test] of tests.entries()) {
        const passing = rowsWhere(test.run(left, count), count);
        if (passing === undefined) continue;
        const needed = n === tests.length - 1 ? kept : [...left.keys()];
        const before = left;
        left = new Map(needed.map((id) => [id, gatherVector(before.get(id) as ColumnVector, passing)]));
        rows = rows === undefined ? passing : through(rows, passing);
        count = passing.length;
      }
      return { rowCount: count, columns: new Map(outputs.map(([id, output]) => [id, output.run(left, count)])), rows };
    },
  };
}

function readBy(exprs: readonly PlanExpr[]): readonly number[] {
  const ids = new Set<number>();
  for (const expr of exprs) columnIds(expr, ids);
  return [...ids];
}

/** Undefined: all of them. */
function rowsWhere(test: ColumnVector, rowCount: number): Rows | undefined {
  const truths = truthsOf(test);
  let first = 0;
  while (first < rowCount && truths[first] === 1) first += 1;
  if (first === rowCount) return undefined;
  const rows = new Uint32Array(rowCount);
  for (let row = 0; row < first; row++) rows[row] = row;
  let count = first;
  for (let row = first; row < rowCount; row++) {
    rows[count] = row;
    if (truths[row] === 1) count += 1;
  }
  return rows.slice(0, count);
}

function through(rows: Rows, chosen: Rows): Rows {
  const out = new Uint32Array(chosen.length);
  for (let n = 0; n < chosen.length; n++) out[n] = rows[chosen[n] as number] as number;
  return out;
}
