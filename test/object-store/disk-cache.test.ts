import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { DiskCache } from '../../src/object-store/disk-cache.js';

describe('disk cache', () => {
  let folder: string;
  let fetched: string[];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'timeline-cache-test-'));
    fetched = [];
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const request = (key: string, size: number) => ({
    key,
    size,
    fetch: async (target: string): Promise<void> => {
      fetched.push(key);
      await writeFile(target, Buffer.alloc(size, key));
    },
  });
  const use = async (cache: DiskCache, key: string, size: number): Promise<void> => {
    const file = await cache.get(request(key, size));
    assert.equal(statSync(file.path).size, size);
    await file.release();
  };
  const onDisk = (): number =>
    readdirSync(join(folder, 'files')).reduce((sum, name) => sum + statSync(join(folder, 'files', name)).size, 0);

  it('fetches once, keeps its bound, and lets go of the least recently used', async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 100 });
    for (const key of ['a', 'b', 'a', 'c', 'a', 'd', 'e']) {
      await use(cache, key, 30);
      assert.ok(cache.bytes <= 100 && onDisk() <= 100);
    }
    await use(cache, 'a', 30);
    assert.deepEqual(fetched, ['a', 'b', 'c', 'd', 'e']);
    await use(cache, 'b', 30);
    assert.deepEqual(fetched, ['a', 'b', 'c', 'd', 'e', 'b']);
    await cache.close();
  });

  it('never removes what is in use, and makes good for it at the release', async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 50 });
    const held = await Promise.all(['a', 'b', 'c'].map((key) => cache.get(request(key, 30))));
    for (const [index, file] of held.entries()) assert.equal(readFileSync(file.path, 'utf8'), 'abc'[index]!.repeat(30));
    await Promise.all(held.map((file) => file.release()));
    assert.ok(cache.bytes <= 50 && onDisk() <= 50);
    assert.ok(held.every((file) => !existsSync(file.path)));
    await cache.close();
  });

  it('gives a file larger than itself, and does not keep it', async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 10 });
    await use(cache, 'big', 1000);
    assert.equal(onDisk(), 0);
    await cache.close();
  });

  it('shares one download among those who ask at once', async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 100 });
    const files = await Promise.all(Array.from({ length: 8 }, () => cache.get(request('a', 30))));
    assert.deepEqual(fetched, ['a']);
    await files[0]!.release();
    assert.ok(existsSync(files[1]!.path));
    await Promise.all(files.map((file) => file.release()));
    await cache.close();
  });

  it('keeps nothing of a download that failed, and tries again', async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 100 });
    const failing = {
      key: 'a',
      size: 30,
      fetch: async (target: string): Promise<void> => {
        await writeFile(target, 'half');
        throw new Error('broke off');
      },
    };
    await assert.rejects(cache.get(failing), /broke off/);
    assert.equal(onDisk(), 0);
    await use(cache, 'a', 30);
    await cache.close();
  });

  it('lets one waiter go without the others losing their file', async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 100 });
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow = {
      key: 'a',
      size: 30,
      fetch: async (target: string): Promise<void> => {
        await gate;
        await writeFile(target, Buffer.alloc(30));
      },
    };
    const leaver = new AbortController();
    const first = cache.get({ ...slow, signal: leaver.signal });
    const second = cache.get(slow);
    const reason = new Error('gone');
    leaver.abort(reason);
    await assert.rejects(first, (error) => error === reason);
    finish();
    await (await second).release();
    await cache.close();
  });

  it('aborts a download that nobody waits for', async () => {
    const cache = await DiskCache.open({ folder, maxBytes: 100 });
    const leaver = new AbortController();
    let aborted = false;
    const waiting = cache.get({
      key: 'a',
      size: 30,
      signal: leaver.signal,
      fetch: (_target, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => {
            aborted = true;
            reject(signal.reason);
          }),
        ),
    });
    await new Promise((resolve) => setImmediate(resolve));
    leaver.abort(new Error('gone'));
    await assert.rejects(waiting, /gone/);
    assert.ok(aborted);
    await cache.close();
  });

  it('takes over what an earlier process left', async () => {
    const first = await DiskCache.open({ folder, maxBytes: 100 });
    await use(first, 'a', 30);
    await first.close();
    const second = await DiskCache.open({ folder, maxBytes: 100 });
    await use(second, 'a', 30);
    assert.deepEqual(fetched, ['a']);
    await second.close();
    const smaller = await DiskCache.open({ folder, maxBytes: 10 });
    assert.equal(onDisk(), 0);
    await smaller.close();
  });

  it('lets another cache on the folder evict without harm', async () => {
    const mine = await DiskCache.open({ folder, maxBytes: 100 });
    const held = await mine.get(request('a', 30));
    const other = await DiskCache.open({ folder, maxBytes: 30 });
    await use(other, 'b', 30);
    assert.equal(readFileSync(held.path, 'utf8'), 'a'.repeat(30));
    await held.release();
    await use(mine, 'a', 30);
    assert.deepEqual(fetched, ['a', 'b', 'a']);
    await mine.close();
    await other.close();
  });
});
