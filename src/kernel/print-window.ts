import { fieldsOf, type PlanExpr, type PlanWindowCall, type WindowOperator } from '../../planner/physical-plan.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { internal, unsupported } from '../../sql/errors.js';
import { functionName } from '../../sql/functions/signature.js';
import type { FrameBound } from '../../sql/query.js';
import { needsPlace, PLACE, printWindowed } from './print-aggregate.js';
import { type PrintPlan, printAs, printExpression, sortKey, typeOf } from './print-expression.js';
import { rangeFrame } from './window-range.js';

/** The window's name in the SQL; its columns of its own are w_p0 (partition), w_o0 (order), w_s0 (steps of an aggregate). */
const WINDOW = 'w';

/**
 * A SELECT over a SELECT over a SELECT: keys whose equality and order are PostgreSQL's, the window functions over them, and what
 * makes PostgreSQL's answers out of theirs.
 */
export function printWindow(op: WindowOperator, input: string, plan: PrintPlan): string {
  const partition = op.partitionBy.map((expr, n) => ({ name: `w_p${n}`, sql: keyOf(expr, plan) }));
  const order = op.orderBy.map((key, n) => ({ ...key, name: `w_o${n}`, sql: keyOf(key.expr, plan) }));
  const names = partition.map(({ name }) => name);
  const { columns, frame } = printFrame(op, names, plan);
  const [range] = order;
  // A RANGE with offsets measures distances in a key of its own.
  const ordered = columns.length === 0 || range === undefined ? order : [{ ...range, name: 'w_k', sql: undefined }];

  const keys = [...partition, ...ordered].flatMap(({ name, sql }) => (sql === undefined ? [] : [`${sql} AS ${name}`]));
  let from = keys.length === 0 ? input : `(SELECT *, ${keys.join(', ')} FROM ${input})`;
  for (const layer of columns) from = `(SELECT *, ${layer.join(', ')} FROM ${from})`;

  const by = names.length === 0 ? '' : `PARTITION BY ${names.join(', ')}`;
  const inOrder = ordered.map((key) => `${key.name} ${key.descending ? 'DESC' : 'ASC'} NULLS ${key.nullsFirst ? 'FIRST' : 'LAST'}`);
  const ordering = inOrder.length === 0 ? '' : `ORDER BY ${inOrder.join(', ')}`;
  const needed = op.calls.some(({ fn, args: [arg] }) => arg !== undefined && needsPlace(fn, typeOf(arg)));
  if (needed) from = `(SELECT *, row_number() OVER (${[by, ordering].join(' ')}) AS ${PLACE} FROM ${from})`;
  const window = [by, ordering, frame].filter((part) => part !== '').join(' ');

  const kept = fieldsOf(op.input).map((field) => `c${field.id}`);
  const steps: string[] = [];
  const results = op.calls.map((call) => {
    const { parts, finish } = printCall(call, plan);
    const stepNames = parts.map((part) => {
      steps.push(`${part} AS w_s${steps.length}`);
      return `w_s${steps.length - 1}`;
    });
    return `CAST(${finish(stepNames)} AS ${duckdbType(call.field.type)}) AS c${call.field.id}`;
  });
  return `SELECT ${[...kept, ...results].join(', ')} FROM (SELECT ${[...kept, ...steps].join(', ')} FROM ${from} WINDOW ${WINDOW} AS (${window}))`;
}

function keyOf(expr: PlanExpr, plan: PrintPlan): string {
  return sortKey(printExpression(expr, plan), typeOf(expr));
}

/** The frame clause, and columns that it needs: each layer reads those of the layers before. */
function printFrame(
  op: WindowOperator,
  partition: readonly string[],
  plan: PrintPlan,
): { readonly columns: readonly (readonly string[])[]; readonly frame: string } {
  const { mode, start, end, exclude } = op.frame;
  const without = exclude === 'none' ? '' : ` EXCLUDE ${exclude.replace('_', ' ').toUpperCase()}`;
  if (mode === 'range' && ('offset' in start || 'offset' in end)) {
    const [key] = op.orderBy;
    if (key === undefined || op.orderBy.length > 1) throw internal('RANGE with an offset and not just one ORDER BY column');
    const made = rangeFrame({ key, start, end, partition }, plan);
    return { columns: made.columns, frame: `RANGE BETWEEN ${made.start} AND ${made.end}${without}` };
  }
  return { columns: [], frame: `${mode.toUpperCase()} BETWEEN ${countBound(start)} AND ${countBound(end)}${without}` };
}

/** More than any partition has, and far from what DuckDB's arithmetic of frames can hold. */
const MANY_ROWS = 2n ** 53n;

function countBound(bound: FrameBound<PlanExpr>): string {
  if (!('offset' in bound)) return bound.kind.replace('_', ' ').toUpperCase();
  if (bound.offset.kind !== 'constant' || bound.offset.value === null) throw unsupported('a frame offset that is not constant');
  const rows = BigInt(bound.offset.value);
  return `CAST('${rows > MANY_ROWS ? MANY_ROWS : rows}' AS BIGINT) ${bound.kind.toUpperCase()}`;
}

interface PrintedCall {
  readonly parts: readonly string[];
  readonly finish: (parts: readonly string[]) => string;
}

function printCall(call: PlanWindowCall, plan: PrintPlan): PrintedCall {
  const name = functionName(call.fn);
  const [value, second, third] = call.args;
  const over = (sql: string): PrintedCall => ({ parts: [`${sql} OVER ${WINDOW}`], finish: ([part]) => part as string });
  const result = (expr: PlanExpr | undefined): string => {
    if (expr === undefined) throw internal(`${call.fn} without an argument`);
    return printAs(expr, call.field.type, plan);
  };
  switch (name) {
    case 'row_number':
    case 'rank':
    case 'dense_rank':
    case 'percent_rank':
    case 'cume_dist':
      return over(`${name}()`);
    case 'ntile':
      if (value?.kind !== 'constant') throw unsupported('ntile of an expression that is not constant');
      return over(`ntile(${positive(printExpression(value, plan), value, '22014', 'argument of ntile must be greater than zero')})`);
    case 'lag':
    case 'lead': {
      const args = [result(value)];
      if (second !== undefined) args.push(printExpression(second, plan));
      if (third !== undefined) args.push(result(third));
      return over(`${name}(${args.join(', ')})`);
    }
    case 'first_value':
    case 'last_value':
      return over(`${name}(${result(value)})`);
    case 'nth_value':
      if (second === undefined) throw internal('nth_value without a number');
      return over(
        `nth_value(${result(value)}, ${positive(printExpression(second, plan), second, '22016', 'argument of nth_value must be greater than zero')})`,
      );
    default: {
      const { steps, finish } = printWindowed({ ...call, distinct: false, orderBy: [], state: [] }, WINDOW, plan);
      return { parts: steps, finish };
    }
  }
}

function positive(sql: string, expr: PlanExpr, sqlstate: string, message: string): string {
  if (expr.kind === 'constant' && (expr.value === null || BigInt(expr.value) > 0n)) return sql;
  return `CASE WHEN ${sql} <= 0 THEN error('TL${sqlstate}:${message}') ELSE ${sql} END`;
}
