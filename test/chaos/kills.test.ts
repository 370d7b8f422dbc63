import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { temporaryFolder } from '../replay/support.js';
import { until } from '../replay/temporal-support.js';
import { type Cluster, isGone, openCluster, type TaskLine, type WorkerProcess } from './cluster.js';
import { BY_WORD, byWord, dice, resultOf, submit, waitFor } from './submitted.js';
import { makeTinyLake, SETTINGS } from './tiny-lake.js';

/** TIMELINE_CHAOS_RUNS=50 for all of it; TIMELINE_CHAOS_SEED says where to begin. */
const RUNS = Number(process.env['TIMELINE_CHAOS_RUNS'] ?? 4);
const FIRST_SEED = Number(process.env['TIMELINE_CHAOS_SEED'] ?? 1);
const PARTS = 300;
const VICTIMS = ['worker', 'gateway', 'Temporal', 'all workers', 'worker and Temporal', 'everything'] as const;
type Victim = (typeof VICTIMS)[number];

/** A commit's manifest is written within this time after its files. */
const COMMIT_MS = 500;

describe('chaos: submitted replays of 300 tasks outlive what is killed', function () {
  this.timeout(180_000);
  let cluster: Cluster;
  const recoveries: { readonly victim: Victim; readonly ms: number }[] = [];
  const killed = new Map<number, number>();

  before(async function () {
    if (RUNS === 0) return this.skip();
    const catalogs = await makeTinyLake({ folder: join(temporaryFolder(), 'lake'), parts: PARTS });
    const opened = await openCluster({ config: { catalogs } });
    if (opened === undefined) return this.skip();
    cluster = opened;
    await Promise.all([cluster.startWorker(), cluster.startWorker(), startGateway()]);
    cluster.control('delay', '25');
  });

  after(async () => {
    await cluster?.close();
    for (const victim of VICTIMS) {
      const all = recoveries.filter((one) => one.victim === victim).map(({ ms }) => ms);
      if (all.length > 0)
        console.log(
          `      ${victim === 'worker' ? "a killed worker's task begins again, the others being up" : `first task after ${victim} killed, and back`}: ${summary(all)}`,
        );
    }
  });

  // Its own worker leaves submitted replays to the others.
  const startGateway = () => cluster.startGateway({ TIMELINE_WORKER_BULK_SLOTS: '0' });

  async function session(): Promise<pg.Client> {
    const client = await cluster.gateway().connect();
    await client.query(`${SETTINGS}; SET timeline.partitions = 4`);
    return client;
  }

  async function committed(id: string): Promise<readonly string[]> {
    return [...(await cluster.store.committed(id))].flatMap(([stage, tasks]) => tasks.map((task) => `${stage}/${task}`));
  }

  async function killWorker(worker: WorkerProcess): Promise<void> {
    killed.set(worker.pid, Date.now());
    await worker.kill('SIGKILL');
    cluster.workers.splice(cluster.workers.indexOf(worker), 1);
  }

  /** Kills; gives what brings it back. That gives the time from when tasks could run again. */
  async function strike(victim: Victim, roll: (below: number) => number): Promise<() => Promise<number>> {
    const workers = [...cluster.workers];
    const [some] = workers.splice(roll(workers.length), 1);
    const pids: number[] = [];
    const back: (() => Promise<WorkerProcess>)[] = [];
    let temporal = false;
    const hits = (what: 'worker' | 'gateway' | 'Temporal'): boolean => victim.includes(what) || victim === 'everything';
    const killing: Promise<void>[] = [];
    if (hits('gateway')) {
      pids.push(cluster.gateway().pid);
      killing.push(cluster.killGateway());
    }
    if (hits('worker') && some !== undefined) {
      const hit = victim === 'all workers' || victim === 'everything' ? [some, ...workers] : [some];
      for (const worker of hit) {
        pids.push(worker.pid);
        killing.push(killWorker(worker));
        back.push(() => cluster.startWorker());
      }
    }
    if (hits('Temporal')) {
      temporal = true;
      pids.push(cluster.temporal().pid);
      killing.push(cluster.killTemporal());
    }
    await Promise.all(killing);
    for (const pid of pids) assert.ok(isGone(pid), `process ${pid} is gone`);
    return async () => {
      if (temporal) await cluster.restartTemporal();
      const ready = await Promise.all(back.map((bring) => bring()));
      // A worker is ready when it takes tasks from Temporal, so that is back by then.
      const up = ready.length === 0 ? Date.now() : Math.min(...ready.map(({ readyAt }) => readyAt));
      if (!hits('gateway')) return up;
      await startGateway();
      return victim === 'gateway' ? Date.now() : up;
    };
  }

  for (let n = 0; n < RUNS; n++) {
    const seed = FIRST_SEED + n;
    const victim = VICTIMS[seed % VICTIMS.length] ?? 'worker';
    it(`seed ${seed}: ${victim} killed`, async () => {
      const roll = dice(seed);
      const client = await session();
      const begin = cluster.tasks().length;
      const id = await submit(client, BY_WORD);
      const wanted = 1 + roll(PARTS / 2);
      await until(`commit of ${wanted} tasks`, async () => (await committed(id)).length >= wanted);
      const bring = await strike(victim, roll);
      const killedAt = Date.now();
      const before = await committed(id);
      assert.ok(before.length > 0 && before.length < PARTS, `struck between the first and the last commit: ${before.length} of ${PARTS}`);
      await sleep(roll(1500));
      const up = await bring();
      const mine = (): readonly TaskLine[] =>
        cluster
          .tasks()
          .slice(begin)
          .filter(({ query }) => query === id);
      const other = victim.includes('gateway') || victim === 'everything' ? await session() : client;
      assert.equal(await waitFor(other, id), 'completed');
      assert.deepEqual(await resultOf(other, id), byWord(PARTS));
      await other.end();
      if (other !== client) await client.end().catch(() => undefined);

      const lines = mine();
      const first = lines.find(({ at, moment }) => moment === 'asked' && at > up);
      if (victim !== 'gateway' && victim !== 'worker' && first !== undefined) recoveries.push({ victim, ms: first.at - up });
      // Of a worker beside others: its own tasks wait until Temporal misses its heartbeats.
      const lost = lines.find(({ at, moment, stage, task }) => moment === 'start' && at > killedAt && begunBy(killed, lines, stage, task));
      if (victim === 'worker' && lost !== undefined) recoveries.push({ victim, ms: lost.at - killedAt });
      if (victim === 'gateway')
        assert.ok(
          lines.some(({ at, moment }) => moment === 'start' && at > killedAt && at < up),
          'tasks went on without a gateway',
        );
      else
        assert.ok(
          lines.some(({ at }) => at > killedAt),
          'there was work left',
        );
      assert.deepEqual(
        lines.filter(
          ({ moment, at, stage, task }) => moment === 'start' && at > killedAt + COMMIT_MS && before.includes(`${stage}/${task}`),
        ),
        [],
        'no task ran again that had been committed before the strike',
      );
      assert.deepEqual(rerun(lines, killed), [], 'nor any other committed one');
      assert.equal(
        new Set(lines.filter(({ moment }) => moment === 'start').map(({ stage, task }) => `${stage}/${task}`)).size >= PARTS,
        true,
      );
      console.log(
        `        ${before.length} tasks done at the strike, first task ${first === undefined ? '-' : first.at - up} ms after all was back`,
      );
    });
  }
});

function begunBy(pids: ReadonlyMap<number, number>, lines: readonly TaskLine[], stage: number, task: number): boolean {
  return lines.some((line) => line.moment === 'start' && line.stage === stage && line.task === task && pids.has(line.pid));
}

/** Starts of tasks whose files another process had put before, which lived on to commit them. */
function rerun(lines: readonly TaskLine[], killed: ReadonlyMap<number, number>): readonly TaskLine[] {
  const done = new Map<string, number>();
  for (const { moment, stage, task, at, pid } of lines) {
    if (moment !== 'files' || (killed.get(pid) ?? Number.POSITIVE_INFINITY) < at + COMMIT_MS) continue;
    done.set(`${stage}/${task}`, Math.min(done.get(`${stage}/${task}`) ?? Number.POSITIVE_INFINITY, at));
  }
  return lines.filter(
    ({ moment, stage, task, at }) => moment === 'start' && at > (done.get(`${stage}/${task}`) ?? Number.POSITIVE_INFINITY) + COMMIT_MS,
  );
}

function summary(all: readonly number[]): string {
  const sorted = all.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, most ${sorted.at(-1)} ms of ${all.length}`;
}
