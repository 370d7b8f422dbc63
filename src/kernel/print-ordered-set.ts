import type { PlanExpr } from '../../planner/physical-plan.js';
import { internal } from '../../sql/errors.js';
import { ELEMENT_OF, Oid, type Type } from '../../sql/types.js';
import { type Aggregated, type Recipe, stepOf, unsplit } from './aggregate-recipe.js';
import { type PrintPlan, printAs, printExpression, typeOf } from './print-expression.js';

/** percentile_cont and percentile_disc: picked from the sorted list of the group's values. `sortKey` is DuckDB SQL. */
export function percentileRecipe(aggregate: Aggregated, plan: PrintPlan, sortKey: string): Recipe {
  const { value, type } = sorted(aggregate, plan);
  const [direct] = aggregate.direct ?? [];
  if (direct === undefined) throw internal(`${aggregate.fn} without a direct argument`);
  const step = stepOf(aggregate, plan);
  const list = step('list', `${value} ORDER BY ${sortKey}`, `${value} IS NOT NULL`);
  const pick = aggregate.fn.startsWith('percentile_cont') ? interpolated(type) : chosen;
  const given = once(direct, plan);
  if (ELEMENT_OF.has(typeOf(direct).oid)) {
    // The list goes into the lambda by a name: an aggregate may not stand in it.
    const each = `list_transform(s.p, lambda p: CASE ${refused('p')} WHEN p IS NOT NULL THEN ${pick('s.l', 'p')} END)`;
    return unsplit(
      list,
      (state) =>
        `CASE WHEN ${state} IS NOT NULL AND ${given} IS NOT NULL THEN ` +
        `list_transform([{'l': ${state}, 'p': ${given}}], lambda s: ${each})[1] END`,
    );
  }
  return unsplit(
    list,
    (state) => `CASE ${refused(given)} WHEN ${given} IS NOT NULL AND ${state} IS NOT NULL THEN ${pick(state, given)} END`,
  );
}

/** A direct argument is the same for all rows of a group. */
function once(direct: PlanExpr, plan: PrintPlan): string {
  const sql = printExpression(direct, plan);
  return direct.kind === 'constant' ? sql : `any_value(${sql})`;
}

function sorted(aggregate: Aggregated, plan: PrintPlan): { readonly value: string; readonly type: Type } {
  const [key] = aggregate.orderBy;
  if (key === undefined) throw internal(`${aggregate.fn} without WITHIN GROUP`);
  const type = typeOf(key.expr);
  return {
    value: type.oid === Oid.numeric ? printAs(key.expr, { oid: Oid.numeric, typmod: -1 }, plan) : printExpression(key.expr, plan),
    type,
  };
}

function refused(p: string): string {
  const shown = `CASE WHEN isnan(${p}) THEN 'NaN' ELSE printf('%g', ${p}) END`;
  return `WHEN NOT (${p} BETWEEN 0 AND 1) THEN error('TL22003:percentile value ' || ${shown} || ' is not between 0 and 1')`;
}

function chosen(list: string, p: string): string {
  return `${list}[greatest(1, CAST(ceil(${p} * len(${list})) AS BIGINT))]`;
}

function interpolated(type: Type): (list: string, p: string) => string {
  return (list, p) => {
    const at = `(${p} * (len(${list}) - 1))`;
    const [low, high] = ['floor', 'ceil'].map((round) => `${list}[CAST(${round}(${at}) AS BIGINT) + 1]`);
    const part = `(${at} - floor(${at}))`;
    const between =
      type.oid === Oid.interval ? `tl_interval_mul(${high} + (-${low}), ${part}) + ${low}` : `${low} + ${part} * (${high} - ${low})`;
    return `CASE WHEN ${part} = 0 THEN ${low} ELSE ${between} END`;
  };
}

/** The most frequent value, the first in order of those that are as frequent. */
export function modeRecipe(aggregate: Aggregated, plan: PrintPlan): Recipe {
  const [key] = aggregate.orderBy;
  if (key === undefined) throw internal(`${aggregate.fn} without WITHIN GROUP`);
  const [value, type] = [printExpression(key.expr, plan), typeOf(key.expr)];
  const step = stepOf(aggregate, plan);
  const descending = key.descending;
  const float = type.oid === Oid.float4 || type.oid === Oid.float8;
  // DuckDB's map of counts takes NaN for any number: NaN is counted beside it.
  const counts = step('histogram', value, float ? `NOT isnan(${value})` : undefined);
  const best = (map: string): string => {
    const [keys, numbers] = ['map_keys', 'map_values'].map((fn) => (descending ? `list_reverse(${fn}(${map}))` : `${fn}(${map})`));
    return `${keys}[list_position(${numbers}, list_max(${numbers}))]`;
  };
  if (!float) return unsplit(counts, best);
  const nans = step('count', '*', `isnan(${value})`);
  return {
    ...unsplit(counts),
    partial: [counts, nans],
    finish: ([map, count]) =>
      `CASE WHEN ${count} > 0 AND ${count} ${descending ? '>=' : '>'} coalesce(list_max(map_values(${map})), 0) ` +
      `THEN CAST('NaN' AS ${type.oid === Oid.float4 ? 'FLOAT' : 'DOUBLE'}) ELSE ${best(map as string)} END`,
  };
}
