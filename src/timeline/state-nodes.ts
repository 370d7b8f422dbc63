import { internal } from '../../sql/errors.js';
import type { Value } from '../../sql/value.js';
import { type Clock, intervalOf } from './clock.js';
import type { Evaluate } from './scalar.js';
import type { Float64Slots, SlotTable, Uint8Slots } from './slot-table.js';
import type { ValueStore } from './value-store.js';

/** A state that depends on how another state went: settled, in time order, at every moment at which that state can change. */
export interface StateNode {
  /** How many nodes, each over the next, it is the outermost of. */
  readonly depth: number;
  /** Looks at the argument at clock.now. */
  settle(slot: number): void;
  value(slot: number): Value | null;
  /** The next time after clock.now at which the value changes by itself. */
  deadline(slot: number): number;
  /** Forgets how the argument went, to be summed up from the next moment on: see chunk-summary.ts. */
  beginAnew(slot: number): void;
  /** What was summed up here from `border` on now follows what `earlier`, whose clock is at `border`, knows under a slot of its own. */
  follow(slot: number, earlier: StateNode, from: number, border: number): void;
}

/** A duration, which grows all the time; spans see it through thresholds only. */
export interface NumericalNode extends StateNode {
  micros(slot: number): number;
  /** The time after clock.now at which micros() reaches `target`, if nothing else happens. */
  reaches(slot: number, target: number): number;
  /** Counts from nothing, for another `since` than it was counted for. */
  restart(slot: number): void;
}

export interface NodeOptions {
  readonly arg: Evaluate;
  readonly depth: number;
  readonly clock: Clock;
  readonly table: SlotTable;
  readonly name: string;
}

export class HasExistedNode implements StateNode {
  readonly depth: number;
  readonly #arg: Evaluate;
  readonly #seen: Uint8Slots;

  constructor({ arg, depth, table, name }: NodeOptions) {
    this.depth = depth;
    this.#arg = arg;
    this.#seen = table.uint8(name);
  }

  settle(slot: number): void {
    if (this.#seen.data[slot] === 0 && this.#arg(slot) === true) this.#seen.data[slot] = 1;
  }

  value(slot: number): boolean {
    return this.#seen.data[slot] === 1;
  }

  deadline(): number {
    return Infinity;
  }

  beginAnew(slot: number): void {
    this.#seen.reset(slot);
  }

  follow(slot: number, earlier: StateNode, from: number): void {
    if (!(earlier instanceof HasExistedNode)) throw otherNode();
    if (earlier.#seen.data[from] === 1) this.#seen.data[slot] = 1;
  }
}

export class HasExistedWithinNode implements StateNode {
  readonly depth: number;
  readonly #arg: Evaluate;
  readonly #clock: Clock;
  readonly #within: number;
  readonly #holds: Uint8Slots;
  readonly #until: Float64Slots;

  constructor({ arg, depth, clock, table, name }: NodeOptions, within: number) {
    this.depth = depth;
    this.#arg = arg;
    this.#clock = clock;
    this.#within = within;
    this.#holds = table.uint8(`${name} holds`);
    this.#until = table.float64(`${name} until`, -Infinity);
  }

  settle(slot: number): void {
    const holds = this.#holds.data;
    const holdsNow = this.#arg(slot) === true ? 1 : 0;
    if (holds[slot] === 1 && holdsNow === 0) this.#until.data[slot] = this.#clock.now + this.#within;
    holds[slot] = holdsNow;
  }

  value(slot: number): boolean {
    return this.#holds.data[slot] === 1 || this.#clock.now < (this.#until.data[slot] as number);
  }

  deadline(slot: number): number {
    const end = this.#until.data[slot] as number;
    return this.#holds.data[slot] === 0 && this.#clock.now < end ? end : Infinity;
  }

  /** As if the argument had been TRUE: if it is not at the first moment, `until` tells so. */
  beginAnew(slot: number): void {
    this.#holds.data[slot] = 1;
    this.#until.reset(slot);
  }

  follow(slot: number, earlier: StateNode, from: number, border: number): void {
    if (!(earlier instanceof HasExistedWithinNode)) throw otherNode();
    const until = this.#until.data[slot] as number;
    const stoppedAtBorder = until === border + this.#within && earlier.#holds.data[from] === 0;
    this.#until.data[slot] = Math.max(stoppedAtBorder ? -Infinity : until, earlier.#until.data[from] as number);
  }
}

export class DurationWhereNode implements NumericalNode {
  readonly depth: number;
  readonly #arg: Evaluate;
  readonly #clock: Clock;
  readonly #total: Float64Slots;
  readonly #running: Uint8Slots;
  /** Until when the total is complete. */
  readonly #settled: Float64Slots;

  constructor({ arg, depth, clock, table, name }: NodeOptions) {
    this.depth = depth;
    this.#arg = arg;
    this.#clock = clock;
    this.#total = table.float64(`${name} total`);
    this.#running = table.uint8(`${name} running`);
    this.#settled = table.float64(`${name} settled`);
  }

  settle(slot: number): void {
    this.#total.data[slot] = this.micros(slot);
    this.#settled.data[slot] = this.#clock.now;
    this.#running.data[slot] = this.#clock.live && this.#arg(slot) === true ? 1 : 0;
  }

  micros(slot: number): number {
    const sum = this.#total.data[slot] as number;
    return this.#running.data[slot] === 0 ? sum : sum + Math.max(0, this.#clock.now - this.#countedTo(slot));
  }

  value(slot: number): Value {
    return intervalOf(this.micros(slot));
  }

  deadline(): number {
    return Infinity;
  }

  reaches(slot: number, target: number): number {
    if (this.#running.data[slot] === 0 || this.micros(slot) >= target) return Infinity;
    return this.#countedTo(slot) + (target - (this.#total.data[slot] as number));
  }

  restart(slot: number): void {
    this.#total.data[slot] = 0;
  }

  beginAnew(slot: number): void {
    this.#total.reset(slot);
    this.#running.reset(slot);
    this.#settled.reset(slot);
  }

  follow(slot: number, earlier: StateNode, from: number): void {
    if (!(earlier instanceof DurationWhereNode)) throw otherNode();
    this.#total.data[slot] = earlier.micros(from) + (this.#total.data[slot] as number);
  }

  #countedTo(slot: number): number {
    return Math.max(this.#settled.data[slot] as number, this.#clock.since);
  }
}

export class DurationInStateNode implements NumericalNode {
  readonly depth: number;
  readonly #arg: Evaluate;
  readonly #clock: Clock;
  readonly #held: ValueStore;
  readonly #changed: Float64Slots;
  readonly #known: Uint8Slots;

  constructor({ arg, depth, clock, table, name }: NodeOptions, held: ValueStore) {
    this.depth = depth;
    this.#arg = arg;
    this.#clock = clock;
    this.#held = held;
    this.#changed = table.float64(`${name} changed`);
    this.#known = table.uint8(`${name} known`);
  }

  settle(slot: number): void {
    const value = this.#arg(slot);
    if (this.#known.data[slot] === 1 && this.#held.holds(slot, value)) return;
    this.#changed.data[slot] = this.#clock.now;
    this.#held.set(slot, value);
    this.#known.data[slot] = 1;
  }

  micros(slot: number): number {
    return this.#clock.now - (this.#changed.data[slot] as number);
  }

  value(slot: number): Value {
    return intervalOf(this.micros(slot));
  }

  deadline(): number {
    return Infinity;
  }

  reaches(slot: number, target: number): number {
    return this.micros(slot) < target ? (this.#changed.data[slot] as number) + target : Infinity;
  }

  restart(): void {}

  beginAnew(slot: number): void {
    this.#known.reset(slot);
  }

  /** The value at the border counts as a change there: it was none if the value was the same before, and has been since. */
  follow(slot: number, earlier: StateNode, from: number, border: number): void {
    if (!(earlier instanceof DurationInStateNode)) throw otherNode();
    if (this.#changed.data[slot] === border && this.#held.holds(slot, earlier.#held.get(from)))
      this.#changed.data[slot] = earlier.#changed.data[from] as number;
  }
}

function otherNode(): Error {
  return internal('timeline: a state of another operator');
}
