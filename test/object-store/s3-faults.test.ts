import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { crc32c } from '../../src/object-store/checksum.js';
import type { ObjectStore, S3Options } from '../../src/object-store/object-store.js';
import { openStore } from '../../src/object-store/open-store.js';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';

const CONTENT = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));

describe('S3 store with a storage that fails', () => {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-faults-'));
  let server: S3Server;
  let proxy: FaultProxy;
  let store: ObjectStore;

  before(async function () {
    this.timeout(600_000);
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    server = await startVersitygw(program);
    const direct = openStore(`s3://${server.bucket}`, { s3: server.options });
    await direct.put('one', CONTENT);
    direct.close();
  });
  after(async () => {
    await server?.close();
    rmSync(folder, { recursive: true });
  });

  const open = (more: Partial<S3Options> = {}): ObjectStore =>
    openStore(`s3://${server.bucket}`, { s3: { ...server.options, endpoint: proxy.endpoint, stallMs: 300, ...more } });

  beforeEach(async () => {
    proxy = await startFaultProxy(server.options.endpoint!);
    store = open();
  });
  afterEach(async () => {
    store.close();
    await proxy.close();
  });

  const sums = (name: string, sum: (bytes: Buffer) => string) => ({
    kind: 'flip' as const,
    at: 5,
    sum: (bytes: Buffer) => ({ [`x-amz-checksum-${name}`]: sum(bytes), etag: '"no-md5"' }),
  });
  const word = (value: number): string => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return bytes.toString('base64');
  };

  for (const fault of [
    { kind: 'reset' },
    { kind: 'cut', after: 40_000 },
    { kind: 'stall', after: 40_000 },
    { kind: 'stall', after: 0 },
    { kind: 'answer', status: 503 },
    { kind: 'answer', status: 500 },
    { kind: 'answer', status: 429 },
  ] as readonly Fault[]) {
    it(`tries again after: ${JSON.stringify(fault)}`, async () => {
      for (const read of [
        async () => store.read('one'),
        async () => (await store.readPart('one', { start: 0, end: CONTENT.length })).bytes,
        async () => {
          const target = join(folder, 'down');
          await store.download('one', target);
          const bytes = readFileSync(target);
          rmSync(target);
          return bytes;
        },
      ]) {
        proxy.once(fault);
        assert.ok(CONTENT.equals(await read()));
      }
      assert.deepEqual(
        proxy.fired,
        [1, 2, 3].map(() => fault.kind),
      );
    });
  }

  for (const [name, fault] of Object.entries({
    sha256: sums('sha256', (bytes) => createHash('sha256').update(bytes).digest('base64')),
    crc32: sums('crc32', (bytes) => word(crc32(bytes))),
    crc32c: sums('crc32c', (bytes) => word(crc32c(bytes))),
    'an ETag that is the MD5': {
      kind: 'flip' as const,
      at: 5,
      sum: (bytes: Buffer) => ({ 'x-amz-checksum-crc32': '', etag: `"${createHash('md5').update(bytes).digest('hex')}"` }),
    },
  })) {
    it(`finds bytes that changed on the way by ${name}`, async () => {
      proxy.once(fault);
      assert.ok(CONTENT.equals(await store.read('one')));
      assert.deepEqual(proxy.fired, ['flip']);
      assert.equal(proxy.seen().length, 2);
      for (let time = 0; time < 2; time++) proxy.once(fault);
      const once = open({ attempts: 2 });
      await assert.rejects(once.read('one'), { sqlstate: '58030', message: /one: what the storage sent does not have the checksum/ });
      once.close();
    });
  }

  it('knows the crc32c of the standard', () => {
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  });

  it('does not test a range by the sum of the whole', async () => {
    proxy.once({ kind: 'headers', change: { 'x-amz-checksum-crc32': word(crc32(CONTENT)) } });
    const { bytes } = await store.readPart('one', { start: 10, end: 20 });
    assert.ok(CONTENT.subarray(10, 20).equals(bytes));
    assert.deepEqual(proxy.fired, ['headers']);
  });

  it('waits as long as it is asked to', async () => {
    proxy.once({ kind: 'answer', status: 503, headers: { 'retry-after': '1' } });
    await store.read('one');
    const [first, second] = proxy.seen();
    assert.ok(second!.at - first!.at >= 990, `${second!.at - first!.at} ms`);
  });

  it('gives up when the time is over, or the tries', async () => {
    const hasty = open({ totalMs: 500 });
    proxy.once({ kind: 'answer', status: 503, headers: { 'retry-after': '1' } });
    await assert.rejects(hasty.read('one'), { sqlstate: '58030', retryable: true, message: /one: the storage answers 503/ });
    assert.equal(proxy.seen().length, 1);
    hasty.close();
    const twice = open({ attempts: 2 });
    for (let time = 0; time < 2; time++) proxy.once({ kind: 'reset' });
    await assert.rejects(twice.read('one'), { sqlstate: '58030' });
    assert.equal(proxy.seen().length, 2);
    twice.close();
  });

  it('takes no other range than the one that it asked for', async () => {
    const part = { start: 10, end: 20 };
    for (const change of ['bytes 11-20/100000', 'bytes 10-19/15', 'nonsense']) {
      proxy.once({ kind: 'headers', change: { 'content-range': change } });
      assert.ok(CONTENT.subarray(10, 20).equals((await store.readPart('one', part)).bytes));
    }
    assert.equal(proxy.fired.length, 3);
  });

  it('says so when the object is another one', async () => {
    const { etag } = await store.readPart('one', { start: 0, end: 10 });
    await store.put('two', Buffer.from('first'));
    const first = await store.readPart('two', { start: 0, end: 2 });
    await store.put('two', Buffer.from('other'));
    await assert.rejects(store.readPart('two', { start: 0, end: 2, etag: first.etag }), {
      sqlstate: '58030',
      retryable: false,
      message: /two has changed while it was read/,
    });
    proxy.once({ kind: 'headers', change: { etag: '"another"' } });
    await assert.rejects(store.readPart('one', { start: 0, end: 10, etag }), /has changed/);
  });

  it('tells contents apart by their time where there is no ETag', async () => {
    const headers = { kind: 'headers', change: { etag: '' } } as const;
    proxy.once(headers);
    const { etag, bytes } = await store.readPart('one', { start: 0, end: 10 });
    assert.ok(etag.startsWith('modified 2') && CONTENT.subarray(0, 10).equals(bytes));
    proxy.once(headers);
    await store.readPart('one', { start: 10, end: 20, etag });
    proxy.once({ kind: 'headers', change: { etag: '', 'last-modified': 'Wed, 01 Jan 2020 00:00:00 GMT' } });
    await assert.rejects(store.readPart('one', { start: 10, end: 20, etag }), /has changed/);
    assert.equal(proxy.fired.length, 3);
  });

  it('charges before it asks, and again what came for nothing', async () => {
    const charges: [number, number][] = [];
    const meter = {
      charge: (bytes: number, requests: number): void => {
        charges.push([bytes, requests]);
      },
    };
    proxy.once({ kind: 'answer', status: 503 });
    proxy.once({ kind: 'cut', after: 10 });
    await store.readPart('one', { start: 0, end: 1000, meter });
    assert.deepEqual(charges, [
      [1000, 1],
      [0, 1],
      [1000, 1],
    ]);
    proxy.seen();
    const budget = new Error('budget');
    const refuse = {
      charge: (): void => {
        throw budget;
      },
    };
    await assert.rejects(store.readPart('one', { start: 0, end: 1000, meter: refuse }), (error) => error === budget);
    assert.equal(proxy.seen().length, 0);
  });

  it('knows its own object when an answer is lost, in one request and in parts', async function () {
    this.timeout(60_000);
    writeFileSync(join(folder, 'large'), Buffer.alloc(20 << 20, 'x'));
    for (const [path, body, last] of [
      ['small', CONTENT, (one: { method?: string | undefined }) => one.method === 'PUT'],
      [
        'large',
        { file: join(folder, 'large') },
        (one: { method?: string | undefined; url?: string | undefined }) => one.method === 'POST' && (one.url ?? '').includes('uploadId'),
      ],
    ] as const) {
      proxy.once({ kind: 'lost' }, last);
      assert.equal(await store.putIfAbsent(path, body), true, path);
      assert.equal(await store.putIfAbsent(path, body), false, path);
    }
    assert.deepEqual(proxy.fired, ['lost', 'lost']);
    assert.equal((await store.head('large'))?.size, 20 << 20);
  });

  it('sends a part again that was lost, and leaves no parts behind', async function () {
    this.timeout(60_000);
    writeFileSync(join(folder, 'large'), Buffer.alloc(20 << 20, 'y'));
    proxy.once({ kind: 'reset' }, (one) => (one.url ?? '').includes('partNumber=2'));
    await store.put('parts', { file: join(folder, 'large') });
    assert.deepEqual(proxy.fired, ['reset']);
    const bytes = await store.read('parts');
    assert.ok(Buffer.from(bytes).equals(readFileSync(join(folder, 'large'))));
    const won = await Promise.all([1, 2, 3].map(() => store.putIfAbsent('raced', { file: join(folder, 'large') })));
    assert.equal(won.filter(Boolean).length, 1);
  });

  it('does not sign where nobody is to be known', async () => {
    const nobody = open({ anonymous: true });
    await assert.rejects(nobody.read('one'), { sqlstate: '42501' });
    nobody.close();
  });
});

describe('S3 lists', () => {
  it('that say there is more, and do not go on, are refused', async () => {
    const more = ['', '<NextContinuationToken>same</NextContinuationToken>'];
    for (const token of more) {
      const server = createServer((_request, response) => {
        const object = '<Contents><Key>f/a</Key><Size>1</Size><ETag>"e"</ETag></Contents>';
        response.setHeader('content-type', 'application/xml');
        response.end(`<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated>${object}${token}</ListBucketResult>`);
      }).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const s3 = { endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', pathStyle: true, anonymous: true };
      const store = openStore('s3://b', { s3 });
      try {
        const listed = async (): Promise<void> => {
          for await (const { path } of store.list('f/')) assert.equal(path, 'f/a');
        };
        await assert.rejects(listed(), { sqlstate: '58030' });
      } finally {
        store.close();
        server.close();
      }
    }
  });
});
