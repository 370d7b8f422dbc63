import { type Field, fieldsOf, type TableFunctionOperator } from '../../planner/physical-plan.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { internal } from '../../sql/errors.js';
import { setFunction } from '../../sql/functions/set-returning.js';
import { type PrintPlan, printAs, typeOf } from './print-expression.js';
import { fromPostgresText, printRows } from './print-fallback.js';

type Call = TableFunctionOperator['calls'][number];

/** A list to unnest, and how the columns are read from its items. */
interface List {
  readonly sql: string;
  readonly columns: readonly { readonly field: Field; readonly of: (item: string) => string }[];
}

/** The lists are computed below; unnested side by side, DuckDB pads the shorter ones with NULLs as PostgreSQL does. */
export function printTableFunction(op: TableFunctionOperator, input: string, plan: PrintPlan): string {
  const own = fieldsOf(op.input).map((field) => `c${field.id}`);
  const streamed = printStream(op, input, own);
  if (streamed !== undefined) return streamed;
  const lists = op.calls.flatMap((call) => listsOf(call, plan));
  const lengths = lists.map((_, n) => `coalesce(len(l${n}), 0)`);
  const rows = lengths.length === 1 ? (lengths[0] as string) : `greatest(${lengths.join(', ')})`;
  const unnested = (list: string): string =>
    `unnest(${op.keepEmpty === true ? `CASE WHEN ${rows} = 0 THEN [NULL] ELSE ${list} END` : list})`;
  const items = lists.map((_, n) => `${unnested(`l${n}`)} AS i${n}`);
  if (op.ordinality !== undefined) items.push(`${unnested(`range(1, ${rows} + 1)`)} AS c${op.ordinality.id}`);
  const columns = lists.flatMap((list, n) =>
    list.columns.map(({ field, of }) => `CAST(${of(`i${n}`)} AS ${duckdbType(field.type)}) AS c${field.id}`),
  );
  if (op.ordinality !== undefined) columns.push(`c${op.ordinality.id}`);
  return (
    `SELECT ${[...own, ...columns].join(', ')} FROM (SELECT ${[...own, ...items].join(', ')} FROM ` +
    `(SELECT ${[...own, ...lists.map(({ sql }, n) => `${sql} AS l${n}`)].join(', ')} FROM ${input}))`
  );
}

function listsOf({ call, fields, defined }: Call, plan: PrintPlan): readonly List[] {
  const single = (sql: string, field: Field): List => ({ sql, columns: [{ field, of: (item) => item }] });
  const [only] = fields;
  const isSet = call.kind === 'call' && call.retset === true;
  // what is no set-returning function gives one row
  if (!isSet && defined !== true && only !== undefined) return [single(`[${printAs(call, only.type, plan)}]`, only)];
  const native = isSet && defined !== true ? setFunction(call.fn) : undefined;
  const lists = native?.lists(
    (call as typeof call & { readonly kind: 'call' }).args.map((arg) => {
      const { oid } = typeOf(arg);
      return { sql: printAs(arg, { oid, typmod: -1 }, plan), constant: arg.kind === 'constant' ? arg.value : undefined, oid };
    }),
  );
  if (lists !== undefined) {
    if (lists.length !== fields.length) throw internal(`a function gives ${lists.length} columns, the plan has ${fields.length}`);
    return fields.map((field, n) => single(lists[n] as string, field));
  }
  const definition = defined === true ? { definition: fields.map(({ name, type }) => ({ name, type })) } : {};
  const sql = printRows({ expr: call, width: fields.length, ...definition }, (arg) => {
    const { oid } = typeOf(arg);
    return { sql: printAs(arg, { oid, typmod: -1 }, plan), type: { oid, typmod: -1 } };
  });
  return [{ sql, columns: fields.map((field, n) => ({ field, of: (item) => fromPostgresText(`${item}[${n + 1}]`, field.type) })) }];
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
