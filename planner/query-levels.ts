import type { Query, QueryExpr, RangeEntry } from '../sql/query.js';
import { mapQuery, mapQueryExpr } from './query-walk.js';

/** What to do with each expression and each reference to a WITH query; `depth` is how many queries lie between it and where the walk began. */
interface LevelMap {
  readonly expr: (expr: QueryExpr, depth: number) => QueryExpr;
  readonly cteLevel: (level: number, depth: number) => number;
}

/** `map.expr` on the direct children of a node; those inside a sublink's query stand one query deeper, those of its subselects two. */
function mapChildrenByLevel(expr: QueryExpr, depth: number, map: LevelMap): QueryExpr {
  if (expr.kind !== 'sublink') return mapQueryExpr(expr, (child) => map.expr(child, depth));
  return {
    ...expr,
    test: expr.test === undefined ? undefined : map.expr(expr.test, depth),
    query: mapQueryByLevel(expr.query, depth + 1, map),
  };
}

function mapQueryByLevel(query: Query, depth: number, map: LevelMap): Query {
  const NOTHING: RangeEntry = { kind: 'result' };
  const own = mapQuery({ ...query, ctes: [], ranges: query.ranges.map((range) => (range.kind === 'subquery' ? NOTHING : range)) }, (expr) =>
    map.expr(expr, depth),
  );
  return {
    ...own,
    ctes: query.ctes.map((cte) => ({ ...cte, query: mapQueryByLevel(cte.query, depth + 1, map) })),
    ranges: query.ranges.map((range, n) => {
      if (range.kind === 'subquery') return { ...range, query: mapQueryByLevel(range.query, depth + 1, map) };
      if (range.kind === 'cte') return { ...range, level: map.cteLevel(range.level, depth) };
      return own.ranges[n] ?? range;
    }),
  };
}

/** The expression as it reads `by` queries further out: all that it names there and beyond is that many levels nearer. */
export function lowered<E extends QueryExpr>(expr: E, by: number): E {
  const lower = (node: QueryExpr, depth: number): QueryExpr => {
    const mapped = mapChildrenByLevel(node, depth, map);
    if (mapped.kind !== 'var' && mapped.kind !== 'aggregate' && mapped.kind !== 'grouping') return mapped;
    return mapped.level > depth ? { ...mapped, level: mapped.level - by } : mapped;
  };
  const map: LevelMap = { expr: lower, cteLevel: (level, depth) => (level > depth ? level - by : level) };
  return lower(expr, 0) as E;
}

/** Calls `visit` with every node that stands in an expression, those in its subqueries too; false: do not look below it. */
export function walkLevels(expr: QueryExpr, visit: (node: QueryExpr, depth: number) => boolean): void {
  const walk = (node: QueryExpr, depth: number): QueryExpr => {
    if (visit(node, depth)) mapChildrenByLevel(node, depth, map);
    return node;
  };
  const map: LevelMap = { expr: walk, cteLevel: (level) => level };
  walk(expr, 0);
}
