import type { PlanAggregate } from '../../planner/physical-plan.js';
import { isWithinGroup } from '../../sql/functions/native-aggregate.js';
import type { AggregateSpec } from '../../sql/functions/postgres-spec.js';
import { quote } from './literal.js';
import { Arguments, fromPostgresText, type PrintArgument } from './print-fallback.js';

/**
 * DuckDB SQL of an aggregate that PostgreSQL computes: DuckDB gathers a list of the rows of each group, each a list of the texts of what
 * the aggregate and its ORDER BY look at. `filterAndWindow` is DuckDB SQL, `print` prints what DuckDB computes of the arguments.
 */
export function printAggregateFallback(aggregate: PlanAggregate, filterAndWindow: string, print: PrintArgument): string {
  const direct = new Arguments(print);
  const directs = (aggregate.direct ?? []).map((expr) => direct.expression(expr));
  const rows = new Arguments(print, direct.texts.length);
  const withinGroup = isWithinGroup(aggregate.fn);
  const args = withinGroup ? [] : aggregate.args.map((expr) => rows.expression(expr));
  const orderBy = aggregate.orderBy.map((key) => ({ ...key, expr: rows.expression(key.expr) }));
  const spec: AggregateSpec = {
    form: 'aggregate',
    fn: aggregate.fn,
    star: aggregate.args.length === 0 && !withinGroup,
    distinct: aggregate.distinct,
    args,
    orderBy,
    withinGroup,
    direct: directs,
    directs: direct.texts.length,
    lists: rows.texts.length,
  };
  // Of constants alone, the number of rows still counts.
  const row = `[${rows.texts.length === 0 ? "''" : rows.texts.join(', ')}]`;
  const gathered = `list(${row})${filterAndWindow}`;
  // A direct argument is the same for all rows of a group.
  const given = direct.texts.map((text) => `any_value(${text})`);
  const texts = given.length === 0 ? 'CAST([] AS VARCHAR[])' : `[${given.join(', ')}]`;
  return fromPostgresText(`tl_postgres_aggregate(${quote(JSON.stringify(spec))}, ${texts}, ${gathered})`, aggregate.field.type);
}
