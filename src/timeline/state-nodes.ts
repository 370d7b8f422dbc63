import type { Value } from '../../sql/value.js';
import { type Clock, intervalOf } from './clock.js';
import type { Evaluate } from './scalar.js';

/** A state that depends on how another state went: settled at every moment of the key, in order, from its start on. */
export interface StateNode {
  reset(): void;
  /** Looks at the argument at clock.now; every earlier moment has been settled. */
  settle(): void;
  value(): Value | null;
  /** The next time after clock.now at which the value changes by itself. */
  deadline(): number;
}

/** A duration, which grows all the time; spans see it through thresholds only. */
export interface NumericalNode extends StateNode {
  micros(): number;
  /** The time after clock.now at which micros() reaches `target`, if nothing else happens. */
  reaches(target: number): number;
}

export function stateHasExisted(arg: Evaluate): StateNode {
  let seen = false;
  return {
    reset: () => {
      seen = false;
    },
    settle: () => {
      if (!seen) seen = arg() === true;
    },
    value: () => seen,
    deadline: () => Infinity,
  };
}

export function stateHasExistedWithin(arg: Evaluate, within: number, clock: Clock): StateNode {
  let holds = false;
  let end = -Infinity;
  return {
    reset: () => {
      holds = false;
      end = -Infinity;
    },
    settle: () => {
      const holdsNow = arg() === true;
      if (holds && !holdsNow) end = clock.now + within;
      holds = holdsNow;
    },
    value: () => holds || clock.now < end,
    deadline: () => (!holds && clock.now < end ? end : Infinity),
  };
}

export function durationWhere(arg: Evaluate, clock: Clock): NumericalNode {
  let total = 0;
  let running = false;
  let settled = -Infinity;
  const node: NumericalNode = {
    reset: () => {
      total = 0;
      running = false;
      settled = clock.start;
    },
    settle: () => {
      if (running) {
        const from = Math.max(settled, clock.since);
        if (clock.now > from) total += clock.now - from;
      }
      settled = clock.now;
      running = clock.live && arg() === true;
    },
    micros: () => total,
    value: () => intervalOf(total),
    deadline: () => Infinity,
    reaches: (target) => (running && total < target ? Math.max(clock.now, clock.since) + (target - total) : Infinity),
  };
  return node;
}

export function durationInState(arg: Evaluate, same: (a: Value, b: Value) => boolean, clock: Clock): NumericalNode {
  let held: Value | null = null;
  let changed = 0;
  let fresh = true;
  const micros = (): number => clock.now - changed;
  return {
    reset: () => {
      held = null;
      fresh = true;
    },
    settle: () => {
      const value = arg();
      const equal = value === null || held === null ? value === held : same(value, held);
      if (!fresh && equal) return;
      changed = clock.now;
      held = value;
      fresh = false;
    },
    micros,
    value: () => intervalOf(micros()),
    deadline: () => Infinity,
    reaches: (target) => (micros() < target ? changed + target : Infinity),
  };
}
