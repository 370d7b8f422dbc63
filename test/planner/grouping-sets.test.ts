import assert from 'node:assert/strict';
import { expandGroupingSets } from '../../planner/grouping-sets.js';
import type { GroupingSet, Query } from '../../sql/query.js';

const simple = (...refs: readonly number[]): GroupingSet => ({ kind: 'simple', refs });

/** Keys are Target.refs 10, 20, 30 in this order. */
function expanded(groupingSets: readonly GroupingSet[] | undefined, groupDistinct = false): readonly (readonly number[])[] | undefined {
  return expandGroupingSets({ groupBy: [10, 20, 30], groupingSets, groupDistinct } as unknown as Query);
}

describe('grouping sets', () => {
  it('a plain GROUP BY has none', () => {
    assert.equal(expanded(undefined), undefined);
  });

  it('ROLLUP leaves out from the end, CUBE every choice', () => {
    assert.deepEqual(expanded([{ kind: 'rollup', content: [simple(10), simple(20, 30)] }]), [[0, 1, 2], [0], []]);
    assert.deepEqual(expanded([{ kind: 'cube', content: [simple(10), simple(30)] }]), [[0, 2], [0], [2], []]);
  });

  it('nested sets are flat, several clauses multiply', () => {
    const sets: GroupingSet = { kind: 'sets', content: [simple(20), { kind: 'sets', content: [{ kind: 'empty' }, simple(30, 10)] }] };
    assert.deepEqual(expanded([sets]), [[1], [], [0, 2]]);
    assert.deepEqual(expanded([simple(10), sets]), [[0, 1], [0], [0, 2]]);
  });

  it('equal sets stay, but for GROUP BY DISTINCT', () => {
    const twice: readonly GroupingSet[] = [{ kind: 'sets', content: [simple(10, 20), simple(20, 10), simple(10, 10)] }];
    assert.deepEqual(expanded(twice), [[0, 1], [0, 1], [0]]);
    assert.deepEqual(expanded(twice, true), [[0, 1], [0]]);
  });

  it('no more than 4096', () => {
    const cube: GroupingSet = { kind: 'cube', content: Array.from({ length: 7 }, () => simple(10)) };
    assert.equal(expanded([cube])?.length, 128);
    assert.throws(() => expanded([cube, cube]), { sqlstate: '54001', message: 'too many grouping sets present (maximum 4096)' });
  });
});
