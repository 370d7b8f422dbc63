import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { openLogsClient } from '../../connectors/victorialogs/client/http-client.js';
import type { LogsClient, LogsRow } from '../../connectors/victorialogs/client/logs-client.js';
import type { VictoriaLogsConfig } from '../../connectors/victorialogs/config.js';
import type { TimelineError } from '../../sql/errors.js';
import { type FakeRequest, httpAnswer, startFakeLogs } from '../support/fake-logs.js';
import { projectRoot } from '../support/project-root.js';

interface Pair {
  readonly name: string;
  readonly request: { readonly method: string; readonly path: string; readonly form: Readonly<Record<string, string>> | null };
  readonly response: { readonly status: number; readonly contentType: string; readonly body: string };
  readonly rawHead?: string;
  readonly rawTail?: string;
}

const FOLDER = join(projectRoot(), '..', 'shared', 'spec', 'victorialogs', 'recorded');
const signal = new AbortController().signal;
const DAY = 86_400_000_000_000n;
/** 2026-11-20 */
const START = 1_795_132_800_000_000_000n;

/** What we never ask for. */
const UNUSED = /^\/(?:health|nosuch.*|select\/logsql\/(?:facets|stats_query.*|field_values|stream.*|tail|nosuch))(?:\?|$)/;

/** What real servers said, said again to our client. */
describe('recorded answers of VictoriaLogs', () => {
  const pairs = readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Pair);

  const asked = async <T>(
    pair: Pair,
    work: (client: LogsClient) => Promise<T>,
  ): Promise<{ readonly result: T; readonly requests: FakeRequest[] }> => {
    const { response } = pair;
    const headers: Record<string, string> = response.contentType === '' ? {} : { 'Content-Type': response.contentType };
    const fake = await startFakeLogs(() => ({ bytes: httpAnswer(response.status, response.body, headers) }));
    const client = await openLogsClient({ name: 'logs', config: configOf(fake.url) });
    try {
      return { result: await work(client), requests: fake.requests };
    } finally {
      await client.close();
      await fake.close();
    }
  };

  it('are all known', () => {
    assert.ok(pairs.length >= 52, `${pairs.length} pairs`);
    const unknown = pairs.filter(
      ({ rawHead, request }) => rawHead === undefined && actOn(request.path) === undefined && !UNUSED.test(request.path),
    );
    assert.deepEqual(
      unknown.map(({ name }) => name),
      [],
    );
  });

  for (const pair of pairs.filter(({ rawHead, request }) => rawHead === undefined && actOn(request.path) !== undefined)) {
    const { status, body } = pair.response;
    const act = actOn(pair.request.path)!;
    if (status === 200)
      it(`${pair.name}: is read whole`, async () => {
        const { result, requests } = await asked(pair, act);
        assert.deepEqual(result, expected(pair));
        const [request] = requests;
        assert.equal(requests.length, 1);
        assert.equal(request?.method, 'POST');
        // Arguments that mean something else than one would think, or take the place of what the query itself says.
        for (const never of ['start', 'end', 'limit', 'offset']) assert.equal(request?.form.has(never), false, never);
        if (request?.path.startsWith('/select/') === true) assert.match(request.form.get('timeout') ?? '', /^[1-9]\d*ms$/);
      });
    else
      it(`${pair.name}: is the error it was`, async () => {
        const error = await asked(pair, act).then(
          () => assert.fail('no error'),
          (thrown: TimelineError) => thrown,
        );
        const state = status === 400 || status === 422 ? '42601' : status === 405 ? '08001' : '57014';
        assert.equal(error.sqlstate, state, error.message);
        if (status === 400) assert.ok(error.message.includes(body.trim().slice(0, 100).replaceAll('\n', ' ')), error.message);
      });
  }

  it('a stream that the server gave up is no end', async () => {
    const { rawHead = '', rawTail = '' } = pairs.find(({ name }) => name === 'truncated_stream_timeout') ?? {};
    // The first chunk's head and length are of another part of the answer than the tail: both as they came, the middle as a chunk of its own.
    const head = rawHead.slice(0, rawHead.indexOf('\r\n\r\n') + 4);
    const rows = rawTail.slice(rawTail.indexOf('{"_time"'), rawTail.indexOf('\n\r\n') + 1);
    const after = rawTail.slice(rawTail.indexOf('\n\r\n') + 1);
    const bytes = Buffer.from(`${head}${Buffer.byteLength(rows).toString(16)}\r\n${rows}${after}`);
    const fake = await startFakeLogs(() => ({ bytes, afterwards: 'close' }));
    const client = await openLogsClient({ name: 'logs', config: configOf(fake.url) });
    const got: LogsRow[] = [];
    await assert.rejects(
      async () => {
        for await (const batch of client.query({ filter: { kind: 'all' }, pipes: [] }, { signal })) got.push(...batch);
      },
      { sqlstate: '08006' },
    );
    assert.equal(got.length, 1);
    assert.equal(fake.requests.length, 1, 'it must not be asked again');
    await client.close();
    await fake.close();
  });
});

function configOf(url: string): VictoriaLogsConfig {
  const limits = { queries: 2, timeout: 5000, responseBytes: 2 ** 30, indexTimeout: 250 };
  return { type: 'victorialogs', url, auth: { type: 'none' }, limits, tables: [], indexes: [], recent: [] };
}

function actOn(path: string): ((client: LogsClient) => Promise<unknown>) | undefined {
  const all = { kind: 'all' } as const;
  if (path === '/select/logsql/query')
    return async (client) => {
      const rows: LogsRow[] = [];
      for await (const batch of client.query({ filter: all, pipes: [] }, { signal })) rows.push(...batch);
      return rows;
    };
  if (path === '/select/logsql/hits') return (client) => client.hits({ filter: all, from: START, to: START + DAY, step: 3600 }, { signal });
  if (path === '/select/logsql/field_names') return (client) => client.fieldNames(all, { signal });
  if (path.startsWith('/insert/'))
    return async (client) => {
      const documents = [{ _time: '2026-11-20T00:00:00.000000000Z', a: '1' }];
      return (await client.insert(documents, { streamFields: [], signal })).documents;
    };
  return undefined;
}

/** By other means than the client's. */
function expected({ request, response: { body } }: Pair): unknown {
  if (request.path.startsWith('/insert/')) return 1;
  if (request.path.endsWith('/query'))
    return body
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as LogsRow);
  const json = JSON.parse(body) as { hits: { timestamps: string[]; values: number[] }[]; values: { value: string; hits: number }[] };
  if (request.path.endsWith('/field_names')) return json.values.map(({ value, hits }) => ({ name: value, hits }));
  const hits = json.hits.flatMap(({ timestamps, values }) =>
    timestamps.map((time, at) => ({ from: BigInt(Date.parse(time)) * 1_000_000n, hits: values[at] ?? 0 })),
  );
  return hits.toSorted((one, other) => Number(one.from - other.from));
}
