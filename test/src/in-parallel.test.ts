import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { inParallel } from '../../src/in-parallel.js';

describe('work in parallel', () => {
  const items = Array.from({ length: 50 }, (_, n) => n);

  it('gives results in the order of the items, with no more than so many at work', async () => {
    let now = 0;
    let highest = 0;
    const work = async (n: number): Promise<number> => {
      highest = Math.max(highest, ++now);
      for (let turns = n % 3; turns >= 0; turns--) await setImmediate();
      now--;
      return n * n;
    };
    const squares = items.map((n) => n * n);
    assert.deepEqual(await inParallel(items, work, { most: 4 }), squares);
    assert.equal(highest, 4);
    assert.deepEqual(await inParallel([], work), []);
  });

  it('begins nothing more after a failure, or once it is called off', async () => {
    let begun = 0;
    const failing = async (n: number): Promise<void> => {
      begun++;
      await setImmediate();
      if (n === 1) throw new Error('no');
    };
    await assert.rejects(inParallel(items, failing, { most: 2 }), /no/);
    for (let turns = 0; turns < 5; turns++) await setImmediate();
    assert.ok(begun <= 3, `${begun} were begun`);

    const abort = new AbortController();
    begun = 0;
    const stopping = async (): Promise<void> => {
      if (++begun === 5) abort.abort(new Error('called off'));
    };
    await assert.rejects(inParallel(items, stopping, { most: 1, signal: abort.signal }), /called off/);
    assert.equal(begun, 5);
  });
});
