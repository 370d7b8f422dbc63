import { join } from 'node:path';
import type { Connector } from '../connectors/connector.js';
import type { Source } from './catalog.js';
import type { Config } from './config.js';
import { createFilePlaces } from './file-places.js';
import { createKernel } from './kernel/kernel-pool.js';
import { imagePath } from './paths.js';
import type { TaskContext } from './replay/task-runner.js';
import type { StageParts } from './stage-parts.js';

export interface TaskParts extends TaskContext, StageParts {}

/** What tasks need in any process. The kernel is the caller's to close. */
export function taskParts(config: Config, sources: readonly Source[], stages: StageParts): TaskParts {
  return {
    ...stages,
    connectors: new Map<string, Connector>(sources.map(({ connector }) => [connector.name, connector])),
    kernel: createKernel({
      threads: 2,
      memoryLimit: config.limits.taskMemory,
      tempFolder: join(config.home, 'spill'),
      tempBytes: config.limits.tempBytes,
      batchRows: config.limits.batchRows,
      imagePath: imagePath(),
    }),
    places: createFilePlaces(config.copy, { location: config.replays.results, s3: config.stages.s3 }),
    scratchFolder: join(config.home, 'scratch'),
  };
}
