import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { TimelineError } from '../../sql/errors.js';
import { buildConfig } from '../../src/config-file.js';
import { createReplayRegistry } from '../../src/replay/replay-registry.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import { hostAndPort, type TemporalAddress } from '../../src/replay/temporal/access.js';
import { connectTemporal } from '../../src/replay/temporal/client.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { startTemporalWorker } from '../../src/replay/temporal/worker.js';
import { openTemporalAccess } from '../../src/temporal-access.js';
import { type Authority, type Certificate, makeAuthority } from '../support/certificates.js';
import { freePort } from '../support/free-port.js';
import { hasProgram } from '../support/run-program.js';
import { type Front, startKeyFront, startTlsFront } from '../support/temporal-fronts.js';
import { connectors, createTestConnector, createTestKernel, rowsOf, temporaryFolder, valuesPlan } from './support.js';
import { freshBundle, openServer } from './temporal-support.js';

const API_KEY = 'secret-key-of-nobody';

describe('replay/temporal access', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let server: DevServer | undefined;
  let authority: Authority;
  let strangers: Authority;
  let here: Certificate;
  const fronts: Front[] = [];
  let plainTls: Front;
  let mutual: Front;
  let byKey: Awaited<ReturnType<typeof startKeyFront>>;

  before(async function () {
    await freshBundle();
    server = (await hasProgram('openssl', ['version'])) ? await openServer() : undefined;
    if (server === undefined) {
      this.skip();
      return;
    }
    const certificates = join(folder, 'certificates');
    mkdirSync(certificates);
    authority = makeAuthority(certificates, 'test-authority');
    strangers = makeAuthority(certificates, 'strangers');
    here = authority.issue('temporal-here', 'IP:127.0.0.1,DNS:temporal.test');
    const to = server.address;
    plainTls = await startTlsFront({ to, certificate: here });
    mutual = await startTlsFront({ to, certificate: here, clients: authority });
    byKey = await startKeyFront({ to, certificate: here, apiKey: API_KEY });
    fronts.push(plainTls, mutual, byKey);
  });
  after(async () => {
    for (const front of fronts) await front.close();
    await server?.close();
  });

  const access = (address: string, extra: Partial<TemporalAddress> = {}): TemporalAddress => ({ address, namespace: 'default', ...extra });
  const trusted = () => ({ ca: authority.cert });

  /** What connecting says, by the client's way and by the worker's: the same. */
  async function refusal(options: TemporalAddress): Promise<TimelineError> {
    const started = Date.now();
    const [byClient, byWorker] = await Promise.all([
      connectTemporal(options).then(
        async (temporal) => {
          await temporal.close();
          return undefined;
        },
        (error: unknown) => error,
      ),
      startTemporalWorker({ ...options, ...workerParts('refused'), taskQueue: 'refused' }).then(
        async (worker) => {
          await worker.shutdown();
          return undefined;
        },
        (error: unknown) => error,
      ),
    ]);
    assert.ok(byClient instanceof TimelineError && byWorker instanceof TimelineError, `${byClient} / ${byWorker}`);
    assert.deepEqual([byWorker.sqlstate, byWorker.message, byWorker.hint], [byClient.sqlstate, byClient.message, byClient.hint]);
    for (const error of [byClient, byWorker])
      assert.doesNotMatch(inspect(error, { depth: 20 }), new RegExp(`${API_KEY}|wrong-key|PRIVATE`));
    assert.ok(Date.now() - started < 20_000, 'it hangs');
    return byClient;
  }

  function workerParts(name: string) {
    const files = createFolderFiles(join(folder, name));
    return {
      store: createStageStore({ files, name }),
      registry: createReplayRegistry(files),
      connectors: connectors(createTestConnector({})),
      kernel: createTestKernel(),
      scratchFolder: join(folder, 'scratch'),
      handleSignals: false,
    };
  }

  async function answers(options: TemporalAddress): Promise<void> {
    const parts = workerParts(randomUUID());
    const taskQueue = `q-${randomUUID()}`;
    const worker = await startTemporalWorker({ ...options, ...parts, taskQueue });
    const driver = createTemporalDriver({ ...options, store: parts.store, taskQueue, fastLane: false });
    try {
      const run = await driver.start(valuesPlan('x', 'y'), {
        id: `replay-${randomUUID()}`,
        sql: 'SELECT 1',
        user: 'ann',
        signal: new AbortController().signal,
        maxBytes: undefined,
      });
      assert.deepEqual(await rowsOf(run.files), ['x', 'y']);
      await run.release();
    } finally {
      await driver.close();
      await worker.shutdown();
    }
  }

  it('runs a plan over TLS', () => answers(access(plainTls.address, { tls: trusted() })));

  it('runs a plan over TLS with a client certificate, and another name in the certificate', async () => {
    const client = authority.issue('gateway', 'DNS:gateway.test');
    await answers(access(mutual.address, { tls: { ...trusted(), cert: client.cert, key: client.key, serverName: 'temporal.test' } }));
  });

  it('runs a plan with an API key', async () => {
    await answers(access(byKey.address, { tls: trusted(), apiKey: API_KEY }));
    assert.deepEqual([...byKey.seen], [`Bearer ${API_KEY}`]);
  });

  it('says that nobody listens', async () => {
    const error = await refusal(access(`127.0.0.1:${await freePort()}`));
    assert.equal(error.sqlstate, '08001');
    assert.match(error.message, /is unreachable/);
    assert.match(String(error.detail), /ECONNREFUSED/);
    const withTls = await refusal(access(`127.0.0.1:${await freePort()}`, { tls: {} }));
    assert.match(withTls.message, /is unreachable/);
  });

  it('says that the server has no TLS, and that it wants it', async () => {
    const without = await refusal(access(String(server?.address), { tls: trusted() }));
    assert.match(`${without.sqlstate} ${without.message}`, /08001 .* does not speak TLS/);
    const wanted = await refusal(access(plainTls.address));
    assert.match(`${wanted.sqlstate} ${wanted.message}`, /08001 .* wants TLS/);
    assert.match(String(wanted.hint), /temporal\.tls: true/);
  });

  it('names a certificate that is not trusted, is for another name, or has expired', async () => {
    const system = await refusal(access(plainTls.address, { tls: {} }));
    assert.match(system.message, /\(temporal-here, issued by test-authority\) is not trusted: UNABLE_TO_/);
    const other = await refusal(access(plainTls.address, { tls: { ca: strangers.cert } }));
    assert.match(other.message, /\(temporal-here, issued by test-authority\) is not trusted/);
    assert.match(String(other.hint), /temporal\.tls\.ca/);
    const name = await refusal(access(plainTls.address, { tls: { ...trusted(), serverName: 'elsewhere.test' } }));
    assert.match(name.message, /is not for "elsewhere\.test"/);
    assert.match(String(name.hint), /temporal\.test/);
    const old = await startTlsFront({ to: String(server?.address), certificate: authority.issue('old', 'IP:127.0.0.1', { days: 0 }) });
    fronts.push(old);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    assert.match((await refusal(access(old.address, { tls: trusted() }))).message, /has expired/);
  });

  it('says that a client certificate is wanted, or not taken', async () => {
    const none = await refusal(access(mutual.address, { tls: trusted() }));
    assert.match(`${none.sqlstate} ${none.message}`, /28000 .* wants a client certificate/);
    const stranger = strangers.issue('stranger', 'DNS:gateway.test');
    const wrong = await refusal(access(mutual.address, { tls: { ...trusted(), cert: stranger.cert, key: stranger.key } }));
    assert.match(`${wrong.sqlstate} ${wrong.message}`, /28000 .* does not take the client certificate/);
  });

  it('says that an API key is refused, or wanted', async () => {
    const wrong = await refusal(access(byKey.address, { tls: trusted(), apiKey: 'wrong-key' }));
    assert.match(`${wrong.sqlstate} ${wrong.message}`, /28000 .* refuses the API key/);
    const none = await refusal(access(byKey.address, { tls: trusted() }));
    assert.match(`${none.sqlstate} ${none.message}`, /28000 .* refuses calls without an API key/);
    const denied = await startKeyFront({ to: String(server?.address), certificate: here, apiKey: API_KEY, status: 7 });
    fronts.push(denied);
    const other = await refusal(access(denied.address, { tls: trusted(), apiKey: 'wrong-key' }));
    assert.match(`${other.sqlstate} ${other.message}`, /28000 .* refuses access to namespace "default"/);
  });

  it('says that there is no such namespace', async () => {
    const error = await refusal(access(String(server?.address), { namespace: 'nowhere' }));
    assert.match(`${error.sqlstate} ${error.message}`, /08001 .* has no namespace "nowhere"/);
  });

  it('tells a web server and a server that hangs up from Temporal', async () => {
    const web = createHttpServer((_, response) => response.end('hello'));
    const rude = createServer((socket) => socket.destroy());
    for (const one of [web, rude]) await new Promise<void>((resolve) => one.listen(0, '127.0.0.1', resolve));
    const at = (one: { address(): unknown }): string => `127.0.0.1:${(one.address() as AddressInfo).port}`;
    assert.match((await refusal(access(at(web)))).message, /is not Temporal: it answers HTTP\/1/);
    assert.match((await refusal(access(at(rude)))).message, /is unreachable/);
    assert.match((await refusal(access(at(rude), { tls: {} }))).message, /does not speak TLS/);
    for (const one of [web, rude]) await new Promise((resolve) => one.close(resolve));
  });

  it('reads the files that the configuration names, and says which is wrong', async () => {
    const client = authority.issue('reader', 'DNS:reader.test');
    const files = { ca: authority.certFile, cert: client.certFile, key: client.keyFile };
    const open = (temporal: unknown, env: Record<string, string> = {}) => {
      const config = buildConfig({ temporal }, { env, cwd: folder, folder });
      return openTemporalAccess(config.temporal, config.temporal.address ?? '');
    };
    const read = await open({ address: 'there:7233', tls: { ...files, server_name: 'temporal.test' } });
    assert.deepEqual(
      read,
      access('there:7233', { tls: { ca: authority.cert, cert: client.cert, key: client.key, serverName: 'temporal.test' } }),
    );
    const byEnv = await open(undefined, {
      TEMPORAL_ADDRESS: 'there:7233',
      TEMPORAL_API_KEY: API_KEY,
      TEMPORAL_TLS_SERVER_CA_CERT_DATA: authority.cert.toString(),
      TEMPORAL_TLS_CLIENT_CERT_PATH: client.certFile,
      TEMPORAL_TLS_CLIENT_KEY_PATH: client.keyFile,
    });
    assert.deepEqual(byEnv, access('there:7233', { apiKey: API_KEY, tls: { ca: authority.cert, cert: client.cert, key: client.key } }));
    writeFileSync(join(folder, 'api.key'), `${API_KEY}\n`);
    assert.deepEqual(await open({ address: 'a:1', api_key_file: './api.key' }), access('a:1', { apiKey: API_KEY, tls: {} }));
    assert.deepEqual(await open({ address: 'a:1', api_key: API_KEY, tls: false }), access('a:1', { apiKey: API_KEY }));
    writeFileSync(join(folder, 'no.pem'), 'nothing');
    writeFileSync(join(folder, 'empty'), '\n');
    for (const [temporal, message] of [
      [{ address: 'a:1', tls: { ca: 'missing.pem' } }, /temporal\.tls\.ca: cannot read .*missing\.pem: ENOENT/],
      [{ address: 'a:1', tls: { ca: 'no.pem' } }, /no\.pem has no PEM block "CERTIFICATE"/],
      [{ address: 'a:1', tls: { cert: client.certFile } }, /a client certificate needs both/],
      [{ address: 'a:1', tls: { cert: client.certFile, key: here.keyFile } }, /temporal\.tls: .*MISMATCH/],
      [{ address: 'a:1', tls: { cart: 'x' } }, /unknown configuration key "temporal\.tls\.cart"/],
      [{ address: 'a:1', tls: 'yes' }, /temporal\.tls: must be true, false, or a mapping/],
      [{ address: 'a:1', api_key: 'x', api_key_file: 'y' }, /only one of them/],
      [{ address: 'a:1', api_key_file: 'empty' }, /is empty/],
      [{ address: 'a:1', api_key: 'two\nlines' }, /characters that no API key has/],
      [{ address: 'dev', api_key: 'x' }, /temporal\.api_key: the development server has none/],
    ] as const) {
      await assert.rejects(
        async () => open(temporal),
        (error: unknown) => error instanceof TimelineError && error.sqlstate === 'F0000' && message.test(error.message),
      );
    }
  });

  it('takes an address apart', () => {
    for (const [address, host, port] of [
      ['there:7233', 'there', 7233],
      ['there', 'there', 7233],
      ['[::1]:99', '::1', 99],
      ['[::1]', '::1', 7233],
    ] as const)
      assert.deepEqual(hostAndPort(address), { host, port });
  });
});
