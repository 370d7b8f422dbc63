import { asTimelineError } from '../../../sql/errors.js';
import type { LogsClient, QueryOptions } from '../client/logs-client.js';
import { later } from '../instant.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { allLogs } from './logs-table.js';

/** Columns of the table of all entries, `_time` and these aside. */
export const MOST_FIELDS = 1000;
const ALWAYS = ['_msg', '_stream'];
const MOST_KNOWN = 20_000;
/** Of one request, and of a whole look: who starts or asks for an unknown table waits for it. */
const TIMEOUT_MS = 2_500;
const LOOK_MS = 6_000;
const DAY_S = 86_400;
const DAY = BigInt(DAY_S) * 1_000_000_000n;
/** The server takes entries of the future up to here, unless it is told otherwise. */
const FUTURE = 2n * DAY;
/** The days that are looked at, back from now, or from the newest entry; the second where the first takes too long. */
const RECENT: readonly bigint[] = [30n, 1n];
/** At first: all there is, where that does not take too long. */
const FIRST: readonly bigint[] = [100_000n, ...RECENT];

export interface DiscoveredFields {
  /** `_msg` and `_stream`, then the others, sorted. */
  readonly names: readonly string[];
  /** How many more there are. */
  readonly others: number;
}

/**
 * Fields of entries: the first look is at all of them, where that does not take too long, later ones at the last thirty days, or the thirty days
 * before the newest entry. A field once found stays for this process's life. Rejects where the server cannot be reached, or has never answered in
 * time.
 */
export class FieldNames {
  /** With how many entries had it when it was seen last. */
  #known = new Map<string, number>();
  #looked = false;
  /** The last answer that took too long. */
  #late: unknown;

  constructor(private readonly client: Pick<LogsClient, 'fieldNames' | 'hits'>) {}

  async look(signal: AbortSignal, now = BigInt(Date.now()) * 1_000_000n): Promise<DiscoveredFields> {
    const asked = { signal, until: performance.now() + LOOK_MS };
    let found = await this.#before(now + FUTURE, this.#looked ? RECENT : FIRST, asked);
    if (found?.length === 0) {
      const newest = await this.#newestDay(now, asked);
      found = newest === undefined ? [] : await this.#before(newest + DAY, RECENT, asked);
    }
    // What is known does until the server is less busy.
    if (found === undefined && !this.#looked) throw this.#late;
    this.#looked = true;
    for (const { name, hits } of found ?? []) if (isColumnName(name)) this.#known.set(name, hits);
    const byHits = [...this.#known].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    if (byHits.length > MOST_KNOWN) this.#known = new Map(byHits.slice(0, MOST_KNOWN));
    const names = [...new Set([...ALWAYS, ...byHits.map(([name]) => name)])];
    const rest = names.slice(ALWAYS.length, MOST_FIELDS).sort();
    return { names: [...ALWAYS, ...rest], others: Math.max(0, names.length - MOST_FIELDS) };
  }

  /** Undefined: all of the looks took too long. */
  async #before(to: bigint, looks: readonly bigint[], asked: Asked): Promise<readonly Field[] | undefined> {
    for (const days of looks) {
      const from = to - days * DAY - FUTURE;
      const found = await this.#inTime(asked, (options) => this.client.fieldNames(inTime(from < 0n ? 0n : from, to), options));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  async #newestDay(now: bigint, asked: Asked): Promise<bigint | undefined> {
    const request = { filter: allLogs.filter, from: 0n, to: (now / DAY) * DAY + DAY, step: DAY_S };
    const days = await this.#inTime(asked, (options) => this.client.hits(request, options));
    return days?.filter(({ hits }) => hits > 0).reduce<bigint | undefined>((newest, { from }) => later(newest ?? from, from), undefined);
  }

  /** Undefined: it takes too long. */
  async #inTime<T>({ signal, until }: Asked, ask: (options: QueryOptions) => Promise<T>): Promise<T | undefined> {
    const left = Math.ceil(until - performance.now());
    if (left <= 0) return undefined;
    try {
      return await ask({ signal, timeout: Math.min(TIMEOUT_MS, left) });
    } catch (error) {
      signal.throwIfAborted();
      if (asTimelineError(error).sqlstate !== '57014') throw error;
      this.#late = error;
      return undefined;
    }
  }
}

interface Asked {
  readonly signal: AbortSignal;
  /** As performance.now() has it. */
  readonly until: number;
}

type Field = Awaited<ReturnType<LogsClient['fieldNames']>>[number];

function inTime(from: bigint, to: bigint): LogsFilter {
  return { kind: 'and', args: [allLogs.filter, { kind: 'time', from, to }] };
}

/** PostgreSQL cuts longer names. */
const NAME_BYTES = 63;
/** Names that no column of a PostgreSQL table can have. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set(['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid']);
/** A NUL has no place in PostgreSQL's texts; the other stands for bytes that are no UTF-8, so that the field cannot be asked for by its name. */
const UNNAMEABLE = /[\0\ufffd\p{Surrogate}]/u;

/** A name that ends in `*` the server takes for a pattern. */
function isColumnName(name: string): boolean {
  return (
    name !== '' &&
    name !== '_time' &&
    !name.endsWith('*') &&
    !SYSTEM_COLUMNS.has(name) &&
    !UNNAMEABLE.test(name) &&
    Buffer.byteLength(name) <= NAME_BYTES
  );
}
