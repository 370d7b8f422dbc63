import assert from 'node:assert/strict';
import { Random } from '../../src/events/random.js';

describe('Random', () => {
  it('gives the same numbers for a seed and stream on every machine', () => {
    const random = new Random(7, 3);
    assert.deepEqual([random.bits(), random.bits(), random.bits()], [3776997752, 2805168880, 2024751929]);
  });

  it('gives other numbers for another seed or stream', () => {
    const first = (seed: number, stream: number) => new Random(seed, stream).bits();
    assert.equal(new Set([first(7, 3), first(7, 4), first(8, 3), first(3, 7)]).size, 4);
  });

  it('draws within its bounds, by weight', () => {
    const random = new Random(1, 1);
    const counts = [0, 0, 0];
    for (let i = 0; i < 10_000; i++) {
      const at = random.weighted([0.7, 0.2, 0.1]);
      counts[at] = (counts[at] ?? 0) + 1;
      const integer = random.integer(-3, 4);
      assert.ok(Number.isInteger(integer) && integer >= -3 && integer < 4);
      const unit = random.unit();
      assert.ok(unit >= 0 && unit < 1);
      const tailed = random.longTailed(10);
      assert.ok(tailed >= 0 && tailed <= 520);
    }
    assert.ok(Math.abs((counts[0] ?? 0) - 7000) < 300 && Math.abs((counts[2] ?? 0) - 1000) < 200, counts.join(' '));
  });
});
