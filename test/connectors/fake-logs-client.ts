import type { LogsClient, LogsRow, QueryOptions } from '../../connectors/victorialogs/client/logs-client.js';
import { parseInstant } from '../../connectors/victorialogs/instant.js';
import type { LogsFilter, LogsQuery } from '../../connectors/victorialogs/logsql/syntax.js';
import { TimelineError } from '../../sql/errors.js';
import { type Entry, passes } from './logs-filter.js';

/** Log entries in memory behind the client's interface: of filters and pipes what the table connector sends. */
export class FakeLogsClient implements LogsClient {
  readonly queries: LogsQuery[] = [];
  readonly counted: { readonly from: bigint; readonly to: bigint; readonly step: number }[] = [];
  closed = false;
  /** Thrown by the first queries that this gives an error for. */
  fault: (
    what: 'lines' | 'hits' | 'fields' | 'query',
    details: { readonly query?: LogsQuery; readonly sent: number },
  ) => Error | undefined = () => undefined;

  constructor(readonly entries: readonly Entry[]) {}

  async *lines(query: LogsQuery, options: QueryOptions): AsyncIterable<Uint8Array> {
    this.queries.push(query);
    this.#throw('lines', { query, sent: 0 });
    let sent = 0;
    for (const row of this.#rows(query)) {
      options.signal.throwIfAborted();
      const line = Buffer.from(`${JSON.stringify(row)}\n`);
      options.meter?.charge(line.length, sent === 0 ? 1 : 0);
      yield line;
      this.#throw('lines', { query, sent: ++sent });
    }
  }

  async *query(query: LogsQuery, options: QueryOptions): AsyncIterable<readonly LogsRow[]> {
    options.signal.throwIfAborted();
    this.#throw('query', { query, sent: 0 });
    yield this.#rows(query);
  }

  async hits(
    request: { readonly filter: LogsFilter; readonly from: bigint; readonly to: bigint; readonly step: number },
    options: QueryOptions,
  ): Promise<readonly { readonly from: bigint; readonly hits: number }[]> {
    options.signal.throwIfAborted();
    this.#throw('hits', { query: { filter: request.filter, pipes: [] }, sent: this.counted.length });
    this.counted.push(request);
    const step = BigInt(request.step) * 1_000_000_000n;
    const counts = new Map<bigint, number>();
    for (const entry of this.entries) {
      if (entry.at < request.from || entry.at >= request.to || !passes(request.filter, entry)) continue;
      const bucket = (entry.at / step) * step;
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    return [...counts].map(([from, hits]) => ({ from, hits })).reverse();
  }

  async fieldNames(filter: LogsFilter, options: QueryOptions): Promise<readonly { readonly name: string; readonly hits: number }[]> {
    options.signal.throwIfAborted();
    this.#throw('fields', { query: { filter, pipes: [] }, sent: 0 });
    const counts = new Map<string, number>();
    for (const entry of this.entries.filter((one) => passes(filter, one)))
      for (const name of ['_time', ...Object.keys(entry.fields)]) counts.set(name, (counts.get(name) ?? 0) + 1);
    return [...counts].map(([name, hits]) => ({ name, hits }));
  }

  async epoch(): Promise<never> {
    throw new Error('not asked');
  }

  async insert(): Promise<never> {
    throw new Error('not asked');
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.closed = true;
  }

  #throw(...args: Parameters<FakeLogsClient['fault']>): void {
    const error = this.fault(...args);
    if (error !== undefined) throw error;
  }

  #rows({ filter, pipes }: LogsQuery): LogsRow[] {
    const found = this.entries.filter((entry) => passes(filter, entry));
    let rows = found.map((entry): Record<string, string> => ({ _time: timeOf(entry.at), ...entry.fields }));
    for (const pipe of pipes) {
      if (pipe.kind === 'fields') {
        rows = rows.map((row) =>
          Object.fromEntries(Object.entries(row).filter(([name, text]) => pipe.fields.includes(name) && text !== '')),
        );
        rows = rows.filter((row) => Object.keys(row).length > 0);
      } else if (pipe.kind === 'limit') rows = rows.slice(0, pipe.rows);
      else if (pipe.kind === 'stats') {
        const newest = found.map(({ at }) => at).reduce<bigint | undefined>((a, b) => (a === undefined || b > a ? b : a), undefined);
        rows = [
          Object.fromEntries(
            pipe.calls.map(({ fn, as }) => [as, fn === 'count' ? String(found.length) : newest === undefined ? '' : timeOf(newest)]),
          ),
        ];
      } else throw new Error(`no pipe ${pipe.kind}`);
    }
    return rows;
  }
}

export function unreachable(): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '08001', message: 'catalog "logs" cannot be reached' });
}

export function tookTooLong(): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '57014', message: 'catalog "logs" took too long' });
}

export function brokeOff(): TimelineError {
  return new TimelineError({ kind: 'connector', sqlstate: '08006', message: 'catalog "logs" broke off' });
}

/** As the server writes it: without zeros at the end. */
export function timeOf(nanos: bigint): string {
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  const fraction = String(nanos % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`}Z`;
}

export function at(time: string): bigint {
  const nanos = parseInstant(time);
  if (nanos === undefined) throw new Error(`no time: ${time}`);
  return nanos;
}
