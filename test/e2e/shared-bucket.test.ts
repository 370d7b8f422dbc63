import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { type Cluster, openCluster } from '../chaos/cluster.js';
import { freshBundle } from '../replay/temporal-support.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { fixtureConfig } from './fixtures.js';

const TEXT = { getTypeParser: () => (value: string | Buffer) => String(value) } as unknown as pg.CustomTypesConfig;
const FEW = 'SELECT entity_id, count(*) AS n, sum(value) AS v FROM py.events_day GROUP BY 1 ORDER BY 3 DESC NULLS LAST, 1';
const MANY =
  'SELECT a.event_id, b.entity_id, md5(a.event_id::text || b.event_id) AS m FROM py.events_day a, py.events_day b ORDER BY 3, 1, 2';
const TYPES = `SELECT v.* FROM (VALUES
  (1::int2, 'NaN'::numeric, '-infinity'::date, '1 mon -1 day 00:00:00.000001'::interval, '\\x00ff'::bytea, '{"b": 1.00, "a": null}'::jsonb,
    ARRAY['a', NULL, ''], '-0'::float8, '24:00'::time, 'infinity'::timestamptz, 123456789012345678901234567890.5::numeric(38,5), 1 / 3.0),
  (NULL, NULL, '0044-03-15 BC', '-2147483647 mons', NULL, 'null', NULL, 'NaN', '00:00', '0001-01-01 00:00:00+00 BC', -0.00001, 1e40)
  ) AS v(a, b, c, d, e, f, g, h, i, j, k, l), (SELECT true AS one FROM py.events_day LIMIT 1) AS one ORDER BY a`;

/** Gateways and workers with homes of their own, that share Temporal and a bucket: nothing else of one is seen by another. */
describe('gateways and workers that share a bucket only', function () {
  this.timeout(300_000);
  let s3: S3Server | undefined;
  let cluster: Cluster | undefined;

  before(async function () {
    const program = findVersitygw();
    if (program === undefined) return this.skip();
    await freshBundle();
    s3 = await startVersitygw(program);
    cluster = await openCluster({
      config: {
        ...(JSON.parse(fixtureConfig()) as object),
        stages: {
          location: `s3://${s3.bucket}/timeline`,
          s3: { endpoint: s3.options.endpoint, access_key_id: s3.options.accessKeyId, secret_access_key: s3.options.secretAccessKey },
        },
        replays: { inline_bytes: '200kB' },
        // Local copies go as soon as nobody holds them.
        limits: { cache_bytes: 1 },
      },
    });
    if (cluster === undefined) return this.skip();
  });
  after(async () => {
    await cluster?.close();
    await s3?.close();
  });

  const rowsOf = async (client: pg.Client, sql: string, values: readonly unknown[] = []): Promise<unknown[][]> =>
    (await client.query({ text: sql, values: [...values], rowMode: 'array' })).rows as unknown[][];
  const idOf = async (client: pg.Client, sql: string, values: readonly unknown[]): Promise<string> =>
    String((await rowsOf(client, sql, values))[0]?.[0]);
  const connected = async (driver: string): Promise<pg.Client> => {
    const client = await cluster!.gateway().connect({ types: TEXT });
    await client.query(`SET timeline.driver = ${driver}`);
    return client;
  };
  const inBucket = (): readonly string[] =>
    readdirSync(join(s3!.folder, 'timeline'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(s3!.folder.length));
  const filesBelow = (folder: string): readonly string[] =>
    existsSync(folder)
      ? readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => entry.name)
      : [];

  it('answers queries, submitted replays and their results', async () => {
    if (cluster === undefined) return;
    // Its own worker takes nothing that was submitted.
    await cluster.startGateway({ TIMELINE_WORKER_BULK_SLOTS: '0' });
    await cluster.startWorker();
    await cluster.startWorker();
    let client = await connected('local');
    const few = await rowsOf(client, FEW);
    const many = await rowsOf(client, MANY);
    const types = await rowsOf(client, TYPES);
    await client.query('SET timeline.driver = temporal');
    assert.ok(few.length > 20 && many.length > 30_000);
    assert.deepEqual(await rowsOf(client, FEW), few);
    assert.deepEqual(await rowsOf(client, MANY), many);

    const submit = 'SELECT timeline.submit($1, result => $2)';
    const ids = {
      inline: await idOf(client, submit, [FEW, 'inline']),
      large: await idOf(client, submit, [MANY, 'inline']),
      file: await idOf(client, submit, [MANY, 'file']),
      types: await idOf(client, submit, [TYPES, 'inline']),
      typesFile: await idOf(client, submit, [TYPES, 'file']),
    };
    for (const id of Object.values(ids)) await rowsOf(client, 'SELECT timeline.wait($1)', [id]);
    assert.deepEqual(await rowsOf(client, `SELECT * FROM timeline.result('${ids.inline}')`), few);
    for (const id of [ids.types, ids.typesFile]) assert.deepEqual(await rowsOf(client, `SELECT * FROM timeline.result('${id}')`), types);
    for (const id of [ids.large, ids.file]) assert.deepEqual(await rowsOf(client, `SELECT * FROM timeline.result('${id}')`), many);

    const gateway = new Set([cluster.gateway().pid]);
    const submitted = cluster.tasks().filter(({ query }) => Object.values(ids).includes(query));
    assert.ok(submitted.length > 0);
    const workers = new Set(cluster.workers.map(({ pid }) => pid));
    for (const { pid } of submitted) assert.ok(workers.has(pid) && !gateway.has(pid), 'a worker on another machine did it');
    for (const home of [join(cluster.folder, 'gateway'), ...cluster.workers.map((worker) => worker.home)])
      for (const folder of ['stages', 'results', 'scratch']) assert.deepEqual(filesBelow(join(home, folder)), [], `${home}/${folder}`);
    const stored = inBucket();
    for (const id of [ids.large, ids.file]) {
      assert.ok(stored.includes(`/timeline/results/${id}.parquet`), stored.join('\n'));
      assert.deepEqual(
        stored.filter((key) => key.startsWith(`/timeline/${id}/`)),
        [`/timeline/${id}/plan.json`],
      );
    }

    // Another gateway, on another machine, knows what the bucket knows.
    await client.end();
    await cluster.killGateway();
    rmSync(join(cluster.folder, 'gateway'), { recursive: true, force: true });
    await cluster.startGateway({ TIMELINE_WORKER_BULK_SLOTS: '0' });
    client = await connected('local');
    assert.deepEqual(await rowsOf(client, `SELECT * FROM timeline.result('${ids.inline}')`), few);
    assert.deepEqual(await rowsOf(client, `SELECT count(*), min(m), max(m) FROM timeline.result('${ids.large}')`), [
      [String(many.length), many[0]?.[2], many.at(-1)?.[2]],
    ]);
    const states = await rowsOf(client, 'SELECT id, state FROM timeline.replays WHERE id = ANY ($1)', [Object.values(ids)]);
    assert.deepEqual(new Set(states.map(([, state]) => state)), new Set(['completed']));
    assert.equal(states.length, Object.keys(ids).length);
    await client.end();
    assert.equal(await cluster.gateway().stop(), 0);
    assert.deepEqual(filesBelow(join(cluster.folder, 'gateway', 'cache', 'stages')), [], 'local copies end with their process');
  });
});
