import type { FromItem, Query, QueryExpr, QueryLeaf, RangeEntry } from '../sql/query.js';
import { childrenOf, type Inner, isInner, mapChildren } from './expression.js';

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
      case 'table':
      case 'cte':
      case 'result':
        return entry;
      case 'subquery':
        return { ...entry, query: mapQuery(entry.query, map) };
      case 'values':
        return { ...entry, rows: entry.rows.map((row) => row.map(map)) };
      case 'function':
        return { ...entry, expr: map(entry.expr) };
      case 'join':
        return { ...entry, aliasVars: entry.aliasVars.map(map) };
      case 'group':
        return { ...entry, exprs: entry.exprs.map(map) };
    }
  };
  return {
    ...query,
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
}
