import assert from 'node:assert/strict';
import { nearest } from '../../src/nearest.js';

describe('nearest name', () => {
  it('finds a slip of the finger, not a stranger', () => {
    assert.equal(nearest('timelin.driver', ['timeline.driver', 'x']), 'timeline.driver');
    assert.equal(nearest('KEY', ['key', 'ts']), 'key');
    assert.equal(nearest('banana', ['key', 'ts']), undefined);
    assert.equal(nearest('x', []), undefined);
  });
});
