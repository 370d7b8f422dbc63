import assert from 'node:assert/strict';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { sweepHome } from '../../src/home-sweep.js';
import type { WorkflowState } from '../../src/replay/replay-control.js';
import type { ReplayEnd, ReplaySubmission } from '../../src/replay/replay-record.js';
import { createReplayRegistry } from '../../src/replay/replay-registry.js';
import type { ResultFiles } from '../../src/replay/result-files.js';
import type { StageFiles } from '../../src/replay/stage-files.js';
import { createSweeper } from '../../src/replay/sweep.js';
import { temporaryFolder } from './support.js';

const DAY = 86_400_000;
const NOW = 1_900_000_000_000;
const AGE = DAY;

/** Stage files in memory, with their times. */
function memoryFiles(): StageFiles & { readonly all: Map<string, { bytes: Uint8Array; modified: number }>; clock: number } {
  const all = new Map<string, { bytes: Uint8Array; modified: number }>();
  const files = {
    all,
    clock: NOW,
    localFolder: '/nowhere',
    moveIn: () => Promise.reject(new Error('not here')),
    async putIfAbsent(key: string, bytes: Uint8Array) {
      if (all.has(key)) return false;
      all.set(key, { bytes, modified: files.clock });
      return true;
    },
    read: async (key: string) => all.get(key)?.bytes,
    async *list(folder: string) {
      for (const [key, { modified }] of [...all]) if (folder === '' || key.startsWith(`${folder}/`)) yield { key, modified };
    },
    async remove(key: string) {
      all.delete(key);
    },
    async removeFolder(folder: string) {
      for (const key of [...all.keys()]) if (key.startsWith(`${folder}/`)) all.delete(key);
    },
    toLocalFile: () => Promise.reject(new Error('not here')),
    hold: () => () => undefined,
    close: async () => undefined,
  };
  return files;
}

function memoryResults(): ResultFiles & { readonly there: Set<string> } {
  const there = new Set<string>();
  return {
    there,
    inlineBytes: 1,
    locationOf: (id) => id,
    publish: () => Promise.reject(new Error('not here')),
    size: async () => undefined,
    toLocalFile: () => Promise.reject(new Error('not here')),
    hold: () => () => undefined,
    localFolders: [],
    remove: async (id) => void there.delete(id),
  };
}

const submission = (id: string, submittedAt: number, kind: ReplaySubmission['kind'] = 'replay'): ReplaySubmission => ({
  version: 1,
  id,
  name: null,
  kind,
  user: 'me',
  sql: 'SELECT 1',
  parameters: [],
  submittedAt,
  columns: [],
  snapshots: [],
  stages: [],
  result: { kind: 'inline' },
  reuse: null,
});
const end = (id: string, state: ReplayEnd['state'], endedAt: number): ReplayEnd => ({ version: 1, id, state, endedAt, rows: 0 });

function dice(seed: number): { below(n: number): number; chance(p: number): boolean; pick<T>(list: readonly T[]): T } {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n: number): number => Math.floor(next() * n);
  return { below, chance: (p) => next() < p, pick: (list) => list[below(list.length)] as (typeof list)[number] };
}

/** Around every bound. */
const AGES = [0, AGE - 1, AGE, AGE + 1, 3 * DAY, 14 * DAY, 14 * DAY + 1, 30 * DAY, 30 * DAY + 1, 400 * DAY];

interface One {
  readonly id: string;
  /** Of its files; undefined: it has none. */
  readonly files: readonly number[] | undefined;
  readonly foreign: boolean;
  readonly submitted: number | undefined;
  readonly ended: { readonly state: ReplayEnd['state']; readonly age: number } | undefined;
  readonly workflow: 'gone' | 'unknown' | { readonly state: WorkflowState['state']; readonly age: number | undefined };
  readonly busy: boolean;
}

function world(seed: number): { readonly ones: readonly One[]; readonly retention: number | undefined; readonly asked: boolean } {
  const { below, chance, pick } = dice(seed);
  const ones = Array.from({ length: 1 + below(6) }, (_, n): One => {
    const submitted = chance(0.6) ? pick(AGES) : undefined;
    return {
      id: `replay-${n}`,
      files: chance(0.8) ? Array.from({ length: 1 + below(3) }, () => pick(AGES)) : undefined,
      foreign: chance(0.1),
      submitted,
      ended:
        submitted !== undefined && chance(0.6)
          ? { state: pick(['completed', 'failed', 'cancelled'] as const), age: pick(AGES) }
          : undefined,
      workflow: pick([
        'gone',
        'unknown',
        { state: 'running', age: undefined },
        { state: 'paused', age: undefined },
        { state: pick(['completed', 'failed', 'cancelled'] as const), age: pick(AGES) },
      ] as const),
      busy: chance(0.1),
    };
  });
  return { ones, retention: chance(0.3) ? undefined : 30 * DAY, asked: chance(0.7) };
}

/** What shall be, said without the sweeper's words. */
function expected(
  { ones, retention, asked }: ReturnType<typeof world>,
  one: One,
): { files: boolean; records: boolean; ended: ReplayEnd['state'] | undefined } {
  assert.ok(ones.includes(one));
  const workflow = asked ? one.workflow : 'unknown';
  const old = (age: number): boolean => age > AGE;
  let ended = one.ended;
  if (one.submitted !== undefined && ended === undefined && old(one.submitted)) {
    if (workflow === 'gone') ended = { state: 'failed', age: 0 };
    else if (workflow !== 'unknown' && workflow.age !== undefined && old(workflow.age))
      ended = { state: workflow.state === 'cancelled' ? 'cancelled' : 'failed', age: 0 };
  }
  const expired = ended !== undefined && retention !== undefined && ended.age > retention;
  const untouched = one.files !== undefined && Math.min(...one.files) > AGE;
  const runs = workflow !== 'gone' && workflow !== 'unknown' && workflow.age === undefined;
  let removed: boolean;
  if (one.files === undefined) removed = true;
  else if (one.foreign) removed = false;
  else if (expired) removed = true;
  else if (!untouched || one.busy) removed = false;
  else if (ended !== undefined) removed = ended.state !== 'completed' && ended.age > AGE;
  else removed = one.submitted === undefined && !runs;
  return { files: !removed, records: one.submitted !== undefined && !expired, ended: expired ? undefined : ended?.state };
}

describe('replay/sweep', () => {
  it('removes nothing that is owned, and all that is old and nobody owns, in 3,000 worlds', async () => {
    const seen = { kept: 0, removed: 0, closed: 0, expired: 0 };
    for (let seed = 0; seed < 3000; seed++) {
      const made = world(seed);
      const { ones, retention, asked } = made;
      const files = memoryFiles();
      const registry = createReplayRegistry(files);
      const results = memoryResults();
      for (const one of ones) {
        for (const [n, age] of (one.files ?? []).entries()) {
          const key = n === 0 && seed % 2 === 0 ? `${one.id}/plan.json` : `${one.id}/0/${n}/1-0123456789ab.parquet`;
          files.all.set(key, { bytes: new Uint8Array(), modified: NOW - age });
        }
        if (one.files !== undefined && one.foreign)
          files.all.set(`${one.id}/notes.txt`, { bytes: new Uint8Array(), modified: NOW - Math.min(...one.files) });
        if (one.submitted !== undefined) await registry.submit(submission(one.id, NOW - one.submitted));
        if (one.ended !== undefined) await registry.end(end(one.id, one.ended.state, NOW - one.ended.age));
        results.there.add(one.id);
      }
      const sweeper = createSweeper({
        files,
        registry,
        results,
        age: AGE,
        retention,
        busy: (id) => ones.find((one) => one.id === id)?.busy === true,
        ...(asked
          ? {
              workflow: async (id: string) => {
                const state = ones.find((one) => one.id === id)?.workflow;
                if (state === 'unknown') throw new Error('Temporal is not there');
                if (state === 'gone' || state === undefined) return undefined;
                return { state: state.state, startedAt: 0, endedAt: state.age === undefined ? undefined : NOW - state.age };
              },
            }
          : {}),
      });
      const report = await sweeper.sweep({ now: NOW });
      for (const one of ones) {
        const what = `seed ${seed}: ${JSON.stringify(one)} ${retention} ${asked}`;
        const wanted = expected(made, one);
        const left = [...files.all.keys()].filter((key) => key.startsWith(`${one.id}/`));
        assert.equal(left.length, wanted.files ? (one.files?.length ?? 0) + (one.foreign ? 1 : 0) : 0, what);
        assert.equal((await registry.submission(one.id)) !== undefined, wanted.records, what);
        assert.equal((await registry.ended(one.id))?.state, wanted.ended, what);
        if (wanted.records) assert.ok(results.there.has(one.id), what);
        if (one.submitted !== undefined && !wanted.records) assert.ok(!results.there.has(one.id), what);
        seen[wanted.files ? 'kept' : 'removed']++;
      }
      seen.closed += report.ended;
      seen.expired += report.replays;
      const again = await sweeper.sweep({ now: NOW });
      assert.deepEqual(again, { queries: 0, replays: 0, carries: 0, drafts: 0, ended: 0 }, `seed ${seed}: a second sweep finds nothing`);
    }
    for (const [what, count] of Object.entries(seen)) assert.ok(count > 100, `${what}: ${count}`);
  });

  it('leaves what has names of others, and what is submitted while it looks', async () => {
    const files = memoryFiles();
    const registry = createReplayRegistry(files);
    const old = { bytes: new Uint8Array(), modified: NOW - 400 * DAY };
    const foreign = [
      'data/2020/part-0.parquet',
      'readme.txt',
      'results/replay-1.parquet',
      'registry/codec-default-timeline.json',
      '.tmp-mine',
      'carries/x/y',
    ];
    const ours = [
      '.tmp-0123456789abcdef',
      'q/plan.json',
      `carries/${'a'.repeat(64)}/state`,
      'q/0/0.manifest.json',
      'q/3/0/1-0123456789ab.p5.parquet',
      'q/3/0/1-0123456789ab.keys.json',
    ];
    for (const key of [...foreign, ...ours, 'late/plan.json']) files.all.set(key, old);
    const list = files.list.bind(files);
    let looked = false;
    files.list = async function* (folder: string) {
      yield* list(folder);
      // Its plan was there from an attempt that died, so it is as old as that.
      if (!looked) await registry.submit(submission('late', NOW));
      looked = true;
    };
    const sweeper = createSweeper({ files, registry, results: memoryResults(), age: AGE, retention: undefined });
    assert.deepEqual(await sweeper.sweep({ now: NOW }), { queries: 1, replays: 0, carries: 1, drafts: 1, ended: 0 });
    assert.deepEqual([...files.all.keys()].sort(), [...foreign, 'late/plan.json', 'registry/late.submission.json'].sort());
  });

  it('goes past records that nobody can read, and leaves what is theirs', async () => {
    const files = memoryFiles();
    const registry = createReplayRegistry(files);
    const put = (key: string, text: string): void => void files.all.set(key, { bytes: Buffer.from(text), modified: NOW });
    put('registry/a.submission.json', '{"version":1,"id":"a');
    put('a/plan.json', '{}');
    await registry.submit(submission('b', NOW));
    put('registry/b.end.json', '{"version":2,"id":"b"}');
    put('b/plan.json', '{}');
    await registry.submit(submission('c', NOW));
    await registry.end({ version: 1, id: 'c', state: 'completed', endedAt: NOW, rows: 0 });
    const sweeper = createSweeper({ files, registry, results: memoryResults(), age: AGE, retention: 30 * DAY });
    const report = await sweeper.sweep({ now: NOW + 40 * DAY, workflow: async () => undefined });
    assert.equal(report.replays, 1);
    assert.deepEqual([...files.all.keys()].sort(), [
      'a/plan.json',
      'b/plan.json',
      'registry/a.submission.json',
      'registry/b.end.json',
      'registry/b.submission.json',
    ]);
  });

  it('does not take an id that came again for the one before', async () => {
    const files = memoryFiles();
    const registry = createReplayRegistry(files);
    const sweeper = createSweeper({ files, registry, results: memoryResults(), age: AGE, retention: 30 * DAY });
    await registry.submit(submission('a', NOW));
    await registry.end(end('a', 'completed', NOW));
    await sweeper.sweep({ now: NOW + 2 * DAY });
    // Another gateway's sweep took it away at its time; then it was asked for again.
    await registry.remove('a');
    await registry.submit(submission('a', NOW + 31 * DAY));
    await registry.end(end('a', 'completed', NOW + 31 * DAY));
    assert.equal((await sweeper.sweep({ now: NOW + 32 * DAY })).replays, 0);
    assert.ok(await registry.ended('a'));
  });
});

describe('home-sweep', () => {
  it('removes what the dead have left, and nothing else', async () => {
    const home = temporaryFolder();
    const host = hostname().replaceAll(/[^\w.-]/g, '_');
    // No process has this number.
    const dead = 4_194_305;
    const place = (path: string, age: number): string => {
      const full = join(home, path);
      mkdirSync(join(full, '..'), { recursive: true });
      writeFileSync(full, 'x');
      for (let at = full; at.length > home.length; at = join(at, '..')) utimesSync(at, (NOW - age) / 1000, (NOW - age) / 1000);
      return path;
    };
    const gone = [
      place('scratch/task-Ab3dE6/part.parquet', 2 * DAY),
      place('scratch/logs-0123456789abcdef.ndjson', 2 * DAY),
      place('scratch/groups-0123456789abcdef.ndjson', 2 * DAY),
      place('scratch/recent-0123456789abcdef.ndjson', 2 * DAY),
      place(`spill/kernel-${dead}-3/0/x.tmp`, 2 * DAY),
      place(`cache/stages/${host}-${dead}-0123abcd/0/q/x`, 0),
      place('cache/stages/elsewhere-1-0123abcd/0/q/x', 2 * DAY),
      place('results/.replay-1.parquet.0123456789abcdef.tmp', 2 * DAY),
    ];
    const kept = [
      place('scratch/task-Ab3dE7/part.parquet', DAY / 2),
      place('scratch/mine/part.parquet', 9 * DAY),
      place('scratch/logs-0123456789abcde0.ndjson', DAY / 2),
      place(`spill/kernel-${process.pid}-3/0/x.tmp`, 9 * DAY),
      place(`spill/kernel-${dead}-4/0/x.tmp`, DAY / 2),
      place(`cache/stages/${host}-${process.ppid}-0123abcd/0/q/x`, 9 * DAY),
      place('cache/stages/elsewhere-1-0123abce/0/q/x', DAY / 2),
      place('cache/files/abc', 9 * DAY),
      place('results/replay-1.parquet', 9 * DAY),
      place('results/.replay-2.parquet.0123456789abcdef.tmp', DAY / 2),
    ];
    assert.equal(await sweepHome({ home, results: join(home, 'results'), age: DAY, now: NOW }), gone.length);
    for (const path of gone) assert.ok(!existsSync(join(home, path)), path);
    for (const path of kept) assert.ok(existsSync(join(home, path)), path);
    assert.equal(await sweepHome({ home: join(home, 'none'), age: DAY }), 0);
  });
});
