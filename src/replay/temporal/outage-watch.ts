/** Told of a server that does not answer. */
export interface OutageListener {
  /** It does not answer since just now. */
  down(): void;
  back(): void;
  /** It has not answered for as long as anybody waits. */
  lost(cause: unknown): void;
}

export interface OutageWatch {
  /** Gives a function that ends the watching. */
  add(listener: OutageListener): () => void;
  close(): void;
}

/**
 * Looks at a server now and then, as long as anybody listens: gRPC tries a broken connection again for many seconds before it says so.
 * `look` rejects where the server does not answer.
 */
export function createOutageWatch(options: {
  readonly look: () => Promise<void>;
  /** Milliseconds between looks. */
  readonly interval: number;
  /** Milliseconds without an answer until it is lost. */
  readonly most: number;
}): OutageWatch {
  const listeners = new Set<OutageListener>();
  let timer: NodeJS.Timeout | undefined;
  let since: number | undefined;
  let closed = false;

  async function look(): Promise<void> {
    let cause: unknown;
    const begun = Date.now();
    try {
      await options.look();
    } catch (error) {
      cause = error;
    }
    if (cause === undefined) {
      if (since !== undefined) for (const one of [...listeners]) one.back();
      since = undefined;
    } else if (since === undefined) {
      since = begun;
      for (const one of [...listeners]) one.down();
    } else if (Date.now() - since > options.most) {
      for (const one of [...listeners]) one.lost(cause);
    }
    next();
  }

  function next(): void {
    timer = undefined;
    if (listeners.size === 0) since = undefined;
    else if (!closed) timer = setTimeout(() => void look(), options.interval).unref();
  }

  return {
    add(listener) {
      listeners.add(listener);
      if (timer === undefined && listeners.size === 1) next();
      if (since !== undefined) listener.down();
      return () => void listeners.delete(listener);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
