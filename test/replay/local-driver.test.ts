import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Connector } from '../../connectors/connector.js';
import { TimelineError } from '../../sql/errors.js';
import type { Kernel } from '../../src/kernel/kernel.js';
import type { RunOptions, RunProgress } from '../../src/replay/driver.js';
import { createLocalDriver } from '../../src/replay/local-driver.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import {
  connectors,
  createTestConnector,
  createTestKernel,
  planOf,
  readStage,
  rowsOf,
  scanStage,
  type TestSplit,
  temporaryFolder,
  valuesPlan,
} from './support.js';

let runs = 0;

function setUp(options: { connector?: Connector; kernel?: Kernel } = {}) {
  const folder = temporaryFolder();
  const store = createStageStore({ files: createFolderFiles(join(folder, 'stages')), name: folder });
  const driver = createLocalDriver({
    connectors: connectors(options.connector ?? createTestConnector()),
    kernel: options.kernel ?? createTestKernel(),
    store,
    scratchFolder: join(folder, 'scratch'),
    readableFolders: [],
    concurrency: 2,
  });
  return { folder, store, driver };
}

function runOptions(extra: Partial<RunOptions> = {}): RunOptions {
  return {
    id: `replay-${process.pid}-${runs++}`,
    sql: 'SELECT 1',
    user: 'test',
    signal: new AbortController().signal,
    maxBytes: undefined,
    ...extra,
  };
}

const numbered = (count: number, extra: Partial<TestSplit> = {}): TestSplit[] =>
  Array.from({ length: count }, (_, n) => ({ rows: [`a${n}`, `b${n}`], ...extra }));

describe('replay/local-driver', () => {
  it('answers VALUES', async () => {
    const { driver, folder } = setUp();
    const run = await driver.start(valuesPlan('x', 'y'), runOptions());
    assert.deepEqual(await rowsOf(run.files), ['x', 'y']);
    assert.equal((await run.summary).rows, 2);
    await run.release();
    assert.deepEqual(readdirSync(join(folder, 'stages')), []);
    assert.deepEqual(readdirSync(join(folder, 'scratch')), []);
  });

  it('streams the last stage in task order, whatever order tasks end in', async () => {
    const { driver } = setUp();
    const splits = numbered(6).map((split, n) => ({ ...split, delay: n % 2 === 0 ? 30 : 1 }));
    const run = await driver.start(planOf(scanStage(0, splits)), runOptions());
    assert.deepEqual(
      await rowsOf(run.files),
      splits.flatMap((split) => split.rows),
    );
    await run.release();
  });

  it('reads a partitioned stage by partition', async () => {
    const { driver } = setUp();
    const progress: RunProgress[] = [];
    const first = scanStage(0, numbered(7), { exchange: { by: [1], partitions: 3 } });
    const second = readStage(1, first);
    const third = readStage(2, second);
    const run = await driver.start(planOf(first, second, third), runOptions({ onProgress: (one) => progress.push(one) }));
    assert.deepEqual(
      (await rowsOf(run.files)).sort(),
      numbered(7)
        .flatMap((split) => split.rows)
        .sort(),
    );
    const summary = await run.summary;
    assert.deepEqual(
      summary.stages.map(({ id, tasks, rows, bytesRead }) => [id, tasks, rows, bytesRead]),
      [
        [0, 7, 14, 700],
        [1, 3, 14, 0],
        [2, 1, 14, 0],
      ],
    );
    assert.deepEqual([summary.rows, summary.bytesRead], [14, 700]);
    assert.equal(progress.length, 11);
    assert.deepEqual(progress.at(-1), { stage: 2, tasksDone: 11, tasks: 11, rows: 14, bytesRead: 700 });
    await run.release();
  });

  it('gives no files for a plan whose last stage has no tasks', async () => {
    const { driver } = setUp();
    const run = await driver.start(planOf(scanStage(0, [])), runOptions());
    assert.deepEqual(await rowsOf(run.files), []);
    assert.equal((await run.summary).rows, 0);
  });

  it('tries again what may succeed, and tells the retries', async () => {
    let failures = 2;
    const connector = createTestConnector({
      log: () => {
        if (failures-- > 0) throw new TimelineError({ kind: 'connector', sqlstate: '58030', message: 'busy', retryable: true });
      },
    });
    const { driver } = setUp({ connector });
    const run = await driver.start(planOf(scanStage(0, numbered(1))), runOptions());
    assert.deepEqual(await rowsOf(run.files), ['a0', 'b0']);
    assert.equal((await run.summary).stages[0]?.retries, 2);
  });

  it('fails at once with an error that would come again, and keeps it as it was', async () => {
    const error = new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero', hint: 'do not' });
    let reads = 0;
    const connector = createTestConnector({
      log: () => {
        reads++;
        throw error;
      },
    });
    const { driver } = setUp({ connector });
    const run = await driver.start(planOf(scanStage(0, numbered(9))), runOptions());
    await assert.rejects(rowsOf(run.files), (thrown) => thrown === error);
    await assert.rejects(run.summary, (thrown) => thrown === error);
    assert.ok(reads <= 2, `${reads} reads`);
    await run.release();
  });

  it('ends at once when the signal is aborted, with its reason', async () => {
    const abort = new AbortController();
    const reason = new TimelineError({ kind: 'cancelled', sqlstate: '57014', message: 'canceling statement due to statement timeout' });
    const connector = createTestConnector({
      log: () => {
        setTimeout(() => abort.abort(reason), 20);
      },
    });
    const { driver, folder } = setUp({ connector });
    const run = await driver.start(planOf(scanStage(0, numbered(4, { delay: 50_000 }))), runOptions({ signal: abort.signal }));
    await assert.rejects(rowsOf(run.files), (thrown) => thrown === reason);
    await assert.rejects(run.summary, (thrown) => thrown === reason);
    await run.release();
    assert.equal(existsSync(join(folder, 'stages', run.id)), false);
  });

  it('does not start under an aborted signal', async () => {
    const { driver } = setUp();
    const reason = new Error('gone');
    await assert.rejects(driver.start(valuesPlan('x'), runOptions({ signal: AbortSignal.abort(reason) })), (thrown) => thrown === reason);
  });

  it('cancels the run when its files are closed early', async () => {
    let reads = 0;
    const connector = createTestConnector({
      log: () => {
        reads++;
      },
    });
    const { driver } = setUp({ connector });
    const run = await driver.start(planOf(scanStage(0, [...numbered(1), ...numbered(40, { delay: 40 })])), runOptions());
    for await (const file of run.files) {
      assert.ok(file);
      break;
    }
    await assert.rejects(run.summary, { sqlstate: '57014' });
    assert.ok(reads < 20);
    await run.release();
  });

  it('stops before the read that would pass the limit', async () => {
    const { driver } = setUp();
    const run = await driver.start(planOf(scanStage(0, numbered(10, { bytes: 100 }))), runOptions({ maxBytes: 450 }));
    await assert.rejects(rowsOf(run.files), { sqlstate: '53400', hint: /time range.*timeline\.max_bytes/ });
    await run.release();
  });

  it('passes on notices', async () => {
    const { driver } = setUp();
    const run = await driver.start(planOf(scanStage(0, [{ rows: ['odd'] }, { rows: ['odd'] }, { rows: ['even'] }])), runOptions());
    await rowsOf(run.files);
    assert.deepEqual((await run.summary).notices, ['1 odd row']);
  });

  it('ends its runs when it is closed', async () => {
    const { driver } = setUp();
    const run = await driver.start(planOf(scanStage(0, numbered(4, { delay: 50_000 }))), runOptions());
    await driver.close();
    await assert.rejects(run.summary, { sqlstate: '57P01' });
  });

  it('keeps the rows right with many runs at once', async () => {
    const { driver } = setUp();
    const all = await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const run = await driver.start(planOf(scanStage(0, [{ rows: [`r${n}`] }, { rows: [`s${n}`], delay: 2 }])), runOptions());
        const rows = await rowsOf(run.files);
        await run.release();
        return rows;
      }),
    );
    assert.deepEqual(
      all,
      Array.from({ length: 20 }, (_, n) => [`r${n}`, `s${n}`]),
    );
  });
});
