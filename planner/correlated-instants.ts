import type { FromItem, Query, QueryExpr, QueryLeaf, Var } from '../sql/query.js';
import { OPS } from '../sql/timeline-marker.js';
import { conjuncts } from './expression.js';
import { walkLevels } from './query-levels.js';
import { queriesIn } from './query-walk.js';

/** The instants of a marked query (timeline-markers.ts) that are no constant; undefined: they are, or there are none. */
export function openInstants(query: Query): QueryExpr | undefined {
  for (const part of conjuncts<QueryLeaf>(query.where)) {
    if (part.kind !== 'call' || !part.fn.startsWith(`${OPS}call(`)) continue;
    const at = part.args[3];
    if (at?.kind !== 'call' || !at.fn.startsWith(`${OPS}instants(`)) return undefined;
    return at.args[0]?.kind === 'constant' ? undefined : at.args[0];
  }
  return undefined;
}

/** How far out the queries are whose columns an expression reads: 0 its own, 1 the one round it, … */
export function levelsRead(expr: QueryExpr): ReadonlySet<number> {
  const levels = new Set<number>();
  walkLevels(expr, (node, depth) => {
    if ((node.kind === 'var' || node.kind === 'aggregate' || node.kind === 'grouping') && node.level >= depth)
      levels.add(node.level - depth);
    return true;
  });
  return levels;
}

/** Is there a TIMELINE() in it whose `at` reads columns of a query round it? */
export function hasCorrelatedInstants(query: Query): boolean {
  for (const inner of queriesIn(query)) {
    const at = openInstants(inner);
    if (at !== undefined && [...levelsRead(at)].some((level) => level > 0)) return true;
  }
  return false;
}

/** The same, in what a query has in its expressions (subqueries as values, EXISTS, IN), not in its FROM. */
export function expressionsHaveCorrelatedInstants(query: Query): boolean {
  const own = { ...query, ranges: query.ranges.filter((range) => range.kind !== 'subquery'), ctes: [] };
  for (const inner of queriesIn(own)) if (inner !== own && hasCorrelatedInstants(inner)) return true;
  return false;
}

/** Conditions that every row of a range in the result meets: of WHERE, and of the join that has it as its right side. */
export function conditionsOn(range: number, query: Query): readonly QueryExpr[] {
  const found: QueryExpr[] = [...conjuncts<QueryLeaf>(query.where)];
  const visit = (item: FromItem): void => {
    if (item.kind === 'list') {
      found.push(...conjuncts<QueryLeaf>(item.where));
      item.items.forEach(visit);
    } else if (item.kind === 'join') {
      if (item.right.kind === 'range' && item.right.range === range && (item.type === 'inner' || item.type === 'left'))
        found.push(...conjuncts<QueryLeaf>(item.on));
      visit(item.left);
      visit(item.right);
    }
  };
  query.from.forEach(visit);
  return found;
}

/** What a condition `column = other` sets a column of a range equal to. Both sides have one type. */
export function equalTo(range: number, column: number, conditions: readonly QueryExpr[]): QueryExpr | undefined {
  const isColumn = (expr: QueryExpr | undefined): expr is Var =>
    expr?.kind === 'var' && expr.level === 0 && expr.range === range && expr.column === column;
  for (const part of conditions) {
    if (part.kind !== 'call' || part.operator !== '=') continue;
    const [a, b] = part.args;
    const other = isColumn(a) ? b : isColumn(b) ? a : undefined;
    if (other !== undefined) return other;
  }
  return undefined;
}
