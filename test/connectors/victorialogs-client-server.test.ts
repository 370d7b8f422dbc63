import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsClient, LogsRow } from '../../connectors/victorialogs/client/logs-client.js';
import type { LogsQuery } from '../../connectors/victorialogs/logsql/syntax.js';
import { type LogsServer, startVictoriaLogs } from '../support/victoria-logs.js';

const ALL: LogsQuery = { filter: { kind: 'all' }, pipes: [] };
const signal = new AbortController().signal;
const SECOND = 1_000_000_000n;
/** 2024-01-01 */
const START = 1_704_067_200n * SECOND;

describe('client of a real VictoriaLogs', function () {
  this.timeout(60_000);
  let server: LogsServer;
  let client: LogsClient;

  before(async function () {
    const started = await startVictoriaLogs();
    if (started === undefined) return this.skip();
    server = started;
    client = await openLogsClient({ name: 'logs', config: server.config() });
  });
  after(async () => {
    await client?.close();
    await server?.close();
  });

  const rows = async (query: LogsQuery, from = client): Promise<LogsRow[]> => {
    const all: LogsRow[] = [];
    for await (const batch of from.query(query, { signal })) all.push(...batch);
    return all;
  };
  const time = (second: number, nanos = 1): string =>
    `${new Date(Number(START / 1_000_000n) + second * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`;

  it('writes documents, and reads them as they were written', async () => {
    const odd = ['~', '~"quoted"', '~line\nbreak', '~\\', '~\u0000\u001f', '~ünï\u{1f600}', `~${'x'.repeat(100_000)}`, '~{"a":"b"}'];
    const documents = odd.map((value, n) => ({ _time: time(n * 3600), v: value, 'a b"c': '~y', k: 'documents' }));
    const told = await client.insert(documents, { streamFields: ['k'], signal });
    assert.equal(told.documents, odd.length);
    await client.flush(signal);
    const found = await rows({
      filter: { kind: 'equals', field: 'k', value: 'documents' },
      pipes: [{ kind: 'fields', fields: ['_time', 'v', 'a b"c', '_msg'] }],
    });
    const expected = documents.map(({ k: _, ...document }) => ({ ...document, _msg: '-' }));
    const byTime = (one: LogsRow, other: LogsRow): number => ((one['_time'] ?? '') < (other['_time'] ?? '') ? -1 : 1);
    assert.deepEqual(found.toSorted(byTime), expected.toSorted(byTime));
  });

  it('counts by hour', async () => {
    const filter = { kind: 'equals', field: 'k', value: 'documents' } as const;
    const hits = await client.hits({ filter, from: START, to: START + 3600n * SECOND * 3n, step: 3600 }, { signal });
    assert.deepEqual(
      hits,
      [0n, 1n, 2n].map((hour) => ({ from: START + hour * 3600n * SECOND, hits: 1 })),
    );
    // From the middle of a day, to before the last nanosecond of a document.
    const part = await client.hits({ filter, from: START + 3601n * SECOND, to: START + 7200n * SECOND + 1n, step: 86_400 }, { signal });
    assert.deepEqual(part, []);
    const one = await client.hits({ filter, from: START + 3601n * SECOND, to: START + 7200n * SECOND + 2n, step: 86_400 }, { signal });
    assert.deepEqual(one, [{ from: START + 3601n * SECOND, hits: 1 }]);
  });

  it('knows the fields', async () => {
    const names = await client.fieldNames({ kind: 'equals', field: 'k', value: 'documents' }, { signal });
    const of = new Map(names.map(({ name, hits }) => [name, hits]));
    for (const name of ['_time', '_msg', 'k', 'v', 'a b"c']) assert.equal(of.get(name), 8, name);
  });

  it('sees nothing of another tenant', async () => {
    const { account, project } = server.tenant;
    const other = await openLogsClient({ name: 'logs', config: server.config({ tenant: { account, project: project + 1 } }) });
    assert.deepEqual(await rows(ALL, other), []);
    assert.notEqual((await rows(ALL)).length, 0);
    await other.close();
  });
});

describe('client of a VictoriaLogs that is stopped, slow or another', function () {
  this.timeout(60_000);
  let server: LogsServer;
  let client: LogsClient;
  const ask = async (timeout?: number): Promise<number> => {
    let rows = 0;
    for await (const batch of client.query(ALL, { signal, ...(timeout === undefined ? {} : { timeout }) })) rows += batch.length;
    return rows;
  };

  before(async function () {
    const started = await startVictoriaLogs({ own: true, args: ['-httpAuth.username=me', '-httpAuth.password=sesame'] });
    if (started === undefined) return this.skip();
    server = started;
    client = await openLogsClient({
      name: 'logs',
      config: server.config({ auth: { type: 'basic', username: 'me', password: 'sesame' } }),
    });
  });
  after(async () => {
    await client?.close();
    await server?.close();
  });

  it('proves who it is', async () => {
    await client.insert([{ _time: '2024-01-01T00:00:00.000000000Z', a: 'x' }], { streamFields: [], signal });
    await client.flush(signal);
    assert.equal(await ask(), 1);
    const wrong = await openLogsClient({
      name: 'logs',
      config: server.config({ auth: { type: 'basic', username: 'me', password: 'no' } }),
    });
    await assert.rejects(
      async () => {
        for await (const _ of wrong.query(ALL, { signal }));
      },
      { sqlstate: '28000' },
    );
    await wrong.close();
  });

  it('gives up in time when it does not answer, and goes on when it does', async () => {
    await server.pause();
    await assert.rejects(ask(200), { sqlstate: '57014' }).finally(() => server.resume());
    assert.equal(await ask(), 1);
  });

  it('says so when nobody is there, and sees that it was started again', async () => {
    const before = await client.epoch({ signal });
    assert.deepEqual(await client.epoch({ signal }), { ...before, floor: (await client.epoch({ signal })).floor });
    await server.stop();
    await assert.rejects(ask(), (error: { sqlstate?: string }) => error.sqlstate === '08001' || error.sqlstate === '08006');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await server.restart();
    assert.equal(await ask(), 1);
    const after = await client.epoch({ signal });
    assert.notEqual(after.startedAt, before.startedAt);
    assert.ok(after.floor !== undefined && after.floor < START);
  });
});

describe('client of a VictoriaLogs that answers few queries at once', function () {
  this.timeout(60_000);
  let server: LogsServer;
  let client: LogsClient;

  before(async function () {
    const started = await startVictoriaLogs({ own: true, args: ['-search.maxConcurrentRequests=3', '-search.maxQueueDuration=10ms'] });
    if (started === undefined) return this.skip();
    server = started;
    const base = server.config();
    client = await openLogsClient({ name: 'logs', config: { ...base, limits: { ...base.limits, queries: 16 } } });
    const documents = Array.from({ length: 20_000 }, (_, n) => ({ _time: '2024-01-01T00:00:00.000000000Z', a: `~${n}` }));
    await client.insert(documents, { streamFields: [], signal });
    await client.flush(signal);
  });
  after(async () => {
    await client?.close();
    await server?.close();
  });

  it('leaves slots to others once it knows how many there are', async () => {
    await client.epoch({ signal });
    const count = async (): Promise<number> => {
      let rows = 0;
      for await (const batch of client.query(ALL, { signal })) rows += batch.length;
      return rows;
    };
    const counts = await Promise.all(Array.from({ length: 12 }, count));
    assert.deepEqual(
      counts,
      counts.map(() => 20_000),
    );
    const text = await (await fetch(`${server.url}/metrics`)).text();
    assert.equal(/^vl_concurrent_select_limit_reached_total (\d+)$/m.exec(text)?.[1], '0');
  });
});
