import type { Value } from '../../sql/value.js';
import { type Clock, intervalOf } from './clock.js';
import type { Evaluate } from './scalar.js';
import type { SlotTable } from './slot-table.js';
import type { ValueStore } from './value-store.js';

/** A state that depends on how another state went: settled, in time order, at every moment at which that state can change. */
export interface StateNode {
  /** Looks at the argument at clock.now. */
  settle(slot: number): void;
  value(slot: number): Value | null;
  /** The next time after clock.now at which the value changes by itself. */
  deadline(slot: number): number;
}

/** A duration, which grows all the time; spans see it through thresholds only. */
export interface NumericalNode extends StateNode {
  micros(slot: number): number;
  /** The time after clock.now at which micros() reaches `target`, if nothing else happens. */
  reaches(slot: number, target: number): number;
  /** Counts from nothing, for another `since` than it was counted for. */
  restart(slot: number): void;
}

interface NodeOptions {
  readonly arg: Evaluate;
  readonly clock: Clock;
  readonly table: SlotTable;
  readonly name: string;
}

export function stateHasExisted({ arg, table, name }: NodeOptions): StateNode {
  const seen = table.uint8(name);
  return {
    settle: (slot) => {
      if (seen.data[slot] === 0 && arg(slot) === true) seen.data[slot] = 1;
    },
    value: (slot) => seen.data[slot] === 1,
    deadline: () => Infinity,
  };
}

export function stateHasExistedWithin({ arg, clock, table, name }: NodeOptions, within: number): StateNode {
  const holds = table.uint8(`${name} holds`);
  const until = table.float64(`${name} until`, -Infinity);
  return {
    settle: (slot) => {
      const holdsNow = arg(slot) === true ? 1 : 0;
      if (holds.data[slot] === 1 && holdsNow === 0) until.data[slot] = clock.now + within;
      holds.data[slot] = holdsNow;
    },
    value: (slot) => holds.data[slot] === 1 || clock.now < (until.data[slot] as number),
    deadline: (slot) => {
      const end = until.data[slot] as number;
      return holds.data[slot] === 0 && clock.now < end ? end : Infinity;
    },
  };
}

export function durationWhere({ arg, clock, table, name }: NodeOptions): NumericalNode {
  const total = table.float64(`${name} total`);
  const running = table.uint8(`${name} running`);
  /** Until when the total is complete. */
  const settled = table.float64(`${name} settled`);
  const micros = (slot: number): number => {
    const sum = total.data[slot] as number;
    return running.data[slot] === 0 ? sum : sum + Math.max(0, clock.now - Math.max(settled.data[slot] as number, clock.since));
  };
  return {
    settle: (slot) => {
      total.data[slot] = micros(slot);
      settled.data[slot] = clock.now;
      running.data[slot] = clock.live && arg(slot) === true ? 1 : 0;
    },
    micros,
    value: (slot) => intervalOf(micros(slot)),
    deadline: () => Infinity,
    reaches: (slot, target) => {
      if (running.data[slot] === 0 || micros(slot) >= target) return Infinity;
      return Math.max(settled.data[slot] as number, clock.since) + (target - (total.data[slot] as number));
    },
    restart: (slot) => {
      total.data[slot] = 0;
    },
  };
}

export function durationInState({ arg, clock, table, name }: NodeOptions, held: ValueStore): NumericalNode {
  const changed = table.float64(`${name} changed`);
  const known = table.uint8(`${name} known`);
  const micros = (slot: number): number => clock.now - (changed.data[slot] as number);
  return {
    settle: (slot) => {
      const value = arg(slot);
      if (known.data[slot] === 1 && held.holds(slot, value)) return;
      changed.data[slot] = clock.now;
      held.set(slot, value);
      known.data[slot] = 1;
    },
    micros,
    value: (slot) => intervalOf(micros(slot)),
    deadline: () => Infinity,
    reaches: (slot, target) => (micros(slot) < target ? (changed.data[slot] as number) + target : Infinity),
    restart: () => {},
  };
}
