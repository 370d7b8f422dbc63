import type { DirectEvents } from './direct-events.js';
import type { EventFeed, Turn } from './event-feed.js';
import { type GroupedEvents, groupEvents } from './grouped-events.js';
import { counted } from './stream-feed.js';

/** (B) All events are gathered in memory and grouped by key. */
export async function groupFeed(
  { events, spec, types, ties }: DirectEvents,
  options: { readonly turn: Turn; readonly batchRows: number; readonly memoryBytes: number; readonly why: string },
): Promise<EventFeed & { readonly latest: number | undefined }> {
  const grouped: GroupedEvents = await groupEvents({ events, spec, types, ties, turn: options.turn, memoryBytes: options.memoryBytes });
  return {
    order: 'grouped',
    latest: grouped.latest,
    told: () => `grouped in memory (${counted(events.parts.length, 'row group')}; ${options.why})`,
    async *batches() {
      for (let from = 0; from < grouped.rowCount; from += options.batchRows) {
        const to = Math.min(from + options.batchRows, grouped.rowCount);
        await options.turn();
        yield { rowCount: to - from, columns: grouped.batch(from, to) };
      }
    },
    skipped: () => grouped.skipped,
    close: () => events.close(),
  };
}
