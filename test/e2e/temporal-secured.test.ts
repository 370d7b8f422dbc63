import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { openServer } from '../replay/temporal-support.js';
import { makeAuthority } from '../support/certificates.js';
import { durable } from '../support/durable.js';
import { projectRoot } from '../support/project-root.js';
import { hasProgram, runProgram } from '../support/run-program.js';
import { tempFolder } from '../support/temp-folder.js';
import { type Front, startKeyFront, startTlsFront } from '../support/temporal-fronts.js';
import { startTimeline } from '../support/timeline-server.js';
import { fixtureConfig } from './fixtures.js';

const API_KEY = 'a-key-that-nobody-may-see';

describe('gateway and worker with a Temporal that is secured', function () {
  this.timeout(180_000);
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let temporal: DevServer | undefined;
  const fronts: Front[] = [];
  let mutual: Front;
  let byKey: Front;
  const files: Record<string, string> = {};

  before(async function () {
    folder = await tempFolder('secured');
    temporal = (await hasProgram('openssl', ['version'])) ? await openServer() : undefined;
    if (temporal === undefined) return this.skip();
    const certificates = join(folder.path, 'certificates');
    await mkdir(certificates);
    const authority = makeAuthority(certificates, 'authority');
    const certificate = authority.issue('temporal', 'IP:127.0.0.1');
    const own = authority.issue('gateway', 'DNS:gateway.test');
    Object.assign(files, { ca: authority.certFile, cert: own.certFile, key: own.keyFile, apiKey: join(folder.path, 'api.key') });
    await writeFile(String(files['apiKey']), `${API_KEY}\n`);
    mutual = await startTlsFront({ to: temporal.address, certificate, clients: authority });
    byKey = await startKeyFront({ to: temporal.address, certificate, apiKey: API_KEY });
    fronts.push(mutual, byKey);
  });
  after(async () => {
    for (const front of fronts) await front.close();
    await temporal?.close();
    await folder.remove();
  });

  /** A gateway with its worker process answers through Temporal. */
  async function answers(
    name: string,
    options: { readonly document?: object; readonly env: Readonly<Record<string, string>> },
  ): Promise<void> {
    const config = JSON.stringify({ ...JSON.parse(fixtureConfig()), ...options.document });
    const env = { TIMELINE_TEMPORAL: '', ...options.env };
    const server = await startTimeline({ home: join(folder.path, name), config, env });
    try {
      await durable(server);
      const client = await server.connect();
      await client.query('SET timeline.driver = temporal');
      assert.equal((await client.query('SELECT count(*) AS rows FROM py.refs')).rows.length, 1);
      const { rows } = await client.query<{ id: string }>("SELECT timeline.submit('SELECT n FROM generate_series(1, 3) AS n') AS id");
      assert.deepEqual((await client.query('SELECT timeline.wait($1)', [rows[0]?.id])).rows, [{ wait: 'completed' }]);
      await client.end();
    } finally {
      await server.stop();
    }
    assert.equal(server.output().includes(API_KEY), false, 'the key is in the log');
  }

  it('by variables: mutual TLS', () =>
    answers('mutual', {
      env: {
        TEMPORAL_ADDRESS: mutual.address,
        TEMPORAL_TLS_SERVER_CA_CERT_PATH: String(files['ca']),
        TEMPORAL_TLS_CLIENT_CERT_PATH: String(files['cert']),
        TEMPORAL_TLS_CLIENT_KEY_PATH: String(files['key']),
      },
    }));

  it('by the configuration: an API key in a file', () =>
    answers('by-key', {
      document: { temporal: { address: byKey.address, tls: { ca: files['ca'] }, api_key_file: files['apiKey'] } },
      env: {},
    }));

  it('a worker with a wrong key says so and ends, and does not repeat it', async () => {
    const { code, stderr, stdout } = await runProgram(process.execPath, [join(projectRoot(), 'bin', 'timeline.js'), 'worker'], {
      env: {
        TIMELINE_HOME: join(folder.path, 'wrong'),
        TIMELINE_CONFIG: join(folder.path, 'by-key', 'timeline.yaml'),
        TIMELINE_TEMPORAL: '',
        TEMPORAL_ADDRESS: '',
        TEMPORAL_API_KEY: 'wrong-and-secret',
      },
    });
    assert.equal(code, 1, stderr);
    assert.match(stderr, /refuses the API key/);
    assert.doesNotMatch(stderr + stdout, /wrong-and-secret/);
  });
});
