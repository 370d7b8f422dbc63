import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { groupByKey, NO_KEY } from '../../src/kernel/timeline/key-groups.js';
import { Random } from '../timeline/random.js';

/** Where times begin, and how far they reach: of some neither fits beside a row's number, or they are no safe integers. */
const RANGES: readonly (readonly [number, number])[] = [
  [0, 5],
  [-1000, 2000],
  [1.7e15, 3e9],
  [-3e15, 6e15],
  [2 ** 60, 2 ** 14],
  [Number.MAX_SAFE_INTEGER - 100, 200],
];

describe('Rows grouped by key', () => {
  it('are in order of time, then of rows', () => {
    const random = new Random(7);
    for (let n = 0; n < 300; n++) {
      const [least, reach] = RANGES[n % RANGES.length] as readonly [number, number];
      const count = random.below(401);
      const keyCount = 1 + random.below(6);
      const keys = Int32Array.from({ length: count }, () => random.below(keyCount + 1) + NO_KEY);
      const times = Float64Array.from({ length: count }, () => least + Math.floor((random.below(1001) / 1000) * reach));
      const { starts, order, times: sorted } = groupByKey(keys, keyCount, times);
      const expected = [...keys.keys()]
        .filter((row) => keys[row] !== NO_KEY)
        .sort((a, b) => (keys[a] as number) - (keys[b] as number) || (times[a] as number) - (times[b] as number) || a - b);
      assert.deepEqual([...order], expected);
      assert.deepEqual(
        [...sorted],
        expected.map((row) => times[row]),
      );
      for (let key = 0; key < keyCount; key++)
        for (let at = starts[key] as number; at < (starts[key + 1] as number); at++) assert.equal(keys[expected[at] as number], key);
    }
  });
});
