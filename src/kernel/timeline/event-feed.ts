import type { EventBatch } from '../../timeline/kernel.js';

/** How events reach the kernel; `auto`: as is cheapest. For tests. */
export type FeedChoice = 'auto' | 'stream' | 'group' | 'sort';

/** Events in an order that the kernel takes. */
export interface EventFeed {
  readonly order: 'grouped' | 'interleaved';
  /** For EXPLAIN ANALYZE: how, and why not better. Complete when all batches have been read. */
  told(): string;
  batches(): AsyncIterable<EventBatch>;
  /** Rows that it left out for a NULL in their time or key; the kernel counts those that it gets. */
  skipped(): number;
  close(): void;
}

/** Gives other work of the thread its turn, a cancellation above all; throws when the task was aborted. */
export type Turn = () => Promise<void>;
