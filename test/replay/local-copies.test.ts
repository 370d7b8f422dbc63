import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLocalCopies, type LocalCopies } from '../../src/replay/local-copies.js';
import { temporaryFolder } from './support.js';

/** Every object has ten bytes, its key's. */
const content = (key: string): string => key.padEnd(10).slice(0, 10);

describe('replay/local-copies', () => {
  const counted = (copies: LocalCopies) => {
    const fetched: string[] = [];
    const get = (key: string): Promise<string> =>
      copies.get(key, async (target) => {
        fetched.push(key);
        await sleep(1);
        writeFileSync(target, content(key));
      });
    return { fetched, get };
  };

  it('fetches once, however many ask at once', async () => {
    const copies = createLocalCopies({ folder: temporaryFolder(), maxBytes: 100 });
    const { fetched, get } = counted(copies);
    const paths = await Promise.all(Array.from({ length: 9 }, () => get('q/0/a')));
    assert.deepEqual([new Set(paths).size, fetched.length], [1, 1]);
    assert.equal(readFileSync(String(paths[0]), 'utf8'), content('q/0/a'));
    rmSync(String(paths[0]));
    assert.ok(existsSync(await get('q/0/a')), 'what somebody removed is fetched again');
    assert.equal(fetched.length, 2);
  });

  it('takes no failed or half copy for one', async () => {
    const copies = createLocalCopies({ folder: temporaryFolder(), maxBytes: 100 });
    const broken = copies.get('q/x', async (target) => {
      writeFileSync(target, 'half');
      throw new Error('the storage went away');
    });
    await assert.rejects(broken, /went away/);
    assert.equal(readFileSync(await counted(copies).get('q/x'), 'utf8'), content('q/x'));
  });

  it('keeps what is held, and little else', async () => {
    const folder = temporaryFolder();
    const copies = createLocalCopies({ folder, maxBytes: 30 });
    const { get } = counted(copies);
    const before = await get('a/before');
    const release = copies.hold();
    const held = await Promise.all(Array.from({ length: 8 }, (_, n) => get(`a/${n}`)));
    const other = copies.hold();
    const later = await get('a/later');
    assert.ok(!existsSync(before));
    for (const path of [...held, later]) assert.ok(existsSync(path), path);
    release();
    await get('a/more');
    // With the two later ones three fit.
    assert.ok(held.filter(existsSync).length <= 1);
    assert.ok(existsSync(later));
    other();
    await copies.forget('a');
    assert.ok(!existsSync(later));
    await copies.close();
    assert.ok(!existsSync(copies.folder));
  });

  it('is right under many users at once', async () => {
    const copies = createLocalCopies({ folder: temporaryFolder(), maxBytes: 40 });
    const { fetched, get } = counted(copies);
    await Promise.all(
      Array.from({ length: 3 }, async (_, user) => {
        for (let round = 0; round < 60; round++) {
          const release = copies.hold();
          const keys = Array.from({ length: 4 }, (_key, n) => `q${(user * 7 + round * 3 + n * 5) % 23}/f`);
          const paths = await Promise.all(keys.map(get));
          await sleep((user + round) % 3);
          for (const [n, path] of paths.entries()) assert.equal(readFileSync(path, 'utf8'), content(String(keys[n])));
          if ((user + round) % 11 === 0) await copies.forget(`q${23 + user}`);
          release();
        }
      }),
    );
    assert.ok(fetched.length > 30, `${fetched.length} fetched: something was removed on the way`);
    assert.ok(existsSync(join(copies.folder)));
  });
});
