import type { Readable } from '../../connectors/connector.js';
import { columnIds, hasSubquery, outerColumns } from '../../planner/columns.js';
import {
  type AggregateOperator,
  type ExchangeRead,
  type Field,
  fieldsOf,
  type JoinOperator,
  type Operator,
  type PlanAggregate,
  type PlanExpr,
  type ValuesOperator,
} from '../../planner/physical-plan.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import { internal, unsupported } from '../../sql/errors.js';
import { Oid } from '../../sql/types.js';
import { decimalsBelow } from './decimals-below.js';
import { quote, quoteName } from './literal.js';
import { printFinal, printPartial, printSingle, printSortKey } from './print-aggregate.js';
import { equalityKey, needsKey, type PrintPlan, printAs, printDecimal, printExpression, typeOf } from './print-expression.js';
import { printRecursive, printRecursiveRead } from './print-recursive.js';
import { printSample } from './print-sample.js';
import { hasShortParts } from './print-statistics.js';
import { printTableFunction } from './print-table-function.js';
import { printWindow } from './print-window.js';
import { decodedColumn } from './stage-file.js';

export interface PrintContext {
  /** By ScanOperator.scan. */
  readonly scans: Readonly<Record<string, Readable>>;
  /** By stage id: Parquet files. */
  readonly inputs: Readonly<Record<string, readonly string[]>>;
  /** Relations that stand for operators already computed (timeline operators, scans over given rows); their columns are c{id}. */
  readonly relations: ReadonlyMap<Operator, string>;
}

/** A relation without columns still has rows; DuckDB needs a column for them. */
const DUMMY = 'c_';

/** Column list of a SELECT; never empty. */
export function columnList(items: readonly string[]): string {
  return items.length === 0 ? `TRUE AS ${DUMMY}` : items.join(', ');
}

/** Prints an operator tree as one DuckDB SELECT whose columns are c{id}, in the order of fieldsOf. */
export function printOperator(op: Operator, context: PrintContext): string {
  const relation = context.relations.get(op);
  if (relation !== undefined) return `SELECT ${columnList(fieldsOf(op).map(column))} FROM ${relation}`;
  const plan: PrintPlan = (inner) => printOperator(inner, context);
  const input = (inner: Operator): string => `(${plan(inner)})`;
  switch (op.kind) {
    case 'scan': {
      const readable = context.scans[op.scan];
      if (readable === undefined || readable.kind !== 'sql') throw internal(`scan ${op.scan} was not opened`);
      // A cast to the type that a column has already costs nothing and keeps filters and projections pushed into the file scan.
      // Names that differ in case only are one name to DuckDB: then columns go by position.
      const isByName = new Set(op.fields.map((field) => field.name.toLowerCase())).size === op.fields.length;
      const items = op.fields.map(
        (field, index) => `CAST(${isByName ? quoteName(field.name) : `s${index}`} AS ${duckdbType(field.type)}) AS ${column(field)}`,
      );
      const alias = isByName ? '' : ` AS s(${op.fields.map((_, index) => `s${index}`).join(', ')})`;
      return `SELECT ${columnList(items)} FROM ${readable.relation}${alias}`;
    }
    case 'exchange_read':
      return printExchangeRead(op, context);
    case 'values':
      return printValues(op, plan);
    case 'filter':
      return `SELECT * FROM ${input(op.input)} WHERE ${printExpression(op.predicate, plan)}`;
    case 'project':
      return `SELECT ${columnList(op.items.map(({ field, expr }) => `${printAs(expr, field.type, plan)} AS ${column(field)}`))} FROM ${input(op.input)}`;
    case 'aggregate':
      return printAggregateOver(op, context, plan);
    case 'join':
      return printJoin(op, input(op.left), input(op.right), plan);
    case 'sort': {
      // A constant orders nothing; DuckDB takes a number for a column's position, and refuses any other.
      const keys = op.keys.filter(({ expr }) => expr.kind !== 'constant');
      const order = keys.length === 0 ? '' : ` ORDER BY ${keys.map((key) => printSortKey(key, plan)).join(', ')}`;
      return `SELECT * FROM ${input(op.input)}${order}${limitClause(op)}`;
    }
    case 'limit':
      return `SELECT * FROM ${input(op.input)}${limitClause(op)}`;
    case 'distinct':
      return printDistinct(fieldsOf(op.input), input(op.input));
    case 'union_all': {
      const branches = op.inputs.map((branch) => {
        const from = fieldsOf(branch);
        const items = op.fields.map((field, i) => {
          const source = from[i];
          if (source === undefined) throw internal('union_all: an input has too few fields');
          return `${printAs({ kind: 'column', id: source.id, type: source.type }, field.type, plan)} AS ${column(field)}`;
        });
        return `(SELECT ${columnList(items)} FROM ${input(branch)})`;
      });
      return branches.length === 0 ? emptyRelation(op.fields) : branches.join(' UNION ALL ');
    }
    case 'assert': {
      const failure = `error(${quote(`TL${op.sqlstate}:${op.message}`)})`;
      const nulls = fieldsOf(op.input).map((field) => `CAST(NULL AS ${duckdbType(field.type)}) AS ${column(field)}`);
      return (
        `WITH asserted AS MATERIALIZED ${input(op.input)} SELECT * FROM asserted UNION ALL ` +
        `SELECT ${columnList(nulls)} FROM (SELECT count(*) AS n FROM asserted) WHERE CASE WHEN n = 0 THEN ${failure} ELSE FALSE END`
      );
    }
    case 'window':
      return printWindow(op, input(op.input), plan);
    case 'table_function':
      return printTableFunction(op, input(op.input), plan);
    case 'sample':
      return printSample(op, input(op.input));
    case 'recursive':
      return printRecursive(op, input(op.base), input(op.step));
    case 'recursive_read':
      return printRecursiveRead(op);
    case 'shared_read':
      throw internal('a shared plan in a task');
    case 'timeline':
      throw internal('a timeline operator is run before the SQL above it is printed');
  }
}

export function column(field: Field): string {
  return `c${field.id}`;
}

function emptyRelation(fields: readonly Field[]): string {
  return `SELECT ${columnList(fields.map((field) => `CAST(NULL AS ${duckdbType(field.type)}) AS ${column(field)}`))} WHERE FALSE`;
}

function printExchangeRead(op: ExchangeRead, context: PrintContext): string {
  const files = context.inputs[String(op.stage)];
  if (files === undefined) throw internal(`the files of stage ${op.stage} are missing`);
  if (files.length === 0) return emptyRelation(op.fields);
  return `SELECT ${columnList(op.fields.map((field) => `${decodedColumn(field)} AS ${column(field)}`))} FROM read_parquet([${files.map(quote).join(', ')}])`;
}

function printValues(op: ValuesOperator, plan: PrintPlan): string {
  if (op.rows.length === 0) return emptyRelation(op.fields);
  if (op.fields.length === 0) return `SELECT TRUE AS ${DUMMY} FROM range(${op.rows.length})`;
  const rows = op.rows.map(
    (row) =>
      `(${op.fields
        .map((field, i) => {
          const expr = row[i];
          if (expr === undefined) throw internal('values: a row has too few columns');
          return printAs(expr, field.type, plan);
        })
        .join(', ')})`,
  );
  return `SELECT * FROM (VALUES ${rows.join(', ')}) AS v(${op.fields.map(column).join(', ')})`;
}

function limitClause(op: { readonly limit?: number; readonly offset?: number }): string {
  const limit = op.limit === undefined ? '' : ` LIMIT ${whole(op.limit)}`;
  return `${limit}${op.offset === undefined ? '' : ` OFFSET ${whole(op.offset)}`}`;
}

function whole(n: number): string {
  if (!Number.isInteger(n) || n < 0) throw internal(`${n} is no row count`);
  return BigInt(n).toString();
}

function printAggregateOver(written: AggregateOperator, context: PrintContext, plan: PrintPlan): string {
  const op = context.relations.has(written.input) ? written : (decimalsBelow(written, plan) ?? written);
  return printAggregate(op, `(${plan(op.input)})`, plan);
}

function printAggregate(op: AggregateOperator, input: string, plan: PrintPlan): string {
  if (op.sets !== undefined && outerColumns(op).size > 0) return printSetsApart(op, input, plan);
  const computed: string[] = [];
  const keys = op.keys.map(({ field, expr }, n) => {
    const sql = printExpression(expr, plan);
    const type = typeOf(expr);
    const key = equalityKey(sql, type);
    const value = printAs(expr, field.type, plan);
    if (op.sets === undefined) return { field, group: key, value: needsKey(type) || value !== sql ? `any_value(${value})` : sql };
    // Columns of its own: GROUPING() wants names, and a key left out is NULL, its value not any of the group's.
    const name = `k${n}`;
    if (!op.sets.some((set) => set.includes(n))) return { field, group: name, value: `CAST(NULL AS ${duckdbType(field.type)})` };
    computed.push(`${key} AS ${name}`);
    return { field, group: name, value: key === value ? name : `CASE WHEN grouping(${name}) = 0 THEN any_value(${value}) END` };
  });
  const items = keys.map((key) => `${key.value} AS ${column(key.field)}`);
  for (const [n, written] of op.aggregates.entries()) {
    const aggregate = op.phase === 'final' ? written : withComputed(written, n, computed, plan);
    if (op.phase === 'partial') {
      const states = printPartial(aggregate, plan);
      if (states.length !== aggregate.state.length)
        throw internal(`${aggregate.fn} has ${states.length} state columns, the plan ${aggregate.state.length}`);
      for (const [i, field] of aggregate.state.entries()) items.push(`${castState(states[i] as string, field)} AS ${column(field)}`);
    } else {
      const sql = op.phase === 'single' ? printSingle(aggregate, plan) : printFinal(aggregate, plan);
      items.push(`CAST(${sql} AS ${duckdbType(aggregate.field.type)}) AS ${column(aggregate.field)}`);
    }
  }
  for (const { field, keys: asked } of op.groupings ?? []) items.push(`${groupingBits(op.sets, asked)} AS ${column(field)}`);
  const from = computed.length === 0 ? input : `(SELECT *, ${computed.join(', ')} FROM ${input})`;
  if (op.sets !== undefined) return `SELECT ${columnList(items)} FROM ${from} GROUP BY ${groupingSets(op.sets)}`;
  const groupBy = keys.length === 0 ? '' : ` GROUP BY ${keys.map((key) => key.group).join(', ')}`;
  // Without aggregates or keys there is one row, as in SELECT 1 … HAVING.
  if (items.length === 0) return `SELECT TRUE AS ${DUMMY} FROM (SELECT count(*) FROM ${input})`;
  return `SELECT ${items.join(', ')} FROM ${from}${groupBy}`;
}

const MOST_APART = 32;

/** Each grouping set as an aggregate of its own: tied to rows outside, DuckDB's lose the rows of empty sets and know no left-out keys. */
function printSetsApart({ sets = [], groupings = [], ...op }: AggregateOperator, input: string, plan: PrintPlan): string {
  if (sets.length > MOST_APART) throw unsupported(`more than ${MOST_APART} grouping sets in a correlated subquery`);
  return sets
    .map((set) => {
      const keys = op.keys.filter((_, n) => set.includes(n));
      const items = [
        ...op.keys.map(
          ({ field }, n) => `${set.includes(n) ? column(field) : `CAST(NULL AS ${duckdbType(field.type)}) AS ${column(field)}`}`,
        ),
        ...op.aggregates.map(({ field }) => column(field)),
        ...groupings.map(({ field, keys: asked }) => {
          const bits = asked.reduce((mask, key) => mask * 2 + (set.includes(key) ? 0 : 1), 0);
          return `CAST(${bits} AS INTEGER) AS ${column(field)}`;
        }),
      ];
      return `SELECT ${columnList(items)} FROM (${printAggregate({ ...op, keys }, input, plan)})`;
    })
    .join(' UNION ALL ');
}

function groupingSets(sets: NonNullable<AggregateOperator['sets']>): string {
  return `GROUPING SETS (${sets.map((set) => `(${set.map((key) => `k${key}`).join(', ')})`).join(', ')})`;
}

/** A bit for each key asked for, the last one's the lowest. One that no set has is always left out, and DuckDB would not know it. */
function groupingBits(sets: AggregateOperator['sets'], asked: readonly number[]): string {
  const bits = asked.map((key, n) => {
    const weight = 2 ** (asked.length - 1 - n);
    return sets?.some((set) => set.includes(key)) === true ? `grouping(k${key}) * ${weight}` : String(weight);
  });
  return `CAST(${bits.join(' + ')} AS INTEGER)`;
}

/** Ids of columns that only an aggregate's own SELECT knows. */
const COMPUTED_ID = 1_000_000_000;

/** The sum of a numeric looks at its argument a dozen times: what isn't a column is computed below it, once (unless a FILTER guards it). */
function withComputed(aggregate: PlanAggregate, n: number, computed: string[], plan: PrintPlan): PlanAggregate {
  const [arg] = aggregate.args;
  if (arg === undefined || arg.kind === 'column' || typeOf(arg).oid !== Oid.numeric || aggregate.filter !== undefined) return aggregate;
  if (!/^(sum|avg|stddev\w*|var\w+)\(/.test(aggregate.fn)) return aggregate;
  const decimal = printDecimal(arg, plan)?.decimal;
  if (decimal !== undefined && (/^(sum|avg)/.test(aggregate.fn) || hasShortParts(decimal))) return aggregate;
  const column: PlanExpr = { kind: 'column', id: COMPUTED_ID + n, type: typeOf(arg) };
  computed.push(`${printExpression(arg, plan)} AS c${column.id}`);
  return { ...aggregate, args: [column] };
}

function castState(sql: string, field: Field): string {
  return `CAST(${sql} AS ${duckdbType(field.type)})`;
}

function printJoin(op: JoinOperator, left: string, right: string, plan: PrintPlan): string {
  const fields = columnList(fieldsOf(op).map(column));
  if (op.type === 'cross' || (op.type === 'inner' && op.condition === undefined))
    return `SELECT ${fields} FROM ${left} AS l CROSS JOIN ${op.lateral === true ? 'LATERAL ' : ''}${right} AS r`;
  const on = op.condition === undefined ? 'TRUE' : printExpression(op.condition, plan);
  if (op.lateral === true || (op.condition !== undefined && asksOutside(op.condition, fieldsOf(op.left), fieldsOf(op.right))))
    return `SELECT ${fields} FROM ${lateral(op, left, right, on)}`;
  return `SELECT ${fields} FROM ${left} AS l ${op.type.toUpperCase()} JOIN ${right} AS r ON ${on}`;
}

/** Does a join's condition ask a subquery, or read columns of a query outside? */
function asksOutside(condition: PlanExpr, left: readonly Field[], right: readonly Field[]): boolean {
  if (hasSubquery(condition)) return true;
  const given = new Set([...left, ...right].map((field) => field.id));
  return [...columnIds(condition)].some((id) => !given.has(id));
}

/** DuckDB takes no subquery and no column of a query outside in the condition of an outer join, and of a LATERAL one none at all; in the other side's WHERE both may stand. */
function lateral(op: JoinOperator, left: string, right: string, on: string): string {
  switch (op.type) {
    case 'inner':
    case 'cross':
      return `${left} AS l CROSS JOIN ${op.lateral === true ? 'LATERAL ' : ''}${right} AS r WHERE ${on}`;
    case 'left':
      return `${left} AS l LEFT JOIN LATERAL (SELECT * FROM ${right} WHERE ${on}) AS r ON TRUE`;
    case 'right':
      return `${right} AS r LEFT JOIN LATERAL (SELECT * FROM ${left} WHERE ${on}) AS l ON TRUE`;
    case 'full':
      throw unsupported('a subquery or a column of a query outside in the condition of a FULL JOIN');
    case 'semi':
    case 'anti':
      return `${left} AS l WHERE ${op.type === 'anti' ? 'NOT ' : ''}EXISTS (SELECT 1 FROM ${right} WHERE ${on})`;
  }
}

function printDistinct(fields: readonly Field[], input: string): string {
  if (fields.length === 0) return `SELECT * FROM ${input} LIMIT 1`;
  if (!fields.some((field) => needsKey(field.type))) return `SELECT DISTINCT * FROM ${input}`;
  return `SELECT DISTINCT ON (${fields.map((field) => equalityKey(column(field), field.type)).join(', ')}) * FROM ${input}`;
}
