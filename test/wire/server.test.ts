import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import type { TimelineError } from '../../sql/errors.js';
import { Oid } from '../../sql/types.js';
import { DEFAULT_WIRE_LIMITS, startWireServer, type WireServer } from '../../src/wire/server.js';
import { CannedEngine, TYPES } from './canned-engine.js';
import {
  bind,
  closePortal,
  closeStatement,
  cstring,
  dataRow,
  describePortal,
  describeStatement,
  execute,
  flush,
  int16,
  int32,
  message,
  parse,
  query,
  RawClient,
  startup,
  sync,
  terminate,
} from './raw-client.js';

const text = (row: (Buffer | null)[]): (string | null)[] => row.map((value) => value?.toString('utf8') ?? null);

describe('wire server', () => {
  let engine: CannedEngine;
  let server: WireServer;
  const clients: RawClient[] = [];

  beforeEach(async () => {
    engine = new CannedEngine();
    server = await startWireServer({ engine, host: '127.0.0.1', port: 0, limits: { ...DEFAULT_WIRE_LIMITS, maxConnections: 5 } });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await server.close();
  });

  function open(): RawClient {
    const client = new RawClient(server.port);
    clients.push(client);
    return client;
  }

  async function loggedIn(): Promise<RawClient> {
    const client = open();
    await client.login();
    return client;
  }

  const rows = (client: RawClient): (string | null)[][] => client.messages.filter((m) => m.type === 'D').map((m) => text(dataRow(m.body)));
  const tags = (client: RawClient): string[] =>
    client.messages.filter((m) => m.type === 'C').map((m) => m.body.toString('utf8', 0, m.body.length - 1));

  describe('start', () => {
    it('refuses a host that others can reach', async () => {
      for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.com', '127.0.0.1.example.com']) {
        await assert.rejects(startWireServer({ engine, host, port: 0, limits: DEFAULT_WIRE_LIMITS }), (error: TimelineError) => {
          assert.equal(error.sqlstate, '0A000');
          assert.match(error.hint ?? '', /no authentication yet/);
          return true;
        });
      }
    });

    it('names the port that is taken', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => other.once('listening', resolve));
      const { port } = other.address() as AddressInfo;
      await assert.rejects(
        startWireServer({ engine, host: '127.0.0.1', port, limits: DEFAULT_WIRE_LIMITS }),
        new RegExp(`port ${port} on 127.0.0.1 is already in use`),
      );
      other.close();
    });

    it('greets: N for encryption, then authentication, parameters, key, ready', async () => {
      const client = open();
      client.expectLetter();
      client.expectLetter();
      client.send(int32(8), int32(80_877_104));
      client.send(int32(8), int32(80_877_103));
      client.send(startup({ user: 'ann', TimeZone: 'Europe/Berlin', __proto__x: 'y' }));
      assert.equal(await client.until('Z'), 'RSSSSSSKZ');
      assert.deepEqual(client.letters, ['N', 'N']);
      assert.equal(engine.connected?.user, 'ann');
      assert.equal(engine.connected?.database, 'ann');
      assert.deepEqual(engine.connected?.settings, { TimeZone: 'Europe/Berlin', __proto__x: 'y' });
    });

    it('negotiates newer versions and unknown options', async () => {
      const client = open();
      client.send(startup({ user: 'u', '_pq_.wish': '1' }, 196_610));
      assert.equal((await client.until('Z')).slice(0, 2), 'vR');
      const body = client.messages[0]!.body;
      assert.equal(body.readInt32BE(0), 0);
      assert.equal(body.readInt32BE(4), 1);
      assert.equal(body.toString('utf8', 8), '_pq_.wish\0');
    });

    it('refuses version 2, a missing user, unknown databases, replication, other encodings', async () => {
      const cases: [Buffer, string][] = [
        [startup({ user: 'u' }, 131_072), '0A000'],
        [startup({ database: 'd' }), '28000'],
        [startup({ user: 'u', database: 'nope' }), '3D000'],
        [startup({ user: 'u', replication: 'database' }), '0A000'],
        [startup({ user: 'u', client_encoding: 'LATIN1' }), '0A000'],
      ];
      for (const [bytes, sqlstate] of cases) {
        const client = open();
        client.send(bytes);
        await client.untilClosed();
        assert.equal(client.errors()[0]?.['C'], sqlstate);
        assert.equal(client.errors()[0]?.['S'], 'FATAL');
        assert.ok(!client.types().includes('Z'));
      }
    });

    it('lets in as many as allowed, and the next one when a place is free', async () => {
      const inside = await Promise.all(Array.from({ length: 5 }, loggedIn));
      const extra = open();
      extra.send(startup({ user: 'u' }));
      await extra.untilClosed();
      assert.equal(extra.errors()[0]?.['C'], '53300');
      inside[0]!.send(terminate);
      await inside[0]!.untilClosed();
      await loggedIn();
    });

    it('ends a login that takes too long', async () => {
      const quick = await startWireServer({ engine, host: '127.0.0.1', port: 0, limits: { ...DEFAULT_WIRE_LIMITS, loginTimeoutMs: 50 } });
      const client = new RawClient(quick.port);
      client.send(Buffer.of(0, 0));
      await client.untilClosed();
      assert.match(client.errors()[0]?.['M'] ?? '', /authentication due to timeout/);
      await quick.close();
    });

    it('tells clients when it ends, and stops what runs', async () => {
      const client = await loggedIn();
      client.send(query('sleep'));
      await client.wait(() => engine.sessions[0]!.log.includes('execute sleep'));
      await server.close();
      await client.untilClosed();
      assert.deepEqual(
        client.errors().map((e) => [e['S'], e['C']]),
        [['FATAL', '57P01']],
      );
      assert.equal(engine.aborted.length, 1);
      assert.equal(engine.closedSessions, 1);
    });
  });

  describe('simple query', () => {
    it('runs several statements in one implicit transaction', async () => {
      const client = await loggedIn();
      client.send(query('select 1; rows 3;; select 2'));
      assert.equal(await client.until('Z'), 'TDCTDDDCTDCZ');
      assert.deepEqual(rows(client), [['1'], ['0', 'row 0 ä'], ['1', 'row 1 ä'], ['2', 'row 2 ä'], ['2']]);
      assert.deepEqual(tags(client), ['SELECT 1', 'SELECT 3', 'SELECT 1']);
      assert.deepEqual(
        engine.sessions[0]!.log.filter((line) => line.startsWith('end')),
        ['end false'],
      );
    });

    it('answers nothing with EmptyQueryResponse', async () => {
      const client = await loggedIn();
      client.send(query(' ; '));
      assert.equal(await client.until('Z'), 'IZ');
    });

    it('stops at the first error, whose position counts from the start of the text in characters', async () => {
      const client = await loggedIn();
      client.send(query('text 🦆; fail 22012; select 3'));
      assert.equal(await client.until('Z'), 'TDCEZ');
      assert.deepEqual(client.errors()[0], {
        S: 'ERROR',
        V: 'ERROR',
        C: '22012',
        M: 'failed as asked',
        D: 'the detail',
        H: 'the hint',
        P: String(8 + 6),
      });
      assert.deepEqual(engine.sessions[0]!.log.slice(-1), ['end true']);
      client.send(query('select 4'));
      assert.equal(await client.until('Z', 2), 'TDCEZTDCZ');
    });

    it('sends the rows before an error within a statement, and closes its source', async () => {
      const client = await loggedIn();
      client.send(query('fail-after 10'));
      assert.equal(await client.until('Z'), `T${'D'.repeat(10)}EZ`);
      assert.equal(client.errors()[0]?.['C'], '22012');
    });

    it('reports notices and changed parameters', async () => {
      const client = await loggedIn();
      client.send(query('notice hello you; set timezone Asia/Tokyo; types'));
      assert.equal(await client.until('Z'), 'NCSCTDCZ');
      assert.equal(client.messages[2]!.body.toString(), 'TimeZone\0Asia/Tokyo\0');
      assert.equal(rows(client)[0]![11], '2024-07-01 21:00:00+09');
      engine.sessions[0]!.notify('soon closing');
      await client.until('N', 2);
    });

    it('takes what COPY left over, and refuses the fast path', async () => {
      const client = await loggedIn();
      client.send(message('d', Buffer.from('1\n')), message('c'), message('F', Buffer.alloc(10)), query('select 1'));
      assert.equal(await client.until('Z', 2), 'EZTDCZ');
      assert.equal(client.errors()[0]?.['C'], '0A000');
    });

    it('refuses text that is not UTF-8', async () => {
      const client = await loggedIn();
      client.send(message('Q', Buffer.from([0x73, 0xff, 0])), message('Q', Buffer.from('no end')));
      assert.equal(await client.until('Z', 2), 'EZEZ');
      assert.deepEqual(
        client.errors().map((e) => e['C']),
        ['22021', '08P01'],
      );
    });
  });

  describe('extended protocol', () => {
    it('parses, describes, binds, executes, closes', async () => {
      const client = await loggedIn();
      client.send(
        parse('s', 'echo', [Oid.int4, Oid.text]),
        describeStatement('s'),
        bind('p', 's', ['7', null]),
        describePortal('p'),
        execute('p'),
        closePortal('p'),
        closeStatement('s'),
        closeStatement('s'),
        sync,
      );
      assert.equal(await client.until('Z'), '1tT2TDC333Z');
      assert.deepEqual(rows(client), [['7', null]]);
      assert.equal(client.messages[1]!.body.toString('hex'), '00020000001700000019');
    });

    it('says NoData and answers the empty query', async () => {
      const client = await loggedIn();
      client.send(parse('', ''), describeStatement(''), bind('', ''), describePortal(''), execute(''), sync);
      assert.equal(await client.until('Z'), '1tn2nIZ');
    });

    it('pushes everything at Flush', async () => {
      const client = await loggedIn();
      client.send(parse('', 'rows 4'), describeStatement(''), flush);
      assert.equal(await client.until('T'), '1tT');
      client.send(bind('', ''), execute('', 3), flush);
      assert.equal(await client.until('s'), '1tT2DDDs');
      client.send(execute('', 3), sync);
      assert.equal(await client.until('Z'), '1tT2DDDsDCZ');
      assert.deepEqual(tags(client), ['SELECT 1']);
    });

    it('gives rows five at a time, in order, none twice', async () => {
      const client = await loggedIn();
      client.send(parse('', 'rows 20'), bind('', ''), execute('', 5), flush);
      for (let round = 2; round <= 5; round += 1) {
        await client.until('s', round - 1);
        client.send(execute('', 5), flush);
      }
      assert.equal(await client.until('C'), `12${'DDDDDs'.repeat(4)}C`);
      assert.deepEqual(
        rows(client).map(([i]) => Number(i)),
        Array.from({ length: 20 }, (_, i) => i),
      );
      assert.deepEqual(tags(client), ['SELECT 0']);
    });

    it('reads no further than the limit asks', async () => {
      const client = await loggedIn();
      client.send(parse('', 'rows 100000'), bind('', ''), execute('', 5), flush);
      await client.until('s');
      assert.equal(engine.pulled, 1);
      client.send(sync);
      await client.until('Z');
      await client.wait(() => engine.returned === 1);
    });

    it('keeps named portals over Sync in a transaction, and ends them with it', async () => {
      const client = await loggedIn();
      client.send(query('begin'));
      await client.until('Z');
      client.send(parse('', 'rows 9'), bind('cursor', ''), execute('cursor', 4), sync);
      await client.until('Z', 2);
      client.send(execute('cursor', 4), sync);
      await client.until('Z', 3);
      client.send(query('commit'));
      await client.until('Z', 4);
      client.send(execute('cursor', 4), sync);
      await client.until('Z', 5);
      assert.equal(client.types(), 'CZ12DDDDsZDDDDsZCZEZ');
      assert.equal(client.errors()[0]?.['C'], '34000');
      assert.deepEqual(
        client.messages.filter((m) => m.type === 'Z').map((m) => m.body.toString()),
        ['T', 'T', 'T', 'I', 'I'],
      );
    });

    it('discards everything after an error up to Sync', async () => {
      const client = await loggedIn();
      client.send(
        parse('', 'nonsense'),
        bind('', ''),
        execute(''),
        query('select 1'),
        message('B', Buffer.of(1)),
        sync,
        parse('', 'select 1'),
        sync,
      );
      assert.equal(await client.until('Z', 2), 'EZ1Z');
      assert.equal(client.errors()[0]?.['C'], '42601');
    });

    it('marks a transaction failed until it is rolled back', async () => {
      const client = await loggedIn();
      client.send(query('begin'));
      client.send(bind('', 'unknown'), sync, query('select 1'), query('rollback'));
      assert.equal(await client.until('Z', 4), 'CZEZEZCZ');
      assert.deepEqual(
        client.errors().map((e) => e['C']),
        ['26000', '25P02'],
      );
      assert.deepEqual(
        client.messages.filter((m) => m.type === 'Z').map((m) => m.body.toString()),
        ['T', 'E', 'E', 'I'],
      );
    });

    it('names each mistake by its SQLSTATE', async () => {
      const ok = parse('s', 'echo', [Oid.int4]);
      const cases: [string, Buffer[]][] = [
        ['26000', [bind('', 'none')]],
        ['26000', [describeStatement('none')]],
        ['34000', [execute('none')]],
        ['42P05', [ok, ok]],
        ['42P03', [ok, bind('p', 's', ['1']), bind('p', 's', ['1'])]],
        ['08P01', [ok, bind('', 's', [])]],
        ['08P01', [ok, bind('', 's', ['1', '2'])]],
        ['08P01', [ok, bind('', 's', ['1'], [0, 0])]],
        ['08P01', [ok, bind('', 's', ['1'], [], [0, 0])]],
        ['22023', [ok, bind('', 's', ['1'], [2])]],
        ['22P03', [ok, bind('', 's', [Buffer.alloc(3)], [1])]],
        ['22021', [ok, bind('', 's', [Buffer.of(0xff)])]],
        ['08P01', [message('D', Buffer.from('Z'), cstring(''))]],
        ['08P01', [message('P', cstring(''), cstring('select 1'), int16(9))]],
        ['08P01', [message('B', cstring(''), cstring(''), int16(0), int16(1), int32(2_000_000_000), int16(0))]],
        ['08P01', [message('B', cstring(''), cstring(''), int16(0), int16(1), int32(-2), int16(0))]],
        ['08P01', [message('E', cstring(''), int32(0), int32(0))]],
        ['55000', [parse('c', 'begin'), bind('p', 'c'), execute('p'), execute('p')]],
      ];
      for (const [sqlstate, frames] of cases) {
        const client = await loggedIn();
        client.send(...frames, sync);
        await client.until('Z');
        assert.equal(client.errors()[0]?.['C'], sqlstate, `${sqlstate} ${client.types()}`);
        client.send(query('rollback'), query('select 1'));
        await client.until('D');
        client.destroy();
        await client.untilClosed();
      }
    });

    it('reads binary parameters', async () => {
      const client = await loggedIn();
      const when = Buffer.alloc(8);
      when.writeBigInt64BE(757_382_400_000_000n);
      client.send(
        parse('', 'echo', [Oid.int2, Oid.timestamptz, Oid.text]),
        bind('', '', [Buffer.of(0xff, 0xfe), when, 'é'], [1, 1, 0]),
        execute(''),
        sync,
      );
      await client.until('Z');
      assert.deepEqual(rows(client), [['-2', '2024-01-01 00:00:00+00', 'é']]);
    });

    it('writes binary results, for all columns or one by one', async () => {
      const client = await loggedIn();
      const mixed = TYPES.map((_, index) => index % 2);
      client.send(
        parse('s', 'types'),
        bind('', 's', [], [1], [1]),
        describePortal(''),
        execute(''),
        bind('', 's', [], [], mixed),
        execute(''),
        sync,
      );
      assert.equal(await client.until('Z'), '12TDC2DCZ');
      const [first, second] = client.messages.filter((m) => m.type === 'D').map((m) => dataRow(m.body));
      const hex = (index: number): string => first![index]!.toString('hex');
      assert.equal(hex(0), '01');
      assert.equal(hex(1), 'fff9');
      assert.equal(hex(3), '0020000000000001');
      assert.equal(hex(6), '0003000100000004000109291a2c');
      assert.equal(hex(15), `01${Buffer.from('{"a": 1}').toString('hex')}`);
      TYPES.forEach(([name], index) => {
        if (index % 2 === 1) assert.deepEqual(second![index], first![index], name);
      });
      assert.equal(second![6]!.toString(), '12345.6700');
    });

    it('leaves no half of a row behind when a value has no binary form', async () => {
      const client = await loggedIn();
      client.send(parse('', 'echo', [Oid.record]), bind('', '', ['(1,2)'], [0], [1]), execute(''), sync);
      assert.equal(await client.until('Z'), '12EZ');
      assert.equal(client.errors()[0]?.['C'], '0A000');
    });

    it('forgets statements at DEALLOCATE, by name or all', async () => {
      const client = await loggedIn();
      client.send(parse('_pg3_0', 'select 1'), parse('B', 'select 2'), parse('c', 'select 3'), sync);
      client.send(query('DEALLOCATE _pg3_0'), bind('', '_pg3_0'), sync);
      client.send(parse('', 'DEALLOCATE "B"'), bind('', ''), execute(''), sync, bind('', 'B'), sync);
      client.send(query('deallocate all'), bind('', 'c'), sync);
      assert.equal(await client.until('Z', 7), '111ZCZEZ12CZEZCZEZ');
      assert.deepEqual(
        client.errors().map((e) => e['C']),
        ['26000', '26000', '26000'],
      );
    });

    it('answers 200 pipelined batches in order, with errors in between', async () => {
      const client = await loggedIn();
      const batches = Array.from({ length: 200 }, (_, i) =>
        Buffer.concat(
          i % 10 === 3
            ? [parse('', 'bad'), bind('', ''), execute(''), sync]
            : [parse('', `select ${i}`), bind('', ''), describePortal(''), execute(''), sync],
        ),
      );
      client.send(...batches);
      const types = await client.until('Z', 200);
      assert.equal(types, Array.from({ length: 200 }, (_, i) => (i % 10 === 3 ? 'EZ' : '12TDCZ')).join(''));
      assert.deepEqual(
        rows(client).map(([v]) => Number(v)),
        Array.from({ length: 200 }, (_, i) => i).filter((i) => i % 10 !== 3),
      );
    });
  });

  describe('cancel and loss', () => {
    const cancelBytes = (key: Buffer): Buffer => Buffer.concat([int32(16), int32(80_877_102), key]);

    async function withKey(): Promise<{ client: RawClient; key: Buffer }> {
      const client = open();
      client.send(startup({ user: 'u' }));
      await client.until('Z');
      const key = client.messages.find((m) => m.type === 'K')!.body;
      client.messages.length = 0;
      return { client, key };
    }

    for (const [name, frames] of [
      ['simple', [query('sleep; select 1')]],
      ['extended', [parse('', 'sleep'), bind('', ''), execute(''), execute(''), sync]],
    ] as const) {
      it(`stops a running ${name} query by its key, not by another`, async () => {
        const { client, key } = await withKey();
        client.send(...frames);
        await client.wait(() => engine.sessions[0]!.log.includes('execute sleep'));
        const wrong = Buffer.from(key);
        wrong[7]! ^= 1;
        const first = open();
        first.send(cancelBytes(wrong));
        await first.untilClosed();
        assert.equal(engine.aborted.length, 0);
        const second = open();
        second.send(cancelBytes(key));
        await second.untilClosed();
        assert.equal(second.messages.length, 0);
        await client.until('Z');
        assert.deepEqual(
          client.errors().map((e) => [e['C'], e['M']]),
          [['57014', 'canceling statement due to user request']],
        );
        client.send(query('select 5'));
        assert.match(await client.until('Z', 2), /EZTDCZ$/);
      });
    }

    it('does not hit the next query when it comes late', async () => {
      const { client, key } = await withKey();
      client.send(query('select 1'));
      await client.until('Z');
      const late = open();
      late.send(cancelBytes(key));
      await late.untilClosed();
      client.send(query('rows 20'));
      assert.match(await client.until('Z', 2), /D{20}CZ$/);
      assert.equal(client.errors().length, 0);
    });

    it('stops a portal between its parts only while it is read', async () => {
      const { client, key } = await withKey();
      client.send(query('begin'), parse('', 'rows 30'), bind('p', ''), execute('p', 10), sync);
      await client.until('Z', 2);
      const late = open();
      late.send(cancelBytes(key));
      await late.untilClosed();
      client.send(execute('p', 10), sync);
      assert.match(await client.until('Z', 3), /ZD{10}sZ$/);
    });

    it('stops what runs when the client is lost', async () => {
      for (const leave of ['destroy', 'end'] as const) {
        const client = await loggedIn();
        const before = engine.aborted.length;
        client.send(query('sleep'));
        await client.wait(() => engine.sessions.at(-1)!.log.includes('execute sleep'));
        client.socket[leave]();
        await client.wait(() => engine.aborted.length > before, true);
        assert.equal((engine.aborted.at(-1) as TimelineError).sqlstate, '08006');
        await client.wait(() => engine.closedSessions === engine.sessions.length, true);
      }
    });

    it('waits for a slow reader and holds little meanwhile', async () => {
      const client = await loggedIn();
      client.socket.pause();
      client.send(query('big 5000 100000'));
      await client.wait(() => engine.pulled > 0);
      // Give it time to run ahead, if it would.
      let last = -1;
      while (engine.pulled !== last) {
        last = engine.pulled;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
      assert.ok(engine.pulled < 400, `${engine.pulled} of 5000 batches of 100 kB were read ahead`);
      let bytes = 0;
      client.socket.removeAllListeners('data');
      client.socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      client.socket.resume();
      await client.wait(() => bytes > 5000 * 100_000);
      assert.equal(engine.pulled, 5000);
    });
  });
});
