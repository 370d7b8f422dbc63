import type { Readable } from '../../../connectors/connector.js';
import { directInput } from '../../../planner/direct-timeline.js';
import type { Operator } from '../../../planner/physical-plan.js';
import type { Turn } from './event-feed.js';
import { ParquetEvents } from './parquet-events.js';
import { partsInOrder } from './parts-in-order.js';

/**
 * The greatest time of all events, from the parts that may hold it: mostly one. `none`: there are no events; undefined: not all files say
 * when their events were.
 */
export async function latestTime(events: ParquetEvents, turn: Turn): Promise<number | 'none' | undefined> {
  const parts = partsInOrder(events.parts);
  if (parts === undefined) return undefined;
  let latest = -Infinity;
  for (const part of [...parts].sort((a, b) => b.bounds.max - a.bounds.max)) {
    if (latest >= part.bounds.max) break;
    await turn();
    for (const time of await events.readTimes(part)) if (time > latest) latest = time;
  }
  return latest === -Infinity ? 'none' : latest;
}

/** The same for an operator `max(ts)` over a scan of its own; undefined: DuckDB has to compute it. */
export async function latestOf(
  horizon: Operator,
  scans: Readonly<Record<string, Readable>>,
  turn: Turn,
): Promise<number | 'none' | undefined> {
  const arg = horizon.kind === 'aggregate' ? horizon.aggregates[0]?.args[0] : undefined;
  const input = horizon.kind === 'aggregate' ? directInput(horizon.input) : undefined;
  if (arg?.kind !== 'column' || input === undefined) return undefined;
  const readable = scans[input.scan.scan];
  if (readable?.kind !== 'sql' || readable.parquet === undefined) return undefined;
  const events = await ParquetEvents.open({ parquet: readable.parquet, input, ts: arg.id, fields: [], keys: [], others: [] });
  if (typeof events === 'string') return undefined;
  try {
    return await latestTime(events, turn);
  } finally {
    events.close();
  }
}
