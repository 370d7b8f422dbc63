import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TimelineError } from '../../sql/errors.js';
import { LocalStore } from '../../src/object-store/local-store.js';
import type { ObjectStore } from '../../src/object-store/object-store.js';
import { createLocalCopies } from '../../src/replay/local-copies.js';
import { createObjectFiles } from '../../src/replay/object-files.js';
import { createReplayRegistry } from '../../src/replay/replay-registry.js';
import { createResultFiles } from '../../src/replay/result-files.js';
import { createFolderFiles, diskError, type StageFiles } from '../../src/replay/stage-files.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import { createSweeper } from '../../src/replay/sweep.js';
import { linesOf, temporaryFolder } from './support.js';

/** An object store that keeps its files where the test cannot reach them by path, as S3 does. */
function remote(folder: string): ObjectStore {
  const store = new LocalStore(folder);
  store.localPath = (() => undefined) as unknown as LocalStore['localPath'];
  return store;
}

const KINDS: readonly (readonly [string, (folder: string) => StageFiles])[] = [
  ['a folder', (folder) => createFolderFiles(join(folder, 'stages'))],
  [
    'an object store',
    (folder) =>
      createObjectFiles({
        objects: remote(join(folder, 'stages')),
        copies: createLocalCopies({ folder: join(folder, 'cache'), maxBytes: 1 << 30 }),
      }),
  ],
];

function output(folder: string, row: string, partition?: number) {
  const name = `x${partition ?? ''}.parquet`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `${JSON.stringify(row)}\n`);
  return { rows: 1, files: [{ name, partition, rows: 1, bytes: 4 }], notices: [] };
}

for (const [kind, filesIn] of KINDS) {
  describe(`replay/stage-store in ${kind}`, () => {
    it('lets the first manifest win; readers see its files', async () => {
      const folder = temporaryFolder();
      const store = createStageStore({ files: filesIn(folder), name: folder });
      assert.equal(await store.manifest('q', 0, 0), undefined);
      const attempts = Array.from({ length: 8 }, (_, n) => n);
      const manifests = await Promise.all(
        attempts.map((attempt) =>
          store.commit({
            query: 'q',
            stage: 0,
            task: 0,
            attempt,
            folder: join(folder, `a${attempt}`),
            output: output(join(folder, `a${attempt}`), `row ${attempt}`),
            bytesRead: attempt,
          }),
        ),
      );
      const [winner] = manifests;
      assert.ok(winner);
      for (const manifest of manifests) assert.deepEqual(manifest, winner);
      assert.deepEqual(await store.manifest('q', 0, 0), winner);
      const path = await store.toLocalFile(String(winner.files[0]?.key));
      assert.deepEqual(await linesOf(path), [`row ${winner.attempt}`]);
      assert.match(String(winner.files[0]?.key), /^q\/0\/0\/\d-[0-9a-f]{12}\.parquet$/);
    });

    it('keeps few rows in the manifest, in a form that it names', async () => {
      const folder = temporaryFolder();
      const files = filesIn(folder);
      const store = createStageStore({ files, name: folder });
      const inline = new Uint8Array([0, 1, 2, 253, 254, 255]);
      const commit = (inlined: Uint8Array) =>
        store.commit({
          query: 'q',
          stage: 0,
          task: 0,
          attempt: 1,
          folder,
          output: { rows: 2, files: [], notices: [], inline: inlined },
          bytesRead: 0,
        });
      assert.deepEqual((await commit(inline)).inline, inline);
      assert.deepEqual((await store.manifest('q', 0, 0))?.inline, inline);
      // The first one counts, for who came second, too.
      assert.deepEqual((await commit(new Uint8Array([7]))).inline, inline);
      const text = Buffer.from((await files.read('q/0/0.manifest.json')) ?? []).toString();
      await files.putIfAbsent('q/0/1.manifest.json', Buffer.from(text.replace('"blocks":1', '"blocks":2')));
      await assert.rejects(store.manifest('q', 0, 1), /another version/);
    });

    it('names partitions, lists what is committed and removes a query', async () => {
      const folder = temporaryFolder();
      const store = createStageStore({ files: filesIn(folder), name: folder });
      for (const task of [0, 2]) {
        const own = join(folder, `t${task}`);
        await store.commit({ query: 'q', stage: 3, task, attempt: 1, folder: own, output: output(own, 'x', 5), bytesRead: 0 });
      }
      assert.match(String((await store.manifest('q', 3, 2))?.files[0]?.key), /\.p5\.parquet$/);
      assert.deepEqual(await store.committed('q'), new Map([[3, [0, 2]]]));
      await store.remove('q');
      assert.deepEqual(await store.committed('q'), new Map());
      await store.remove('q');
    });

    it('is swept by age, also before a query has a manifest', async () => {
      const folder = temporaryFolder();
      const files = filesIn(folder);
      const store = createStageStore({ files, name: folder });
      for (const query of ['old', 'new']) {
        const own = join(folder, query);
        await store.commit({ query, stage: 0, task: 0, attempt: 1, folder: own, output: output(own, 'x'), bytesRead: 0 });
      }
      await store.writePlan('begun', Buffer.from('{}'));
      const results = createResultFiles({
        root: { location: `file://${join(folder, 'results')}` },
        others: [],
        copies: createLocalCopies({ folder: join(folder, 'copies'), maxBytes: 1 }),
        inlineBytes: 1,
      });
      const sweeper = createSweeper({ files, registry: createReplayRegistry(files), results, age: 60_000, retention: undefined });
      assert.equal((await sweeper.sweep()).queries, 0);
      const data = String((await store.manifest('old', 0, 0))?.files[0]?.key);
      for (const key of ['old/0/0.manifest.json', data]) utimesSync(join(folder, 'stages', key), 1, 1);
      assert.equal((await sweeper.sweep()).queries, 1);
      assert.equal(await store.manifest('old', 0, 0), undefined);
      assert.ok(await store.manifest('new', 0, 0));
      assert.ok(await store.readPlan('begun/plan.json').catch((error: Error) => /version/.test(error.message)));
    });

    it('keeps plans and cancel requests', async () => {
      const folder = temporaryFolder();
      const store = createStageStore({ files: filesIn(folder), name: folder });
      const key = await store.writePlan('q', Buffer.from('{"version":1,"stages":[]}'));
      assert.equal((await store.readPlan(key)).version, 1);
      await assert.rejects(store.readPlan('none/plan.json'), { sqlstate: 'XX000' });
      assert.equal(await store.cancelRequest('q'), undefined);
      await store.requestCancel('q', { kind: 'cancelled', sqlstate: '57014', message: 'first' });
      await store.requestCancel('q', { kind: 'cancelled', sqlstate: '57014', message: 'second' });
      assert.equal((await store.cancelRequest('q'))?.message, 'first');
    });

    it('refuses manifests and plans that are cut off or point elsewhere', async () => {
      const folder = temporaryFolder();
      const store = createStageStore({ files: filesIn(folder), name: folder });
      mkdirSync(join(folder, 'stages', 'q', '0'), { recursive: true });
      const bad = [
        '',
        '{"version":1',
        'null',
        '{"version":2,"files":[],"notices":[],"at":1}',
        '{"version":1,"files":[{"key":"other/0/0/x"}],"notices":[],"at":1}',
      ];
      for (const [task, text] of bad.entries()) {
        writeFileSync(join(folder, 'stages', 'q', '0', `${task}.manifest.json`), text);
        await assert.rejects(store.manifest('q', 0, task), { sqlstate: 'XX000', message: new RegExp(`manifest q/0/${task}`) });
      }
    });
  });
}

describe('replay/stage-files', () => {
  it('tells of a commit by another process, until nobody listens any more', async () => {
    const folder = temporaryFolder();
    const [store, other] = [createStageStore({ folder }), createStageStore({ folder })];
    let heard: () => void = () => undefined;
    let calls = 0;
    const told = new Promise<void>((resolve) => {
      heard = resolve;
    });
    const end = await store.watch('q', 3, () => {
      calls++;
      heard();
    });
    const commit = (task: number) => {
      const from = join(folder, `scratch-${task}`);
      return other.commit({ query: 'q', stage: 3, task, attempt: 1, folder: from, output: output(from, 'row'), bytesRead: 0 });
    };
    await commit(0);
    await told;
    end?.();
    const before = calls;
    await commit(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(calls, before);
  });

  it('refuses keys outside of its folder', async () => {
    const files = createFolderFiles(temporaryFolder());
    for (const key of ['../x', 'a/../../x', '/etc/passwd', 'a//b', '']) await assert.rejects(files.read(key), RangeError);
  });

  it('leaves no drafts', async () => {
    const folder = temporaryFolder();
    const files = createFolderFiles(join(folder, 'deep', 'er'));
    assert.equal(await files.putIfAbsent('a/b.json', Buffer.from('1')), true);
    assert.equal(await files.putIfAbsent('a/b.json', Buffer.from('2')), false);
    assert.equal(String(await files.read('a/b.json')), '1');
    assert.deepEqual(readdirSync(join(folder, 'deep', 'er')), ['a']);
  });

  it('tells a full disk, and the folder that it is about', () => {
    for (const cause of [
      Object.assign(new Error('write'), { code: 'ENOSPC' }),
      new Error('IO Error: Could not write file "x": No space left on device'),
    ]) {
      const error = diskError(cause, '/srv/home');
      assert.ok(error instanceof TimelineError);
      assert.equal(error.sqlstate, '53100');
      assert.match(error.message, /\/srv\/home/);
    }
    const other = new Error('other');
    assert.equal(diskError(other, '/srv/home'), other);
  });
});
