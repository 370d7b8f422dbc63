import type { InsertOptions, LogsClient, LogsRow, QueryOptions, ServerEpoch } from '../../connectors/victorialogs/client/logs-client.js';
import { parseInstant } from '../../connectors/victorialogs/instant.js';
import type { LogsQuery } from '../../connectors/victorialogs/logsql/syntax.js';
import { type Entry, passes } from './logs-filter.js';

const DAY = 86_400_000_000_000n;

/** Documents in memory behind the client's interface: of filters and pipes what indexes send, as the server answers them. */
export class MemoryLogs implements LogsClient {
  documents: LogsRow[] = [];
  life: ServerEpoch = { startedAt: '1', floor: undefined };
  /** Told of each query and count; what it throws is thrown. */
  onQuery: (what: 'query' | 'hits' | 'epoch', query?: LogsQuery) => void = () => undefined;

  async *query(query: LogsQuery, { signal }: QueryOptions): AsyncIterable<readonly LogsRow[]> {
    signal.throwIfAborted();
    this.onQuery('query', query);
    let rows: readonly LogsRow[] = this.documents.filter((document) => passes(query.filter, entryOf(document)));
    for (const pipe of query.pipes) {
      if (pipe.kind === 'fields') {
        const kept = (row: LogsRow): LogsRow => Object.fromEntries(Object.entries(row).filter(([name]) => pipe.fields.includes(name)));
        rows = rows.map(kept).filter((row) => Object.keys(row).length > 0);
      } else if (pipe.kind === 'limit') rows = rows.slice(0, pipe.rows);
      else if (pipe.kind === 'stats') rows = grouped(rows, pipe);
      else throw new Error(`no pipe ${pipe.kind}`);
    }
    yield rows;
  }

  lines(): AsyncIterable<Uint8Array> {
    throw new Error('not asked');
  }

  async hits({ filter, from, to }: Parameters<LogsClient['hits']>[0]): ReturnType<LogsClient['hits']> {
    this.onQuery('hits');
    const days = new Map<bigint, number>();
    for (const document of this.documents) {
      const entry = entryOf(document);
      const { at } = entry;
      if (at < from || at >= to || !passes(filter, entry)) continue;
      const day = (at / DAY) * DAY;
      days.set(day, (days.get(day) ?? 0) + 1);
    }
    return [...days].map(([start, hits]) => ({ from: start, hits }));
  }

  async fieldNames(): Promise<never> {
    throw new Error('not asked');
  }

  async epoch(): Promise<ServerEpoch> {
    this.onQuery('epoch');
    return this.life;
  }

  async insert(documents: AsyncIterable<LogsRow> | Iterable<LogsRow>, _options: InsertOptions): ReturnType<LogsClient['insert']> {
    let [count, bytes] = [0, 0];
    for await (const document of documents) {
      this.documents.push(document);
      count++;
      bytes += JSON.stringify(document).length + 1;
    }
    return { documents: count, bytes };
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

function entryOf(fields: LogsRow): Entry {
  return { at: parseInstant(fields['_time'] ?? '') ?? 0n, fields };
}

function grouped(rows: readonly LogsRow[], { by, calls }: Extract<LogsQuery['pipes'][number], { kind: 'stats' }>): LogsRow[] {
  const fields = by.map((group) => (group.kind === 'field' ? group.field : '_time'));
  const groups = new Map<string, LogsRow[]>(fields.length === 0 ? [['[]', []]] : []);
  for (const row of rows) {
    const key = JSON.stringify(fields.map((field) => row[field] ?? ''));
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()].map((group) => {
    const made: Record<string, string> = {};
    for (const field of fields) made[field] = group[0]?.[field] ?? '';
    for (const { fn, field = '', as } of calls) {
      const values = group.flatMap((row) => row[field] ?? []);
      const sorted = field === '_time' ? [...values].sort() : [...values].sort((a, b) => Number(a) - Number(b));
      if (fn === 'count') made[as] = String(group.length);
      else if (fn === 'count_uniq') made[as] = String(new Set(values).size);
      else if (fn === 'min') made[as] = sorted[0] ?? '';
      else if (fn === 'max') made[as] = sorted.at(-1) ?? '';
    }
    return made;
  });
}
