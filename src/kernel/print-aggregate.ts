import { shapeOf } from '../../planner/check-functions.js';
import type { PlanAggregate, SortKey } from '../../planner/physical-plan.js';
import { decimalScale } from '../../sql/duckdb-type.js';
import { unsupported } from '../../sql/errors.js';
import { stateFields } from '../../sql/functions/aggregate-state.js';
import { isNativeAggregate } from '../../sql/functions/native-aggregate.js';
import { Oid, type Type } from '../../sql/types.js';
import { type Aggregated, type Recipe, unsplit } from './aggregate-recipe.js';
import { quote } from './literal.js';
import { printAggregateFallback } from './print-aggregate-fallback.js';
import { decimalSum, limbStates, limbsOf } from './print-decimal-sum.js';
import { needsKey, orderKey, type PrintPlan, printAs, printDecimal, printExpression, sortKey, typeOf } from './print-expression.js';
import { float4, intervalTotal, joined, otherAggregate } from './print-other-aggregate.js';

/** SQL for the whole aggregate over rows, of the type of `aggregate.field`. */
export function printSingle(aggregate: PlanAggregate, plan: PrintPlan): string {
  const made = recipe(aggregate, plan);
  return made.finish(made.partial);
}

/** An aggregate over a window: the steps that look at rows, each with OVER, and what gives the answer over their results. */
export function printWindowed(
  aggregate: PlanAggregate,
  over: string,
  plan: PrintPlan,
): { readonly steps: readonly string[]; readonly finish: (steps: readonly string[]) => string } {
  const { partial, finish } = recipe({ ...aggregate, over }, plan);
  const bare = partial.find((step) => !step.includes(` OVER ${over}`));
  if (bare !== undefined) throw unsupported(`the aggregate ${aggregate.fn} over a window`);
  return { steps: partial, finish };
}

/** SQL of each state column over rows. */
export function printPartial(aggregate: PlanAggregate, plan: PrintPlan): readonly string[] {
  const states = stateFields(aggregate.fn, aggregate.args.map(typeOf));
  if (states === undefined || aggregate.distinct || aggregate.orderBy.length > 0) throw unsupported(`a partial phase of ${aggregate.fn}`);
  return recipe(aggregate, plan).partial;
}

/** SQL over the state columns of `aggregate.state`. */
export function printFinal(aggregate: PlanAggregate, plan: PrintPlan): string {
  const made = recipe(aggregate, plan);
  return made.finish(made.merge(aggregate.state.map((field) => `c${field.id}`)));
}

/** A column with the row's place in its window, there for aggregates of which `needsPlace` says so. */
export const PLACE = 'w_n';

/** Of values that are equal but look different (1.0 and 1.00) PostgreSQL keeps the later one. */
export function needsPlace(fn: string, type: Type): boolean {
  return /^(min|max)\(/.test(fn) && needsKey(type) && type.oid !== Oid.bpchar;
}

function recipe(aggregate: Aggregated, plan: PrintPlan): Recipe {
  const open = aggregate.fn.indexOf('(');
  const name = aggregate.fn.slice(0, open);
  const declared = aggregate.fn.slice(open + 1, -1);
  // In the final phase there are states: whatever has them is native.
  if (aggregate.state.length === 0 && !isNativeAggregate(shapeOf(aggregate))) return byPostgres(aggregate, plan);
  switch (name) {
    case 'count':
      return count(aggregate, plan, declared);
    case 'bool_and':
    case 'every':
      return simple(aggregate, plan, 'bool_and');
    case 'bool_or':
      return simple(aggregate, plan, 'bool_or');
    case 'min':
    case 'max':
      return extreme(aggregate, plan, name);
    case 'sum':
      return sum(aggregate, plan, declared);
    case 'avg':
      return average(aggregate, plan, declared);
    case 'string_agg':
      return stringAgg(aggregate, plan, declared);
    case 'array_agg':
      return arrayAgg(aggregate, plan, declared);
    default:
      return otherAggregate(aggregate, plan, name, declared, printSortKey);
  }
}

function byPostgres(aggregate: Aggregated, plan: PrintPlan): Recipe {
  return unsplit(
    printAggregateFallback(aggregate, filterAndWindow(aggregate, plan), (expr) => {
      const type = { oid: typeOf(expr).oid, typmod: -1 };
      return { sql: printAs(expr, type, plan), type };
    }),
  );
}

/** `fn([DISTINCT] arg) [FILTER …] [OVER …]`. */
function call(aggregate: Aggregated, plan: PrintPlan, fn: string, arg: string, order = ''): string {
  const sql = `${fn}(${aggregate.distinct ? 'DISTINCT ' : ''}${arg}${order})${filterAndWindow(aggregate, plan)}`;
  // Of a frame that ends before it begins DuckDB counts less than no rows.
  return fn === 'count' && aggregate.over !== undefined ? `greatest(${sql}, 0)` : sql;
}

function filterAndWindow({ filter, over }: Aggregated, plan: PrintPlan): string {
  return `${filter === undefined ? '' : ` FILTER (WHERE ${printExpression(filter, plan)})`}${over === undefined ? '' : ` OVER ${over}`}`;
}

function argument(aggregate: PlanAggregate, plan: PrintPlan): { readonly sql: string; readonly type: Type } {
  const arg = aggregate.args[0];
  // In the final phase the arguments are not columns of the input, and are not looked at.
  if (arg === undefined) return { sql: 'NULL', type: aggregate.field.type };
  return { sql: printExpression(arg, plan), type: typeOf(arg) };
}

function single(partial: string, merge: (state: string) => string, finish: (state: string) => string = (state) => state): Recipe {
  return { partial: [partial], merge: ([state]) => [merge(state as string)], finish: ([state]) => finish(state as string) };
}

function simple(aggregate: Aggregated, plan: PrintPlan, fn: string): Recipe {
  return single(call(aggregate, plan, fn, argument(aggregate, plan).sql), (state) => `${fn}(${state})`);
}

function count(aggregate: Aggregated, plan: PrintPlan, declared: string): Recipe {
  const { sql, type } = argument(aggregate, plan);
  const counted = declared === '' ? '*' : aggregate.distinct ? orderKey(sql, type) : sql;
  return single(call(aggregate, plan, 'count', counted), (state) => `CAST(coalesce(sum(${state}), 0) AS BIGINT)`);
}

function extreme(aggregate: Aggregated, plan: PrintPlan, name: 'min' | 'max'): Recipe {
  const { sql, type } = argument(aggregate, plan);
  const { over } = aggregate;
  const among = aggregate.filter === undefined ? '' : ` AND ${printExpression(aggregate.filter, plan)}`;
  if (over !== undefined && (type.oid === Oid.float4 || type.oid === Oid.float8)) {
    // 0 and -0 are equal: the later one.
    return {
      partial: [call(aggregate, plan, name, sql), `last_value(CASE WHEN ${sql} = 0${among} THEN ${sql} END IGNORE NULLS) OVER ${over}`],
      merge: (states) => states,
      finish: ([best, zero]) => `CASE WHEN ${best} = 0 THEN ${zero} ELSE ${best} END`,
    };
  }
  if (!needsKey(type)) return single(call(aggregate, plan, name, sql), (state) => `${name}(${state})`);
  if (over !== undefined && needsPlace(aggregate.fn, type)) {
    const key = `{'key': ${orderKey(sql, type)}, 'place': ${name === 'min' ? '-' : ''}${PLACE}}`;
    // A struct is no NULL though its key is one.
    return single(`arg_${name}(${sql}, ${key}) FILTER (WHERE ${sql} IS NOT NULL${among}) OVER ${over}`, (state) => state);
  }
  const by = (value: string): string => `arg_${name}(${value}, ${orderKey(value, type)})`;
  return single(`${by(sql)}${filterAndWindow(aggregate, plan)}`, by);
}

const HUGE = 'DECIMAL(38,0)';

function sum(aggregate: Aggregated, plan: PrintPlan, declared: string): Recipe {
  const { sql, type } = argument(aggregate, plan);
  switch (declared) {
    case 'int2':
    case 'int4':
    case 'int8':
      return single(
        `CAST(${call(aggregate, plan, 'sum', sql)} AS ${HUGE})`,
        (state) => `sum(${state})`,
        (state) => `CAST(${state} AS ${declared === 'int8' ? 'VARCHAR' : 'BIGINT'})`,
      );
    case 'float4':
      return floatSum(aggregate, plan, `CAST(${sql} AS DOUBLE)`, (total) => float4(total));
    case 'float8':
      return floatSum(aggregate, plan, sql, (total) => total);
    case 'interval':
      return intervalTotal(aggregate, plan, sql, (total) => total);
    case 'numeric':
      return numericSum(aggregate, plan, sql, type, (total) => total);
    default:
      throw unsupported(`aggregate ${aggregate.fn}`);
  }
}

function average(aggregate: Aggregated, plan: PrintPlan, declared: string): Recipe {
  const { sql, type } = argument(aggregate, plan);
  switch (declared) {
    case 'int2':
    case 'int4':
    case 'int8':
      return {
        partial: [`CAST(${call(aggregate, plan, 'sum', sql)} AS ${HUGE})`, call(aggregate, plan, 'count', sql)],
        merge: ([total, rows]) => [`sum(${total})`, `CAST(sum(${rows}) AS BIGINT)`],
        finish: ([total, rows]) => divided(`CAST(${total} AS VARCHAR)`, rows as string),
      };
    case 'float4':
    case 'float8':
      return floatSum(aggregate, plan, `CAST(${sql} AS DOUBLE)`, (total, rows) => `${total} / ${rows}`);
    case 'interval':
      return intervalTotal(aggregate, plan, sql, (total, rows) => `tl_interval_div(${total}, CAST(${rows} AS DOUBLE))`);
    case 'numeric':
      return numericSum(aggregate, plan, sql, type, divided);
    default:
      throw unsupported(`aggregate ${aggregate.fn}`);
  }
}

function divided(total: string, rows: string): string {
  return `CASE WHEN ${rows} > 0 THEN tl_numeric_div(${total}, CAST(${rows} AS VARCHAR)) END`;
}

/** State: sum, whether an infinity was among the numbers, count. An infinite sum of finite numbers is 22003. */
function floatSum(aggregate: Aggregated, plan: PrintPlan, sql: string, result: (total: string, rows: string) => string): Recipe {
  if (aggregate.over !== undefined && /^sum\(float[48]\)/.test(aggregate.fn)) {
    // DuckDB begins at 0, PostgreSQL with the first number: of nothing but -0 the sum is -0.
    const { over: _over, ...rows } = aggregate;
    const whole = floatSum(rows, plan, sql, result);
    const partial = ['sum', 'bool_or', 'count'].map((fn) => call(aggregate, plan, fn, fn === 'bool_or' ? `isinf(${sql})` : sql));
    return {
      partial: [...partial, call(aggregate, plan, 'bool_and', `${sql} = 0 AND signbit(${sql})`)],
      merge: whole.merge,
      finish: ([total, infinite, count, negative]) =>
        whole.finish([`(CASE WHEN ${negative} THEN -${total} ELSE ${total} END)`, infinite as string, count as string]),
    };
  }
  return {
    partial: [call(aggregate, plan, 'sum', sql), call(aggregate, plan, 'bool_or', `isinf(${sql})`), call(aggregate, plan, 'count', sql)],
    merge: ([total, infinite, rows]) => [`sum(${total})`, `bool_or(${infinite})`, `CAST(sum(${rows}) AS BIGINT)`],
    finish: ([total, infinite, rows]) =>
      `CASE WHEN ${rows} = 0 THEN NULL WHEN isinf(${total}) AND NOT ${infinite} THEN error('TL22003:value out of range: overflow') ` +
      `ELSE ${result(total as string, rows as string)} END`,
  };
}

/**
 * Exact sums of numerics. Of one scale: a DECIMAL. Of any scale (text): limbs of 18 digits, so that DuckDB adds without
 * losing a digit and without a call into JavaScript for each row; more than 38 digits before or 36 after the point is 0A000.
 */
function numericSum(
  aggregate: Aggregated,
  plan: PrintPlan,
  sql: string,
  type: Type,
  result: (total: string, rows: string) => string,
): Recipe {
  const twoStates = aggregate.state.length > 0 ? aggregate.state.length === 2 : decimalScale(type) !== undefined;
  if (twoStates) {
    return {
      partial: [call(aggregate, plan, 'sum', sql), call(aggregate, plan, 'count', sql)],
      merge: ([total, rows]) => [`sum(${total})`, `CAST(sum(${rows}) AS BIGINT)`],
      finish: ([total, rows]) => result(`CAST(${total} AS VARCHAR)`, rows as string),
    };
  }
  if (aggregate.distinct) throw unsupported(`${aggregate.fn} with DISTINCT over numbers of varying scale`);
  const [arg] = aggregate.args;
  const found = arg === undefined ? undefined : printDecimal(arg, plan);
  const native = found === undefined ? undefined : decimalSum(found.decimal, found.text, (fn, value) => call(aggregate, plan, fn, value));
  if (native !== undefined && aggregate.over === undefined && aggregate.state.length === 0)
    return unsplitSteps([native.total, native.rows], ([total, rows]) => result(total as string, rows as string));
  const limbs = limbsOf(sql);
  return {
    partial:
      native !== undefined && aggregate.over === undefined
        ? limbStates(native)
        : [
            `CAST(coalesce(${call(aggregate, plan, 'sum', limbs.whole)}, 0) AS ${HUGE})`,
            `CAST(coalesce(${call(aggregate, plan, 'sum', limbs.high)}, 0) AS ${HUGE})`,
            `CAST(coalesce(${call(aggregate, plan, 'sum', limbs.low)}, 0) AS ${HUGE})`,
            `CAST(coalesce(${call(aggregate, plan, 'max', limbs.scale)}, 0) AS INTEGER)`,
            `CAST(coalesce(${call(aggregate, plan, 'bit_or', limbs.flags)}, 0) AS INTEGER)`,
            call(aggregate, plan, 'count', sql),
          ],
    merge: ([w, h, l, scale, flags, rows]) => [
      `sum(${w})`,
      `sum(${h})`,
      `sum(${l})`,
      `max(${scale})`,
      `bit_or(${flags})`,
      `CAST(sum(${rows}) AS BIGINT)`,
    ],
    finish: ([w, h, l, scale, flags, rows]) => {
      const text = [w, h, l].map((limbSum) => `CAST(${limbSum} AS VARCHAR)`).join(', ');
      return `CASE WHEN ${rows} > 0 THEN ${result(`tl_numeric_limbs(${text}, ${scale}, ${flags})`, rows as string)} END`;
    },
  };
}

function unsplitSteps(partial: readonly string[], finish: Recipe['finish']): Recipe {
  return { ...unsplit(''), partial, finish };
}

/** ` ORDER BY …` inside an aggregate's parentheses. */
function orderClause(keys: readonly SortKey[], plan: PrintPlan): string {
  if (keys.length === 0) return '';
  return ` ORDER BY ${keys.map((key) => printSortKey(key, plan)).join(', ')}`;
}

export function printSortKey(key: SortKey, plan: PrintPlan): string {
  const sql = sortKey(printExpression(key.expr, plan), typeOf(key.expr));
  return `${sql} ${key.descending ? 'DESC' : 'ASC'} NULLS ${key.nullsFirst ? 'FIRST' : 'LAST'}`;
}

/** PostgreSQL's DISTINCT gives its values sorted. */
function sortedIfDistinct({ distinct, orderBy, args: [expr] }: Aggregated): readonly SortKey[] {
  return distinct && orderBy.length === 0 && expr !== undefined ? [{ expr, descending: false, nullsFirst: false }] : orderBy;
}

function stringAgg(aggregate: Aggregated, plan: PrintPlan, declared: string): Recipe {
  const separator = aggregate.args[1];
  if (declared !== 'text,text' || separator?.kind !== 'constant')
    return joined(aggregate, plan, orderClause(aggregate.orderBy, plan), declared === 'bytea,bytea');
  const arg = `${argument(aggregate, plan).sql}, ${quote(separator.value ?? '')}`;
  return unsplit(call(aggregate, plan, 'string_agg', arg, orderClause(sortedIfDistinct(aggregate), plan)));
}

function arrayAgg(aggregate: Aggregated, plan: PrintPlan, declared: string): Recipe {
  const first = aggregate.args[0];
  if (declared !== 'anynonarray' || first === undefined) throw unsupported(`aggregate ${aggregate.fn}`);
  if (aggregate.distinct && needsKey(typeOf(first))) throw unsupported(`array_agg with DISTINCT over this type`);
  const element = typeOf(first).oid === Oid.numeric ? { oid: Oid.numeric, typmod: -1 } : typeOf(first);
  return unsplit(call(aggregate, plan, 'list', printAs(first, element, plan), orderClause(sortedIfDistinct(aggregate), plan)));
}
