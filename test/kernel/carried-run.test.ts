import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TimelineOperator } from '../../planner/physical-plan.js';
import { CarriedRun } from '../../src/kernel/timeline/carried-state.js';
import type { KernelState, TimelineKernel } from '../../src/timeline/kernel.js';

const OP = {
  kind: 'timeline',
  spec: { ts: 2, since: '0' },
  carry: { scan: 's', column: 2, load: [], save: [{ at: '10', key: 'a'.repeat(64) }] },
} as unknown as TimelineOperator;

function kernelOf(data: unknown): TimelineKernel {
  const state: KernelState = { version: 1, shape: 'x', data } as KernelState;
  return { push: () => undefined, advance: () => undefined, save: () => state } as unknown as TimelineKernel;
}

async function ended(folder: string, data: unknown): Promise<CarriedRun> {
  const run = new CarriedRun(OP, { carries: { begin: {}, missing: ['a'.repeat(64)] }, folder }, 20);
  for await (const rows of run.end(kernelOf(data))) assert.equal(rows, undefined);
  return run;
}

describe('states that a run leaves', () => {
  it('are files; one that cannot be written is a remark, and no error of the query', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'timeline-carried-'));
    try {
      const kept = await ended(folder, 'all');
      assert.deepEqual(Object.values(kept.saved), await readdir(folder));
      assert.deepEqual(kept.remarks, []);
      for (const lost of [await ended(join(folder, 'no such folder'), 'all'), await ended(folder, Array(3).fill('x'.repeat(2 ** 28)))]) {
        assert.deepEqual(lost.saved, {});
        assert.match(lost.remarks.join(), /^timeline: its state could not be kept for later queries: (ENOENT|Invalid string length)/);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
