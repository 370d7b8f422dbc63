import type { SortKey } from '../../planner/physical-plan.js';
import { unsupported } from '../../sql/errors.js';
import { REGRESSIONS, VARIANCES } from '../../sql/functions/native-aggregate.js';
import { type Aggregated, type Recipe, stepOf, unsplit } from './aggregate-recipe.js';
import { type PrintPlan, printExpression } from './print-expression.js';
import { modeRecipe, percentileRecipe } from './print-ordered-set.js';
import { regressionRecipe, varianceRecipe } from './print-statistics.js';

/** Aggregates other than those that every query has (print-aggregate.ts). */
export function otherAggregate(
  aggregate: Aggregated,
  plan: PrintPlan,
  name: string,
  declared: string,
  sortKey: (key: SortKey, plan: PrintPlan) => string,
): Recipe {
  if (VARIANCES.has(name)) return varianceRecipe(aggregate, plan, name, declared);
  if (REGRESSIONS.has(name)) return regressionRecipe(aggregate, plan, name);
  const step = stepOf(aggregate, plan);
  const [first, second] = aggregate.args.map((arg) => printExpression(arg, plan));
  switch (name) {
    case 'bit_and':
    case 'bit_or':
    case 'bit_xor':
    case 'any_value': {
      const order = name === 'any_value' && aggregate.orderBy.length > 0 ? ` ORDER BY ${sorted(aggregate, plan, sortKey)}` : '';
      const of = aggregate.distinct && name === 'bit_xor' ? `DISTINCT ${first}` : `${first}`;
      return { partial: [step(name, `${of}${order}`)], merge: ([state]) => [`${name}(${state})`], finish: ([state]) => state as string };
    }
    case 'regr_count': {
      const rows = step('count', '*', `${first} IS NOT NULL AND ${second} IS NOT NULL`);
      return {
        partial: [rows],
        merge: ([state]) => [`CAST(coalesce(sum(${state}), 0) AS BIGINT)`],
        finish: ([state]) => state as string,
      };
    }
    case 'percentile_cont':
    case 'percentile_disc':
      return percentileRecipe(aggregate, plan, sorted(aggregate, plan, sortKey));
    case 'mode':
      return modeRecipe(aggregate, plan);
    default:
      throw unsupported(`aggregate ${aggregate.fn}`);
  }
}

function sorted(aggregate: Aggregated, plan: PrintPlan, sortKey: (key: SortKey, plan: PrintPlan) => string): string {
  return aggregate.orderBy.map((key) => sortKey(key, plan)).join(', ');
}

/** string_agg whose rows bring their separators: that of the first row is left out. */
export function joined(aggregate: Aggregated, plan: PrintPlan, order: string, bytes: boolean): Recipe {
  const [value, separator] = aggregate.args.map((arg) => {
    const sql = printExpression(arg, plan);
    return bytes ? `hex(${sql})` : sql;
  });
  const pair = `{'s': coalesce(${separator}, ''), 'v': ${value}}`;
  const list = stepOf(aggregate, plan)('list', `${pair}${order}`, `${value} IS NOT NULL`);
  return unsplit(list, (state) => {
    const text = `(${state}[1].v || array_to_string(list_transform(${state}[2:], lambda e: e.s || e.v), ''))`;
    return bytes ? `unhex${text}` : text;
  });
}

/** 32 bits are left of a sum of doubles. */
export function float4(total: string): string {
  return (
    `CASE WHEN isfinite(${total}) AND abs(${total}) >= 3.4028235677973366e38 ` +
    `THEN error('TL22003:value out of range: overflow') ELSE CAST(${total} AS FLOAT) END`
  );
}

/** State: months, days, microseconds, count. */
export function intervalTotal(
  aggregate: Aggregated,
  plan: PrintPlan,
  sql: string,
  result: (total: string, rows: string) => string,
): Recipe {
  const step = stepOf(aggregate, plan);
  const infinite = `error('TL0A000:an infinite interval in a sum is not supported yet')`;
  const most = `abs(tl_interval_months(${sql})) >= 2147483647 AND abs(datepart('day', ${sql})) >= 2147483647`;
  const fields = [
    `CASE WHEN ${most} THEN ${infinite} ELSE tl_interval_months(${sql}) END`,
    `datepart('day', ${sql})`,
    `tl_interval_micros(${sql})`,
  ];
  return {
    partial: [...fields.map((field) => `CAST(${step('sum', field)} AS DECIMAL(38,0))`), step('count', sql)],
    merge: ([months, days, micros, rows]) => [`sum(${months})`, `sum(${days})`, `sum(${micros})`, `CAST(sum(${rows}) AS BIGINT)`],
    finish: ([months, days, micros, rows]) => {
      const total = `(to_months(CAST(${months} AS INTEGER)) + to_days(CAST(${days} AS INTEGER)) + to_microseconds(CAST(${micros} AS BIGINT)))`;
      const fits = [`abs(${months}) <= 2147483647`, `abs(${days}) <= 2147483647`, `abs(${micros}) <= 9223372036854775807`].join(' AND ');
      return `CASE WHEN coalesce(${rows}, 0) = 0 THEN NULL WHEN ${fits} THEN ${result(total, rows as string)} ELSE error('TL22008:interval out of range') END`;
    },
  };
}
