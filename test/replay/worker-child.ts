import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { createStageStore } from '../../src/replay/stage-store.js';
import { runWorker } from '../../src/worker.js';
import { createIntervalPlanner } from './interval-planner.js';
import { connectors, createTestConnector, createTestKernel, registryIn } from './support.js';

interface Settings {
  readonly address: string;
  readonly taskQueue: string;
  readonly folder: string;
  readonly bundlePath: string;
  readonly activities?: number;
}

const { folder, ...settings } = JSON.parse(String(process.argv[2])) as Settings;

const store = createStageStore({ folder: join(folder, 'stages') });
const registry = registryIn(join(folder, 'stages'));

await runWorker({
  ...settings,
  namespace: 'default',
  connectors: connectors(
    createTestConnector({ log: (split) => appendFileSync(join(folder, 'reads.log'), `${process.pid} ${split.rows[0]}\n`) }),
  ),
  kernel: createTestKernel(),
  store,
  registry,
  planner: createIntervalPlanner({ registry, store }),
  scratchFolder: join(folder, 'scratch'),
  onReady: () => console.log('ready'),
});
