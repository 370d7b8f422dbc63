import type { ColumnVector } from '../../../sql/column-vector.js';
import type { EventBatch } from '../../timeline/kernel.js';
import type { DirectEvents } from './direct-events.js';
import type { EventFeed, Turn } from './event-feed.js';
import { orderedTies } from './ordered-ties.js';
import { mostHeld, partsInOrder } from './parts-in-order.js';
import { timeStream } from './time-stream.js';

/** (A) Parts that files say to be in time order, or nearly so, are read in that order: nothing is sorted but what overlaps. */
export function streamFeed(
  { events, spec, types, ties }: DirectEvents,
  options: { readonly turn: Turn; readonly batchRows: number },
): EventFeed {
  const parts = partsInOrder(events.parts) ?? [];
  let timeless = 0;
  return {
    order: 'interleaved',
    told: () => {
      const reads = ties?.values.reads ?? 0;
      const tied = reads === 0 ? '' : `, order_by read for ${counted(reads, 'row group')} with ties`;
      return `streamed in time order (${counted(parts.length, 'row group')}, ${mostHeld(parts)} rows at once${tied})`;
    },
    async *batches(): AsyncGenerator<EventBatch> {
      const stream = timeStream({
        events,
        parts,
        types,
        batchRows: options.batchRows,
        turn: options.turn,
        timeless: (rows) => {
          timeless += rows;
        },
      });
      for await (const batch of stream) {
        const { times, columns } = ties === undefined ? batch : await orderedTies(batch, { spec, types, ...ties });
        const ts: ColumnVector = { kind: 'numbers', values: times, valid: undefined };
        yield { rowCount: times.length, columns: new Map([...columns, [spec.ts, ts]]) };
      }
    },
    skipped: () => timeless,
    close: () => events.close(),
  };
}

export function counted(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
