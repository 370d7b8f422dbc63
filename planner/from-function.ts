import { unsupported } from '../sql/errors.js';
import type { Call } from '../sql/expression.js';
import { typeOf } from '../sql/expression-type.js';
import { setFunction } from '../sql/functions/set-returning.js';
import type { QueryExpr, QueryLeaf, RangeEntry, RangeFunction } from '../sql/query.js';
import type { Type } from '../sql/types.js';
import { convertExpression } from './convert-expression.js';
import type { Field, Operator, PlanExpr, PlanLeaf, TableFunctionOperator } from './physical-plan.js';
import type { Planning, Scope } from './planning.js';

type FunctionRange = RangeEntry & { readonly kind: 'function' };
export type SetCall = Call<QueryLeaf> & { readonly retset: true };

export function isSetCall(expr: QueryExpr): expr is SetCall {
  return expr.kind === 'call' && expr.retset === true;
}

/** ROWS FROM (…) for each row of `input`, whose columns the arguments may read; `fields` are the range's columns. */
export function planFunctions(
  entry: FunctionRange,
  request: { readonly input: Operator; readonly scope: Scope; readonly planning: Planning; readonly keepEmpty: boolean },
): { readonly input: TableFunctionOperator; readonly fields: readonly Field[] } {
  const { input, scope, planning, keepEmpty } = request;
  let at = 0;
  const calls = entry.functions.map((fn) => {
    const fields = columnTypes(fn).map((type) => {
      at += 1;
      return planning.newField(entry.columns[at - 1] ?? `column${at}`, type);
    });
    return { call: convertSetCall(fn.expr, scope), fields, ...(fn.types.length > 0 ? { defined: true as const } : {}) };
  });
  const ordinality = entry.ordinality ? planning.newField(entry.columns[at] ?? 'ordinality', { oid: 20, typmod: -1 }) : undefined;
  const fields = [...calls.flatMap((call) => call.fields), ...(ordinality === undefined ? [] : [ordinality])];
  return { input: { kind: 'table_function', input, calls, ordinality, ...(keepEmpty ? { keepEmpty } : {}) }, fields };
}

/** Of a set-returning call only the arguments are expressions. */
export function convertSetCall(expr: QueryExpr, scope: Scope): PlanExpr {
  if (!isSetCall(expr)) return convertExpression(expr, scope);
  return { ...expr, args: expr.args.map((arg) => convertExpression(arg, scope)) } as Call<PlanLeaf>;
}

function columnTypes(fn: RangeFunction): readonly Type[] {
  const { expr } = fn;
  if (fn.types.length > 0) return fn.types;
  const columns = isSetCall(expr) ? setFunction(expr.fn)?.columns : undefined;
  if (columns !== undefined && columns.length === fn.width) return columns.map((column) => column.type);
  if (fn.width !== 1) throw unsupported(`${nameOf(expr)} in FROM`);
  return [typeOf<QueryLeaf>(expr)];
}

function nameOf(expr: QueryExpr): string {
  return expr.kind === 'call' ? `the function ${expr.fn}` : 'a row';
}
