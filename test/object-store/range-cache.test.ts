import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { DiskCache } from '../../src/object-store/disk-cache.js';
import { RangeCache, uncovered } from '../../src/object-store/range-cache.js';

const bytes = (start: number, end: number): Uint8Array => Uint8Array.from({ length: end - start }, (_, index) => (start + index) % 256);
const COLD = { hot: false };

describe('range cache', () => {
  let folder: string;
  const opened: DiskCache[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'timeline-ranges-'));
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((disk) => disk.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  const open = async (maxBytes = 1 << 20, memoryBytes = 0): Promise<RangeCache> => {
    const disk = await DiskCache.open({ folder, maxBytes });
    opened.push(disk);
    return new RangeCache({ disk, memoryBytes });
  };
  const found = async (cache: RangeCache, start: number, end: number, key = 'a'): Promise<[number, number][]> => {
    const pieces = await cache.find(key, start, end, COLD);
    for (const piece of pieces) assert.deepEqual(Uint8Array.from(piece.bytes), bytes(piece.start, piece.start + piece.bytes.length));
    return pieces.map((piece): [number, number] => [piece.start, piece.start + piece.bytes.length]).sort((a, b) => a[0] - b[0]);
  };
  const files = (): string[] => readdirSync(join(folder, 'files')).map((name) => join(folder, 'files', name));

  it('finds what overlaps, of this object only', async () => {
    const cache = await open();
    await cache.add('a', { start: 10, bytes: bytes(10, 20) }, COLD);
    await cache.add('a', { start: 30, bytes: bytes(30, 40) }, COLD);
    await cache.add('b', { start: 12, bytes: bytes(12, 33) }, COLD);
    assert.deepEqual(await found(cache, 0, 100), [
      [10, 20],
      [30, 40],
    ]);
    assert.deepEqual(await found(cache, 20, 30), []);
    assert.deepEqual(await found(cache, 15, 16), [[10, 20]]);
    assert.deepEqual(await found(cache, 0, 100, 'c'), []);
  });

  it('is there after a restart, for other processes, and forgets an object', async () => {
    await (await open()).add('a', { start: 0, bytes: bytes(0, 50) }, COLD);
    const later = await open();
    assert.deepEqual(await found(later, 0, 50), [[0, 50]]);
    await later.forget('a');
    assert.deepEqual(await found(later, 0, 50), []);
    assert.deepEqual(await found(await open(), 0, 50), []);
  });

  for (const [what, damage] of [
    [
      'a flipped bit',
      (path: string) =>
        writeFileSync(
          path,
          readFileSync(path).map((byte, index) => (index === 30 ? byte ^ 1 : byte)),
        ),
    ],
    ['a cut file', (path: string) => truncateSync(path, 40)],
    ['an empty file', (path: string) => truncateSync(path, 0)],
    ['a file that is gone', (path: string) => rmSync(path)],
    [
      'a flipped header',
      (path: string) =>
        writeFileSync(
          path,
          readFileSync(path).map((byte, index) => (index === 1 ? byte ^ 1 : byte)),
        ),
    ],
  ] as const) {
    it(`takes ${what} for missing, and keeps what is fetched anew`, async () => {
      const cache = await open();
      await cache.add('a', { start: 5, bytes: bytes(5, 100) }, COLD);
      for (const path of files()) damage(path);
      assert.deepEqual(await found(cache, 5, 100), []);
      await cache.add('a', { start: 5, bytes: bytes(5, 100) }, COLD);
      assert.deepEqual(await found(cache, 5, 100), [[5, 100]]);
    });
  }

  it('takes no file for another one', async () => {
    const cache = await open();
    await cache.add('a', { start: 0, bytes: bytes(0, 10) }, COLD);
    const [first] = files();
    await cache.add('b', { start: 0, bytes: bytes(100, 110) }, COLD);
    const second = files().find((path) => path !== first);
    writeFileSync(first!, readFileSync(second!));
    assert.deepEqual(await found(cache, 0, 10), []);
  });

  it('keeps the bound that it shares with whole files, and with other processes', async () => {
    const [one, other] = [await open(3000), await open(3000)];
    for (let index = 0; index < 60; index++) {
      await one.add(`a${index}`, { start: 0, bytes: bytes(0, 100) }, COLD);
      await other.add(`b${index}`, { start: 0, bytes: bytes(0, 100) }, COLD);
      const onDisk = files().reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
      // Each knows of the other's after so much was written.
      assert.ok(onDisk <= 3000 + 2 * (3000 / 16 + 116), `${onDisk}`);
    }
    const disk = opened[0]!;
    const whole = await disk.get({ key: 'w', size: 2900, fetch: async (target) => writeFileSync(target, bytes(0, 2900)) });
    await whole.release();
    assert.ok(disk.bytes <= 3000);
  });

  it('goes on without a folder to write to', async () => {
    const cache = await open(1 << 20, 1000);
    rmSync(folder, { recursive: true });
    await cache.add('a', { start: 0, bytes: bytes(0, 10) }, { hot: true });
    await cache.add('a', { start: 20, bytes: bytes(20, 30) }, COLD);
    assert.deepEqual(await found(cache, 0, 30), [[0, 10]]);
  });

  it('keeps hot ranges in memory, up to its bound', async () => {
    const cache = new RangeCache({ disk: undefined, memoryBytes: 400 });
    for (const key of ['a', 'b', 'c', 'd']) await cache.add(key, { start: 0, bytes: bytes(0, 100) }, { hot: true });
    await found(cache, 0, 1, 'a');
    await cache.add('e', { start: 0, bytes: bytes(0, 100) }, { hot: true });
    await cache.add('f', { start: 0, bytes: bytes(0, 100) }, COLD);
    await cache.add('g', { start: 0, bytes: bytes(0, 101) }, { hot: true });
    const kept = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(async (key) => (await found(cache, 0, 100, key)).length));
    assert.deepEqual(kept, [1, 0, 1, 1, 1, 0, 0]);
  });

  it('knows what is uncovered', () => {
    const pieces = [
      { start: 5, end: 10 },
      { start: 8, end: 12 },
      { start: 20, end: 90 },
    ];
    assert.deepEqual(uncovered(pieces, 0, 30), [
      { start: 0, end: 5 },
      { start: 12, end: 20 },
    ]);
    assert.deepEqual(uncovered(pieces, 21, 90), []);
    assert.deepEqual(uncovered([], 1, 2), [{ start: 1, end: 2 }]);
  });
});
