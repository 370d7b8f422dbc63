import type { Query } from '../sql/query.js';
import { TRUE } from './expression.js';

/** The query of an EXISTS: PostgreSQL does not even fold what it selects, groups and sorts by, where that cannot change whether there are rows. */
export function existsQuery(query: Query): Query {
  const { limit } = query;
  const plain =
    !query.hasAggregates &&
    query.groupingSets === undefined &&
    query.having === undefined &&
    !query.hasWindows &&
    !query.hasTargetSrfs &&
    query.setOperation === undefined &&
    query.offset === undefined &&
    (limit === undefined || (limit.kind === 'constant' && limit.value !== null && BigInt(limit.value) > 0n));
  const nothing = { expr: TRUE, name: '?', ref: 0, junk: false };
  if (plain)
    return { ...query, targets: [nothing], groupBy: [], orderBy: [], distinct: 'none', distinctOn: [], limit: undefined, withTies: false };
  return query.targets.some((target) => !target.junk) ? query : { ...query, targets: [...query.targets, nothing] };
}
