import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import proto from '@temporalio/proto';
import { TimelineError } from '../../sql/errors.js';
import { buildConfig } from '../../src/config-file.js';
import { createReplayRegistry } from '../../src/replay/replay-registry.js';
import { createFolderFiles } from '../../src/replay/stage-files.js';
import { createStageStore } from '../../src/replay/stage-store.js';
import type { TemporalAddress } from '../../src/replay/temporal/access.js';
import { connectTemporal } from '../../src/replay/temporal/client.js';
import { checkCodec, codecKey } from '../../src/replay/temporal/codec-check.js';
import type { DevServer } from '../../src/replay/temporal/dev-server.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { startTemporalWorker, type TemporalWorker } from '../../src/replay/temporal/worker.js';
import { openTemporalAccess } from '../../src/temporal-access.js';
import { connectors, createTestConnector, createTestKernel, planOf, readStage, rowsOf, scanStage, temporaryFolder } from './support.js';
import { freshBundle, openServer, projectRoot } from './temporal-support.js';

const SECRET_SQL = 'SELECT salary FROM people_nobody_knows';
const SECRET_ERROR = 'invalid input syntax: a value nobody may see';
const EXAMPLE = join(projectRoot(), 'examples', 'encryption-codec.mjs');

describe('replay/temporal codec', function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const keysBefore = process.env['TIMELINE_CODEC_KEY_FILE'];
  let server: DevServer | undefined;
  const workers: TemporalWorker[] = [];

  before(async function () {
    await freshBundle();
    server = await openServer();
    if (server === undefined) this.skip();
  });
  after(async () => {
    for (const worker of workers) await worker.shutdown();
    await server?.close();
    if (keysBefore === undefined) delete process.env['TIMELINE_CODEC_KEY_FILE'];
    else process.env['TIMELINE_CODEC_KEY_FILE'] = keysBefore;
  });

  /** A key file with such keys; the first encrypts. */
  function keyFile(...keys: readonly Buffer[]): string {
    const path = join(folder, `${randomUUID()}.key`);
    writeFileSync(path, keys.map((key) => `${key.toString('base64')}\n`).join(''));
    return path;
  }

  async function withKeys(...keys: readonly Buffer[]): Promise<TemporalAddress> {
    process.env['TIMELINE_CODEC_KEY_FILE'] = keyFile(...keys);
    return load(EXAMPLE);
  }

  async function load(codec: string): Promise<TemporalAddress> {
    const { temporal } = buildConfig({ temporal: { address: server?.address ?? 'none:1', codec } }, { env: {}, cwd: folder, folder });
    return openTemporalAccess(temporal, temporal.address ?? '');
  }

  const plain = (): TemporalAddress => ({ address: String(server?.address), namespace: 'default' });
  const files = createFolderFiles(join(folder, 'stages'));
  const parts = {
    store: createStageStore({ files, name: 'stages' }),
    registry: createReplayRegistry(files),
    connectors: connectors(
      createTestConnector({
        log: ({ rows }) => {
          if (rows[0] === SECRET_ERROR) throw new TimelineError({ kind: 'data', sqlstate: '22P02', message: SECRET_ERROR });
        },
      }),
    ),
    kernel: createTestKernel(),
    scratchFolder: join(folder, 'scratch'),
    handleSignals: false,
  };
  const runOptions = (id: string) => ({ id, sql: SECRET_SQL, user: 'ann', signal: new AbortController().signal, maxBytes: undefined });

  async function binaryHistory(id: string): Promise<Buffer> {
    const temporal = await connectTemporal(plain());
    try {
      const history = await temporal.client.workflow.getHandle(id).fetchHistory();
      return Buffer.from(proto.temporal.api.history.v1.History.encode(history).finish());
    } finally {
      await temporal.close();
    }
  }

  for (const fastLane of [true, false]) {
    it(`keeps nothing readable in histories (${fastLane ? 'the fast lane' : 'activities'})`, async () => {
      const access = await withKeys(randomBytes(32));
      const taskQueue = `q-${randomUUID()}`;
      workers.push(await startTemporalWorker({ ...access, ...parts, taskQueue }));
      const driver = createTemporalDriver({ ...access, store: parts.store, taskQueue, fastLane });
      const first = scanStage(0, [{ rows: ['b', SECRET_SQL] }, { rows: ['a'] }]);
      const plan = planOf(first, readStage(1, first));
      const run = await driver.start(plan, runOptions(`replay-${randomUUID()}`));
      assert.deepEqual((await rowsOf(run.files)).sort(), [SECRET_SQL, 'a', 'b'].sort());
      const history = await binaryHistory(run.id);
      assert.equal(history.includes(SECRET_SQL), false, 'the SQL can be read');
      assert.equal(history.includes('planHash'), false, 'arguments can be read');
      assert.ok(history.includes('binary/encrypted'));
      await run.release();

      const failing = await driver.start(planOf(scanStage(0, [{ rows: [SECRET_ERROR] }])), runOptions(`replay-${randomUUID()}`));
      await assert.rejects(rowsOf(failing.files), { message: SECRET_ERROR, sqlstate: '22P02' });
      const failed = await binaryHistory(failing.id);
      assert.equal(failed.includes(SECRET_ERROR), false, 'the error can be read');
      assert.ok(failed.includes('22P02'), 'its SQLSTATE is there');
      await failing.release();
      await driver.close();
    });
  }

  it('reads what an older key encrypted, and nothing of a key that is gone', async () => {
    const [old, fresh] = [randomBytes(32), randomBytes(32)];
    const taskQueue = 'rotated';
    const check = async (access: TemporalAddress): Promise<void> => checkCodec({ files, access, taskQueue });
    await check(await withKeys(old));
    await check(await withKeys(fresh, old));
    await assert.rejects(check(await withKeys(fresh)), (error: unknown) => {
      assert.ok(error instanceof TimelineError);
      assert.equal(error.sqlstate, 'F0000');
      assert.match(error.message, /encryption-codec\.mjs cannot decode what another process encoded: no key with the id/);
      assert.match(String(error.hint), /the same temporal\.codec/);
      return true;
    });
    await assert.rejects(check(plain()), /what task queue "rotated" keeps in Temporal is encoded, and no payload codec is configured here/);
    await checkCodec({ files, access: plain(), taskQueue: 'another' });
    assert.equal(await files.read(codecKey('default', 'another')), undefined, 'who encodes nothing leaves nothing');
  });

  it('a client without the codec, or with another key, is told so', async () => {
    const access = await withKeys(randomBytes(32));
    const taskQueue = `q-${randomUUID()}`;
    workers.push(await startTemporalWorker({ ...access, ...parts, taskQueue }));
    const driver = createTemporalDriver({ ...access, store: parts.store, taskQueue });
    const run = await driver.start(planOf(scanStage(0, [{ rows: ['a'] }])), runOptions(`replay-${randomUUID()}`));
    await rowsOf(run.files);
    await run.summary;
    for (const [other, message] of [
      [plain(), /has the encoding "binary\/encrypted", and no payload codec is configured here/],
      [await withKeys(randomBytes(32)), /cannot decode what another process encoded/],
    ] as const) {
      const temporal = await connectTemporal(other);
      await assert.rejects(temporal.client.workflow.getHandle(run.id).result(), message);
      await temporal.close();
    }
    await run.release();
    await driver.close();
  });

  it('names a codec file that is missing, broken or something else', async () => {
    const at = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return name;
    };
    delete process.env['TIMELINE_CODEC_KEY_FILE'];
    for (const [codec, message] of [
      ['missing.mjs', /temporal\.codec: .*missing\.mjs cannot be loaded/],
      [at('syntax.mjs', 'export const ='), /syntax\.mjs cannot be loaded/],
      [at('other.mjs', 'export const coder = {};'), /other\.mjs must export "codec"/],
      [at('half.mjs', 'export const codec = { encode() {} };'), /half\.mjs must export "codec"/],
      [at('throws.mjs', 'export function codec() { throw new Error("no key today"); }'), /throws\.mjs cannot be loaded: no key today/],
      [EXAMPLE, /encryption-codec\.mjs cannot be loaded: TIMELINE_CODEC_KEY_FILE is not set/],
    ] as const) {
      await assert.rejects(load(codec), (error: unknown) => {
        assert.ok(error instanceof TimelineError && error.sqlstate === 'F0000', String(error));
        assert.match(error.message, message);
        return true;
      });
    }
    const object = at('object.mjs', 'export const codec = { encode: async (p) => p, decode: async (p) => p };');
    assert.notEqual((await load(object)).codec, undefined);
  });
});
