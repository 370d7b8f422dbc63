import assert from 'node:assert/strict';
import type { Worker } from 'node:worker_threads';
import type { Operator } from '../../planner/physical-plan.js';
import { TimelineError } from '../../sql/errors.js';
import { Oid } from '../../sql/types.js';
import { type Bench, call, field, openBench, ref, values } from './harness.js';

const n = field(1, Oid.numeric);
const root = field(2, Oid.numeric);
const k = field(3, Oid.int4);

const ROOTS = 10;

describe('a kernel thread that hears of no abort', function () {
  this.timeout(60_000);
  let bench: Bench;
  before(async () => {
    bench = await openBench({ workers: 1, hangsAfterMs: 50 });
  });
  after(async () => {
    await bench.close();
  });

  it('is replaced, and ends when its task does', async () => {
    // Roots of very long numbers are JavaScript that nothing interrupts.
    const long = '7'.repeat(130_000);
    const slow: Operator = {
      kind: 'project',
      input: values(
        [n],
        Array.from({ length: ROOTS }, (_, i) => [`${i + 1}${long}`]),
      ),
      items: [{ field: root, expr: call('numeric_sqrt(numeric)', [ref(n)], Oid.numeric) }],
    };
    const small = values([k], [['1']]);
    const started: Worker[] = [];
    const onWorker = (worker: Worker): number => started.push(worker);
    process.on('worker', onWorker);
    try {
      assert.deepEqual(await bench.rows(small, [k]), [[1]]);
      assert.equal(started.length, 1);
      const ended = new Promise((resolve) => started[0]?.once('exit', resolve));
      const reason = new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to user request' });
      const controller = new AbortController();
      const running = bench.run(slow, {}, controller.signal);
      setTimeout(() => controller.abort(reason), 500);
      await assert.rejects(running, (error) => error === reason);
      assert.deepEqual(await bench.rows(small, [k]), [[1]]);
      assert.equal(started.length, 2);
      await ended;
      assert.deepEqual(await bench.rows(small, [k]), [[1]]);
      assert.equal(started.length, 2);
    } finally {
      process.off('worker', onWorker);
    }
  });
});
