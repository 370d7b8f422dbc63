import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { createStageStore, type StageStore } from '../../src/replay/stage-store.js';
import { temporaryFolder } from '../replay/support.js';
import { until } from '../replay/temporal-support.js';
import { findToxiproxy, startToxiproxy, type Toxic, type ToxicProxy, type Toxiproxy } from '../support/toxiproxy.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { type Cluster, openCluster } from './cluster.js';
import { resultOf, submit } from './submitted.js';
import { makeTinyLake, SETTINGS, sumOfN, yamlS3 } from './tiny-lake.js';

const FULL = process.env['TIMELINE_CHAOS_FULL'] === '1';
const PARTS = 80;
const SUM = 'SELECT sum(n)::text AS sum FROM lake.tiny';
/** Errors that say that something on the way is broken. */
const DOCUMENTED: ReadonlySet<string> = new Set(['58030', '58000', '08006', '08001']);

interface Fault {
  readonly what: string;
  /** In every run; the others where TIMELINE_CHAOS_FULL is 1. */
  readonly always?: boolean;
  readonly toxics: readonly Toxic[] | 'refuse';
  readonly seconds: number;
  readonly where: 'S3' | 'Temporal';
}

const back = (type: Toxic['type'], attributes: Toxic['attributes'], toxicity = 1): Toxic => ({
  type,
  stream: 'downstream',
  attributes,
  toxicity,
});

const FAULTS: readonly Fault[] = (['S3', 'Temporal'] as const).flatMap((where): readonly Fault[] => [
  { where, what: 'answers come late', toxics: [back('latency', { latency: 250, jitter: 200 })], seconds: 4 },
  { where, what: 'connections are reset', toxics: [back('reset_peer', { timeout: 0 }, 0.7)], seconds: 4 },
  { where, what: 'answers are cut off', always: where === 'S3', toxics: [back('limit_data', { bytes: 700 }, 0.7)], seconds: 4 },
  { where, what: 'requests go nowhere', toxics: [{ type: 'timeout', stream: 'upstream', attributes: { timeout: 0 } }], seconds: 6 },
  { where, what: 'answers stall', toxics: [back('timeout', { timeout: 0 })], seconds: 6 },
  { where, what: 'connections are refused', always: true, toxics: 'refuse', seconds: FULL ? 60 : 5 },
]);

describe('a network that is broken between worker, gateway, Temporal and S3', function () {
  this.timeout(FULL ? 300_000 : 150_000);
  let toxiproxy: Toxiproxy | undefined;
  let s3: S3Server | undefined;
  let cluster: Cluster | undefined;
  let store: StageStore;
  const proxies: Partial<Record<Fault['where'], ToxicProxy>> = {};

  before(async function () {
    const [program, gateway] = [findToxiproxy(), findVersitygw()];
    if (program === undefined || gateway === undefined) return this.skip();
    const toxic = await startToxiproxy(program);
    toxiproxy = toxic;
    const server = await startVersitygw(gateway);
    s3 = server;
    const proxy = await toxic.proxy('s3', new URL(String(server.options.endpoint)).host);
    proxies.S3 = proxy;
    const options = { ...server.options, endpoint: `http://${proxy.address}` };
    const location = `s3://${server.bucket}`;
    const catalogs = await makeTinyLake({
      folder: join(temporaryFolder(), 'lake'),
      parts: PARTS,
      bucket: { location: `${location}/lake`, s3: options },
    });
    const folder = join(server.folder, 'stages');
    mkdirSync(folder, { recursive: true });
    // What lies in the bucket, past proxy and S3.
    store = createStageStore({ files: createFolderFiles(folder), name: folder });
    cluster = await openCluster({
      config: { catalogs, stages: { location: `${location}/stages`, s3: yamlS3(options) } },
      address: async (address) => {
        proxies.Temporal = await toxic.proxy('temporal', address);
        return proxies.Temporal.address;
      },
    });
    if (cluster === undefined) return this.skip();
    await Promise.all([cluster.startWorker(), cluster.startGateway()]);
    cluster.control('delay', '120');
  });

  after(async () => {
    await cluster?.close();
    await toxiproxy?.close();
    await s3?.close();
  });

  for (const fault of FAULTS.filter(({ always }) => FULL || always === true)) {
    it(`${fault.where}: ${fault.what} for ${fault.seconds} s`, async () => {
      assert.ok(cluster !== undefined);
      const proxy = proxies[fault.where];
      assert.ok(proxy !== undefined);
      const client = await cluster.gateway().connect();
      await client.query(SETTINGS);
      const submitter = await cluster.gateway().connect();
      await submitter.query(SETTINGS);
      const before = cluster.tasks().length;
      const asked = Date.now();
      const submitted = await submit(submitter, SUM);
      const answer = settled(client.query(SUM));
      const files = (): number => (cluster?.tasks() ?? []).slice(before).filter(({ moment }) => moment === 'files').length;
      await until('tasks at work', () => files() >= 8);
      const committed = async (): Promise<number> => [...(await store.committed(submitted)).values()].flat().length;
      assert.ok((await committed()) < PARTS, 'not all is done');
      const through = proxy.through();
      if (fault.toxics === 'refuse') await proxy.refuse(true);
      else for (const toxic of fault.toxics) await proxy.add(toxic);
      const begun = Date.now();
      await effective(fault, proxy, through, committed);
      await sleep(Math.max(0, begun + fault.seconds * 1000 - Date.now()));
      if (fault.toxics === 'refuse') await proxy.refuse(false);
      else await proxy.heal();
      const healed = ((Date.now() - begun) / 1000).toFixed(1);
      const outcome = await answer;
      const took = `${((Date.now() - asked) / 1000).toFixed(1)} s`;
      if ('rows' in outcome) assert.deepEqual(outcome.rows, [{ sum: sumOfN(PARTS) }]);
      else assert.ok(DOCUMENTED.has(outcome.code), `${outcome.code}: ${outcome.message}`);
      console.log(
        `        ${'rows' in outcome ? 'right answer' : `${outcome.code} ${outcome.message}`} after ${took}; the fault lasted ${healed} s`,
      );
      await client.end();
      // A submitted one bears it, and its waiter may ask again.
      let waited = await settled(submitter.query('SELECT timeline.wait($1) AS state', [submitted]));
      for (let n = 0; n < 20 && !('rows' in waited); n++) {
        assert.ok(DOCUMENTED.has(waited.code), `${waited.code}: ${waited.message}`);
        await sleep(500);
        waited = await settled(submitter.query('SELECT timeline.wait($1) AS state', [submitted]));
      }
      assert.deepEqual(waited, { rows: [{ state: 'completed' }] });
      assert.deepEqual(await resultOf(submitter, submitted), [{ sum: sumOfN(PARTS) }]);
      console.log(`        submitted: right answer after ${((Date.now() - asked) / 1000).toFixed(1)} s`);
      await submitter.end();
      // What is healed works as before.
      const next = await cluster.gateway().connect();
      await next.query(SETTINGS);
      assert.deepEqual((await next.query(SUM)).rows, [{ sum: sumOfN(PARTS) }]);
      await next.end();
    });
  }

  /** The fault hits our own traffic, by what has come through since `before`. */
  async function effective(
    fault: Fault,
    proxy: ToxicProxy,
    before: ReturnType<ToxicProxy['through']>,
    committed: () => Promise<number>,
  ): Promise<void> {
    switch (fault.what) {
      case 'answers come late':
        return await until('traffic through the slow proxy', () => proxy.through().bytes > before.bytes);
      case 'connections are reset':
      case 'answers are cut off':
        return await until('connections that were closed', () => proxy.through().closed > before.closed);
      default: {
        if (fault.toxics === 'refuse') assert.equal(await proxy.probe(), 'ECONNREFUSED');
        // What was on its way is through by then.
        await sleep(1500);
        if (fault.where === 'Temporal') return;
        const [bytes, count] = [proxy.through().bytes, await committed()];
        assert.ok(count < PARTS, 'there is work left that needs the store');
        await sleep(1000);
        if (fault.what !== 'answers stall') assert.equal(proxy.through().bytes, bytes, 'nothing comes through');
        if (fault.toxics === 'refuse') assert.equal(await committed(), count, 'no task is committed meanwhile');
      }
    }
  }
});

type Outcome = { readonly rows: readonly unknown[] } | { readonly code: string; readonly message: string };

async function settled(answer: Promise<pg.QueryResult>): Promise<Outcome> {
  try {
    return { rows: (await answer).rows as unknown[] };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { code: code ?? 'none', message };
  }
}
