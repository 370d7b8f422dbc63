import { mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Connector } from '../connectors/connector.js';
import { SystemConnector } from '../connectors/system/connector.js';
import { TimelineError } from '../sql/errors.js';
import { loadParser } from '../sql/parse.js';
import { EmbeddedPostgres } from '../sql/postgres.js';
import { Catalog, readCatalog, type Source } from './catalog.js';
import type { Config } from './config.js';
import type { EngineContext } from './engine-context.js';
import { History } from './history.js';
import type { Kernel } from './kernel/kernel.js';
import { openCatalog } from './open-catalog.js';
import { imagePath } from './paths.js';
import { readPostgresSettings } from './postgres-settings.js';
import type { Driver } from './replay/driver.js';
import { createLocalDriver } from './replay/local-driver.js';
import type { ReplayControl } from './replay/replay-control.js';
import type { ReplayRegistry } from './replay/replay-registry.js';
import { ResultsConnector } from './replay/results-connector.js';
import type { StageFiles } from './replay/stage-files.js';
import type { StageStore } from './replay/stage-store.js';
import { createSweeper } from './replay/sweep.js';
import { TimelineSession } from './session.js';
import { type StageParts, stageParts } from './stage-parts.js';
import type { ConnectOptions, Engine, Session } from './statement.js';
import { createSubmitPlanner, type SubmitPlanner } from './submit-planner.js';
import { SubmittedReplays } from './submitted-replays.js';
import { every, LEFTOVERS_MOST_MS, SWEEP_MS, soon, startHomeSweeps } from './sweeps.js';
import { systemTables } from './system-tables.js';
import { type TaskParts, taskParts } from './task-parts.js';
import { log } from './telemetry/log.js';
import { Metrics } from './telemetry/metrics.js';

const EMPTY = new Catalog([], []);

/** How old what /metrics shows of submitted replays may be. */
const COUNTS_MS = 10_000;
/** How often the connectors are asked for new tables. */
const REFRESH_MS = 30_000;
/** Waiting between two looks, in times of how long a look takes. */
const REFRESH_SHARE = 10;

export interface EngineOptions {
  /** It plans for a worker, whose process has a home that may be a gateway's too: it keeps no history there, and sweeps nothing. */
  readonly plansOnly?: boolean;
}

/** Everything that answers queries, without a listener. */
export class TimelineEngine implements Engine {
  private temporal: { readonly driver: Driver | undefined; readonly state: string } = {
    driver: undefined,
    state: 'it is off (temporal: off)',
  };
  private control: ReplayControl | undefined;
  private readonly timers: readonly NodeJS.Timeout[];
  private refreshTimer: NodeJS.Timeout | undefined;
  private refreshing: Promise<boolean> | undefined;
  private refreshNext: Promise<boolean> | undefined;
  private closed = false;
  private sessions = 0;
  readonly context: EngineContext;
  /** Plans what is submitted, here or in the process of a worker. */
  readonly planner: SubmitPlanner;

  private constructor(
    private readonly parts: {
      readonly config: Config;
      readonly postgres: EmbeddedPostgres;
      readonly kernel: Kernel;
      readonly history: History;
      readonly metrics: Metrics;
      readonly sources: readonly Source[];
      readonly connectors: ReadonlyMap<string, Connector>;
      readonly stages: StageParts;
      readonly tasks: TaskParts;
      readonly store: StageStore;
      readonly local: Driver;
    },
    context: Omit<EngineContext, 'drivers' | 'catalog' | 'refreshCatalog' | 'replays'>,
    known: SubmittedReplays,
    sweeps: boolean,
    private current: Catalog,
  ) {
    const engine = this;
    this.context = {
      ...context,
      catalog: () => engine.current,
      refreshCatalog: () => engine.refresh(),
      replays: {
        known,
        get planner() {
          return engine.planner;
        },
      },
      drivers: {
        local: parts.local,
        get temporal() {
          return engine.temporal.driver;
        },
        get control() {
          return engine.control;
        },
        get temporalState() {
          return engine.temporal.state;
        },
      },
    };
    this.planner = createSubmitPlanner(this.context);
    const { files, registry, results } = parts.stages;
    const { retention } = parts.config.replays;
    const sweeper = createSweeper({ files, registry, results, age: LEFTOVERS_MOST_MS, retention });
    const busy = (query: string): boolean => parts.history.get(query)?.state === 'running';
    const sweep = (): Promise<unknown> => {
      const { control } = this;
      return sweeper.sweep({ busy, ...(control === undefined ? {} : { workflow: (id) => control.state(id) }) });
    };
    const what = 'removal of old stage files';
    this.timers = sweeps ? [soon(what, sweep), every(SWEEP_MS, what, sweep), startHomeSweeps(parts.config)] : [];
  }

  get serverVersion(): string {
    return this.parts.postgres.version;
  }

  get stageStore(): StageStore {
    return this.parts.store;
  }

  get registry(): ReplayRegistry {
    return this.parts.stages.registry;
  }

  get stageFiles(): StageFiles {
    return this.parts.stages.files;
  }

  /** For a worker in this process. Its kernel and connectors stay the engine's. */
  get tasks(): TaskParts {
    return this.parts.tasks;
  }

  get metrics(): Metrics {
    return this.parts.metrics;
  }

  /** Opens connectors (those of the configuration, and `further` ones of the caller's), the embedded Postgres and the kernel. Throws what is wrong with the configuration or a catalog. */
  static async open(config: Config, further: readonly Source[] = [], options: EngineOptions = {}): Promise<TimelineEngine> {
    await makeFolders(config);
    const history = await History.open(options.plansOnly === true ? undefined : join(config.home, 'history.ndjson'));
    const [postgres] = await Promise.all([
      EmbeddedPostgres.open({ imagePath: imagePath(), valueThread: options.plansOnly !== true }),
      loadParser(),
    ]);
    const closers: (() => Promise<void>)[] = [() => postgres.close()];
    try {
      return await TimelineEngine.openOver({ config, postgres, history, closers, further, sweeps: options.plansOnly !== true });
    } catch (error) {
      // A thread left behind would keep a process alive that has nothing to do.
      for (const close of closers.reverse()) await close().catch(() => undefined);
      throw error;
    }
  }

  private static async openOver(options: {
    readonly config: Config;
    readonly postgres: EmbeddedPostgres;
    readonly history: History;
    readonly closers: (() => Promise<void>)[];
    readonly further: readonly Source[];
    readonly sweeps: boolean;
  }): Promise<TimelineEngine> {
    const { config, postgres, history, closers, further, sweeps } = options;
    const metrics = new Metrics();
    // The system tables show the catalogue that holds them: the engine is there before anybody asks.
    const opened: { engine?: TimelineEngine } = {};
    const stages = stageParts(config);
    const control = (): ReplayControl | undefined => opened.engine?.control;
    const known = new SubmittedReplays({ ...stages, control });
    metrics.showReplays(() => known.counts(COUNTS_MS));
    const system = new SystemConnector(systemTables({ history, catalog: () => opened.engine?.current ?? EMPTY, known, control }));
    closers.push(() => stages.files.close());
    const sources = [...(await openSources(config, [system], stages)), ...further];
    closers.push(async () => void (await Promise.all(sources.map((source) => source.connector.close()))));
    const parts = taskParts(config, sources, stages);
    const { connectors, kernel, store } = parts;
    closers.push(() => kernel.close());
    const local = createLocalDriver({ ...parts, concurrency: 2 });
    const postgresSettings = await readPostgresSettings(postgres);
    const engine = new TimelineEngine(
      { config, postgres, kernel, history, metrics, sources, connectors, stages, tasks: parts, store, local },
      { config, postgres, postgresSettings, kernel, history, metrics, store, registry: stages.registry },
      known,
      sweeps,
      EMPTY,
    );
    opened.engine = engine;
    closers.push(async () => engine.stopTimers());
    await engine.refresh();
    engine.refreshLater(REFRESH_MS);
    for (const table of engine.current.brokenTables()) {
      log('warn', `table ${table.name.schema}.${table.name.table} cannot be read: ${table.error.message}`);
    }
    return engine;
  }

  async connect(options: ConnectOptions): Promise<Session> {
    const session = new TimelineSession(this.context, options);
    this.sessions += 1;
    this.parts.metrics.connections.set(this.sessions);
    const close = session.close.bind(session);
    let open = true;
    session.close = async () => {
      if (open) this.parts.metrics.connections.set(--this.sessions);
      open = false;
      await close();
    };
    return session;
  }

  /** The durable engine came up, went away, or is on its way (`state` completes "cannot take queries: …"). */
  setTemporal(driver: Driver | undefined, state: string): void {
    this.temporal = { driver, state };
    this.parts.metrics.temporalUp.set(driver === undefined ? 0 : 1);
  }

  /** What steers submitted replays and schedules; there as soon as it is known where Temporal is. It stays the caller's. */
  setControl(control: ReplayControl | undefined): void {
    this.control = control;
  }

  async close(): Promise<void> {
    this.stopTimers();
    await this.temporal.driver?.close();
    await this.parts.local.close();
    await this.parts.kernel.close();
    await Promise.all(this.parts.sources.map((source) => source.connector.close()));
    await this.parts.stages.files.close();
    await this.parts.postgres.close();
    await this.parts.history.close();
  }

  /** One look at a time; who asks while one is under way gets the next, which sees what was there when he asked. */
  private refresh(): Promise<boolean> {
    if (this.refreshing === undefined) {
      this.refreshing = this.refreshOnce().finally(() => {
        this.refreshing = undefined;
      });
      return this.refreshing;
    }
    this.refreshNext ??= this.refreshing
      .catch(() => false)
      .then(() => {
        this.refreshNext = undefined;
        return this.refresh();
      });
    return this.refreshNext;
  }

  private async refreshOnce(): Promise<boolean> {
    const before = this.current;
    const next = await readCatalog(this.parts.sources, before);
    const changed = !next.sameAs(before);
    if (changed) {
      for (const failure of await this.parts.postgres.setMirror(
        next.tables().map((entry) => entry.description),
        next.writableSchemas(),
      )) {
        log('warn', `table ${failure.schema}.${failure.table} cannot be shown: ${failure.error.message}`);
      }
    }
    for (const { connector, error, kept } of next.failed) {
      if (before.failed.some((known) => known.connector === connector && known.error.message === error.message)) continue;
      log('warn', `catalog ${connector} cannot be read${kept ? ', its tables of before are kept' : ''}: ${error.message}`);
    }
    this.current = next;
    return changed;
  }

  /** Large catalogs take long to look at: most of the time is left for others. */
  private refreshLater(ms: number): void {
    if (this.closed) return;
    this.refreshTimer = setTimeout(() => {
      const begun = performance.now();
      this.refresh()
        .catch((error: unknown) => log('warn', `catalog refresh failed: ${String(error)}`))
        .finally(() => this.refreshLater(Math.max(REFRESH_MS, REFRESH_SHARE * (performance.now() - begun))));
    }, ms).unref();
  }

  private stopTimers(): void {
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    clearTimeout(this.refreshTimer);
  }
}

/** Opens every configured catalog, and the results of submitted replays, as the gateway and workers do. */
export async function openSources(config: Config, system: readonly Connector[], stages: StageParts): Promise<readonly Source[]> {
  const { registry, store, results: files } = stages;
  const results = new ResultsConnector({ registry, store, files, retention: config.replays.retention });
  const sources: Source[] = [...system, results].map((connector) => ({ connector, prefix: '' }));
  for (const [name, catalog] of Object.entries(config.catalogs)) {
    const { cacheBytes, cacheMemory } = config.limits;
    const connector = await openCatalog(name, catalog, {
      cacheFolder: join(config.home, 'cache'),
      scratchFolder: join(config.home, 'scratch'),
      cacheBytes,
      cacheMemory,
      records: stages.files,
    });
    sources.push({ connector, prefix: catalog.prefix ?? '' });
    if (connector.recent !== undefined) sources.push({ connector: connector.recent.reader, prefix: '' });
  }
  return sources;
}

async function makeFolders(config: Config): Promise<void> {
  try {
    for (const folder of ['', 'stages', 'scratch', 'spill', 'cache']) await makeFolder(join(config.home, folder));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new TimelineError({
      kind: 'connector',
      sqlstate: code === 'ENOSPC' ? '53100' : '58030',
      message: `the home folder ${config.home} cannot be used: ${code}`,
      hint: 'Set TIMELINE_HOME to a folder that can be written.',
      cause: error,
    });
  }
}

/** As mkdir with `recursive`, which never ends where a folder exists but takes none (below /proc). */
async function makeFolder(path: string): Promise<void> {
  const make = async (): Promise<string | undefined> => {
    try {
      await mkdir(path);
      return undefined;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EEXIST' && (await stat(path)).isDirectory()) return undefined;
      if (code !== 'ENOENT' || dirname(path) === path) throw error;
      return code;
    }
  };
  if ((await make()) === undefined) return;
  await makeFolder(dirname(path));
  if ((await make()) !== undefined) throw Object.assign(new Error(`${path} cannot be made`), { code: 'ENOENT' });
}
