import { asTimelineError } from '../../../sql/errors.js';
import type { LogsClient } from '../client/logs-client.js';
import type { LogsFilter } from '../logsql/syntax.js';
import { allLogs } from './logs-table.js';

/** Columns of the table of all entries, `_time` and these aside. */
export const MOST_FIELDS = 1000;
const ALWAYS = ['_msg', '_stream'];
const MOST_KNOWN = 20_000;
const TIMEOUT_MS = 5_000;
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
 * before the newest entry. A field once found stays for this process's life. Rejects where the server cannot be reached.
 */
export class FieldNames {
  /** With how many entries had it when it was seen last. */
  #known = new Map<string, number>();
  #looked = false;

  constructor(private readonly client: Pick<LogsClient, 'fieldNames' | 'hits'>) {}

  async look(signal: AbortSignal, now = BigInt(Date.now()) * 1_000_000n): Promise<DiscoveredFields> {
    const looks = this.#looked ? RECENT : FIRST;
    let found = await this.#before(now + FUTURE, looks, signal);
    if (found.length === 0) {
      const newest = await this.#newestDay(now, signal);
      if (newest !== undefined) found = await this.#before(newest + DAY, RECENT, signal);
    }
    this.#looked = true;
    for (const { name, hits } of found) if (isColumnName(name)) this.#known.set(name, hits);
    const byHits = [...this.#known].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    if (byHits.length > MOST_KNOWN) this.#known = new Map(byHits.slice(0, MOST_KNOWN));
    const names = [...new Set([...ALWAYS, ...byHits.map(([name]) => name)])];
    const rest = names.slice(ALWAYS.length, MOST_FIELDS).sort();
    return { names: [...ALWAYS, ...rest], others: Math.max(0, names.length - MOST_FIELDS) };
  }

  async #before(
    to: bigint,
    looks: readonly bigint[],
    signal: AbortSignal,
  ): Promise<readonly { readonly name: string; readonly hits: number }[]> {
    for (const days of looks) {
      const from = to - days * DAY - FUTURE;
      try {
        return await this.client.fieldNames(inTime(from < 0n ? 0n : from, to), { signal, timeout: TIMEOUT_MS });
      } catch (error) {
        signal.throwIfAborted();
        if (!tookTooLong(error)) throw error;
      }
    }
    return [];
  }

  async #newestDay(now: bigint, signal: AbortSignal): Promise<bigint | undefined> {
    try {
      const request = { filter: allLogs.filter, from: 0n, to: (now / DAY) * DAY + DAY, step: DAY_S };
      const days = await this.client.hits(request, { signal, timeout: TIMEOUT_MS });
      return days.reduce<bigint | undefined>(
        (newest, { from, hits }) => (hits > 0 && (newest === undefined || from > newest) ? from : newest),
        undefined,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!tookTooLong(error)) throw error;
      return undefined;
    }
  }
}

function inTime(from: bigint, to: bigint): LogsFilter {
  return { kind: 'and', args: [allLogs.filter, { kind: 'time', from, to }] };
}

function tookTooLong(error: unknown): boolean {
  return asTimelineError(error).sqlstate === '57014';
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
