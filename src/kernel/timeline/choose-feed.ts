import { Oid, type Type } from '../../../sql/types.js';
import type { DirectEvents } from './direct-events.js';
import { EVENT_BYTES } from './grouped-events.js';
import { mostHeld, partsInOrder } from './parts-in-order.js';

/** Of a value, about. */
function width(type: Type): number {
  switch (type.oid) {
    case Oid.bool:
      return 1;
    case Oid.text:
    case Oid.varchar:
      return 12;
    default:
      return 8;
  }
}

/** Rows that are held so that parts which overlap can be streamed take so much at most. */
const MOST_HELD_BYTES = 64 * 2 ** 20;
/** Of the task's memory, for events; DuckDB has the rest. */
const SHARE = 0.5;

export type DirectChoice =
  | { readonly feed: 'stream' }
  /** `why`: why not streamed. */
  | { readonly feed: 'group'; readonly memoryBytes: number; readonly why: string }
  | { readonly feed: 'sort'; readonly why: string };

/** Which feed is the cheapest that the memory allows. */
export function chooseFeed({ events, types }: DirectEvents, memoryBytes: number, wanted: 'auto' | 'stream' | 'group'): DirectChoice {
  const rowBytes = [...types.values()].reduce((sum, type) => sum + width(type), 0);
  const parts = partsInOrder(events.parts);
  const budget = memoryBytes * SHARE;
  const held = parts === undefined ? undefined : mostHeld(parts) * (rowBytes + 8);
  if (held !== undefined && wanted !== 'group' && (wanted === 'stream' || held <= Math.min(MOST_HELD_BYTES, budget)))
    return { feed: 'stream' };
  const why =
    held === undefined
      ? 'not for all row groups is it known when their events were'
      : wanted === 'group'
        ? 'as asked for'
        : 'row groups overlap in time';
  if (events.rows * (rowBytes + EVENT_BYTES) <= budget) return { feed: 'group', memoryBytes: budget, why };
  return { feed: 'sort', why: `${why}, and ${events.rows} events are more than memory is for` };
}
