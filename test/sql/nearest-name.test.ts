import assert from 'node:assert/strict';
import { nearestName } from '../../sql/nearest-name.js';

describe('nearest name', () => {
  it('finds a slip of the finger, not a stranger', () => {
    assert.equal(nearestName('timelin.driver', ['timeline.driver', 'x']), 'timeline.driver');
    assert.equal(nearestName('KEY', ['key', 'ts']), 'key');
    assert.equal(nearestName('keey', ['key', 'ts']), 'key');
    assert.equal(nearestName('tz', ['ts', 'at']), undefined);
    assert.equal(nearestName('banana', ['key', 'ts']), undefined);
    assert.equal(nearestName('x', []), undefined);
  });
});
