import type { TimelineLeaf } from '../../planner/timeline-spec.js';
import { internal, TimelineError } from '../../sql/errors.js';
import { addNumeric, readNumeric, writeNumeric } from '../../sql/functions/numeric.js';
import { Oid, type Type, typeName } from '../../sql/types.js';
import type { Interval, Value } from '../../sql/value.js';
import type { Clock } from './clock.js';

export type Column = readonly (Value | null)[];
export type Columns = ReadonlyMap<number, Column>;

/** State that events change. */
export interface Leaf {
  reset(): void;
  /** The columns of the rows to come. */
  bind(columns: Columns): void;
  apply(row: number, time: number): void;
  /** At clock.now. */
  value(): Value | null;
  /** The next time after clock.now at which the value changes without an event; Infinity: never. */
  deadline(): number;
}

export function columnOf(columns: Columns, id: number): Column {
  const column = columns.get(id);
  if (column === undefined) throw internal(`timeline: the input has no column ${id}`);
  return column;
}

export function makeLeaf(leaf: TimelineLeaf, clock: Clock, inputType: (id: number) => Type): Leaf {
  switch (leaf.op) {
    case 'latest':
      return leaf.ttl === undefined ? latest(leaf.value) : latestWithin(leaf.value, Number(leaf.ttl), clock);
    case 'latest_when':
      return latestWhen(leaf.when, leaf.value);
    case 'has_existed':
      return hasExisted(leaf.when);
    case 'has_existed_within':
      return hasExistedWithin(leaf.when, Number(leaf.within), clock);
    case 'count_so_far':
      return countSoFar(leaf.when);
    case 'sum_so_far':
      return sumSoFar(leaf.value, inputType(leaf.value), leaf.type);
    case 'last_event_time':
      return lastEventTime(leaf.when);
  }
}

const never = (): number => Infinity;
const NONE: Column = [];

function latest(id: number): Leaf {
  let column = NONE;
  let held: Value | null = null;
  return {
    reset: () => {
      held = null;
    },
    bind: (columns) => {
      column = columnOf(columns, id);
    },
    apply: (row) => {
      const value = column[row] ?? null;
      if (value !== null) held = value;
    },
    value: () => held,
    deadline: never,
  };
}

function latestWithin(id: number, ttl: number, clock: Clock): Leaf {
  let column = NONE;
  let held: Value | null = null;
  let end = -Infinity;
  return {
    reset: () => {
      held = null;
      end = -Infinity;
    },
    bind: (columns) => {
      column = columnOf(columns, id);
    },
    apply: (row, time) => {
      const value = column[row] ?? null;
      if (value === null) return;
      held = value;
      end = time + ttl;
    },
    value: () => (clock.now < end ? held : null),
    deadline: () => (clock.now < end ? end : Infinity),
  };
}

function latestWhen(when: number, id: number): Leaf {
  let matches = NONE;
  let column = NONE;
  let held: Value | null = null;
  return {
    reset: () => {
      held = null;
    },
    bind: (columns) => {
      matches = columnOf(columns, when);
      column = columnOf(columns, id);
    },
    apply: (row) => {
      if (matches[row] === true) held = column[row] ?? null;
    },
    value: () => held,
    deadline: never,
  };
}

function hasExisted(when: number): Leaf {
  let matches = NONE;
  let seen = false;
  return {
    reset: () => {
      seen = false;
    },
    bind: (columns) => {
      matches = columnOf(columns, when);
    },
    apply: (row) => {
      if (matches[row] === true) seen = true;
    },
    value: () => seen,
    deadline: never,
  };
}

function hasExistedWithin(when: number, within: number, clock: Clock): Leaf {
  let matches = NONE;
  let end = -Infinity;
  return {
    reset: () => {
      end = -Infinity;
    },
    bind: (columns) => {
      matches = columnOf(columns, when);
    },
    apply: (row, time) => {
      if (matches[row] === true) end = time + within;
    },
    value: () => clock.now < end,
    deadline: () => (clock.now < end ? end : Infinity),
  };
}

function countSoFar(when: number): Leaf {
  let matches = NONE;
  let count = 0;
  return {
    reset: () => {
      count = 0;
    },
    bind: (columns) => {
      matches = columnOf(columns, when);
    },
    apply: (row) => {
      if (matches[row] === true) count += 1;
    },
    value: () => BigInt(count),
    deadline: never,
  };
}

function lastEventTime(when: number | undefined): Leaf {
  let matches: Column | undefined;
  let last: number | undefined;
  return {
    reset: () => {
      last = undefined;
    },
    bind: (columns) => {
      matches = when === undefined ? undefined : columnOf(columns, when);
    },
    apply: (row, time) => {
      if (matches === undefined || matches[row] === true) last = time;
    },
    value: () => (last === undefined ? null : BigInt(last)),
    deadline: never,
  };
}

function sumSoFar(id: number, input: Type, result: Type): Leaf {
  const zero = zeroOf(result);
  let column = NONE;
  let sum: Value = zero;
  return {
    reset: () => {
      sum = zero;
    },
    bind: (columns) => {
      column = columnOf(columns, id);
    },
    apply: (row) => {
      const value = column[row] ?? null;
      if (value !== null) sum = add(sum, value, input, result);
    },
    value: () => sum,
    deadline: never,
  };
}

function zeroOf(result: Type): Value {
  switch (result.oid) {
    case Oid.int8:
      return 0n;
    case Oid.numeric:
      return '0';
    case Oid.float4:
    case Oid.float8:
      return 0;
    case Oid.interval:
      return { months: 0, days: 0, micros: 0n };
    default:
      throw internal(`timeline: sum_so_far of ${typeName(result)}`);
  }
}

function add(sum: Value, value: Value, input: Type, result: Type): Value {
  switch (result.oid) {
    case Oid.int8: {
      const total = (sum as bigint) + BigInt(value as number | bigint);
      if (total !== BigInt.asIntN(64, total)) throw new TimelineError({ kind: 'data', sqlstate: '22003', message: 'bigint out of range' });
      return total;
    }
    case Oid.numeric:
      if (input.oid === Oid.int8) return (BigInt(sum as string) + (value as bigint)).toString();
      return writeNumeric(addNumeric(readNumeric(sum as string), readNumeric(String(value))));
    case Oid.float4:
      return Math.fround((sum as number) + (value as number));
    case Oid.float8:
      return (sum as number) + (value as number);
    default: {
      const a = sum as Interval;
      const b = value as Interval;
      return { months: a.months + b.months, days: a.days + b.days, micros: a.micros + b.micros };
    }
  }
}
