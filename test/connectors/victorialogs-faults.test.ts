import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsClient, LogsRow, QueryOptions } from '../../connectors/victorialogs/client/logs-client.js';
import type { VictoriaLogsConfig } from '../../connectors/victorialogs/config.js';
import type { LogsQuery } from '../../connectors/victorialogs/logsql/syntax.js';
import type { TimelineError } from '../../sql/errors.js';
import { type FakeAnswer, type FakeLogs, httpAnswer, startFakeLogs } from '../support/fake-logs.js';

const ALL: LogsQuery = { filter: { kind: 'all' }, pipes: [] };
const SECRET = 'open sesame';
const ROWS = ['{"a":"1","b":"x"}\n', '{"a":"2"}\n', '{"a":"3","c d":"\\"\\n\\u00e9é"}\n'];
const PARSED = ROWS.map((row) => JSON.parse(row) as LogsRow);

const timersRunning = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('client of VictoriaLogs and broken answers', function () {
  this.timeout(60_000);
  const opened: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  const open = async (
    answer: (n: number) => FakeAnswer,
    more: Partial<VictoriaLogsConfig['limits']> = {},
  ): Promise<{ readonly fake: FakeLogs; readonly client: LogsClient }> => {
    const fake = await startFakeLogs((_, n) => answer(n));
    const limits = { queries: 2, timeout: 5000, responseBytes: 2 ** 30, indexTimeout: 250, ...more };
    const auth = { type: 'basic', username: 'me', password: SECRET } as const;
    const config: VictoriaLogsConfig = { type: 'victorialogs', url: fake.url, auth, limits, tables: [], indexes: [], recent: [] };
    const client = await openLogsClient({ name: 'logs', config });
    opened.push(
      () => fake.close(),
      () => client.close(),
    );
    return { fake, client };
  };
  /** The rows that came before the end or the error. */
  const read = async (client: LogsClient, options: Partial<QueryOptions> = {}) => {
    const rows: LogsRow[] = [];
    let error: TimelineError | undefined;
    try {
      for await (const batch of client.query(ALL, { signal: new AbortController().signal, ...options })) rows.push(...batch);
    } catch (thrown) {
      error = thrown as TimelineError;
      const shown = JSON.stringify([error.message, error.detail, error.hint]);
      for (const secret of [SECRET, Buffer.from(`me:${SECRET}`).toString('base64')]) assert.ok(!shown.includes(secret), shown);
    }
    return { rows, error };
  };

  for (const [framing, whole] of [
    ['of known length', httpAnswer(200, ROWS.join(''))],
    ['in chunks', httpAnswer(200, [ROWS.slice(0, 2).join(''), (ROWS[2] ?? '').slice(0, 7), (ROWS[2] ?? '').slice(7)])],
  ] as const) {
    it(`takes an answer ${framing} that is cut off at any byte for no whole one`, async () => {
      const tryCut = async (cut: number, afterwards: 'close' | 'reset'): Promise<void> => {
        const { client, fake } = await open(() => ({ bytes: whole.subarray(0, cut), afterwards }));
        const { rows, error } = await read(client);
        assert.equal(error?.sqlstate, '08006', `${cut} ${afterwards}: ${error?.message}`);
        assert.deepEqual(rows, PARSED.slice(0, rows.length));
        // Asked again only while nothing had been read of the answer.
        assert.ok(fake.requests.length <= (rows.length > 0 ? 1 : 3));
        await client.close();
        await fake.close();
      };
      for (const afterwards of ['close', 'reset'] as const)
        await Promise.all(Array.from({ length: whole.length }, (_, cut) => tryCut(cut, afterwards)));
      const { client } = await open(() => ({ bytes: whole }));
      assert.deepEqual(await read(client), { rows: PARSED, error: undefined });
    });
  }

  const body = (text: string, headers?: Readonly<Record<string, string>>): FakeAnswer => ({ bytes: httpAnswer(200, text, headers) });
  const json = { 'Content-Type': 'application/stream+json' };
  const wrong: Readonly<Record<string, readonly [FakeAnswer, RegExp]>> = {
    'a text after the rows': [body(`${ROWS[0]}the query couldn't be executed\n`), /no JSON object of texts the query couldn't be/],
    'a row without its end': [body(`${ROWS[0]}{"a":"2"}`), /its last line has no end/],
    'half a row, ended': [body(`${ROWS[0]}{"a":"2\n`), /no JSON object/],
    'a number': [body('{"a":1}\n'), /no JSON object of texts/],
    'a null': [body('{"a":null}\n'), /no JSON object of texts/],
    'an object in an object': [body('{"a":{"b":"c"}}\n'), /no JSON object of texts/],
    'a list': [body('["a"]\n'), /no JSON object of texts/],
    'two objects in a line': [body('{"a":"1"},{"a":"2"}\n'), /no JSON object of texts/],
    'a comma too many': [body('{"a":"1",}\n'), /no JSON object of texts/],
    'a comma first': [body('{,"a":"1"}\n'), /no JSON object of texts/],
    'no comma': [body('{"a":"1""b":"2"}\n'), /no JSON object of texts/],
    'an empty line': [body('\n'), /no JSON object of texts/],
    'a field twice': [body('{"a":"1","a":"2"}\n'), /a field twice/],
    'a field twice, spelled otherwise': [body('{"a":"1","\\u0061":"2"}\n'), /a field twice/],
    'an unknown escape': [body('{"a":"\\x"}\n'), /no JSON object of texts/],
    'half an escape': [body('{"a":"\\u00g0"}\n'), /no JSON object of texts/],
    'a control character': [body('{"a":"\u0001"}\n'), /no JSON object of texts/],
    'bytes that are no text': [
      {
        bytes: Buffer.concat([httpAnswer(200, '{"a":"??"}\n').subarray(0, -6), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]),
        afterwards: 'close',
      },
      /is not UTF-8|no JSON object|whole answer/,
    ],
    'a page': [body('<html>Log in</html>', { 'Content-Type': 'text/html' }), /it is text\/html/],
    'nothing of a page': [body('', { 'Content-Type': 'text/html' }), /it is text\/html/],
    'no type': [body('', {}), /it is of no type/],
    'a packed body': [body(ROWS.join(''), { ...json, 'Content-Encoding': 'gzip' }), /it is packed \(gzip\)/],
    'a partial answer': [body(ROWS.join(''), { ...json, 'X-Partial-Response': 'true' }), /it is partial/],
    'no end told': [
      { bytes: Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/stream+json\r\n\r\n${ROWS.join('')}`), afterwards: 'close' },
      /where it ends/,
    ],
    'a chunk of no size': [
      {
        bytes: Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/stream+json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`),
        afterwards: 'close',
      },
      /gave no whole answer/,
    ],
    'no HTTP': [{ bytes: Buffer.from('SSH-2.0-OpenSSH_9\r\n'), afterwards: 'close' }, /Parse|HTTP/i],
  };
  for (const [name, [answer, message]] of Object.entries(wrong)) {
    it(`takes ${name} for no whole answer`, async () => {
      const { client } = await open(() => answer);
      const timers = timersRunning();
      const { error } = await read(client);
      assert.equal(error?.sqlstate, '08006', error?.message);
      assert.match(error?.message ?? '', message);
      // One that is left would keep the process alive.
      await setImmediate();
      assert.ok(timersRunning() <= timers);
    });
  }

  const plain = { 'Content-Type': 'text/plain' };
  const refused: Readonly<Record<string, readonly [FakeAnswer, string, RegExp]>> = {
    '206': [{ bytes: httpAnswer(206, ROWS.join('')) }, '08001', /206/],
    '401': [{ bytes: httpAnswer(401, `not ${SECRET}`, plain) }, '28000', /refuses our credentials/],
    '403': [{ bytes: httpAnswer(403, 'no', plain) }, '28000', /refuses our credentials/],
    '400 with our header': [
      { bytes: httpAnswer(400, `bad\n${Buffer.from(`me:${SECRET}`).toString('base64')} ${SECRET}`, plain) },
      '42601',
      /bad \*\*\* \*\*\*/,
    ],
    '404': [{ bytes: httpAnswer(404, 'nothing here', plain) }, '08001', /is not at the url/],
    '413': [{ bytes: httpAnswer(413, 'large', plain) }, '53400', /takes no request/],
    '500': [{ bytes: httpAnswer(500, 'trouble', plain) }, '08001', /500 trouble/],
    '302': [
      { bytes: httpAnswer(302, '', { Location: 'http://evil.example/x?y' }) },
      '08001',
      /redirects to evil\.example, which is not followed/,
    ],
    '503 after its time': [{ bytes: httpAnswer(503, "the request couldn't be executed in 5.0 seconds", plain) }, '57014', /within 5 s/],
  };
  for (const [name, [answer, state, message]] of Object.entries(refused)) {
    it(`says what ${name} means, and asks once`, async () => {
      const { client, fake } = await open(() => answer);
      const { rows, error } = await read(client);
      assert.equal(error?.sqlstate, state, error?.message);
      assert.match(error?.message ?? '', message);
      assert.deepEqual([rows.length, fake.requests.length], [0, 1]);
    });
  }

  it('asks again, twice, where the server is full or a connection goes before the first row', async () => {
    const full = { bytes: httpAnswer(503, "couldn't start executing the request in 10.000 seconds", plain) };
    const trouble: readonly FakeAnswer[] = [
      full,
      { bytes: Buffer.alloc(0), afterwards: 'reset' },
      { bytes: httpAnswer(200, ROWS.join('')).subarray(0, 20), afterwards: 'close' },
    ];
    for (const one of trouble) {
      const better = await open((n) => (n < 2 ? one : body(ROWS.join(''))));
      assert.deepEqual(await read(better.client), { rows: PARSED, error: undefined });
      assert.equal(better.fake.requests.length, 3);
      const never = await open(() => one);
      const { error } = await read(never.client);
      assert.equal(error?.sqlstate, one === full ? '08001' : '08006');
      assert.equal(never.fake.requests.length, 3);
    }
  });

  it('does not ask where nobody is', async () => {
    const { client, fake } = await open(() => body(''));
    await fake.close();
    const { error } = await read(client);
    assert.equal(error?.sqlstate, '08001');
  });

  it('bounds lines and answers', async () => {
    const line = `{"a":"${'x'.repeat(5 << 20)}"}\n`;
    const long = await open(() => body(line));
    assert.equal((await read(long.client)).error?.sqlstate, '53400');
    const endless = await open(() => body(ROWS.join('').repeat(1000)), { responseBytes: 1000 });
    assert.equal((await read(endless.client)).error?.sqlstate, '53400');
    const named = await open(() => body(ROWS.join('').repeat(1000)));
    assert.equal((await read(named.client, { maxBytes: 1000 })).error?.sqlstate, '53400');
    assert.equal((await read(named.client)).rows.length, 3000);
  });

  it('counts bytes and requests, and stops where the budget ends', async () => {
    const { client, fake } = await open(() => body(ROWS.join('')));
    const charged: number[][] = [];
    await read(client, { meter: { charge: (bytes, requests) => void charged.push([bytes, requests]) } });
    assert.deepEqual(charged[0], [0, 1]);
    assert.equal(
      charged.reduce((sum, [bytes = 0]) => sum + bytes, 0),
      Buffer.byteLength(ROWS.join('')),
    );
    const spent = new Error('spent');
    const over = await read(client, {
      meter: {
        charge: () => {
          throw spent;
        },
      },
    });
    assert.equal(over.error as unknown, spent);
    assert.equal(fake.requests.length, 1);
  });

  it('ends what hangs: before the answer, in the middle of it, and while it waits for its turn', async () => {
    const rows = httpAnswer(200, ROWS.join(''));
    for (const bytes of [Buffer.alloc(0), rows.subarray(0, -5)]) {
      const { client, fake } = await open(() => ({ bytes, afterwards: 'hang' }));
      const { error } = await read(client, { timeout: 150 });
      assert.equal(error?.sqlstate, '57014', error?.message);
      await until(() => fake.open() === 0);
    }
    const { client } = await open(() => ({ bytes: Buffer.alloc(0), afterwards: 'hang' }), { queries: 1 });
    const abort = new AbortController();
    const first = read(client, { timeout: 1900, signal: abort.signal });
    assert.equal((await read(client, { timeout: 100 })).error?.sqlstate, '57014');
    abort.abort(new Error('enough'));
    await first;
  });

  it('closes the connection at once when it is told to stop', async () => {
    for (const bytes of [Buffer.alloc(0), httpAnswer(200, ROWS.join('')).subarray(0, -5)]) {
      const { client, fake } = await open(() => ({ bytes, afterwards: 'hang' }));
      const abort = new AbortController();
      const reading = read(client, { signal: abort.signal });
      await until(() => fake.requests.length === 1);
      const reason = new Error('stop');
      abort.abort(reason);
      assert.equal((await reading).error as unknown, reason);
      await until(() => fake.open() === 0);
      assert.equal(fake.requests.length, 1);
      assert.equal((await read(client, { signal: abort.signal })).error as unknown, reason);
      assert.equal(fake.requests.length, 1);
    }
  });

  it('closes the connection of a reader that has enough', async () => {
    const { client, fake } = await open(() => ({ bytes: httpAnswer(200, ROWS.join('')).subarray(0, -5), afterwards: 'hang' }));
    for await (const _ of client.query(ALL, { signal: new AbortController().signal })) break;
    await until(() => fake.open() === 0);
  });

  it('has so many requests at once, short ones besides long ones, and no more', async () => {
    const { client, fake } = await open(() => ({ ...body(ROWS.join('')), after: 100 }), { queries: 2 });
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, fake.open());
    }, 5);
    const long = Array.from({ length: 6 }, () => read(client));
    await until(() => fake.requests.length === 2);
    const short = await read(client, { timeout: 1500 });
    // It did not wait for the four that came before it.
    assert.ok(fake.requests.length <= 5, `${fake.requests.length} requests`);
    assert.deepEqual(short.rows, PARSED);
    for (const one of await Promise.all(long)) assert.deepEqual(one.rows, PARSED);
    clearInterval(watch);
    assert.ok(most <= 3, `${most} at once`);
  });

  it('refuses hits that are none', async () => {
    const hits = (answer: object | string) => async () => {
      const text = typeof answer === 'string' ? answer : JSON.stringify(answer);
      const { client } = await open(() => body(text, { 'Content-Type': 'application/json' }));
      const request = { filter: { kind: 'all' }, from: 0n, to: 10_000_000_000n, step: 1 } as const;
      return client.hits(request, { signal: new AbortController().signal });
    };
    const good = { timestamps: ['1970-01-01T00:00:01Z'], values: [1], total: 1 };
    assert.deepEqual(await hits({ hits: [good] })(), [{ from: 1_000_000_000n, hits: 1 }]);
    const bad = [
      { hits: [{ ...good, total: 2 }] },
      { hits: [{ ...good, values: [1.5], total: 1.5 }] },
      { hits: [{ ...good, values: [] }] },
      { hits: [{ ...good, timestamps: ['x'] }] },
      { hits: [{ ...good, timestamps: ['1970-01-01T00:00:11Z'] }] },
      { hits: [good], partial: true },
      { hits: 1 },
      {},
      '{"hits":[',
      'null',
    ];
    for (const answer of bad) await assert.rejects(hits(answer), { sqlstate: '08006' }, JSON.stringify(answer));
  });

  it('reads of metrics when the server started and what it keeps', async () => {
    const page = (retention: string, more = '') =>
      `vl_concurrent_select_capacity 4\nvm_app_start_timestamp 1795300422\nflag{name="retentionPeriod", value="${retention}", is_set="true"} 1\n${more}`;
    const epoch = async (text: string) => {
      const { client } = await open(() => body(text, { 'Content-Type': 'text/plain', Date: 'Sat, 21 Nov 2026 00:00:00 GMT' }));
      return client.epoch({ signal: new AbortController().signal });
    };
    const now = BigInt(Date.parse('2026-11-21T00:00:01Z')) * 1_000_000n;
    const day = 86_400_000_000_000n;
    for (const [retention, kept] of [
      ['7d', 7n],
      ['1', 31n],
      ['2w', 14n],
      ['1y', 365n],
      ['1d24h', 2n],
    ] as const)
      assert.deepEqual(await epoch(page(retention)), { startedAt: '1795300422', floor: now - kept * day }, retention);
    assert.deepEqual(await epoch(page('forever')), { startedAt: '1795300422', floor: undefined });
    await assert.rejects(epoch('vm_app_version 1\n'), { sqlstate: '08006' });
    await assert.rejects(epoch(page('7d', 'flag{name="storageNode", value="a:1,b:2", is_set="true"} 1\n')), { sqlstate: '0A000' });
  });

  it('refuses documents that the server would lose', async () => {
    const { client, fake } = await open(() => body(''));
    const signal = new AbortController().signal;
    const _time = '2024-01-01T00:00:00.000000000Z';
    const insert = (document: object) => client.insert([document as LogsRow], { streamFields: [], signal });
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, 'x']));
    const bad: readonly (readonly [object, string])[] = [
      [{ a: 'x' }, '22023'],
      [{ _time: '2024-01-01T00:00:00Z' }, '22023'],
      [{ _time: '0' }, '22023'],
      [{ _time, a: 1 }, '22023'],
      [{ _time, a: '\ud800' }, '22023'],
      [{ _time, ['x'.repeat(129)]: 'x' }, '22023'],
      [{ _time, '': 'x' }, '22023'],
      [{ _time, _stream: '{a="b"}' }, '22023'],
      [{ _time, a: 'x'.repeat(200 << 10) }, '54000'],
      [{ _time, ...many }, '54000'],
    ];
    for (const [document, sqlstate] of bad) await assert.rejects(insert(document), { sqlstate }, JSON.stringify(document).slice(0, 100));
    assert.equal(fake.requests.length, 0);
    const documents = Array.from({ length: 30 }, (_, n) => ({ _time, a: String(n).padEnd(100_000, 'x') }));
    assert.equal((await client.insert(documents, { streamFields: ['a'], signal })).documents, 30);
    for (const { body: sent, headers, path } of fake.requests) {
      assert.ok(Buffer.byteLength(sent) <= 1_000_000);
      assert.equal(headers['content-type'], 'application/stream+json');
      assert.equal(path, '/insert/jsonline?_stream_fields=a&_time_field=_time&_msg_field=_msg');
    }
    const sent = fake.requests.flatMap((request) =>
      request.body
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as LogsRow),
    );
    assert.deepEqual(
      sent,
      documents.map((document) => ({ ...document, _msg: '-' })),
    );
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; !condition(); turn++) {
    assert.ok(turn < 1000, 'it never comes');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
