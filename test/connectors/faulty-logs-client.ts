import { setTimeout as sleep } from 'node:timers/promises';
import type { InsertOptions, LogsClient, LogsRow, QueryOptions } from '../../connectors/victorialogs/client/logs-client.js';
import type { LogsFilter, LogsQuery } from '../../connectors/victorialogs/logsql/syntax.js';
import { TimelineError } from '../../sql/errors.js';
import type { Random } from '../timeline/random.js';

export type SendFault = 'drop' | 'double' | 'alter' | 'ghosts' | 'drop_all';
export type AnswerFault = 'half' | 'slow' | 'broken' | 'more' | 'none';

/** A client between whose caller and the server something goes wrong, once a fault is set. */
export class FaultyLogsClient implements LogsClient {
  sending: SendFault | undefined;
  answering: AnswerFault | undefined;
  /** Of the documents sent. */
  percent = 3;
  /** How often each did something. */
  readonly fired = new Map<string, number>();

  constructor(
    private readonly inner: LogsClient,
    private readonly random: Random,
  ) {}

  async *query(query: LogsQuery, options: QueryOptions): AsyncIterable<readonly LogsRow[]> {
    const fault = this.answering;
    if (fault === undefined) return yield* this.inner.query(query, options);
    if (fault === 'slow') {
      this.#fire(fault);
      await sleep(2000, undefined, { signal: options.signal });
    }
    if (fault === 'broken') {
      this.#fire(fault);
      throw new TimelineError({ kind: 'connector', sqlstate: '08006', message: 'catalog "logs" broke off' });
    }
    const rows: LogsRow[] = [];
    for await (const batch of this.inner.query(query, options)) rows.push(...batch);
    // As if the body had ended just there.
    const kept = fault === 'half' && rows.length > 1 ? rows.slice(0, rows.length >> 1) : fault === 'none' ? [] : rows;
    if (kept.length < rows.length) this.#fire(fault);
    if (fault === 'more' && rows.length > 1) {
      this.#fire(fault);
      kept.push(this.random.pick(rows));
    }
    yield kept;
  }

  lines(query: LogsQuery, options: QueryOptions): AsyncIterable<Uint8Array> {
    return this.inner.lines(query, options);
  }

  hits(
    request: { readonly filter: LogsFilter; readonly from: bigint; readonly to: bigint; readonly step: number },
    options: QueryOptions,
  ): ReturnType<LogsClient['hits']> {
    return this.inner.hits(request, options);
  }

  fieldNames(filter: LogsFilter, options: QueryOptions): ReturnType<LogsClient['fieldNames']> {
    return this.inner.fieldNames(filter, options);
  }

  epoch(options: QueryOptions): ReturnType<LogsClient['epoch']> {
    return this.inner.epoch(options);
  }

  insert(documents: AsyncIterable<LogsRow> | Iterable<LogsRow>, options: InsertOptions): ReturnType<LogsClient['insert']> {
    return this.inner.insert(this.sending === undefined ? documents : this.#altered(documents, this.sending), options);
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.inner.flush(signal);
  }

  async close(): Promise<void> {
    await this.inner.close();
  }

  async *#altered(documents: AsyncIterable<LogsRow> | Iterable<LogsRow>, fault: SendFault): AsyncGenerator<LogsRow> {
    const { random } = this;
    for await (const document of documents) {
      const hit = fault === 'drop_all' || random.chance(this.percent);
      if (!hit) {
        yield document;
        continue;
      }
      this.#fire(fault);
      if (fault === 'drop' || fault === 'drop_all') continue;
      if (fault === 'alter') {
        yield altered(document, random);
        continue;
      }
      yield document;
      if (fault === 'double') yield document;
      if (fault === 'ghosts') yield ghost(document, random);
    }
  }

  #fire(what: string): void {
    this.fired.set(what, (this.fired.get(what) ?? 0) + 1);
  }
}

/** A document with one value less, or another. */
export function altered(document: LogsRow, random: Random): LogsRow {
  const names = Object.keys(document).filter((name) => !name.startsWith('_'));
  if (names.length === 0) return document;
  const name = random.pick(names);
  const { [name]: value = '', ...rest } = document;
  return random.chance(50) ? rest : { ...rest, [name]: `${value}9` };
}

/** A document that no row has. */
export function ghost(document: LogsRow, random: Random): LogsRow {
  const position = random.pick(['0', '1', '5', '00', '1a', '-1', '1e2', '', '999999999', '3.5', String(random.below(60))]);
  return { ...altered(document, random), _pos: position };
}
