import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { Float64Slots, SlotTable, Uint8Slots } from './slot-table.js';

/** When entities that have begun live: not from an event with `ends`, nor from `idle` after an event, until the next event. */
export class Lives {
  /** Can a life end before the window does? */
  readonly mortal: boolean;
  readonly #idle: number;
  readonly #lastEvent: Float64Slots;
  readonly #closed: Uint8Slots;

  constructor({ idle, ends }: TimelineSpec, table: SlotTable) {
    this.mortal = idle !== undefined || ends !== undefined;
    this.#idle = idle === undefined ? Infinity : Number(idle);
    this.#lastEvent = table.float64('last event', -Infinity);
    this.#closed = table.uint8('closed');
  }

  /** An event of an entity that is `live` or not until now: may that have changed? */
  event(slot: number, time: number, live: boolean, ending: boolean): boolean {
    const closed = this.#closed.data;
    const lastEvent = this.#lastEvent.data;
    // the first event of a filled key begins what idle counts
    let changed = !live || lastEvent[slot] === -Infinity;
    if (closed[slot] === 1 && lastEvent[slot] !== time) {
      closed[slot] = 0;
      changed = true;
    }
    if (ending && closed[slot] === 0) {
      closed[slot] = 1;
      changed = true;
    }
    lastEvent[slot] = time;
    return changed;
  }

  isLive(slot: number, time: number): boolean {
    return !this.mortal || (this.#closed.data[slot] === 0 && time < this.idleEnd(slot));
  }

  /** With `fill` a key lives from `since` to its first event although nothing has happened. */
  idleEnd(slot: number): number {
    const last = this.#lastEvent.data[slot] as number;
    return last === -Infinity ? Infinity : last + this.#idle;
  }

  /** As if the events that `other` has seen under a slot of its own had come after those seen here. */
  absorb(slot: number, other: Lives, from: number): void {
    this.#lastEvent.data[slot] = other.#lastEvent.data[from] as number;
    this.#closed.data[slot] = other.#closed.data[from] as number;
  }
}
