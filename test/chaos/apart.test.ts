import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type pg from 'pg';
import { temporaryFolder } from '../replay/support.js';
import { until } from '../replay/temporal-support.js';
import { fillDisk } from '../support/fill-disk.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';
import { type Cluster, openCluster } from './cluster.js';
import { BY_WORD, byWord, resultOf, submit, waitFor } from './submitted.js';
import { makeTinyLake, SETTINGS, yamlS3 } from './tiny-lake.js';

const PARTS = 120;

async function session(cluster: Cluster): Promise<pg.Client> {
  const client = await cluster.gateway().connect();
  await client.query(`${SETTINGS}; SET timeline.partitions = 4`);
  return client;
}

/** Processes that began tasks of the replay. */
function workersOf(cluster: Cluster, id: string): ReadonlySet<number> {
  return new Set(cluster.tasks().flatMap(({ query, moment, pid }) => (query === id && moment === 'start' ? [pid] : [])));
}

describe('workers whose disk is full', function () {
  this.timeout(180_000);
  let cluster: Cluster | undefined;
  const home = join(temporaryFolder(), 'tiny');
  let mounted = false;

  before(async function () {
    mkdirSync(home);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', home], { stdio: 'ignore' });
      mounted = true;
    } catch {
      // Only root may mount.
      return this.skip();
    }
    const catalogs = await makeTinyLake({ folder: join(temporaryFolder(), 'lake'), parts: PARTS });
    cluster = await openCluster({ config: { catalogs } });
    if (cluster === undefined) return this.skip();
    await Promise.all([cluster.startWorker({ home }), cluster.startGateway({ TIMELINE_WORKER_BULK_SLOTS: '0' })]);
    fillDisk(join(home, 'filler'));
    cluster.control('delay', '30');
  });

  after(async () => {
    await cluster?.close();
    if (mounted) execFileSync('umount', ['-l', home]);
  });

  it('alone: 53100, which names the folder', async () => {
    assert.ok(cluster !== undefined);
    const client = await session(cluster);
    const id = await submit(client, BY_WORD);
    assert.equal(await waitFor(client, id), 'failed');
    await assert.rejects(resultOf(client, id), { code: '55000', message: /has failed/ });
    const { rows } = await client.query('SELECT error FROM timeline.replays WHERE id = $1', [id]);
    assert.match(String((rows[0] as { error: unknown }).error), /no space left on the disk of "/);
    assert.ok(String((rows[0] as { error: unknown }).error).includes(home));
    await client.end();
  });

  it('beside one with space: the replay succeeds', async () => {
    assert.ok(cluster !== undefined);
    const [full] = cluster.workers;
    const other = await cluster.startWorker();
    const client = await session(cluster);
    const id = await submit(client, BY_WORD);
    assert.equal(await waitFor(client, id), 'completed');
    assert.deepEqual(await resultOf(client, id), byWord(PARTS));
    const pids = workersOf(cluster, id);
    assert.ok(pids.has(other.pid) && pids.has(full?.pid ?? 0), 'both had tasks');
    const put = cluster.tasks().filter(({ query, moment, pid }) => query === id && moment === 'files' && pid === full?.pid);
    assert.deepEqual(put, [], 'the full one could finish none');
    await client.end();
  });
});

describe('workers on machines of their own', function () {
  this.timeout(180_000);
  let cluster: Cluster | undefined;
  let s3: S3Server | undefined;
  const spaces: string[] = [];
  const relays: Server[] = [];

  before(async function () {
    const gateway = findVersitygw();
    if (gateway === undefined) return this.skip();
    const names = [1, 2].map((n) => `tl${process.pid % 10_000}x${n}`);
    try {
      for (const [n, name] of names.entries()) makeNamespace(name, n, spaces);
    } catch {
      // Not permitted here, or no `ip`.
      return this.skip();
    }
    s3 = await startVersitygw(gateway);
    const location = `s3://${s3.bucket}`;
    const lake = join(temporaryFolder(), 'lake');
    const own = await makeTinyLake({ folder: lake, parts: PARTS, bucket: { location: `${location}/lake`, s3: s3.options } });
    cluster = await openCluster({ config: { catalogs: own, stages: { location: `${location}/stages`, s3: yamlS3(s3.options) } } });
    if (cluster === undefined) return this.skip();
    await cluster.startGateway({ TIMELINE_WORKER_BULK_SLOTS: '0' });
    for (const [n, name] of names.entries()) await startApart(n, name, lake);
    cluster.control('delay', '60');
  });

  after(async () => {
    await cluster?.close();
    for (const name of spaces) execFileSync('ip', ['netns', 'del', name]);
    for (const relay of relays) relay.close();
    await s3?.close();
  });

  /** All that it reaches of the world are Temporal and S3, at an address of its own; catalog and home are its own copies. */
  async function startApart(n: number, name: string, lake: string): Promise<void> {
    assert.ok(cluster !== undefined && s3 !== undefined);
    const host = addressOf(n, 1);
    const temporal = await relayTo(relays, host, cluster.temporal().address);
    const endpoint = `http://${await relayTo(relays, host, new URL(String(s3.options.endpoint)).host)}`;
    const home = join(temporaryFolder(), 'home');
    mkdirSync(home);
    copyFileSync(join(lake, 'catalog.db'), join(home, 'catalog.db'));
    const keys = yamlS3({ ...s3.options, endpoint });
    const catalog = { type: 'sql', uri: `sqlite:///${join(home, 'catalog.db')}`, name: 'lake', warehouse: `s3://${s3.bucket}/lake` };
    const config = {
      catalogs: { lake: { type: 'iceberg', catalog, s3: keys } },
      stages: { location: `s3://${s3.bucket}/stages`, s3: keys },
      temporal: cluster.config.temporal,
    };
    const file = join(home, 'timeline.yaml');
    writeFileSync(file, JSON.stringify(config));
    await cluster.startWorker({ home, prefix: ['ip', 'netns', 'exec', name], env: { TIMELINE_CONFIG: file, TEMPORAL_ADDRESS: temporal } });
  }

  it('two workers in network namespaces of their own share a replay', async () => {
    assert.ok(cluster !== undefined);
    const networks = cluster.workers.map(({ pid }) => readlinkSync(`/proc/${pid}/ns/net`));
    assert.equal(new Set([...networks, readlinkSync('/proc/self/ns/net')]).size, 3);
    const client = await session(cluster);
    const id = await submit(client, BY_WORD);
    assert.equal(await waitFor(client, id), 'completed');
    assert.deepEqual(await resultOf(client, id), byWord(PARTS));
    assert.deepEqual(
      [...workersOf(cluster, id)].toSorted(),
      cluster.workers.map(({ pid }) => pid).toSorted(),
      'both did tasks, and nobody else',
    );
    await client.end();
  });

  it('one of them is killed: the other one does the rest', async () => {
    assert.ok(cluster !== undefined);
    const [first] = cluster.workers;
    const client = await session(cluster);
    const id = await submit(client, BY_WORD);
    await until('tasks on both', () => cluster !== undefined && workersOf(cluster, id).size === 2);
    await first?.kill('SIGKILL');
    assert.equal(await waitFor(client, id), 'completed');
    assert.deepEqual(await resultOf(client, id), byWord(PARTS));
    await client.end();
  });
});

/** A network of four addresses for each namespace; other runs of this suite on the same machine have others. */
function addressOf(n: number, host: 1 | 2): string {
  return `10.${128 + ((process.pid >> 8) & 63)}.${process.pid & 255}.${4 * n + host}`;
}

/** A namespace at host 2 of its network, which reaches this one at host 1. */
function makeNamespace(name: string, n: number, made: string[]): void {
  const ip = (...args: string[]): unknown => execFileSync('ip', args, { stdio: 'ignore' });
  ip('netns', 'add', name);
  made.push(name);
  ip('link', 'add', `${name}a`, 'type', 'veth', 'peer', 'name', `${name}b`);
  ip('link', 'set', `${name}b`, 'netns', name);
  ip('addr', 'add', `${addressOf(n, 1)}/30`, 'dev', `${name}a`);
  ip('link', 'set', `${name}a`, 'up');
  ip('-n', name, 'addr', 'add', `${addressOf(n, 2)}/30`, 'dev', `${name}b`);
  ip('-n', name, 'link', 'set', `${name}b`, 'up');
  ip('-n', name, 'link', 'set', 'lo', 'up');
}

/** Servers of tests listen on 127.0.0.1 only: this one stands before them on another address of this machine. */
async function relayTo(relays: Server[], host: string, to: string): Promise<string> {
  const [target = '', port = ''] = to.split(':');
  const server = createServer((from) => {
    const onward = connect(Number(port), target);
    for (const [one, other] of [
      [from, onward],
      [onward, from],
    ] as const) {
      one.on('error', () => other.destroy());
      one.once('close', () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  relays.push(server);
  return `${host}:${(server.address() as AddressInfo).port}`;
}
