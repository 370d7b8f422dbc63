import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'mocha';
import type { ObjectStore } from '../../src/object-store/object-store.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (read: Uint8Array): string => new TextDecoder().decode(read);

/** What every store must do. */
export function storeSuite(store: () => ObjectStore): void {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-store-test-'));
  after(() => rmSync(folder, { recursive: true }));

  it('reads whole objects and ranges', async () => {
    await store().put('a/one', bytes('0123456789'));
    assert.equal(text(await store().read('a/one')), '0123456789');
    assert.equal(text(await store().read('a/one', { start: 2, end: 5 })), '234');
    assert.equal(text(await store().read('a/one', { start: 7 })), '789');
    assert.equal(text(await store().read('a/one', { start: 8, end: 100 })), '89');
    assert.equal(text(await store().read('a/one', { start: 10, end: 12 })), '');
    assert.equal(text(await store().read('a/one', { start: 3, end: 3 })), '');
    assert.equal((await store().head('a/one'))?.size, 10);
  });

  it('replaces, deletes, and says what is missing', async () => {
    await store().put('a/two', bytes('x'));
    const first = await store().head('a/two');
    await store().put('a/two', bytes('yy'));
    assert.equal(text(await store().read('a/two')), 'yy');
    assert.notEqual((await store().head('a/two'))?.etag, first?.etag);
    await store().delete('a/two');
    await store().delete('a/two');
    assert.equal(await store().head('a/two'), undefined);
    await assert.rejects(store().read('a/two'), { sqlstate: '58P01' });
    await assert.rejects(store().download('a/two', join(folder, 'missing')), { sqlstate: '58P01' });
    assert.equal(await store().head('a/one/below'), undefined);
  });

  it('lists by prefix, and folders', async () => {
    for (const path of ['l/x/1', 'l/x/2', 'l/y/3', 'l/z', 'lx']) await store().put(path, bytes(path));
    const listed = async (prefix: string): Promise<string[]> => {
      const paths: string[] = [];
      for await (const object of store().list(prefix)) paths.push(object.path);
      return paths.sort();
    };
    assert.deepEqual(await listed('l/'), ['l/x/1', 'l/x/2', 'l/y/3', 'l/z']);
    assert.deepEqual(await listed('l/x'), ['l/x/1', 'l/x/2']);
    assert.deepEqual(await listed('l'), ['l/x/1', 'l/x/2', 'l/y/3', 'l/z', 'lx']);
    assert.deepEqual(await listed('nothing/'), []);
    assert.deepEqual([...(await store().folders('l'))].sort(), ['x', 'y']);
    assert.deepEqual(await store().folders('nothing'), []);
  });

  it('lets one of many racers create an object', async () => {
    const won = await Promise.all(Array.from({ length: 16 }, (_, racer) => store().putIfAbsent('race/one', bytes(`racer ${racer}`))));
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal(text(await store().read('race/one')), `racer ${won.indexOf(true)}`);
    assert.equal(await store().putIfAbsent('race/one', bytes('late')), false);
  });

  it('stores and downloads files', async () => {
    const content = Buffer.alloc(12 << 20, 'abcdefg');
    writeFileSync(join(folder, 'source'), content);
    await store().put('files/big', { file: join(folder, 'source') });
    assert.equal(await store().putIfAbsent('files/big', { file: join(folder, 'source') }), false);
    assert.equal(await store().putIfAbsent('files/big2', { file: join(folder, 'source') }), true);
    await store().download('files/big2', join(folder, 'copy'));
    assert.ok(content.equals(readFileSync(join(folder, 'copy'))));
    await assert.rejects(store().put('files/none', { file: join(folder, 'none') }), { sqlstate: '58P01' });
  });

  it('meters what it fetches, and nothing more than the budget', async () => {
    await store().put('metered', bytes('0123456789'));
    let total = 0;
    let requests = 0;
    const meter = {
      charge: (some: number, calls: number): void => {
        total += some;
        requests += calls;
      },
    };
    await store().read('metered', { meter });
    await store().read('metered', { meter, start: 0, end: 4 });
    assert.deepEqual([total, requests], [14, 2]);
    const budget = new Error('budget');
    const refuse = {
      charge: (some: number): void => {
        if (some > 0) throw budget;
      },
    };
    await assert.rejects(store().read('metered', { meter: refuse }), (error) => error === budget);
    await assert.rejects(store().read('metered', { maxBytes: 9 }), { sqlstate: '54000' });
  });

  it('stops when aborted', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(store().read('metered', { signal }), (error) => error === reason);
    await assert.rejects(store().put('metered2', bytes('x'), { signal }), (error) => error === reason);
    assert.equal(await store().head('metered2'), undefined);
  });

  it('refuses paths that leave the root', async () => {
    for (const path of ['../x', 'a/../../x', '/etc/passwd', '', 'a/./b']) {
      await assert.rejects(async () => store().read(path), { sqlstate: '42501' });
      await assert.rejects(async () => store().put(path, bytes('x')), { sqlstate: '42501' });
    }
  });
}
