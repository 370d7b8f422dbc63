import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyFromJSON, historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { createStageStore } from '../../src/replay/stage-store.js';
import { createTemporalDriver } from '../../src/replay/temporal/temporal-driver.js';
import { installRuntime, startTemporalWorker } from '../../src/replay/temporal/worker.js';
import {
  connectors,
  createTestConnector,
  createTestKernel,
  planOf,
  readStage,
  registryIn,
  rowsOf,
  scanStage,
  temporaryFolder,
} from './support.js';
import { freshBundle, openServer, projectRoot } from './temporal-support.js';

const FOLDER = join(projectRoot(), 'test', 'replay', 'histories');

/** TIMELINE_RECORD=1 records the histories anew: after a change that running workflows are not to survive, and only then. */
const RECORD = process.env['TIMELINE_RECORD'] === '1';

async function record(): Promise<void> {
  const server = await openServer();
  assert.ok(server, 'recording needs a temporal program');
  const folder = temporaryFolder();
  const store = createStageStore({ folder: join(folder, 'stages') });
  const base = { address: server.address, namespace: 'default', taskQueue: 'record', store };
  const worker = await startTemporalWorker({
    ...base,
    bundlePath: await freshBundle(),
    handleSignals: false,
    registry: registryIn(join(folder, 'stages')),
    connectors: connectors(createTestConnector()),
    kernel: createTestKernel(),
    scratchFolder: join(folder, 'scratch'),
  });
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection });
  await mkdir(FOLDER, { recursive: true });
  const scan = scanStage(
    0,
    Array.from({ length: 40 }, (_, n) => ({ rows: [`row${n}`] })),
    { exchange: { by: [1], partitions: 3 } },
  );
  const read = readStage(1, scan);
  const plans = [
    { name: 'runPlanV1-stages', fastLane: false, plan: planOf(scan, read, readStage(2, read)) },
    { name: 'runPlanV1-fast', fastLane: true, plan: planOf(scanStage(0, [{ rows: ['a'] }, { rows: ['b'] }])) },
  ];
  for (const { name, fastLane, plan } of plans) {
    const driver = createTemporalDriver({ ...base, fastLane });
    const run = await driver.start(plan, {
      id: `replay-${name}`,
      sql: 'SELECT 1',
      user: 'test',
      signal: new AbortController().signal,
      maxBytes: undefined,
    });
    assert.ok((await rowsOf(run.files)).length > 0);
    await run.summary;
    await writeFile(join(FOLDER, `${name}.json`), `${historyToJSON(await client.workflow.getHandle(run.id).fetchHistory())}\n`);
    await run.release();
    await driver.close();
  }
  await connection.close();
  await worker.shutdown();
  await server.close();
}

describe('replay/workflow histories', function () {
  this.timeout(60_000);
  let codePath = '';

  before(async () => {
    installRuntime({ handleSignals: false });
    codePath = await freshBundle();
    if (RECORD) await record();
  });

  async function replay(name: string, change: (text: string) => string = (text) => text): Promise<void> {
    const history = historyFromJSON(JSON.parse(change(await readFile(join(FOLDER, name), 'utf8'))));
    await Worker.runReplayHistory({ workflowBundle: { codePath }, replayName: name }, history);
  }

  it('has one of every lane', async () => {
    assert.ok(existsSync(FOLDER));
    assert.deepEqual((await readdir(FOLDER)).sort(), ['runPlanV1-fast.json', 'runPlanV1-stages.json']);
  });

  for (const name of ['runPlanV1-fast.json', 'runPlanV1-stages.json']) {
    it(`${name} replays with the workflow of today`, () => replay(name));
  }

  it('would notice another order of activities', async () => {
    await assert.rejects(
      replay('runPlanV1-stages.json', (text) => text.replaceAll('"operatorBatch"', '"renamedBatch"')),
      DeterminismViolationError,
    );
    await assert.rejects(
      replay('runPlanV1-fast.json', (text) => text.replaceAll('core_local_activity', 'core_patch')),
      Error,
    );
  });
});
