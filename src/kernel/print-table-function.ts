import { fieldsOf, type PlanExpr, type TableFunctionOperator } from '../../planner/physical-plan.js';
import { internal, unsupported } from '../../sql/errors.js';
import { setFunction } from '../../sql/functions/set-returning.js';
import { duckdbType } from './duckdb-type.js';
import { type PrintPlan, printAs, printExpression, typeOf } from './print-expression.js';

/** The lists of all columns are computed below; unnested side by side, DuckDB pads the shorter ones with NULLs as PostgreSQL does. */
export function printTableFunction(op: TableFunctionOperator, input: string, plan: PrintPlan): string {
  const own = fieldsOf(op.input).map((field) => `c${field.id}`);
  const streamed = printStream(op, input, own);
  if (streamed !== undefined) return streamed;
  const columns = op.calls.flatMap(({ call, fields }) => {
    const lists = listsOf(call, plan);
    if (lists.length !== fields.length) throw internal(`a function gives ${lists.length} columns, the plan has ${fields.length}`);
    return fields.map((field, n) => ({ field, list: lists[n] as string }));
  });
  const names = columns.map(({ field }) => `l${field.id}`);
  const lengths = names.map((name) => `coalesce(len(${name}), 0)`);
  const rows = lengths.length === 1 ? (lengths[0] as string) : `greatest(${lengths.join(', ')})`;
  const unnested = (list: string): string =>
    `unnest(${op.keepEmpty === true ? `CASE WHEN ${rows} = 0 THEN [NULL] ELSE ${list} END` : list})`;
  const items = columns.map(({ field }, n) => `CAST(${unnested(names[n] as string)} AS ${duckdbType(field.type)}) AS c${field.id}`);
  if (op.ordinality !== undefined) items.push(`${unnested(`range(1, ${rows} + 1)`)} AS c${op.ordinality.id}`);
  const lists = columns.map(({ list }, n) => `${list} AS ${names[n]}`);
  return `SELECT ${[...own, ...items].join(', ')} FROM (SELECT ${[...own, ...lists].join(', ')} FROM ${input})`;
}

/** What is no set-returning function gives one row. */
function listsOf(call: PlanExpr, plan: PrintPlan): readonly string[] {
  if (call.kind !== 'call' || call.retset !== true) return [`[${printExpression(call, plan)}]`];
  const lists = setFunction(call.fn)?.lists(
    call.args.map((arg) => {
      const { oid } = typeOf(arg);
      return { sql: printAs(arg, { oid, typmod: -1 }, plan), constant: arg.kind === 'constant' ? arg.value : undefined, oid };
    }),
  );
  if (lists === undefined) throw unsupported(`function ${call.fn}`);
  return lists;
}

/** A series of whole numbers between constants beside one row, which need not fit into memory. */
function printStream(op: TableFunctionOperator, input: string, own: readonly string[]): string | undefined {
  const [only, ...others] = op.calls;
  if (only === undefined || others.length > 0 || op.ordinality !== undefined || op.keepEmpty === true) return undefined;
  if (op.input.kind !== 'values' || op.input.rows.length !== 1) return undefined;
  const { call, fields } = only;
  const [field] = fields;
  if (field === undefined || call.kind !== 'call' || !/^generate_series\(int[48],/.test(call.fn)) return undefined;
  const numbers = call.args.map((arg) => (arg.kind === 'constant' ? arg.value : undefined));
  const [first, last, step = '1'] = numbers;
  if (typeof first !== 'string' || typeof last !== 'string' || typeof step !== 'string' || numbers.includes(undefined)) return undefined;
  if (BigInt(step) === 0n || [first, last].some((n) => BigInt(n) > LARGE || BigInt(n) < -LARGE)) return undefined;
  const series = `generate_series(CAST('${BigInt(first)}' AS BIGINT), CAST('${BigInt(last)}' AS BIGINT), CAST('${BigInt(step)}' AS BIGINT))`;
  return `SELECT ${[...own, `CAST(n AS ${duckdbType(field.type)}) AS c${field.id}`].join(', ')} FROM ${input} CROSS JOIN ${series} AS series(n)`;
}

/** Nearer to the end of int8 a series may run over it. */
const LARGE = 4_000_000_000_000_000_000n;
