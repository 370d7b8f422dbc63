import { join } from 'node:path';
import type { Config } from './config.js';
import { openStore } from './object-store/open-store.js';
import { createLocalCopies } from './replay/local-copies.js';
import { createObjectFiles } from './replay/object-files.js';
import { createReplayRegistry, type ReplayRegistry } from './replay/replay-registry.js';
import { createResultFiles, type ResultFiles } from './replay/result-files.js';
import { createFolderFiles, type StageFiles } from './replay/stage-files.js';
import { createStageStore, type StageStore } from './replay/stage-store.js';

/** What gateways and workers share through the configured `stages.location`. */
export interface StageParts {
  readonly files: StageFiles;
  readonly store: StageStore;
  readonly registry: ReplayRegistry;
  readonly results: ResultFiles;
}

/** Nothing is asked of the storage yet. `files` is the caller's to close. */
export function stageParts(config: Config): StageParts {
  const { location, s3 } = config.stages;
  const copies = createLocalCopies({ folder: join(config.home, 'cache', 'stages'), maxBytes: config.limits.cacheBytes });
  const files = location.startsWith('file://')
    ? createFolderFiles(location.slice('file://'.length))
    : createObjectFiles({ objects: openStore(location, { s3 }), copies });
  return {
    files: { ...files, close: async () => void (await Promise.all([files.close(), copies.close()])) },
    store: createStageStore({ files, name: location }),
    registry: createReplayRegistry(files),
    results: createResultFiles({
      root: { location: config.replays.results, s3 },
      others: config.copy.locations.map((place) => ({ location: place, s3: config.copy.s3 })),
      copies,
      inlineBytes: config.replays.inlineBytes,
    }),
  };
}
