import type { RunFigures } from '../stage-clock.js';

/** The side channel of one process: a driver hears at once what a worker in the same process does. */
export interface CommitBus {
  /** A task of the query was committed. */
  publish(query: string): void;
  /** All its tasks were: its workflow has only to take note of it. */
  end(query: string, figures: RunFigures): void;
  /** Gives a function that ends the subscription. */
  subscribe(query: string, subscriber: CommitSubscriber): () => void;
}

export interface CommitSubscriber {
  onCommit(): void;
  onEnd(figures: RunFigures): void;
}

export function createCommitBus(): CommitBus {
  const subscribers = new Map<string, Set<CommitSubscriber>>();
  /** Ends that came before anybody asked: a workflow may be over when the call that started it returns. */
  const early = new Map<string, RunFigures>();
  return {
    publish(query) {
      for (const one of subscribers.get(query) ?? []) one.onCommit();
    },
    end(query, figures) {
      const own = subscribers.get(query);
      for (const one of own ?? []) one.onEnd(figures);
      if (own !== undefined) return;
      early.set(query, figures);
      for (const oldest of early.keys()) {
        if (early.size <= EARLY_MOST) break;
        early.delete(oldest);
      }
    },
    subscribe(query, subscriber) {
      const own = subscribers.get(query) ?? new Set();
      subscribers.set(query, own);
      own.add(subscriber);
      const figures = early.get(query);
      early.delete(query);
      if (figures !== undefined) subscriber.onEnd(figures);
      return () => {
        own.delete(subscriber);
        if (own.size === 0) subscribers.delete(query);
      };
    },
  };
}

/** Ends of other gateways' queries, which nobody here waits for. */
const EARLY_MOST = 64;
