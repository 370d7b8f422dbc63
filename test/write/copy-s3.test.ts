import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type pg from 'pg';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { openEngine, type TestEngine } from './engine.js';
import { createWritableConnector } from './writable-connector.js';

describe('COPY TO S3', function () {
  this.timeout(240_000);
  let folder: string;
  let s3: S3Server | undefined;
  let proxy: FaultProxy;
  let test: TestEngine;
  let client: pg.Client;

  before(async function () {
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    folder = await mkdtemp(join(tmpdir(), 'timeline-copy-s3-'));
    s3 = await startVersitygw(program);
    proxy = await startFaultProxy(s3.options.endpoint ?? '');
    const copy = {
      locations: [`s3://${s3.bucket}/out`],
      s3: {
        endpoint: proxy.endpoint,
        region: s3.options.region,
        access_key_id: s3.options.accessKeyId,
        secret_access_key: s3.options.secretAccessKey,
        path_style: true,
      },
    };
    test = await openEngine({ folder, connector: createWritableConnector({ folder: join(folder, 'own') }), config: { copy } });
    client = await test.connect();
  });

  after(async () => {
    await test?.close();
    await proxy?.close();
    await s3?.close();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const out = (name: string): string => `s3://${s3?.bucket}/out/${name}`;
  const stored = (name: string): string => join(s3?.folder ?? '', 'out', name);
  const objects = async (): Promise<string[]> =>
    (await readdir(s3?.folder ?? '', { recursive: true })).filter((name) => /\.\w+$/.test(name)).sort();
  const code = async (sql: string): Promise<string> => {
    try {
      return `${(await client.query(sql)).rowCount} rows`;
    } catch (error) {
      return (error as pg.DatabaseError).code ?? String(error);
    }
  };

  it('Parquet, CSV and NDJSON', async () => {
    const query = `select n, 'row ' || n as t, n * 1.5::float8 as f from generate_series(1, 2000) n`;
    assert.equal(await code(`copy (${query}) to '${out('a/rows.parquet')}'`), '2000 rows');
    assert.equal(await code(`copy (${query}) to '${out('rows.csv')}' csv header`), '2000 rows');
    assert.equal(await code(`copy (${query}) to '${out('rows.ndjson')}'`), '2000 rows');
    const instance = await DuckDBInstance.create();
    const connection = await instance.connect();
    for (const read of [`'${stored('a/rows.parquet')}'`, `read_csv('${stored('rows.csv')}')`, `read_json('${stored('rows.ndjson')}')`]) {
      const found = await connection.runAndReadAll(`select count(*)::int, sum(n)::int, max(t), sum(f)::double from ${read}`);
      assert.deepEqual(found.getRowsJson(), [[2000, 2001000, 'row 999', 3001500]], read);
    }
    connection.closeSync();
    instance.closeSync();
  });

  it('larger than one part', async () => {
    const query = 'select n, md5(n::text) || md5((n + 1)::text) as t from generate_series(1, 250000) n';
    assert.equal(await code(`copy (${query}) to '${out('large.csv')}' csv`), '250000 rows');
    const text = await readFile(stored('large.csv'), 'utf8');
    assert.ok(text.length > 16 << 20 && proxy.seen().some((one) => /^PUT .*partNumber=3/.test(one.text)));
    assert.equal(text.split('\n').length, 250001);
  });

  it('what lies there stays, unless OVERWRITE says so; outside is refused', async () => {
    assert.equal(await code(`copy (select 1) to '${out('once.csv')}' csv`), '1 rows');
    assert.equal(await code(`copy (select 2) to '${out('once.csv')}' csv`), '58P02');
    assert.equal(await readFile(stored('once.csv'), 'utf8'), '1\n');
    assert.equal(await code(`copy (select 2) to '${out('once.csv')}' with (format csv, overwrite)`), '1 rows');
    assert.equal(await readFile(stored('once.csv'), 'utf8'), '2\n');
    for (const place of [
      `s3://${s3?.bucket}/other/x.csv`,
      `s3://${s3?.bucket}/outer.csv`,
      's3://else/out/x.csv',
      out('../x.csv'),
      `${folder}/x.csv`,
    ])
      assert.equal(await code(`copy (select 1) to '${place}' csv`), '42501', place);
  });

  it('a cut connection leaves nothing, a lost answer no second file', async () => {
    const before = await objects();
    const isPut = ({ method, url = '' }: { method?: string; url?: string }): boolean => method === 'PUT' && url.includes('/out/cut.csv');
    const count = (kind: string): number => proxy.fired.filter((one) => one === kind).length;
    for (let n = 0; n < 400; n++) proxy.once({ kind: 'reset' }, isPut);
    await client.query('set statement_timeout = 20000');
    assert.match(await code(`copy (select 1) to '${out('cut.csv')}' csv`), /^(08|58|57014)/);
    assert.ok(count('reset') > 1, 'it tried again and again');
    assert.deepEqual(await objects(), before);
    await client.query('reset statement_timeout');
    proxy.once({ kind: 'lost' }, ({ method, url = '' }) => method === 'PUT' && url.includes('/out/lost.csv'));
    assert.equal(await code(`copy (select 1) to '${out('lost.csv')}' csv`), '1 rows');
    assert.equal(count('lost'), 1);
    assert.equal(await readFile(stored('lost.csv'), 'utf8'), '1\n');
    assert.deepEqual(await objects(), [...before, 'out/lost.csv'].sort());
  });
});
