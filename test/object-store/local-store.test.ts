import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'mocha';
import { openStore } from '../../src/object-store/open-store.js';
import { storeSuite } from './store-suite.js';

describe('local store', () => {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-local-store-'));
  const store = openStore(`file:${folder}/new/root`);
  after(() => rmSync(folder, { recursive: true }));

  storeSuite(() => store);

  it('has a normal root, and its objects where they lie', () => {
    assert.equal(store.root, `file://${folder}/new/root`);
    assert.equal(store.localPath('a/b'), `${folder}/new/root/a/b`);
  });

  it('leaves no drafts behind', () => {
    const names = readdirSync(join(folder, 'new/root'), { recursive: true }).map(String);
    assert.deepEqual(
      names.filter((name) => name.includes('.tmp')),
      [],
    );
  });

  it('does not take a folder for an object', async () => {
    mkdirSync(join(folder, 'new/root/folder'), { recursive: true });
    await assert.rejects(store.read('folder'), { sqlstate: '58P01' });
    assert.equal(await store.head('folder'), undefined);
  });
});
