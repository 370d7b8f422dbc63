import { join } from 'node:path';
import type { Connector } from '../connectors/connector.js';
import type { Source } from './catalog.js';
import type { Config } from './config.js';
import { createFilePlaces } from './file-places.js';
import { createKernel } from './kernel/kernel-pool.js';
import { imagePath } from './paths.js';
import { createReplayRegistry, type ReplayRegistry } from './replay/replay-registry.js';
import { createFolderFiles } from './replay/stage-files.js';
import { createStageStore } from './replay/stage-store.js';
import type { TaskContext } from './replay/task-runner.js';

export interface TaskParts extends TaskContext {
  /** In the stage store. */
  readonly registry: ReplayRegistry;
}

/** What tasks need in any process, below the home folder. The kernel is the caller's to close. */
export function taskParts(config: Config, sources: readonly Source[]): TaskParts {
  const stages = join(config.home, 'stages');
  return {
    connectors: new Map<string, Connector>(sources.map(({ connector }) => [connector.name, connector])),
    kernel: createKernel({
      threads: 2,
      memoryLimit: config.limits.taskMemory,
      tempFolder: join(config.home, 'spill'),
      tempBytes: config.limits.tempBytes,
      batchRows: config.limits.batchRows,
      imagePath: imagePath(),
    }),
    store: createStageStore({ folder: stages }),
    registry: createReplayRegistry(createFolderFiles(stages)),
    places: createFilePlaces(config.copy),
    scratchFolder: join(config.home, 'scratch'),
  };
}
