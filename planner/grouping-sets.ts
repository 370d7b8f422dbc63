import { internal, TimelineError } from '../sql/errors.js';
import type { GroupingSet, Query } from '../sql/query.js';

/** PostgreSQL's limit. */
const MAX_SETS = 4096;

/**
 * GROUPING SETS, ROLLUP and CUBE as plain sets, each the indexes of its keys in the group range; several clauses are their
 * cross product. Undefined for a plain GROUP BY.
 */
export function expandGroupingSets(query: Query): readonly (readonly number[])[] | undefined {
  if (query.groupingSets === undefined) return undefined;
  const product = query.groupingSets
    .map(expand)
    .reduce((left, right) => limited(left.flatMap((a) => right.map((b) => [...a, ...b]))), [[]] as readonly (readonly number[])[]);
  const sets = product.map((refs) => [...new Set(refs.map((ref) => keyIndex(query, ref)))].sort((a, b) => a - b));
  if (!query.groupDistinct) return sets;
  return sets.filter((set, n) => sets.findIndex((other) => other.join() === set.join()) === n);
}

/** Which key of the group range a Target.ref is. */
export function keyIndex(query: Query, ref: number): number {
  const index = query.groupBy.indexOf(ref);
  if (index < 0) throw internal(`grouping set over target ${ref}, which is not grouped`);
  return index;
}

function expand(set: GroupingSet): readonly (readonly number[])[] {
  switch (set.kind) {
    case 'empty':
      return [[]];
    case 'simple':
      return [set.refs];
    case 'sets':
      return limited(set.content.flatMap(expand));
    case 'rollup': {
      const parts = set.content.map(whole);
      return Array.from({ length: parts.length + 1 }, (_, n) => parts.slice(0, parts.length - n).flat());
    }
    case 'cube': {
      const parts = set.content.map(whole);
      if (parts.length > 12) throw tooMany();
      return Array.from({ length: 2 ** parts.length }, (_, n) =>
        parts.filter((_part, at) => (n & (1 << (parts.length - 1 - at))) === 0).flat(),
      );
    }
  }
}

/** An element of ROLLUP or CUBE: one or several columns that come and go together. */
function whole(set: GroupingSet): readonly number[] {
  if (set.kind === 'simple') return set.refs;
  if (set.kind === 'empty') return [];
  throw internal(`${set.kind} in ROLLUP or CUBE`);
}

function limited(sets: readonly (readonly number[])[]): readonly (readonly number[])[] {
  if (sets.length > MAX_SETS) throw tooMany();
  return sets;
}

function tooMany(): TimelineError {
  return new TimelineError({
    kind: 'limit',
    sqlstate: '54001',
    message: `too many grouping sets present (maximum ${MAX_SETS})`,
  });
}
