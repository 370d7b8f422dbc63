import type { AggregateCall, Query, QueryExpr, RangeEntry, Target, Var } from '../../sql/query.js';
import { Oid, type Type, type } from '../../sql/types.js';

/** A query that selects `targets` from `ranges`, cross joined; the rest as given. */
export function select(targets: readonly (QueryExpr | Target)[], ranges: readonly RangeEntry[], rest: Partial<Query> = {}): Query {
  return {
    targets: targets.map(
      (target, n): Target =>
        'expr' in target && 'junk' in target ? target : { expr: target as QueryExpr, name: `t${n + 1}`, ref: 0, junk: false },
    ),
    ranges,
    from: ranges.flatMap((range, n) => (range.kind === 'group' || range.kind === 'join' ? [] : [{ kind: 'range' as const, range: n + 1 }])),
    where: undefined,
    groupBy: [],
    groupingSets: undefined,
    groupDistinct: false,
    windows: [],
    having: undefined,
    distinct: 'none',
    distinctOn: [],
    orderBy: [],
    limit: undefined,
    offset: undefined,
    withTies: false,
    setOperation: undefined,
    ctes: [],
    hasAggregates: false,
    hasWindows: false,
    hasTargetSrfs: false,
    hasForUpdate: false,
    ...rest,
  };
}

export function target(expr: QueryExpr, name: string, ref = 0, junk = false): Target {
  return { expr, name, ref, junk };
}

export function table(name: string, columns: readonly string[]): RangeEntry {
  return { kind: 'table', relid: 1, schema: 'lake', name, alias: name, columns, sample: undefined };
}

export function subquery(query: Query): RangeEntry {
  return { kind: 'subquery', query, alias: 'q', columns: query.targets.filter((one) => !one.junk).map((one) => one.name), lateral: false };
}

export function v(range: number, column: number, columnType: Type = type(Oid.int4), level = 0): Var {
  return { kind: 'var', level, range, column, type: columnType };
}

export function call(fn: string, operator: string | undefined, args: readonly QueryExpr[], result: Type): QueryExpr {
  return { kind: 'call', fn, ...(operator === undefined ? {} : { operator }), args, type: result, volatility: 'immutable' };
}

export function aggregate(fn: string, args: readonly QueryExpr[], result: Type, rest: Partial<AggregateCall> = {}): AggregateCall {
  return {
    kind: 'aggregate',
    fn,
    args,
    star: args.length === 0,
    distinct: false,
    orderBy: [],
    filter: undefined,
    direct: [],
    level: 0,
    type: result,
    ...rest,
  };
}

export function text(value: string | null): QueryExpr {
  return { kind: 'constant', type: type(Oid.text), value };
}

export function int8(value: string | null): QueryExpr {
  return { kind: 'constant', type: type(Oid.int8), value };
}
