import assert from 'node:assert/strict';
import { mergeMoments } from '../../sql/functions/moments.js';

describe('moments of floats in parts', () => {
  it('are those of all rows together; parts without rows count nothing', () => {
    // 1, 2, 3 and 10, 20: n, sum, sum of squared differences from the mean.
    assert.deepEqual(mergeMoments([3, 6, 2, 0, 0, 0, 2, 30, 50], 3), [5, 36, 254.8]);
    assert.deepEqual(mergeMoments([0, 0, 0], 3), [0, 0, 0]);
    assert.deepEqual(mergeMoments([], 6), [0, 0, 0, 0, 0, 0]);
  });

  it('keep NaN, and overflow where finite numbers do', () => {
    assert.ok(Number.isNaN(mergeMoments([1, Infinity, NaN, 1, 2, 0], 3)[2]));
    assert.throws(() => mergeMoments([1, 1e200, 0, 1, -1e200, 0], 3), { sqlstate: '22003', message: 'value out of range: overflow' });
    assert.throws(() => mergeMoments([1, 1, 0, 1e200, 0, 0, 1, 2, 0, -1e200, 0, 0], 6), { sqlstate: '22003' });
  });
});
