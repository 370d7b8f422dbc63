import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createStageStore } from '../../src/replay/stage-store.js';
import { runWorker } from '../../src/worker.js';
import { createTestConnector, createTestKernel, registryIn } from '../replay/support.js';
import { createWritableConnector } from './writable-connector.js';

interface Settings {
  readonly address: string;
  readonly taskQueue: string;
  readonly folder: string;
  readonly bundlePath: string;
  /** The step that takes long, for the test to hit. */
  readonly slow: string;
}

/** A worker process of tasks that write; every step is a line `{pid} {step}` in `{folder}/steps.log`. */
const { folder, slow, ...settings } = JSON.parse(String(process.argv[2])) as Settings;
const readable = createTestConnector();
const writable = createWritableConnector({
  folder: join(folder, 'lake'),
  onStep: async (step) => {
    appendFileSync(join(folder, 'steps.log'), `${process.pid} ${step}\n`);
    if (step === slow) await sleep(2000);
  },
});

await runWorker({
  ...settings,
  namespace: 'default',
  connectors: new Map([
    ['test', readable],
    ['own', writable],
  ]),
  kernel: createTestKernel(),
  store: createStageStore({ folder: join(folder, 'stages') }),
  registry: registryIn(join(folder, 'stages')),
  scratchFolder: join(folder, 'scratch'),
  onReady: () => console.log('ready'),
});
