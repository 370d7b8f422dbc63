import { onAbort } from './on-abort.js';

/** How long a request will hold its slot, about: short ones do not wait behind long ones. */
export type SlotClass = 'short' | 'long';

interface Waiting {
  readonly start: () => void;
}

/**
 * Bounds the requests at once: `most` of each class, and one more than that of both, so that no class ever shuts the other out. First come, first
 * served in each.
 */
export class Slots {
  #most: number;
  #running = { short: 0, long: 0 };
  readonly #waiting: Readonly<Record<SlotClass, Set<Waiting>>> = { short: new Set(), long: new Set() };

  constructor(most: number) {
    this.#most = most;
  }

  /** Never more than this from now on. */
  lower(most: number): void {
    this.#most = Math.max(1, Math.min(this.#most, most));
  }

  get running(): number {
    return this.#running.short + this.#running.long;
  }

  /** Gives back what releases the slot; rejects with the signal's reason. */
  async take(of: SlotClass, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (!this.#free(of)) await this.#wait(of, signal);
    else this.#running[of] += 1;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#running[of] -= 1;
      this.#next();
    };
  }

  #free(of: SlotClass): boolean {
    return this.running <= this.#most && this.#running[of] < this.#most;
  }

  #wait(of: SlotClass, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const entry = {
        start: (): void => {
          settled();
          resolve();
        },
      };
      const settled = onAbort(signal, () => {
        this.#waiting[of].delete(entry);
        reject(signal.reason);
      });
      this.#waiting[of].add(entry);
    });
  }

  #next(): void {
    for (const of of ['short', 'long'] as const) {
      for (const entry of this.#waiting[of]) {
        if (!this.#free(of)) break;
        this.#waiting[of].delete(entry);
        // Counted here: who comes before it wakes up must not find it free.
        this.#running[of] += 1;
        entry.start();
      }
    }
  }
}
