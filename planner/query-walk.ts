import { internal } from '../sql/errors.js';
import type { FrameBound, FromItem, Query, QueryExpr, QueryLeaf, RangeEntry } from '../sql/query.js';
import { childrenOf, type Inner, isInner, mapChildren } from './expression.js';

/** Range `n`, counted from 1. */
export function rangeOf(query: Query, n: number): RangeEntry {
  const entry = query.ranges[n - 1];
  if (entry === undefined) throw internal(`query has no range ${n}`);
  return entry;
}

/** A query with `map` applied to every expression of it and of its subqueries, sublinks included. `map` is given whole expressions. */
export function mapQuery(query: Query, map: (expr: QueryExpr) => QueryExpr): Query {
  const opt = (expr: QueryExpr | undefined): QueryExpr | undefined => (expr === undefined ? undefined : map(expr));
  const item = (from: FromItem): FromItem => {
    switch (from.kind) {
      case 'range':
        return from;
      case 'join':
        return { ...from, left: item(from.left), right: item(from.right), on: opt(from.on) };
      case 'list':
        return { ...from, items: from.items.map(item), where: opt(from.where) };
    }
  };
  const range = (entry: RangeEntry): RangeEntry => {
    switch (entry.kind) {
      case 'table': {
        const { sample } = entry;
        return sample === undefined ? entry : { ...entry, sample: { ...sample, percent: map(sample.percent), seed: opt(sample.seed) } };
      }
      case 'cte':
      case 'result':
        return entry;
      case 'subquery':
        return { ...entry, query: mapQuery(entry.query, map) };
      case 'values':
        return { ...entry, rows: entry.rows.map((row) => row.map(map)) };
      case 'function':
        return { ...entry, functions: entry.functions.map((fn) => ({ ...fn, expr: map(fn.expr) })) };
      case 'join':
        return { ...entry, aliasVars: entry.aliasVars.map(map) };
      case 'group':
        return { ...entry, exprs: entry.exprs.map(map) };
    }
  };
  const bound = (side: FrameBound<QueryExpr>): FrameBound<QueryExpr> => ('offset' in side ? { ...side, offset: map(side.offset) } : side);
  return {
    ...query,
    windows: query.windows.map((window) => ({
      ...window,
      frame: { ...window.frame, start: bound(window.frame.start), end: bound(window.frame.end) },
    })),
    targets: query.targets.map((target) => ({ ...target, expr: map(target.expr) })),
    ranges: query.ranges.map(range),
    from: query.from.map(item),
    where: opt(query.where),
    having: opt(query.having),
    limit: opt(query.limit),
    offset: opt(query.offset),
    ctes: query.ctes.map((cte) => ({ ...cte, query: mapQuery(cte.query, map) })),
  };
}

/** `map` on each direct child of a node of a query's expression; leaves that hold expressions (aggregates, sublinks) are opened too. */
export function mapQueryExpr(expr: QueryExpr, map: (child: QueryExpr) => QueryExpr): QueryExpr {
  if (isInner<QueryLeaf>(expr)) return mapChildren<QueryLeaf, QueryLeaf>(expr as Inner<QueryLeaf>, map);
  switch (expr.kind) {
    case 'aggregate':
      return {
        ...expr,
        args: expr.args.map(map),
        orderBy: expr.orderBy.map((key) => ({ ...key, expr: map(key.expr) })),
        filter: expr.filter === undefined ? undefined : map(expr.filter),
        direct: expr.direct.map(map),
      };
    case 'window':
      return { ...expr, args: expr.args.map(map), filter: expr.filter === undefined ? undefined : map(expr.filter) };
    case 'sublink':
      return { ...expr, query: mapQuery(expr.query, map), test: expr.test === undefined ? undefined : map(expr.test) };
    default:
      return expr;
  }
}

/** Direct children as above, without rebuilding. */
export function queryExprChildren(expr: QueryExpr): readonly QueryExpr[] {
  if (isInner<QueryLeaf>(expr)) return childrenOf<QueryLeaf>(expr);
  const children: QueryExpr[] = [];
  mapQueryExpr(expr, (child) => {
    children.push(child);
    return child;
  });
  return children;
}

/** Every query in a query, itself first: subselects, CTEs, sublinks. */
export function* queriesIn(query: Query): Generator<Query> {
  yield query;
  for (const range of query.ranges) if (range.kind === 'subquery') yield* queriesIn(range.query);
  for (const cte of query.ctes) yield* queriesIn(cte.query);
  const links: Query[] = [];
  const visit = (expr: QueryExpr): QueryExpr => {
    if (expr.kind === 'sublink') {
      links.push(expr.query);
      if (expr.test !== undefined) visit(expr.test);
    } else for (const child of queryExprChildren(expr)) visit(child);
    return expr;
  };
  mapQuery({ ...query, ranges: query.ranges.filter((range) => range.kind !== 'subquery'), ctes: [] }, visit);
  for (const link of links) yield* queriesIn(link);
}
