import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import type { RowRuns, Skipping } from '../../connectors/connector.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { makeTable } from '../../connectors/iceberg/write/made-table.js';
import { openStore } from '../../src/object-store/open-store.js';
import { transfers } from '../../src/object-store/transfer-counters.js';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { parseFilter } from './filters.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { newLake, type TestLake } from './iceberg-lake.js';
import { dice } from './mutations.js';

const FILES = 8;
const ROWS = 70_000;
const TABLE = { schema: 'db', table: 'events' };
const FIELDS = parseFields(
  [
    ['session_id', 'string'],
    ['ts', 'timestamptz'],
    ['ms', 'long'],
    ['payload', 'string'],
  ].map(([name, type], at) => ({ id: at + 1, name, type })),
);

/** Sessions of 40 rows, each in all files, in no order of theirs; their rows side by side. */
const relation = (file: number): string => `(SELECT 's' || lpad((range // 40)::VARCHAR, 6, '0') AS session_id,
  TIMESTAMPTZ '2025-01-01 00:00:00+00' + INTERVAL (range + ${file * ROWS}) SECOND AS ts, hash(range * ${file + 1}) % 1000000 AS ms,
  md5((range * 8 + ${file})::VARCHAR) AS payload FROM range(${ROWS}))`;

describe('a needle in files on S3', () => {
  let server: S3Server;
  let lake: TestLake;
  let proxy: FaultProxy;
  let stored = 0;
  const caches: string[] = [];

  before(async function () {
    this.timeout(600_000);
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    server = await startVersitygw(program);
    lake = await newLake();
    await makeTable({
      writer: lake.writer,
      table: TABLE,
      fields: FIELDS,
      options: { 'timeline.key': 'session_id', sorted_by: 'session_id' },
      connection: lake.connection,
      relations: Array.from({ length: FILES }, (_, file) => relation(file)),
      batch: 'needle',
    });
    const store = openStore(`s3://${server.bucket}/lake`, { s3: server.options });
    const local = openStore(`${lake.folder}/warehouse`);
    for await (const { path, size } of local.list('')) {
      await store.put(path, { file: join(lake.folder, 'warehouse', path) });
      if (path.endsWith('.parquet')) stored += size;
    }
    store.close();
    proxy = await startFaultProxy(server.options.endpoint!);
  });
  after(async () => {
    await proxy?.close();
    await lake?.close();
    await server?.close();
    for (const cache of caches) rmSync(cache, { recursive: true, force: true });
  });

  const open = (cacheFolder: string, more: { slices?: boolean; cacheBytes?: number; cacheMemory?: number } = {}) =>
    IcebergConnector.open({
      name: 's3',
      cacheFolder,
      cacheBytes: 1 << 28,
      ...more,
      config: {
        catalog: { type: 'filesystem', warehouse: `s3://${server.bucket}/lake` },
        locations: { [`file://${lake.folder}/warehouse`]: `s3://${server.bucket}/lake` },
        s3: { ...server.options, endpoint: proxy.endpoint },
      },
    });
  const cacheFolder = (): string => {
    caches.push(temporaryFolder());
    return caches.at(-1)!;
  };

  interface Answer {
    readonly rows: readonly unknown[];
    readonly requests: number;
    readonly bytes: number;
    readonly charged: number;
  }

  /** The rows of one session, by the columns wanted; requests and bytes are of data files. */
  async function ask(connector: IcebergConnector, session: string, names: readonly string[]): Promise<Answer> {
    const columns = (await connector.describe(TABLE))!.columns.filter(({ name }) => names.includes(name));
    const { handle } = await connector.pin(TABLE);
    const filter = parseFilter(`session_id = '${session}'`, new Map([['session_id', 25]]));
    const pushed = connector.pushdown(handle, { filters: [filter], columns: names, limit: undefined });
    const signal = new AbortController().signal;
    const plan = await connector.splits(pushed.handle, signal);
    proxy.seen();
    let charged = 0;
    const charge = (bytes: number): void => {
      charged += bytes;
    };
    const splits = plan.splits.map((split) => split.data);
    const opened = await connector.read(pushed.handle, splits, { columns, meter: { charge }, signal });
    assert.ok(opened.kind === 'sql');
    const rows = await lake.query(`SELECT * FROM ${opened.relation} WHERE session_id = '${session}' ORDER BY ALL`);
    await opened.release();
    const seen = proxy.seen().filter(({ text }) => text.includes('.parquet'));
    return { rows, requests: seen.length, bytes: seen.reduce((sum, one) => sum + one.bytes, 0), charged };
  }

  it('needs three requests a file and few of its bytes, none the second time, and the same rows as whole files', async function () {
    this.timeout(120_000);
    const names = ['session_id', 'ms'];
    const wholeFiles = await open(cacheFolder(), { slices: false });
    const whole = await ask(wholeFiles, 's000777', names);
    await wholeFiles.close();
    assert.equal(whole.rows.length, FILES * 40);
    assert.equal(whole.bytes, stored);
    const folder = cacheFolder();
    const first = await open(folder);
    const cold = await ask(first, 's000777', names);
    assert.deepEqual(cold.rows, whole.rows);
    assert.equal(cold.bytes, cold.charged);
    assert.ok(cold.requests <= 3 * FILES, `${cold.requests} requests`);
    assert.ok(cold.bytes < stored / 20, `${cold.bytes} of ${stored} bytes`);
    const before = { ...transfers };
    const warm = await ask(first, 's000777', names);
    assert.ok(transfers.cacheHits >= before.cacheHits + 2 * FILES && transfers.cacheHitBytes > before.cacheHitBytes);
    assert.deepEqual([warm.rows, warm.requests, warm.bytes, warm.charged], [whole.rows, 0, 0, 0]);
    await first.close();
    const later = await open(folder);
    const restarted = await ask(later, 's000777', names);
    assert.deepEqual([restarted.rows, restarted.requests, restarted.bytes], [whole.rows, 0, 0]);
    // Other columns of the same rows: what is known of the files is not asked again.
    const other = await ask(later, 's000777', ['session_id', 'ms', 'ts']);
    assert.ok(other.requests <= FILES && other.rows.length === whole.rows.length, `${other.requests} requests`);
    await later.close();
  });

  it('asks one request of each file for what no file has', async () => {
    const connector = await open(cacheFolder());
    const absent = await ask(connector, 's000777x', ['session_id', 'ms']);
    assert.deepEqual(absent.rows, []);
    assert.ok(absent.requests <= FILES, `${absent.requests} requests`);
    assert.ok(absent.bytes <= FILES * (64 << 10), `${absent.bytes} bytes`);
    await connector.close();
  });

  it('shares requests among tasks that read the same at once', async function () {
    this.timeout(60_000);
    proxy.delay(50);
    const connector = await open(cacheFolder());
    await connector.describe(TABLE);
    const alone = await open(cacheFolder());
    const wanted = await ask(alone, 's000001', ['session_id']);
    const both = await Promise.all([1, 2, 3].map(() => ask(connector, 's000001', ['session_id'])));
    proxy.delay(0);
    for (const one of both) assert.deepEqual(one.rows, wanted.rows);
    const charged = both.reduce((sum, one) => sum + one.charged, 0);
    assert.equal(charged, wanted.charged);
    await Promise.all([connector.close(), alone.close()]);
  });

  it('reads the pages of rows by their numbers, and no padding, whatever the cache holds', async function () {
    this.timeout(300_000);
    const roll = dice(3);
    const signal = new AbortController().signal;
    const whole = await open(cacheFolder(), { slices: false });
    const small = await open(cacheFolder(), { cacheBytes: 200_000, cacheMemory: 10_000 });
    const usual = await open(cacheFolder());
    const read = async (connector: IcebergConnector, runs: readonly RowRuns[], names: readonly string[], skipping: Skipping) => {
      const columns = (await connector.describe(TABLE))!.columns.filter(({ name }) => names.includes(name));
      const { handle } = await connector.pin(TABLE);
      const { splits } = await connector.splits(
        connector.pushdown(handle, { filters: [], columns: names, limit: undefined }).handle,
        signal,
      );
      const paths = connector.dataFiles
        .files(splits.map(({ data }) => data))
        .map(({ path }) => path)
        .sort();
      const restricted = connector.dataFiles.restrict(splits, new Map(paths.map((path, n) => [path, runs[n] ?? []])));
      proxy.seen();
      const data = restricted.map((split) => split.data);
      const opened = await connector.read(handle, data, { columns, meter: { charge: () => undefined }, signal, skipping });
      assert.ok(opened.kind === 'sql' && opened.parquet === undefined);
      const rows = await lake.query(`SELECT * FROM ${opened.relation} ORDER BY ALL`);
      await opened.release();
      const seen = proxy.seen().filter(({ text }) => text.includes('.parquet'));
      return { rows, bytes: seen.reduce((sum, one) => sum + one.bytes, 0) };
    };
    let [bytes, chunkBytes] = [0, 0];
    for (let time = 0; time < 12; time++) {
      const runs = Array.from({ length: FILES }, (): RowRuns => {
        const most = [0, 1, 1, 20][roll(4)] ?? 0;
        return Array.from({ length: most }, (_, n) => [Math.floor((n * ROWS) / most) + roll(2000), 1 + roll(900)] as const);
      });
      const names = FIELDS.map(({ name }) => name).filter((name) => name === 'ts' || roll(3) > 0);
      const wanted = await read(whole, runs, names, {});
      assert.deepEqual((await read(usual, runs, names, {})).rows, wanted.rows);
      assert.deepEqual((await read(small, runs, names, { pageIndex: 'on' })).rows, wanted.rows);
      for (const pageIndex of [undefined, 'off'] as const) {
        const fresh = await open(cacheFolder());
        const some = await read(fresh, runs, names, pageIndex === undefined ? {} : { pageIndex });
        assert.deepEqual(some.rows, wanted.rows);
        if (pageIndex === 'off') chunkBytes += some.bytes;
        else bytes += some.bytes;
        await fresh.close();
      }
    }
    assert.ok(bytes < 0.7 * chunkBytes, `${bytes} of ${chunkBytes}`);
    await Promise.all([whole.close(), small.close(), usual.close()]);
  });

  it('shows no padding of rows that a filter left by the page index', async function () {
    this.timeout(60_000);
    const connector = await open(cacheFolder());
    const columns = (await connector.describe(TABLE))!.columns;
    const { handle } = await connector.pin(TABLE);
    const filter = parseFilter(`session_id = 's000777'`, new Map([['session_id', 25]]));
    const pushed = connector.pushdown(handle, { filters: [filter], columns: columns.map(({ name }) => name), limit: undefined });
    const signal = new AbortController().signal;
    const { splits } = await connector.splits(pushed.handle, signal);
    const data = splits.map((split) => split.data);
    const opened = await connector.read(pushed.handle, data, { columns, meter: { charge: () => undefined }, signal });
    assert.ok(opened.kind === 'sql' && opened.parquet === undefined);
    const sql = `SELECT count(*) < ${ROWS}, count(*) >= ${FILES * 40}, count(*) = count(session_id), count(*) = count(payload) FROM ${opened.relation}`;
    assert.deepEqual(await lake.query(sql), await lake.query('SELECT true, true, true, true'));
    await opened.release();
    await connector.close();
  });
});
