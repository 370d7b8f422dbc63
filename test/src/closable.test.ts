import assert from 'node:assert/strict';
import { withDeadline } from '../../src/deadline.js';
import { closable, commandExecution } from '../../src/execution.js';
import type { Execution } from '../../src/statement.js';

describe('rows that nobody reads', () => {
  function execution(): { readonly execution: Execution; readonly log: string[] } {
    const log: string[] = [];
    async function* rows(): AsyncGenerator<never> {
      try {
        log.push('begun');
        await new Promise((resolve) => setTimeout(resolve, 1));
      } finally {
        log.push('ended');
      }
    }
    const unread = async (): Promise<void> => {
      log.push('unread');
    };
    return { execution: { ...commandExecution('SELECT 0'), batches: closable(rows(), unread) }, log };
  }

  it('are given up once, whether or not somebody began', async () => {
    const never = execution();
    const iterator = never.execution.batches[Symbol.asyncIterator]();
    await iterator.return?.();
    await iterator.return?.();
    assert.deepEqual(never.log, ['unread']);
    const read = execution();
    for await (const batch of read.execution.batches) void batch;
    assert.deepEqual(read.log, ['begun', 'ended']);
  });

  it('are given up below a deadline too', async () => {
    const one = execution();
    const running = await withDeadline({ milliseconds: 60_000, signal: new AbortController().signal }, async () => one.execution);
    await running.batches[Symbol.asyncIterator]().return?.();
    assert.deepEqual(one.log, ['unread']);
  });

  it('are given up when the deadline passes before they come', async () => {
    const one = execution();
    let give: (execution: Execution) => void = () => undefined;
    const late = withDeadline(
      { milliseconds: 1, signal: new AbortController().signal },
      () =>
        new Promise((resolve) => {
          give = resolve;
        }),
    );
    await assert.rejects(late, { sqlstate: '57014' });
    give(one.execution);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(one.log, ['unread']);
  });
});
