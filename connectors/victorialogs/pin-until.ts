import type { LogsClient } from './client/logs-client.js';
import { parseInstant } from './instant.js';
import type { LogsFilter } from './logsql/syntax.js';

const NEWEST = 'newest';

/**
 * Nanoseconds since 1970, whole microseconds: after now, and after every entry that can be seen now, also one that is ahead of our clock.
 * So entries that arrive while a query runs are not read, unless they are late ones. Rejects where the server cannot be reached.
 */
export async function pinUntil(
  client: Pick<LogsClient, 'query'>,
  filter: LogsFilter,
  signal: AbortSignal,
  now = BigInt(Date.now()) * 1_000_000n,
): Promise<bigint> {
  const ahead: LogsFilter = { kind: 'and', args: [{ kind: 'time', from: now }, filter] };
  const pipes = [
    {
      kind: 'stats',
      by: [],
      calls: [
        { fn: 'max', field: '_time', as: NEWEST },
        // An answer of empty values would be no line.
        { fn: 'count', as: 'entries' },
      ],
    },
  ] as const;
  let until = now;
  for await (const rows of client.query({ filter: ahead, pipes }, { signal })) {
    for (const row of rows) {
      const newest = row[NEWEST];
      const nanos = newest === undefined ? undefined : parseInstant(newest);
      if (nanos !== undefined && nanos >= until) until = (nanos / 1_000n + 1n) * 1_000n;
    }
  }
  return until;
}
