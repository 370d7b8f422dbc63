import type { EmbeddedPostgres } from '../sql/postgres.js';
import type { Catalog } from './catalog.js';
import type { Config } from './config.js';
import type { History } from './history.js';
import type { Kernel } from './kernel/kernel.js';
import type { Driver } from './replay/driver.js';
import type { ReplayControl } from './replay/replay-control.js';
import type { ReplayRegistry } from './replay/replay-registry.js';
import type { StageStore } from './replay/stage-store.js';
import type { PostgresSetting } from './settings.js';
import type { SubmitPlanner } from './submit-planner.js';
import type { SubmittedReplays } from './submitted-replays.js';
import type { Metrics } from './telemetry/metrics.js';

/** What every session of one engine shares. */
export interface EngineContext {
  readonly config: Config;
  readonly postgres: EmbeddedPostgres;
  readonly postgresSettings: ReadonlyMap<string, PostgresSetting>;
  readonly kernel: Kernel;
  readonly history: History;
  readonly metrics: Metrics;
  readonly store: StageStore;
  /** Submitted replays. */
  readonly registry: ReplayRegistry;
  readonly replays: Replays;
  readonly drivers: Drivers;
  catalog(): Catalog;
  /** Asks the connectors again; true when anything changed. */
  refreshCatalog(): Promise<boolean>;
}

/** Of submitted ones. */
export interface Replays {
  readonly planner: SubmitPlanner;
  readonly known: SubmittedReplays;
}

export interface Drivers {
  readonly local: Driver;
  /** Undefined while the durable engine is off or not up yet; `temporalState` says which. */
  readonly temporal: Driver | undefined;
  readonly temporalState: string;
  /** Steers submitted replays; there as soon as it is known where Temporal is. */
  readonly control: ReplayControl | undefined;
}
