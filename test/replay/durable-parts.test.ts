import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '@temporalio/activity';
import { type ErrorDetails, TimelineError } from '../../sql/errors.js';
import { loadConfig } from '../../src/config-file.js';
import { isOutage, PatienceLost, patiently } from '../../src/replay/patience.js';
import { advance, initialState, type SchedulerState } from '../../src/replay/scheduler.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import type { StageStore } from '../../src/replay/stage-store.js';
import { guarded } from '../../src/replay/temporal/activity-guard.js';
import { keepOpenRuns, orphanedRuns } from '../../src/replay/temporal/open-runs.js';
import { createOutageWatch } from '../../src/replay/temporal/outage-watch.js';
import { progressText } from '../../src/replay/temporal/plan-report.js';
import { unneededStages } from '../../src/replay/unneeded-stages.js';
import { queueOf } from '../../src/task-queue.js';
import { workArguments } from '../../src/worker-process.js';
import { temporaryFolder } from './support.js';
import { until } from './temporal-support.js';

const AWAY = new TimelineError({ kind: 'connector', sqlstate: '58030', message: 'away', retryable: true });
const never = new AbortController().signal;

describe('replay/patience', () => {
  it('knows what an outage is', () => {
    const error = (extra: object): TimelineError => new TimelineError({ ...AWAY.toJSON(), ...extra });
    assert.equal(isOutage(AWAY), true);
    assert.equal(isOutage(error({ sqlstate: '08006' })), true);
    for (const extra of [{ retryable: false }, { kind: 'internal' }, { sqlstate: '40001' }, { sqlstate: '53100' }])
      assert.equal(isOutage(error(extra)), false, JSON.stringify(extra));
    assert.equal(isOutage(new Error('away')), false);
  });

  it('waits as long as it may, tells the outage then, and never for other errors', async () => {
    let calls = 0;
    const work = async (): Promise<string> => {
      if (++calls < 3) throw AWAY;
      return 'done';
    };
    assert.equal(await patiently(work, { patience: 10_000, signal: never }), 'done');
    await assert.rejects(
      patiently(() => Promise.reject(AWAY), { patience: 300, signal: never }),
      (error) => error instanceof PatienceLost && error.cause === AWAY,
    );
    const other = new TimelineError({ kind: 'data', sqlstate: '22012', message: 'division by zero' });
    calls = 0;
    await assert.rejects(
      patiently(
        () => {
          calls++;
          return Promise.reject(other);
        },
        { patience: 10_000, signal: never },
      ),
      (error) => error === other,
    );
    assert.equal(calls, 1);
  });

  it('stops waiting with the reason of the signal', async () => {
    const abort = new AbortController();
    const reason = new Error('cancelled');
    const waiting = patiently(() => Promise.reject(AWAY), { patience: 60_000, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 20);
    await assert.rejects(waiting, (error) => error === reason);
  });
});

describe('replay/unneeded-stages', () => {
  const spec = {
    stages: [
      { id: 0, tasks: 1, batch: 1, deps: [] },
      { id: 1, tasks: 1, batch: 1, deps: [0] },
      { id: 2, tasks: 1, batch: 1, deps: [0] },
      { id: 3, tasks: 1, batch: 1, deps: [1, 2] },
    ],
    window: 4,
    maxAttempts: 1,
  };
  const commit = (state: SchedulerState, stage: number, noticed = false): SchedulerState =>
    advance(state, { kind: 'task_committed', stage, task: 0, rows: 1, bytes: 1, noticed }).state;

  it('waits for all readers, keeps the answer and stages with notices', () => {
    let state = commit(advance(initialState(spec), { kind: 'start' }).state, 0);
    state = commit(state, 1, true);
    assert.deepEqual(unneededStages(state, new Set()), [], 'stage 2 reads stage 0 still');
    state = commit(state, 2);
    assert.deepEqual(unneededStages(state, new Set()), [0]);
    assert.deepEqual(unneededStages(state, new Set([0])), []);
    state = commit(state, 3);
    assert.deepEqual(unneededStages(state, new Set([0])), [2]);
  });

  it('tells about how long is left', () => {
    let state = advance(initialState({ ...spec, stages: [{ id: 0, tasks: 4, batch: 1, deps: [] }] }), { kind: 'start' }).state;
    const times = { started: { 0: 1000 }, milliseconds: {} };
    assert.doesNotMatch(progressText(state, times, 3000), /left/);
    state = commit(state, 0);
    assert.match(progressText(state, times, 3000), /^\*\*running\*\*: 1 of 4 tasks, 1 bytes read, about 6 s left\n/);
    assert.doesNotMatch(progressText({ ...state, paused: true }, times, 3000), /left/);
  });
});

describe('replay/outage-watch', () => {
  it('tells who listens when a server goes, comes back, and is gone for too long', async () => {
    let answers = true;
    let looks = 0;
    const watch = createOutageWatch({
      look: async () => {
        looks++;
        if (!answers) throw new Error('refused');
      },
      interval: 5,
      most: 100,
    });
    await sleep(50);
    assert.equal(looks, 0, 'nobody listens');
    const told: string[] = [];
    const stop = watch.add({ down: () => told.push('down'), back: () => told.push('back'), lost: () => told.push('lost') });
    await until('looks', () => looks > 2);
    assert.equal(told.length, 0);
    answers = false;
    await until('news', () => told.length > 0);
    answers = true;
    await until('news', () => told.length > 1);
    answers = false;
    await until('loss', () => told.includes('lost'));
    assert.deepEqual(told.slice(0, 4), ['down', 'back', 'down', 'lost']);
    stop();
    await sleep(50);
    const before = looks;
    await sleep(50);
    assert.equal(looks, before, 'and nobody any more');
    watch.close();
  });
});

describe('replay/open-runs', () => {
  it('finds runs of processes that are gone, and of no others', async () => {
    const folder = temporaryFolder();
    const own = await keepOpenRuns(folder);
    await own.add('replay-own');
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    const marked = (name: string, id: string, age = 0): void => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, id), '');
      const time = new Date(Date.now() - age);
      utimesSync(join(folder, name), time, time);
    };
    const host = hostname().replaceAll(/[^\w.-]/g, '_');
    const [mine = ''] = readdirSync(folder);
    assert.match(mine, new RegExp(`^${host}~${process.pid}~\\d+$`));
    // The number of a living process that began at another time, as after a restart of a container.
    marked(`${host}~${process.pid}~1`, 'replay-before');
    marked(`${host}~${child.pid}~1`, 'replay-reused');
    marked('elsewhere~7~1', 'replay-elsewhere');
    marked('long-gone~7~1', 'replay-long-gone', 600_000);
    marked('nonsense', 'replay-nonsense', 600_000);
    const orphans = await orphanedRuns(folder);
    assert.deepEqual(orphans.map(({ id }) => id).sort(), ['replay-before', 'replay-long-gone', 'replay-reused']);
    for (const { forget } of orphans) await forget();
    assert.deepEqual(await orphanedRuns(folder), []);
    await own.remove('replay-own');
    await own.close();
    assert.equal(readdirSync(folder).includes(mine), false);
    child.kill();
    await once(child, 'exit');
  });

  it('takes no names that are paths', async () => {
    const own = await keepOpenRuns(temporaryFolder());
    await assert.rejects(own.add('../x'), RangeError);
    await own.close();
  });
});

describe('replay/activity guard', () => {
  it('asks a slow store for a cancel request one at a time, and stops the work by what it says', async () => {
    const context = { cancellationSignal: never, info: { isLocal: false, attempt: 1 } } as unknown as Context;
    const reason: ErrorDetails = { kind: 'cancelled', sqlstate: '57014', message: 'enough of it' };
    let asked = 0;
    let asking = 0;
    let highest = 0;
    const cancelRequest = async (): Promise<ErrorDetails | undefined> => {
      const call = ++asked;
      highest = Math.max(highest, ++asking);
      await sleep(20);
      asking--;
      if (call === 2) throw AWAY;
      return call === 4 ? reason : undefined;
    };
    const store = { cancelRequest } as unknown as StageStore;
    const work = (signal: AbortSignal): Promise<void> => sleep(30_000, undefined, { signal }).catch(() => Promise.reject(signal.reason));
    await assert.rejects(guarded(context, { store, query: 'q', poll: 2, sealed: false }, work), { message: 'enough of it' });
    assert.equal(highest, 1);
  });
});

describe('task queues and slots', () => {
  it('are those of a stage store, unless they are named', async () => {
    const config = (env: Record<string, string>) => loadConfig({ env, cwd: temporaryFolder() });
    const stages = temporaryFolder();
    const names = await Promise.all([1, 2, 3].map(() => queueOf(config({}), createFolderFiles(stages))));
    assert.match(String(names[0]), /^timeline-[0-9a-f]{8}$/);
    assert.equal(new Set(names).size, 1, 'whoever comes first');
    assert.notEqual(await queueOf(config({}), createFolderFiles(temporaryFolder())), names[0]);
    assert.equal(await queueOf(config({ TIMELINE_TEMPORAL_TASK_QUEUE: 'own' }), createFolderFiles(stages)), 'own');
    writeFileSync(join(stages, 'store.json'), '{"version":1,"id":"../x"}');
    await assert.rejects(queueOf(config({}), createFolderFiles(stages)), { sqlstate: 'XX000' });
  });

  it('come from configuration and command line', () => {
    const worker = (env: Record<string, string>) => loadConfig({ env, cwd: temporaryFolder() }).worker;
    assert.deepEqual(worker({}), { slots: 4, bulkSlots: 2 });
    assert.deepEqual(worker({ TIMELINE_WORKER_SLOTS: '8', TIMELINE_WORKER_BULK_SLOTS: '0' }), { slots: 8, bulkSlots: 0 });
    for (const wrong of ['-1', 'many', '1001', '1.5']) assert.throws(() => worker({ TIMELINE_WORKER_SLOTS: wrong }), { sqlstate: 'F0000' });
    assert.deepEqual(workArguments('both', undefined), { queue: 'both' });
    assert.deepEqual(workArguments('bulk', '3'), { queue: 'bulk', slots: 3 });
    assert.throws(() => workArguments('fast', undefined), { sqlstate: '42601', message: /--queue fast: must be/ });
    for (const wrong of ['0', '-1', 'x', '1e3']) assert.throws(() => workArguments('both', wrong), { sqlstate: '42601' });
  });
});
