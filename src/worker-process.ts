import { join } from 'node:path';
import type { Connector } from '../connectors/connector.js';
import { SystemConnector } from '../connectors/system/connector.js';
import { loadConfig } from './config-file.js';
import { openSources } from './engine.js';
import { createKernel } from './kernel/kernel-pool.js';
import { imagePath } from './paths.js';
import { createStageStore } from './replay/stage-store.js';
import { requireTemporalAddress, withDemoLake } from './serve.js';
import { runWorker } from './worker.js';

/** `timeline worker`: takes tasks of replay workflows until SIGINT or SIGTERM, then drains. Prints `worker ready`. */
export async function work(): Promise<void> {
  const config = await withDemoLake(loadConfig({ env: process.env, cwd: process.cwd() }));
  const address = requireTemporalAddress(config);
  const sources = await openSources(config, [new SystemConnector([])]);
  const connectors = new Map<string, Connector>(sources.map((source) => [source.connector.name, source.connector]));
  const kernel = createKernel({
    threads: 2,
    memoryLimit: config.limits.taskMemory,
    tempFolder: join(config.home, 'spill'),
    tempBytes: config.limits.tempBytes,
    imagePath: imagePath(),
  });
  try {
    await runWorker({
      address,
      namespace: config.temporal.namespace,
      taskQueue: config.temporal.taskQueue,
      connectors,
      kernel,
      store: createStageStore({ folder: join(config.home, 'stages') }),
      scratchFolder: join(config.home, 'scratch'),
      onReady: () => process.stdout.write('worker ready\n'),
    });
  } finally {
    await kernel.close();
    await Promise.all(sources.map((source) => source.connector.close()));
  }
}
