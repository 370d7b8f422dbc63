import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { examine } from '../../src/doctor/doctor.js';
import { type Finding, runCheck } from '../../src/doctor/finding.js';
import { skewFinding } from '../../src/doctor/storage-checks.js';
import { versionFinding } from '../../src/doctor/temporal-checks.js';
import type { S3Options } from '../../src/object-store/object-store.js';
import { createReplayRegistry } from '../../src/replay/replay-registry.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { bulkQueue } from '../../src/replay/temporal/protocol.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import { fixtureConfig } from '../e2e/fixtures.js';
import { connectors, createTestConnector, createTestKernel } from '../replay/support.js';
import { freshBundle, openServer } from '../replay/temporal-support.js';
import { makeAuthority } from '../support/certificates.js';
import { startForgetfulS3 } from '../support/forgetful-s3.js';
import { freePort } from '../support/free-port.js';
import { projectRoot } from '../support/project-root.js';
import { hasProgram, runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTlsFront } from '../support/temporal-fronts.js';
import { findVersitygw, type S3Server, startVersitygw } from '../support/versitygw.js';

describe('doctor', function () {
  this.timeout(120_000);
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let server: DevServer | undefined;
  let store: S3Server | undefined;
  const workers: TemporalWorker[] = [];
  let count = 0;

  before(async () => {
    folder = await tempFolder('doctor');
    await freshBundle();
    server = await openServer();
    const program = findVersitygw();
    store = program === undefined ? undefined : await startVersitygw(program);
  });
  after(async () => {
    for (const worker of workers) await worker.shutdown();
    await server?.close();
    await store?.close();
    await folder.remove();
  });

  /** What it finds with such a configuration: over the fixtures' catalogs. */
  async function findings(
    document: object,
    options: { readonly home?: string; readonly timeout?: number } = {},
  ): Promise<readonly Finding[]> {
    const own = join(folder.path, String(++count));
    await mkdir(own);
    const file = join(own, 'timeline.yaml');
    await writeFile(file, JSON.stringify({ ...JSON.parse(fixtureConfig()), ...document }));
    const found: Finding[] = [];
    const env = { TIMELINE_CONFIG: file, TIMELINE_HOME: options.home ?? join(own, 'home') };
    for await (const finding of examine({ env, cwd: own, ...(options.timeout === undefined ? {} : { timeout: options.timeout }) }))
      found.push(finding);
    assert.deepEqual(await readdir(own), ['timeline.yaml'], 'something is left behind');
    return found;
  }

  const of = (found: readonly Finding[], check: string, message: RegExp): Finding => {
    const finding = found.find((one) => one.check === check && message.test(one.message));
    assert.ok(finding, `no finding of ${check} is ${message}: ${JSON.stringify(found, null, 1)}`);
    return finding;
  };
  const states = (found: readonly Finding[]): readonly string[] => [...new Set(found.map((finding) => finding.state))].sort();
  const s3 = ({ endpoint, region, accessKeyId, secretAccessKey }: S3Options) => ({
    endpoint,
    region,
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
  });

  it('finds nothing wrong where all is well', async function () {
    if (server === undefined || store === undefined) return this.skip();
    const { address } = server;
    const files = createFolderFiles(join(folder.path, 'worker-stages'));
    const parts = {
      address,
      namespace: 'default',
      store: createStageStore({ files, name: 'stages' }),
      registry: createReplayRegistry(files),
      connectors: connectors(createTestConnector({})),
      kernel: createTestKernel(),
      scratchFolder: join(folder.path, 'worker-scratch'),
      handleSignals: false,
    };
    const taskQueue = 'doctored';
    const document = {
      stages: { location: `s3://${store.bucket}/stages`, s3: s3(store.options) },
      temporal: { address, task_queue: taskQueue },
    };
    const lonely = await findings(document);
    for (const queue of [taskQueue, bulkQueue(taskQueue)]) {
      const missing = of(lonely, 'temporal', new RegExp(`no worker asks for tasks of queue "${queue}"`));
      assert.equal(missing.state, 'warn');
      assert.match(String(missing.hint), /timeline worker/);
    }
    for (const queue of [taskQueue, bulkQueue(taskQueue)]) workers.push(await startTemporalWorker({ ...parts, taskQueue: queue }));
    const found = await findings(document);
    assert.deepEqual(states(found), ['ok'], JSON.stringify(found, null, 1));
    for (const [check, message] of [
      ['configuration', /timeline\.yaml/],
      ['home folder', /free/],
      ['catalog fx', /\d+ tables can be read/],
      ['stage store', /put, get, list and delete work/],
      ['stage store', /of many writers one succeeds/],
      ['stage store', /clock of the store/],
      ['results', /s3:\/\/.*\/results: put/],
      ['temporal', /version 1\.\d+/],
      ['temporal', /namespace "default", keeps ended workflows \d/],
      ['temporal', /search attributes are registered/],
      ['temporal', /queue "doctored": 1 worker/],
      ['temporal', /queue "doctored-bulk": 1 worker/],
      ['temporal', /clock of Temporal/],
      ['payload codec', /none/],
    ] as const)
      of(found, check, message);
    assert.deepEqual(
      readdirSync(store.folder, { recursive: true }).filter((name) => String(name).includes('doctor-')),
      [],
    );
  });

  it('says that Temporal is not there, or has no such namespace', async function () {
    const away = await findings({ temporal: { address: `127.0.0.1:${await freePort()}` } });
    assert.equal(of(away, 'temporal', /is unreachable/).state, 'fail');
    if (server === undefined) return this.skip();
    const nowhere = of(
      await findings({ temporal: { address: server.address, namespace: 'nowhere' } }),
      'temporal',
      /no namespace "nowhere"/,
    );
    assert.equal(nowhere.state, 'fail');
    const off = of(await findings({ temporal: 'off' }), 'temporal', /it is off/);
    assert.equal(off.state, 'warn');
  });

  it('says how long certificates are valid', async function () {
    if (server === undefined || !(await hasProgram('openssl', ['version']))) return this.skip();
    const certificates = join(folder.path, 'certificates');
    await mkdir(certificates);
    const authority = makeAuthority(certificates, 'doctors');
    const front = await startTlsFront({ to: server.address, certificate: authority.issue('temporal', 'IP:127.0.0.1') });
    try {
      const found = await findings({ temporal: { address: front.address, tls: { ca: authority.certFile } } });
      for (const message of [/temporal\.tls\.ca \(CN=doctors\) expires on/, /the server's \(temporal\) expires on/])
        assert.equal(of(found, 'certificates', message).state, 'warn');
    } finally {
      await front.close();
    }
  });

  it('says that a store ignores conditional creates, and that its clock is another', async () => {
    const forgetful = await startForgetfulS3({ clock: -60_000 });
    try {
      const found = await findings({ stages: { location: 's3://b/stages', s3: s3(forgetful.options) }, temporal: 'off' });
      const conditional = of(found, 'stage store', /the store ignores If-None-Match/);
      assert.equal(conditional.state, 'fail');
      assert.match(String(conditional.hint), /two workers could both commit/);
      assert.equal(of(found, 'stage store', /the clock of the store is 5\d\.\d s behind/).state, 'warn');
      assert.deepEqual([...forgetful.objects.keys()], [], 'something is left behind');
    } finally {
      await forgetful.close();
    }
  });

  it('does not wait for ever for a store that never answers', async () => {
    const mute = await startForgetfulS3({ mute: true });
    try {
      const found = await findings({ stages: { location: 's3://b/stages', s3: s3(mute.options) }, temporal: 'off' }, { timeout: 3000 });
      assert.equal(of(found, 'stage store', /no answer within 3 s/).state, 'fail');
    } finally {
      await mute.close();
    }
  });

  it('names catalogs that cannot be reached, and a configuration that is wrong', async () => {
    const found = await findings({ temporal: 'off', copy: { location: 'x' } });
    assert.deepEqual(states(found), ['fail']);
    assert.match(String(found[0]?.message), /unknown configuration key "copy\.location"/);
    const own = join(folder.path, 'catalogs');
    await mkdir(own);
    const file = join(own, 'timeline.yaml');
    const uri = `http://127.0.0.1:${await freePort()}`;
    writeFileSync(file, stringify({ catalogs: { gone: { type: 'iceberg', catalog: { type: 'rest', uri } } }, temporal: 'off' }));
    const { code, stdout } = await runProgram(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'doctor', '--format', 'json'], {
      env: { TIMELINE_CONFIG: file, TIMELINE_HOME: join(own, 'home'), TIMELINE_TEMPORAL: '', TEMPORAL_ADDRESS: '' },
    });
    assert.equal(code, 1);
    const told = JSON.parse(stdout) as { ok: boolean; findings: Finding[] };
    assert.equal(told.ok, false);
    assert.equal(of(told.findings, 'catalog gone', /./).state, 'fail');
    assert.equal(existsSync(join(own, 'home')), false);
  });

  it('says that the home folder cannot be written, or is full', async function () {
    const file = join(folder.path, 'a-file');
    await writeFile(file, '');
    const none = await findings({ temporal: 'off' }, { home: join(file, 'home') });
    assert.equal(of(none, 'home folder', /a-file/).state, 'fail');
    const disk = join(folder.path, 'disk');
    await mkdir(disk);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], { stdio: 'ignore' });
    } catch {
      // Only root may mount.
      return this.skip();
    }
    try {
      const small = await findings({ temporal: 'off' }, { home: disk });
      assert.equal(of(small, 'home folder', /only .* KiB are free/).state, 'fail');
      writeFileSync(join(disk, 'filler'), Buffer.alloc((1 << 20) - 8192));
      const full = await findings({ temporal: 'off' }, { home: disk });
      assert.equal(of(full, 'home folder', /no space left/).state, 'fail');
      execFileSync('mount', ['-o', 'remount,ro', disk], { stdio: 'ignore' });
      assert.equal(of(await findings({ temporal: 'off' }, { home: disk }), 'home folder', /cannot be written: EROFS/).state, 'fail');
    } finally {
      execFileSync('umount', ['-l', disk]);
    }
  });

  it('knows versions of Temporal that are too old', () => {
    for (const [version, state] of [
      ['1.28.3', 'warn'],
      ['1.29.0', 'ok'],
      ['1.30.0', 'ok'],
      ['2.0.0', 'ok'],
      ['', 'ok'],
      ['cloud', 'ok'],
    ] as const)
      assert.equal(versionFinding(version, 'there:7233').state, state, version);
  });

  it('bounds the time of a check, and knows clocks apart', async () => {
    const stuck = await runCheck({ name: 'stuck', timeout: 50, run: () => new Promise(() => undefined) });
    assert.deepEqual([stuck[0]?.state, stuck[0]?.message], ['fail', 'no answer within 0.05 s']);
    for (const [theirs, state, message] of [
      [100_500, 'ok', /no skew/],
      [109_000, 'warn', /8\.0 s ahead/],
      [90_000, 'warn', /9\.0 s behind/],
      [900_000, 'fail', /ahead/],
    ] as const) {
      const told = skewFinding('it', theirs, 100_000, 101_000, 1000);
      assert.equal(told.state, state);
      assert.match(told.message, message);
    }
  });
});
