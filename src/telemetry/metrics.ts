import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { transfers } from '../object-store/transfer-counters.js';

/** Of this process; what Temporal workers elsewhere ask for is theirs to tell. */
const TRANSFERS = [
  ['timeline_storage_requests_total', 'Requests to object stores', 'requests'],
  ['timeline_storage_bytes_total', 'Bytes received from object stores', 'bytes'],
  ['timeline_storage_cache_hits_total', 'Reads of ranges answered by the cache', 'cacheHits'],
  ['timeline_storage_cache_hit_bytes_total', 'Bytes of ranges answered by the cache', 'cacheHitBytes'],
] as const;

/** Submitted replays, all together. */
export interface ReplayCounts {
  readonly states: ReadonlyMap<string, number>;
  /** Of those that have not ended. */
  readonly tasksDone: number;
  readonly tasks: number;
  /** Of all whose records there are. */
  readonly bytesRead: number;
}

/** How long a scrape waits for a slow storage; then it shows what was last known. */
const SCRAPE_MS = 1500;

const REPLAY_STATES = ['submitted', 'running', 'paused', 'completed', 'failed', 'cancelled', 'unknown'] as const;

const REPLAY_SUMS = [
  ['timeline_replays_open_tasks_done', 'Tasks that are done of submitted replays that have not ended', 'tasksDone'],
  ['timeline_replays_open_tasks', 'Tasks of submitted replays that have not ended', 'tasks'],
  ['timeline_replays_bytes_read', 'Bytes that the submitted replays of which there are records have read', 'bytesRead'],
] as const;

/** What `/metrics` shows. One object a server, so that tests can run several in one process. */
export class Metrics {
  readonly registry = new Registry();
  readonly connections = new Gauge({ name: 'timeline_connections', help: 'Open client connections', registers: [this.registry] });
  readonly queries = new Counter({
    name: 'timeline_queries_total',
    help: 'Plans that ended, by driver and outcome',
    labelNames: ['driver', 'outcome'] as const,
    registers: [this.registry],
  });
  readonly seconds = new Histogram({
    name: 'timeline_query_seconds',
    help: 'Time from plan to last row',
    labelNames: ['driver'] as const,
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
    registers: [this.registry],
  });
  readonly rows = new Counter({ name: 'timeline_result_rows_total', help: 'Rows of results', registers: [this.registry] });
  readonly bytesRead = new Counter({ name: 'timeline_bytes_read_total', help: 'Bytes read from sources', registers: [this.registry] });
  readonly replaySeconds = new Histogram({
    name: 'timeline_replay_read_seconds',
    help: 'Time from plan to last row of queries that read streams by read_until, read_range or version_at',
    labelNames: ['function'] as const,
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
    registers: [this.registry],
  });
  readonly replayEvents = new Counter({
    name: 'timeline_replay_events_total',
    help: 'Rows of queries that read streams by read_until, read_range or version_at',
    labelNames: ['function'] as const,
    registers: [this.registry],
  });
  readonly tasks = new Counter({
    name: 'timeline_tasks_total',
    help: 'Tasks of plans that sessions ran, by driver',
    labelNames: ['driver'] as const,
    registers: [this.registry],
  });
  readonly indexSearches = new Counter({
    name: 'timeline_index_searches_total',
    help: "Searches in indexes for rows that may pass a scan's filters: narrowed, or nothing came of it (scan)",
    labelNames: ['result'] as const,
    registers: [this.registry],
  });
  readonly temporalUp = new Gauge({
    name: 'timeline_temporal_up',
    help: '1 when the durable engine takes plans',
    registers: [this.registry],
  });

  /** Shows submitted replays as `counts` last knew them; it is asked with every scrape, and bounds itself. */
  showReplays(counts: () => Promise<ReplayCounts>): void {
    let last: ReplayCounts | undefined;
    const shared = async (): Promise<ReplayCounts | undefined> => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<ReplayCounts | undefined>((resolve) => {
        timer = setTimeout(() => resolve(last), SCRAPE_MS);
      });
      last = await Promise.race([counts().catch(() => last), late]);
      clearTimeout(timer);
      return last;
    };
    new Gauge({
      name: 'timeline_replays',
      help: 'Submitted replays by state, those of other gateways too',
      labelNames: ['state'] as const,
      registers: [this.registry],
      async collect() {
        const known = await shared();
        this.reset();
        for (const state of REPLAY_STATES) this.set({ state }, known?.states.get(state) ?? 0);
      },
    });
    for (const [name, help, of] of REPLAY_SUMS) {
      new Gauge({
        name,
        help,
        registers: [this.registry],
        async collect() {
          this.set((await shared())?.[of] ?? 0);
        },
      });
    }
  }

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    for (const [name, help, key] of TRANSFERS) {
      new Counter({
        name,
        help,
        registers: [this.registry],
        collect() {
          this.reset();
          this.inc(transfers[key]);
        },
      });
    }
  }
}
