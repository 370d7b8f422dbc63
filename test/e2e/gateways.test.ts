import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { gone, kill, openCluster, processesOf } from '../chaos/cluster.js';
import { makeTinyLake, SETTINGS } from '../chaos/tiny-lake.js';
import { temporaryFolder } from '../replay/support.js';
import { openServer, until } from '../replay/temporal-support.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

const PARTS = 12;
const SUM = 'SELECT sum(n)::text AS sum FROM lake.tiny';

describe('gateways and their development server', function () {
  this.timeout(180_000);
  const folder = temporaryFolder();
  const homes: string[] = [];
  let config = '';

  before(async function () {
    const server = await openServer();
    if (server === undefined) return this.skip();
    await server.close();
    config = JSON.stringify({ catalogs: await makeTinyLake({ folder: join(folder, 'lake'), parts: PARTS }) });
  });

  after(() => {
    for (const home of homes) for (const pid of processesOf(home)) kill(pid);
  });

  function homeOf(name: string): string {
    const home = join(folder, name);
    homes.push(home);
    return home;
  }

  async function sum(gateway: TimelineServer): Promise<string> {
    await until('durable engine', () => gateway.output().includes('durable engine ready'));
    const client = await gateway.connect();
    try {
      await client.query(SETTINGS);
      await client.query('SET timeline.driver = temporal');
      return String((await client.query(SUM)).rows[0]?.sum);
    } finally {
      await client.end();
    }
  }

  it('after kill -9 the next gateway takes over the server; the old worker leaves; an end leaves nothing', async () => {
    const home = homeOf('killed');
    const first = await startTimeline({ home, config, temporal: 'dev' });
    const right = await sum(first);
    const record = (): { pid: number } => JSON.parse(readFileSync(join(home, 'temporal', 'server.json'), 'utf8'));
    const server = record().pid;
    const [worker = 0] = processesOf(home, 'worker');
    process.kill(first.pid, 'SIGKILL');
    await gone(first.pid);
    const second = await startTimeline({ home, config, temporal: 'dev' });
    assert.match(second.output(), new RegExp(`still runs at \\S+ \\(process ${server}\\)`));
    assert.equal(await sum(second), right);
    await gone(worker);
    assert.equal(processesOf(home, 'worker').length, 1, 'its own one stays');
    // The server itself killed: it starts again where it was.
    process.kill(server, 'SIGKILL');
    await until('another server', () => record().pid !== server);
    await until('an answer', async () => {
      try {
        return (await sum(second)) === right;
      } catch {
        await sleep(200);
        return false;
      }
    });
    assert.equal(await second.stop(), 0);
    await until('end of all', () => processesOf(home).length === 0);
  });

  it('two with homes of their own do not disturb each other at one Temporal', async () => {
    const server = await openServer();
    assert.ok(server);
    const gateways: TimelineServer[] = [];
    try {
      for (const name of ['one', 'two'])
        gateways.push(
          await startTimeline({ home: homeOf(name), config, env: { TEMPORAL_ADDRESS: server.address, TIMELINE_TEMPORAL: '' } }),
        );
      const answers = await Promise.all([0, 1, 0, 1, 0, 1].map((n) => sum(gateways[n] as TimelineServer)));
      assert.equal(new Set(answers).size, 1);
      const connection = await Connection.connect({ address: server.address });
      const queues = new Set<string>();
      for await (const { taskQueue } of new Client({ connection }).workflow.list()) queues.add(taskQueue);
      await connection.close();
      assert.equal(queues.size, 2);
      for (const queue of queues) assert.match(queue, /^timeline-[0-9a-f]{8}$/);
    } finally {
      for (const gateway of gateways) await gateway.stop();
      await server.close();
    }
  });

  it('a worker that is told to stop in mid-query hands its batches over', async () => {
    const catalogs = await makeTinyLake({ folder: join(folder, 'larger'), parts: 80 });
    const cluster = await openCluster({ config: { catalogs } });
    assert.ok(cluster);
    try {
      const [worker, gateway] = await Promise.all([cluster.startWorker(), cluster.startGateway()]);
      const right = await sum(gateway);
      cluster.control('delay', '400');
      const before = cluster.tasks().length;
      const answer = sum(gateway);
      await until('its tasks', () =>
        cluster
          .tasks()
          .slice(before)
          .some(({ pid }) => pid === worker.pid),
      );
      await worker.kill('SIGTERM');
      assert.equal(await answer, right);
      assert.match(worker.output(), /takes no more; \d+ batches are running/);
      assert.match(worker.output(), new RegExp(`worker ${worker.pid} has stopped\n`));
    } finally {
      await cluster.close();
    }
  });

  it('while Temporal is away queries run in the gateway, with a warning; those that may not fail at once', async () => {
    const cluster = await openCluster({ config: { catalogs: JSON.parse(config).catalogs } });
    assert.ok(cluster);
    try {
      const gateway = await cluster.startGateway();
      const right = await sum(gateway);
      const client = await gateway.connect();
      const warnings: string[] = [];
      client.on('notice', ({ severity, message }) => warnings.push(`${severity}: ${message}`));
      await client.query('SET timeline.driver = auto');
      await cluster.killTemporal();
      assert.equal((await client.query(SUM)).rows[0]?.sum, right);
      assert.match(warnings.join('\n'), /^WARNING: running in this process: Temporal at \S+ is unreachable$/m);
      await client.query('SET timeline.driver = temporal');
      await assert.rejects(client.query(SUM), { code: '08001', message: /is unreachable$/ });
      await cluster.restartTemporal();
      await until('an answer', async () => {
        try {
          return (await client.query(SUM)).rows[0]?.sum === right;
        } catch {
          await sleep(200);
          return false;
        }
      });
      await client.end();
    } finally {
      await cluster.close();
    }
  });
});
