import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import type { ObjectStore } from '../../src/object-store/object-store.js';
import { openStore } from '../../src/object-store/open-store.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { storeSuite } from './store-suite.js';

describe('S3 store', () => {
  let server: S3Server;
  let store: ObjectStore;

  before(async function () {
    this.timeout(600_000);
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    server = await startVersitygw(program);
    store = openStore(`s3://${server.bucket}/some/prefix`, { s3: server.options });
  });

  after(async () => {
    store?.close();
    await server?.close();
  });

  storeSuite(() => store);

  it('lists more than a page', async function () {
    this.timeout(60_000);
    const names = Array.from({ length: 1100 }, (_, index) => `many/${index}`);
    for (let at = 0; at < names.length; at += 50)
      await Promise.all(names.slice(at, at + 50).map((name) => store.put(name, new Uint8Array(1))));
    let count = 0;
    for await (const _ of store.list('many/')) count++;
    assert.equal(count, 1100);
  });

  it('says which bucket, object or right is missing', async () => {
    const other = openStore('s3://no-such-bucket-here', { s3: server.options });
    await assert.rejects(other.read('x'), { sqlstate: '58P01', message: 'bucket "no-such-bucket-here" does not exist' });
    other.close();
    const stranger = openStore(`s3://${server.bucket}`, { s3: { ...server.options, secretAccessKey: 'wrong' } });
    await assert.rejects(stranger.read('x'), { sqlstate: '42501' });
    stranger.close();
  });

  it('gives up on a storage that does not answer', async function () {
    this.timeout(30_000);
    const nobody = openStore('s3://bucket', { s3: { ...server.options, endpoint: 'http://127.0.0.1:1' } });
    await assert.rejects(nobody.read('x'), { sqlstate: '58030', retryable: true });
    nobody.close();
  });
});
