/** The side channel of one process: a driver hears at once of commits by a worker in the same process. */
export interface CommitBus {
  publish(query: string): void;
  /** Gives a function that ends the subscription. */
  subscribe(query: string, onCommit: () => void): () => void;
}

export function createCommitBus(): CommitBus {
  const subscribers = new Map<string, Set<() => void>>();
  return {
    publish(query) {
      for (const call of subscribers.get(query) ?? []) call();
    },
    subscribe(query, onCommit) {
      const own = subscribers.get(query) ?? new Set();
      subscribers.set(query, own);
      own.add(onCommit);
      return () => {
        own.delete(onCommit);
        if (own.size === 0) subscribers.delete(query);
      };
    },
  };
}
