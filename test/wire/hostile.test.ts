import assert from 'node:assert/strict';
import { Oid } from '../../sql/types.js';
import { FrameReader } from '../../src/wire/frames.js';
import { FatalError } from '../../src/wire/protocol-error.js';
import { DEFAULT_WIRE_LIMITS, startWireServer, type WireServer } from '../../src/wire/server.js';
import { CannedEngine } from './canned-engine.js';
import {
  bind,
  closePortal,
  closeStatement,
  describePortal,
  describeStatement,
  execute,
  flush,
  int32,
  message,
  parse,
  query,
  RawClient,
  startup,
  sync,
  terminate,
} from './raw-client.js';

/** Mulberry32: the same numbers for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('frame reader', () => {
  const reader = (phase: 'startup' | 'login' | 'ready', maxMessageBytes = DEFAULT_WIRE_LIMITS.maxMessageBytes): FrameReader => {
    const made = new FrameReader({ maxMessageBytes });
    made.phase = phase;
    return made;
  };

  it('gives the same frames wherever the bytes are split', () => {
    const stream = Buffer.concat([query('select 1'), parse('s', 'rows 5', [23]), bind('p', 's', ['x', null]), sync]);
    const whole = reader('ready');
    whole.push(stream);
    const read = (r: FrameReader): string[] => {
      const found: string[] = [];
      for (let frame = r.next(); frame !== undefined; frame = r.next()) found.push(`${frame.type} ${frame.payload.toString('hex')}`);
      return found;
    };
    const expected = read(whole);
    assert.equal(expected.length, 4);
    for (let split = 0; split <= stream.length; split += 1) {
      const parts = reader('ready');
      parts.push(stream.subarray(0, split));
      const found = read(parts);
      parts.push(stream.subarray(split));
      assert.deepEqual([...found, ...read(parts)], expected, `split at ${split}`);
    }
    const bytewise = reader('ready');
    const found = [...stream].flatMap((byte) => {
      bytewise.push(Buffer.of(byte));
      return read(bytewise);
    });
    assert.deepEqual(found, expected);
  });

  it('keeps frames whole through growing and shrinking', () => {
    const r = reader('ready');
    const large = query('x'.repeat(3_000_000));
    for (let at = 0; at < large.length; at += 65_536) r.push(large.subarray(at, at + 65_536));
    assert.equal(r.next()?.payload.length, 3_000_001);
    r.push(sync);
    assert.equal(r.next()?.type, 'S'.charCodeAt(0));
    assert.equal(r.buffered, 0);
  });

  it('refuses lengths by their header alone', () => {
    const cases: ['startup' | 'login' | 'ready', Buffer][] = [
      ['startup', int32(0)],
      ['startup', int32(7)],
      ['startup', int32(10_001)],
      ['startup', int32(-1)],
      ['startup', int32(0x7fffffff)],
      ['startup', Buffer.from('\x16\x03\x01\x02\x00')],
      ['startup', Buffer.from('GET / HTTP/1.1')],
      ['login', Buffer.concat([Buffer.from('p'), int32(65_537)])],
      ['ready', Buffer.concat([Buffer.from('Q'), int32(3)])],
      ['ready', Buffer.concat([Buffer.from('Q'), int32(-5)])],
      ['ready', Buffer.concat([Buffer.from('Q'), int32(0x7fffffff)])],
      ['ready', Buffer.concat([Buffer.from('B'), int32(64 * 1024 * 1024 + 1)])],
      ['ready', Buffer.concat([Buffer.from('S'), int32(100_000)])],
      ['ready', Buffer.from('z')],
      ['ready', Buffer.of(0)],
    ];
    for (const [phase, bytes] of cases) {
      const r = reader(phase);
      r.push(bytes);
      assert.throws(
        () => r.next(),
        (error: unknown) => error instanceof FatalError && error.error.sqlstate === '08P01',
        `${phase} ${bytes.toString('hex')}`,
      );
    }
  });
});

describe('wire server against hostile bytes', () => {
  let engine: CannedEngine;
  let server: WireServer;

  beforeEach(async () => {
    engine = new CannedEngine();
    server = await startWireServer({
      engine,
      host: '127.0.0.1',
      port: 0,
      limits: { maxConnections: 20, maxMessageBytes: 1_000_000, loginTimeoutMs: 1000 },
    });
  });

  afterEach(async () => {
    await alive();
    await server.close();
    assert.equal(engine.closedSessions, engine.sessions.length, 'every session was closed');
  });

  async function alive(): Promise<void> {
    const client = new RawClient(server.port);
    await client.login();
    client.send(query('select 42'));
    assert.equal(await client.until('Z'), 'TDCZ');
    client.send(terminate);
    await client.untilClosed();
  }

  /** Sends bytes, hangs up, waits for the end; only whole messages may have come back. */
  async function throwAt(bytes: Buffer, login: boolean): Promise<string> {
    const client = new RawClient(server.port);
    if (login) await client.login();
    client.send(bytes, ...(login ? [sync, terminate] : []));
    if (!login) client.socket.end();
    const timer = setTimeout(() => client.destroy(), 60);
    await client.untilClosed();
    clearTimeout(timer);
    return client.types();
  }

  it('takes a conversation byte by byte', async () => {
    const client = new RawClient(server.port);
    const stream = Buffer.concat([startup({ user: 'u' }), query('select 1'), parse('', 'rows 2'), bind('', ''), execute(''), sync]);
    for (const byte of stream) {
      client.send(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await client.until('Z', 3), 'RSSSSSSKZTDCZ12DDCZ');
    client.destroy();
    await client.untilClosed();
  });

  it('survives every cut of the start-up packet', async () => {
    const packet = startup({ user: 'u', database: 'd' });
    for (let cut = 0; cut < packet.length; cut += 3) await throwAt(packet.subarray(0, cut), false);
  });

  it('survives changed lengths and counts before the login', async () => {
    const packet = startup({ user: 'u', database: 'd' });
    for (let at = 0; at < packet.length; at += 1) {
      for (const value of [0, 0xff, 0x80]) {
        const changed = Buffer.from(packet);
        changed[at] = value;
        const types = await throwAt(changed, false);
        assert.match(types, /^(E|v?RS*KZ.*|)$/, `byte ${at} = ${value}`);
      }
    }
  });

  it('answers a claimed 2 GB with FATAL and allocates nothing', async () => {
    const before = process.memoryUsage();
    const client = new RawClient(server.port);
    await client.login();
    client.send(Buffer.from('Q'), int32(0x7fffffff), Buffer.from('select'));
    await client.untilClosed();
    assert.deepEqual(
      client.errors().map((e) => [e['S'], e['C']]),
      [['FATAL', '08P01']],
    );
    assert.ok(process.memoryUsage().rss - before.rss < 200_000_000);
  });

  it('survives changed bytes in every message after the login', async () => {
    const random = randomNumbers(7);
    const messages = [
      query('select 1'),
      parse('s', 'echo', [Oid.int4, 1007]),
      Buffer.concat([parse('s', 'echo', [Oid.int4, 1007]), bind('p', 's', ['1', '{1}'], [0, 1])]),
      bind('', '', [null], [1], [1]),
      describeStatement('s'),
      describePortal('p'),
      execute('p', 5),
      closeStatement('s'),
      closePortal('p'),
      flush,
      message('F', int32(1)),
    ];
    for (const bytes of messages) {
      for (let round = 0; round < 25; round += 1) {
        const changed = Buffer.from(bytes);
        const at = Math.floor(random() * changed.length);
        changed[at] = [0, 0xff, 0x7f, Math.floor(random() * 256)][round % 4]!;
        await throwAt(changed, true);
      }
    }
  });

  it('survives random garbage', async () => {
    const random = randomNumbers(20_240_601);
    for (let round = 0; round < 100; round += 1) {
      const garbage = Buffer.from(Array.from({ length: 1 + Math.floor(random() * 200) }, () => Math.floor(random() * 256)));
      await throwAt(garbage, round % 2 === 0);
    }
  });
});
