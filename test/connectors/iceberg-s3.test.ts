import assert from 'node:assert/strict';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import type { S3Options } from '../../src/object-store/object-store.js';
import { openStore } from '../../src/object-store/open-store.js';
import { startCountingProxy } from '../support/counting-proxy.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { connectorContract } from './contract.js';
import { parseFilter } from './filters.js';
import { expectedTables, FIXTURES, NO_METER, OLD_PREFIX, readTable, temporaryFolder } from './iceberg-fixtures.js';
import { digest } from './relation-rows.js';
import { compareColumns } from './typed-rows.js';

describe('Iceberg on S3', () => {
  const cache = temporaryFolder();
  const expected = expectedTables();
  let server: S3Server;
  let connector: IcebergConnector;

  before(async function () {
    this.timeout(600_000);
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    server = await startVersitygw(program);
    await upload(server);
    connector = await IcebergConnector.open({
      name: 's3',
      cacheFolder: cache,
      cacheBytes: 20_000,
      config: {
        catalog: { type: 'sql', uri: join(FIXTURES, 'py/catalog.db') },
        locations: { [OLD_PREFIX]: `s3://${server.bucket}/lake` },
        s3: server.options,
      },
    });
  });

  after(async () => {
    await connector?.close();
    await server?.close();
    rmSync(cache, { recursive: true, force: true });
  });

  it('reads a table by relocation, with every snapshot', async () => {
    const table = expected['events_day']!;
    for (const [asOf, wanted] of [[undefined, table.current], ...table.snapshots.map((one) => [one.id, one] as const)] as const) {
      const { rows } = await readTable({ connector, schema: 'py', expected: table, ...(asOf === undefined ? {} : { asOf }) });
      assert.equal(digest(rows), wanted.sha256);
    }
  });

  for (const [name, options] of [
    ['slices', {}],
    ['slices without a cache', { cacheBytes: 0, cacheMemory: 0 }],
    ['slices with a cache in memory', { cacheBytes: 0 }],
    ['slices with a cache of little room', { cacheBytes: 30_000, cacheMemory: 10_000 }],
    ['slices and small requests', { s3: { coalesceGap: 0, maxRequestBytes: 700 } }],
    ['whole files', { slices: false }],
  ] as const) {
    it(`reads every table as it is read locally: ${name}`, async function () {
      this.timeout(300_000);
      const folder = temporaryFolder();
      const { s3 = {}, ...rest } = options as typeof options & { readonly s3?: Partial<S3Options> };
      let compared = 0;
      for (const [schema, table] of Object.values(expected).map((one) => [one.metadata.startsWith('py') ? 'py' : 'db', one] as const)) {
        const [local, remote] = await Promise.all(
          [FIXTURES, `s3://${server.bucket}/lake`].map((root) =>
            IcebergConnector.open({
              name: 'both',
              cacheFolder: folder,
              cacheBytes: 1 << 24,
              ...rest,
              config: {
                catalog:
                  schema === 'py'
                    ? { type: 'sql', uri: join(FIXTURES, 'py/catalog.db') }
                    : { type: 'filesystem', warehouse: `${root}/spark` },
                locations: { [OLD_PREFIX]: root },
                s3: { ...server.options, ...s3 },
              },
            }),
          ),
        );
        for (const asOf of [undefined, ...table.snapshots.map(({ id }) => id)]) {
          const read = async (one: IcebergConnector): Promise<string> => {
            const at = { connector: one, schema, expected: table, ...(asOf === undefined ? {} : { asOf }) };
            return readTable(at).then(
              ({ rows }) => digest(rows),
              (error: unknown) => `error ${(error as { sqlstate?: string }).sqlstate}`,
            );
          };
          const wanted = await read(local!);
          // Twice: the second time from the cache.
          for (let round = 0; round < 2; round++) assert.equal(await read(remote!), wanted, `${table.table} ${asOf} round ${round}`);
          if (!wanted.startsWith('error')) compared++;
        }
        await Promise.all([local!.close(), remote!.close()]);
      }
      assert.ok(compared > 20, `${compared} were read`);
      rmSync(folder, { recursive: true, force: true });
    });
  }

  for (const slices of [true, false]) {
    it(`gives typed columns of ${slices ? 'slices' : 'whole files'}`, async function () {
      this.timeout(300_000);
      const folder = temporaryFolder();
      const config = {
        catalog: { type: 'sql', uri: join(FIXTURES, 'py/catalog.db') },
        locations: { [OLD_PREFIX]: `s3://${server.bucket}/lake` },
        s3: server.options,
      } as const;
      const remote = await IcebergConnector.open({ name: 's3', cacheFolder: folder, cacheBytes: 1 << 24, slices, config });
      const offered = async (table: string): Promise<number> => (await compareColumns(remote, { schema: 'py', table })).length;
      assert.deepEqual([await offered('events_day'), await offered('evolve'), await offered('types')], [5, 6, 14]);
      await remote.close();
      rmSync(folder, { recursive: true, force: true });
    });
  }

  it('fetches only what pruning leaves, within the bound of its cache', async () => {
    const handle = (await connector.pin({ schema: 'py', table: 'events_bucket' })).handle;
    const filter = parseFilter("entity_id = 'user-7'", new Map([['entity_id', 25]]));
    const description = (await connector.describe({ schema: 'py', table: 'events_bucket' }))!;
    const pushed = connector.pushdown(handle, { filters: [filter], columns: [], limit: undefined });
    const signal = new AbortController().signal;
    const plan = await connector.splits(pushed.handle, signal);
    let bytes = 0;
    const meter = {
      charge: (some: number): void => {
        bytes += some;
      },
    };
    const readable = await connector.read(
      pushed.handle,
      plan.splits.map((split) => split.data),
      { columns: description.columns, meter, signal },
    );
    if (readable.kind === 'sql') await readable.release();
    assert.equal(
      bytes,
      plan.splits.reduce((sum, split) => sum + split.bytes, 0),
    );
    const files = readdirSync(join(cache, 'files')).map((name) => statSync(join(cache, 'files', name)).size);
    assert.ok(files.reduce((sum, size) => sum + size, 0) <= 20_000);
  });

  it('does not fetch again what the cache holds', async () => {
    const { handle } = await connector.pin({ schema: 'py', table: 'refs' });
    const signal = new AbortController().signal;
    const splits = (await connector.splits(handle, signal)).splits.map((split) => split.data);
    const columns = (await connector.describe({ schema: 'py', table: 'refs' }))!.columns;
    const charges: number[] = [];
    for (let round = 0; round < 2; round++) {
      let bytes = 0;
      const readable = await connector.read(handle, splits, {
        columns,
        meter: {
          charge: (some) => {
            bytes += some;
          },
        },
        signal,
      });
      if (readable.kind === 'sql') await readable.release();
      charges.push(bytes);
    }
    assert.ok(charges[0]! > 0);
    assert.equal(charges[1], 0);
  });

  it('names a data file that is gone by its place below the warehouse', async () => {
    const { handle } = await connector.pin({ schema: 'py', table: 'empty' });
    const splits = [{ files: [{ path: 'file:///fixtures/iceberg/py/py/empty/data/gone.parquet', rows: 1, bytes: 100 }] }];
    const signal = new AbortController().signal;
    await assert.rejects(connector.read(handle, splits, { columns: [], meter: NO_METER, signal }), {
      sqlstate: '58P01',
      message: 'file "py/py/empty/data/gone.parquet" does not exist (table py.empty)',
    });
  });

  it('reads a Hadoop catalog on S3', async () => {
    const spark = await IcebergConnector.open({
      name: 'spark',
      cacheFolder: cache,
      cacheBytes: 1 << 20,
      config: {
        catalog: { type: 'filesystem', warehouse: `s3a://${server.bucket}/lake/spark` },
        locations: { [OLD_PREFIX]: `s3://${server.bucket}/lake` },
        s3: server.options,
      },
    });
    assert.deepEqual(
      (await spark.tables()).map((table) => table.table).sort(),
      Object.values(expected)
        .flatMap((table) => (table.metadata.startsWith('spark/') ? [table.table] : []))
        .sort(),
    );
    const table = expected['v2_posdel']!;
    const snapshot = table.snapshots[1]!;
    const { rows } = await readTable({ connector: spark, schema: 'db', expected: table, asOf: snapshot.id });
    assert.equal(digest(rows), snapshot.sha256);
    await spark.close();
  });

  it('gives up a fetch that hangs when it is aborted', async () => {
    const proxy = await startCountingProxy(server.options.endpoint!, '.parquet');
    const { connector: slow, close } = await fresh({ ...server.options, endpoint: proxy.endpoint });
    const { handle } = await slow.pin({ schema: 'py', table: 'events_day' });
    const splits = (await slow.splits(handle, new AbortController().signal)).splits.map((split) => split.data);
    const stop = new AbortController();
    const reason = new Error('enough');
    proxy.hold(true);
    const reading = slow.read(handle, splits, { columns: [], meter: NO_METER, signal: stop.signal });
    setTimeout(() => stop.abort(reason), 100);
    await assert.rejects(reading, (error) => error === reason);
    await close();
    await proxy.close();
  });

  connectorContract(
    'Iceberg, S3',
    async () => {
      const proxy = await startCountingProxy(server.options.endpoint!, '.parquet');
      const { connector: counted, close } = await fresh({ ...server.options, endpoint: proxy.endpoint });
      const types = new Map(
        (await counted.describe({ schema: 'py', table: 'events_day' }))!.columns.map((column) => [column.name, column.type.oid]),
      );
      return {
        connector: counted,
        table: { schema: 'py', table: 'events_day' },
        filters: ["ts >= '2025-03-03T00:00:00Z'", 'event_id = 100005'].map((sql) => ({ sql, expr: parseFilter(sql, types) })),
        fetched: () => proxy.bytes(),
        close: async () => {
          await close();
          await proxy.close();
        },
      };
    },
    { metered: true },
  );

  /** A connector whose cache keeps nothing. */
  async function fresh(s3: S3Options): Promise<{ connector: IcebergConnector; close: () => Promise<void> }> {
    const folder = temporaryFolder();
    const opened = await IcebergConnector.open({
      name: 's3',
      cacheFolder: folder,
      cacheBytes: 0,
      cacheMemory: 0,
      config: {
        catalog: { type: 'sql', uri: join(FIXTURES, 'py/catalog.db') },
        locations: { [OLD_PREFIX]: `s3://${server.bucket}/lake` },
        s3,
      },
    });
    return {
      connector: opened,
      close: async () => {
        await opened.close();
        rmSync(folder, { recursive: true });
      },
    };
  }
});

async function upload(server: S3Server): Promise<void> {
  const store = openStore(`s3://${server.bucket}/lake`, { s3: server.options });
  const local = openStore(FIXTURES);
  for (const prefix of ['py/', 'spark/']) {
    for await (const { path } of local.list(prefix)) await store.put(path, { file: join(FIXTURES, path) });
  }
  store.close();
}
