import { setTimeout as sleep } from 'node:timers/promises';
import { TimelineError } from '../../../sql/errors.js';
import type { RecentPin, RecentRequest, RecentRows, TableName } from '../../connector.js';
import type { LogsClient } from '../client/logs-client.js';
import { requireRecentColumns } from './layout.js';
import { requireKnownColumns } from './other-columns.js';
import type { RecentHandle } from './recent-handle.js';
import { RecentReader } from './recent-reader.js';
import { gapOf, type RecentWriter, recentWriters } from './writers.js';

/** Documents arrive out of order, and are seen a second after they were taken. */
const WAIT_MS = 2_000;
const LOOK_MS = 150;
/** Their numbers are held in memory while they are read. */
const MOST_ROWS = 2_000_000;

/** `recent_for`: rows that writers numbered and sent here, and that a flusher has not yet put into their table, or has not all. */
export class LogsRecentRows implements RecentRows {
  readonly reader: RecentReader;

  constructor(
    private readonly options: {
      readonly name: string;
      readonly client: Pick<LogsClient, 'query' | 'lines' | 'fieldNames'>;
      readonly scratchFolder: string;
      readonly tables: readonly TableName[];
      /** Milliseconds to wait for rows that are missing between others. */
      readonly wait?: number;
    },
  ) {
    // No catalog can be configured under such a name.
    this.reader = new RecentReader(`${options.name}$recent`, options.client, options.scratchFolder);
  }

  get tables(): readonly TableName[] {
    return this.options.tables;
  }

  async pin({ table, identity, columns, flushed, signal }: RecentRequest): Promise<RecentPin> {
    requireRecentColumns(table, columns);
    const source = { client: this.options.client, table, identity, flushed, signal };
    const until = performance.now() + (this.options.wait ?? WAIT_MS);
    let writers = await recentWriters(source);
    while (writers.some((one) => gapOf(one) !== undefined) && performance.now() < until) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
      writers = await recentWriters(source);
    }
    const rows = writers.reduce((sum, one) => sum + one.rows, 0);
    if (rows > MOST_ROWS) throw tooMany(table, rows);
    if (rows > 0) await requireKnownColumns(source, columns);
    const handle: RecentHandle = { version: 1, kind: 'recent', ...table, identity, writers: writers.map(partOf) };
    const gaps = writers.flatMap((one) => gapOf(one) ?? []);
    return {
      handle,
      rows,
      notices: gaps.length === 0 ? [] : [`fresh data of ${table.schema}.${table.table} is incomplete: ${shown(gaps)}`],
    };
  }
}

function partOf({ writer, flushed, last, rows }: RecentWriter): RecentHandle['writers'][number] {
  return { writer, ...(flushed === undefined ? {} : { after: String(flushed) }), upTo: String(last), rows };
}

function shown(gaps: readonly string[]): string {
  const more = gaps.length > 3 ? `; and ${gaps.length - 3} more writers` : '';
  return `${gaps.slice(0, 3).join('; ')}${more}`;
}

function tooMany({ schema, table }: TableName, rows: number): TimelineError {
  return new TimelineError({
    kind: 'limit',
    sqlstate: '54000',
    message: `${rows} rows are on their way into ${schema}.${table}, more than ${MOST_ROWS} that can be read with it`,
    hint: 'SET timeline.include_recent = off reads what is in the table.',
  });
}
