import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { transfers } from '../object-store/transfer-counters.js';

/** Of this process; what Temporal workers elsewhere ask for is theirs to tell. */
const TRANSFERS = [
  ['timeline_storage_requests_total', 'Requests to object stores', 'requests'],
  ['timeline_storage_bytes_total', 'Bytes received from object stores', 'bytes'],
  ['timeline_storage_cache_hits_total', 'Reads of ranges answered by the cache', 'cacheHits'],
  ['timeline_storage_cache_hit_bytes_total', 'Bytes of ranges answered by the cache', 'cacheHitBytes'],
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
  readonly temporalUp = new Gauge({
    name: 'timeline_temporal_up',
    help: '1 when the durable engine takes plans',
    registers: [this.registry],
  });

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
