import { SystemConnector } from '../connectors/system/connector.js';
import { loadConfig } from './config-file.js';
import { openSources } from './engine.js';
import { checkCodec } from './replay/temporal/codec-check.js';
import { requireTemporalAddress, withDemoLake } from './serve.js';
import { stageParts } from './stage-parts.js';
import { startHomeSweeps } from './sweeps.js';
import { taskParts } from './task-parts.js';
import { openTemporalAccess } from './temporal-access.js';
import { runWorker } from './worker.js';

/** `timeline worker`: takes tasks of replay workflows until SIGINT or SIGTERM, then drains. Prints `worker ready`. */
export async function work(): Promise<void> {
  const config = await withDemoLake(loadConfig({ env: process.env, cwd: process.cwd() }));
  const address = requireTemporalAddress(config);
  const access = await openTemporalAccess(config.temporal, address);
  const stages = stageParts(config);
  const sources = await openSources(config, [new SystemConnector([])], stages);
  const parts = taskParts(config, sources, stages);
  const sweeps = startHomeSweeps(config);
  try {
    await checkCodec({ files: stages.files, access, taskQueue: config.temporal.taskQueue });
    await runWorker({
      ...access,
      taskQueue: config.temporal.taskQueue,
      ...parts,
      onReady: () => process.stdout.write('worker ready\n'),
    });
  } finally {
    clearInterval(sweeps);
    await parts.kernel.close();
    await Promise.all(sources.map((source) => source.connector.close()));
    await stages.files.close();
  }
}
