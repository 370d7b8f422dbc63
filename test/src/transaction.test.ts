import assert from 'node:assert/strict';
import { Transaction } from '../../src/transaction.js';

const state = (code: string) => (error: unknown) => (error as { sqlstate?: string }).sqlstate === code;

describe('transaction', () => {
  it('goes from idle to open to failed and back', () => {
    const transaction = new Transaction();
    transaction.fail();
    assert.equal(transaction.status, 'I');
    transaction.begin();
    assert.equal(transaction.status, 'T');
    transaction.fail();
    assert.equal(transaction.status, 'E');
    assert.throws(() => transaction.requireNotFailed(), state('25P02'));
    assert.deepEqual(transaction.end(true), { committed: false });
    assert.equal(transaction.status, 'I');
  });

  it('keeps pins while it is open only', () => {
    const transaction = new Transaction();
    assert.notEqual(transaction.pins(), transaction.pins());
    transaction.begin();
    const pins = transaction.pins();
    assert.equal(transaction.pins(), pins);
    transaction.end(true);
    transaction.begin();
    assert.notEqual(transaction.pins(), pins);
  });

  it('rolls back to savepoints by name, the innermost first', () => {
    const transaction = new Transaction();
    assert.throws(() => transaction.savepoint('a'), state('25P01'));
    transaction.begin();
    transaction.savepoint('a');
    transaction.savepoint('b');
    transaction.fail();
    transaction.rollbackTo('a');
    assert.equal(transaction.status, 'T');
    assert.throws(() => transaction.release('b'), state('3B001'));
    assert.equal(transaction.status, 'E');
  });
});
