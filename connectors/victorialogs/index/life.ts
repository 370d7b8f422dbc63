import type { LogsClient, QueryOptions, ServerEpoch } from '../client/logs-client.js';
import { dayOf, dayStart } from '../instant.js';
import type { LogsState } from './coverage.js';
import { FIELD } from './layout.js';
import { oddAnswer } from './odd-answer.js';

const DAY_SECONDS = 86_400;

/** Documents of a table by day, of whole days. Throws where the answer is no such thing. */
async function dayTotals(
  client: LogsClient,
  table: string,
  days: { readonly first: number; readonly last: number },
  options: QueryOptions,
): Promise<ReadonlyMap<number, number>> {
  const [from, to] = [dayStart(days.first), dayStart(days.last + 1)];
  const filter = { kind: 'equals', field: FIELD.table, value: table } as const;
  const totals = new Map<number, number>();
  for (const { from: start, hits } of await client.hits({ filter, from, to, step: DAY_SECONDS }, options)) {
    const day = dayOf(start);
    if (start !== dayStart(day) || day < days.first || day > days.last || !Number.isSafeInteger(hits) || hits < 0 || totals.has(day))
      throw oddAnswer('counts of other days than were asked for');
    totals.set(day, hits);
  }
  return totals;
}

export async function stateOf(
  client: LogsClient,
  table: string,
  days: { readonly first: number; readonly last: number },
  options: QueryOptions,
): Promise<LogsState> {
  const [epoch, totals] = await Promise.all([client.epoch(options), dayTotals(client, table, days, options)]);
  return { epoch, totals };
}

/** Was it the same server's life, and did nothing go in between? */
export function isUnchanged(
  before: LogsState,
  after: { readonly epoch: ServerEpoch; readonly totals: ReadonlyMap<number, number> },
): boolean {
  if (before.epoch.startedAt !== after.epoch.startedAt) return false;
  for (const [day, total] of before.totals) if ((after.totals.get(day) ?? 0) < total) return false;
  return true;
}
