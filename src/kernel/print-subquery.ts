import { columnIds, outerColumns } from '../../planner/columns.js';
import { fieldsOf, type Operator, type PlanExpr, type PlanLeaf, type SubqueryExpr } from '../../planner/physical-plan.js';
import { internal } from '../../sql/errors.js';
import type { Call } from '../../sql/expression.js';
import { raise } from '../../sql/functions/entry.js';

/** What the printer of expressions lends for the queries in them. */
export interface SubqueryPrinter {
  /** SQL of an operator's rows. */
  readonly plan: (plan: Operator) => string;
  readonly expression: (expr: PlanExpr) => string;
  /** For an equality: SQL of both sides, equal to DuckDB when they are to PostgreSQL; undefined if there is no such form. */
  readonly equal: (call: Call<PlanLeaf>) => readonly [string, string] | undefined;
}

const SEVERAL_ROWS = raise('21000', 'more than one row returned by a subquery used as an expression');

/** DuckDB SQL of a query as a value. DuckDB ties it to the rows outside by its columns' names, which are unique in a plan. */
export function printSubquery(expr: SubqueryExpr, printer: SubqueryPrinter): string {
  switch (expr.link) {
    case 'exists':
      return `EXISTS (${printer.plan(expr.plan)})`;
    case 'scalar':
      return printScalar(expr.plan, printer);
    case 'any':
    case 'all':
      return printQuantified(expr, printer);
    case 'array':
      throw internal('ARRAY (subquery) is planned as an aggregate');
  }
}

/**
 * DuckDB would raise its error about a second row wherever the query is joined in, for rows that never ask for the value (CASE);
 * as a list that is looked at in the expression's own place it is raised when PostgreSQL raises it.
 */
function printScalar(plan: Operator, printer: SubqueryPrinter): string {
  if (hasOneRowAtMost(plan)) return `(${printer.plan(plan)})`;
  const [field] = fieldsOf(plan);
  if (field === undefined) throw internal('a subquery without columns as a value');
  const two = outerColumns(plan).size === 0 ? ' LIMIT 2' : '';
  const list = `(SELECT list(c${field.id}) FROM (SELECT * FROM (${printer.plan(plan)})${two}))`;
  return `list_transform([${list}], lambda r: CASE WHEN len(r) > 1 THEN ${SEVERAL_ROWS} ELSE r[1] END)[1]`;
}

function hasOneRowAtMost(op: Operator): boolean {
  switch (op.kind) {
    case 'values':
      return op.rows.length <= 1;
    case 'aggregate':
      return op.keys.length === 0 && op.sets === undefined;
    case 'limit':
    case 'sort':
      return (op.limit !== undefined && op.limit <= 1) || hasOneRowAtMost(op.input);
    case 'filter':
    case 'project':
    case 'distinct':
    case 'window':
    case 'assert':
    case 'sample':
      return hasOneRowAtMost(op.input);
    case 'join':
      return hasOneRowAtMost(op.left) && (op.type === 'semi' || op.type === 'anti' || (op.type !== 'full' && hasOneRowAtMost(op.right)));
    default:
      return false;
  }
}

/** Three-valued: a comparison that is NULL makes the answer NULL, unless another one decides it. */
function printQuantified(expr: SubqueryExpr, printer: SubqueryPrinter): string {
  const { test, plan } = expr;
  if (test === undefined) throw internal('a comparison with a subquery without the comparison');
  const hashed = expr.link === 'any' ? printIn(test, plan, printer) : undefined;
  if (hashed !== undefined) return hashed;
  const rows = `(SELECT ${printer.expression(test)} AS holds FROM (${printer.plan(plan)}))`;
  const [decisive, answer, otherwise] = expr.link === 'any' ? ['holds', 'TRUE', 'FALSE'] : ['NOT holds', 'FALSE', 'TRUE'];
  return `(SELECT CASE WHEN bool_or(${decisive}) THEN ${answer} WHEN bool_or(holds IS NULL) THEN NULL ELSE ${otherwise} END FROM ${rows})`;
}

/** An equality between a value from outside and one of the query's, which DuckDB hashes. */
function printIn(test: PlanExpr, plan: Operator, printer: SubqueryPrinter): string | undefined {
  if (test.kind !== 'call') return undefined;
  const own = new Set(fieldsOf(plan).map((field) => field.id));
  const [left, right] = test.args;
  if (left === undefined || right === undefined) return undefined;
  if ([...columnIds(left)].some((id) => own.has(id)) || ![...columnIds(right)].every((id) => own.has(id))) return undefined;
  const sides = printer.equal(test);
  return sides === undefined ? undefined : `(${sides[0]} IN (SELECT ${sides[1]} FROM (${printer.plan(plan)})))`;
}
