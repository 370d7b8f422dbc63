import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type pg from 'pg';
import { temporaryFolder } from '../replay/support.js';
import { until } from '../replay/temporal-support.js';
import { type Cluster, gone, kill, openCluster, processesOf } from './cluster.js';
import { makeTinyLake, SETTINGS, sumOfN } from './tiny-lake.js';

const PARTS = 120;
const SUM = 'SELECT sum(n)::text AS sum FROM lake.tiny';

describe('ends of interactive queries on Temporal', function () {
  this.timeout(150_000);
  let cluster: Cluster;
  let temporal: Client;

  before(async function () {
    const catalogs = await makeTinyLake({ folder: join(temporaryFolder(), 'lake'), parts: PARTS });
    const opened = await openCluster({ config: { catalogs } });
    if (opened === undefined) return this.skip();
    cluster = opened;
    await Promise.all([cluster.startWorker(), cluster.startGateway()]);
    temporal = new Client({ connection: await Connection.connect({ address: cluster.temporal().address }) });
    cluster.control('delay', '150');
  });

  after(async () => {
    await temporal?.connection.close();
    await cluster?.close();
  });

  /** Sends the query; gives the replay's id when some, and not all, of its tasks have begun. */
  async function begun(client: pg.Client, sql = SUM): Promise<{ readonly id: string; readonly answer: Promise<pg.QueryResult> }> {
    const before = cluster.tasks().length;
    const answer = client.query(sql);
    answer.catch(() => undefined);
    await until(
      'tasks at work',
      () =>
        cluster
          .tasks()
          .slice(before)
          .filter(({ moment }) => moment === 'files').length >= 4,
    );
    const id = cluster.tasks()[before]?.query ?? '';
    assert.ok(startsOf(id) < PARTS, 'not all tasks have begun');
    return { id, answer };
  }

  const startsOf = (id: string): number => cluster.tasks().filter(({ query, moment }) => query === id && moment === 'start').length;

  async function session(options: pg.ClientConfig = {}): Promise<pg.Client> {
    const client = await cluster.gateway().connect(options);
    await client.query(SETTINGS);
    return client;
  }

  /** The workflow ends cancelled, before all tasks ran, and leaves nothing in the stage store. */
  async function endsCancelled(id: string): Promise<void> {
    await until('end of the workflow', async () => (await temporal.workflow.getHandle(id).describe()).status.name !== 'RUNNING');
    const { status } = await temporal.workflow.getHandle(id).describe();
    assert.ok(status.name === 'CANCELLED' || status.name === 'FAILED', status.name);
    await until('removal of stage files', async () => (await cluster.store.committed(id)).size === 0);
    assert.ok(startsOf(id) < PARTS, 'tasks were left undone');
  }

  it('client gone: the query is cancelled', async () => {
    const client = await session();
    const { id, answer } = await begun(client);
    (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
    await assert.rejects(answer);
    await endsCancelled(id);
  });

  it('cancel request: 57014, the connection goes on', async () => {
    const client = await session();
    const { id, answer } = await begun(client);
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const packet = Buffer.alloc(16);
    [16, 80_877_102, processID, secretKey].forEach((word, n) => void packet.writeInt32BE(word, n * 4));
    connect(cluster.gateway().port, cluster.gateway().host).end(packet);
    await assert.rejects(answer, { code: '57014', message: /user request/ });
    assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.one, 1);
    await client.end();
    await endsCancelled(id);
  });

  it('statement_timeout: 57014, the connection goes on', async () => {
    const client = await session();
    await client.query("SET statement_timeout = '1500ms'");
    const { id, answer } = await begun(client);
    await assert.rejects(answer, { code: '57014', message: /statement timeout/ });
    assert.equal((await client.query('SELECT 1 AS one')).rows[0]?.one, 1);
    await client.end();
    await endsCancelled(id);
  });

  it('gateway killed: its client is told, and the orphan is cancelled when the gateway is back', async () => {
    const client = await session();
    // So that it is not over before the gateway is back.
    cluster.control('delay', '1500');
    const { id, answer } = await begun(client);
    await cluster.killGateway();
    await assert.rejects(answer, /Connection terminated|ECONNRESET/);
    assert.equal((await temporal.workflow.getHandle(id).describe()).status.name, 'RUNNING', 'the workflow outlives the gateway');
    await cluster.startGateway();
    await endsCancelled(id);
    cluster.control('delay', '150');
  });

  it('all workers killed: the query goes on when one is back; no committed task runs again', async () => {
    const client = await session();
    const { id, answer } = await begun(client);
    const pids = [
      ...new Set(
        cluster
          .tasks()
          .filter(({ query }) => query === id)
          .map(({ pid }) => pid),
      ),
    ];
    const gateway = cluster.gateway().pid;
    for (const pid of processesOf(cluster.folder, 'worker')) if (pid !== gateway) kill(pid);
    for (const pid of pids) if (pid !== gateway) await gone(pid);
    const committed = [...(await cluster.store.committed(id))].flatMap(([stage, tasks]) => tasks.map((task) => `${stage}/${task}`));
    const killedAt = Date.now();
    assert.ok(committed.length > 0 && committed.length < PARTS, 'killed between the first and the last commit');
    await cluster.startWorker();
    assert.deepEqual((await answer).rows, [{ sum: sumOfN(PARTS) }]);
    const again = cluster.tasks().filter(({ query, moment, at }) => query === id && moment === 'start' && at > killedAt);
    assert.ok(again.length > 0);
    assert.deepEqual(
      again.filter(({ stage, task }) => committed.includes(`${stage}/${task}`)),
      [],
      'no committed task ran again',
    );
    await client.end();
  });

  it('Temporal killed and back with its database: the query goes on', async () => {
    const client = await session();
    const { id, answer } = await begun(client);
    await cluster.killTemporal();
    const committed = [...(await cluster.store.committed(id)).values()].flat().length;
    assert.ok(committed < PARTS, 'killed before the last commit');
    await cluster.restartTemporal();
    assert.deepEqual((await answer).rows, [{ sum: sumOfN(PARTS) }]);
    await client.end();
  });
});
