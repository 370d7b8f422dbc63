import { internal, TimelineError } from '../../sql/errors.js';
import { addNumeric, readNumeric, writeNumeric } from '../../sql/functions/numeric.js';
import { Oid, type Type, typeName } from '../../sql/types.js';
import type { Interval, Value } from '../../sql/value.js';
import { Float64Slots, type SlotColumn, type SlotTable } from './slot-table.js';
import { BoxSlots, partsOf } from './value-store.js';

/** sum_so_far of all open keys. */
export interface RunningSum {
  /** Are there numbers to add (of columns held as numbers)? */
  readonly readsNumbers: boolean;
  addNumber(slot: number, value: number): void;
  add(slot: number, value: Value): void;
  value(slot: number): Value;
}

export function runningSum(options: {
  readonly input: Type;
  readonly result: Type;
  readonly table: SlotTable;
  readonly name: string;
}): RunningSum {
  const { input, result, table, name } = options;
  switch (result.oid) {
    case Oid.int8:
      return table.add(new WholeSum(name, result));
    case Oid.numeric:
      return table.add(input.oid === Oid.int8 ? new WholeSum(name, result) : new BoxedSum(name, result, '0', addNumerics));
    case Oid.float4:
    case Oid.float8:
      return table.add(new FloatSum(name, result));
    case Oid.interval:
      return table.add(new BoxedSum(name, result, { months: 0, days: 0, micros: 0n }, addIntervals));
    default:
      throw internal(`timeline: sum_so_far of ${typeName(result)}`);
  }
}

/** Sums of integers, exact: a number as long as it is a safe integer, and what goes beyond in a bigint. */
class WholeSum implements RunningSum, SlotColumn {
  readonly readsNumbers = true;
  readonly #numbers = new Float64Slots('numbers', 0);
  readonly #beyond: BoxSlots;

  constructor(
    readonly name: string,
    private readonly result: Type,
  ) {
    this.#beyond = new BoxSlots('beyond', { oid: Oid.numeric, typmod: -1 });
  }

  addNumber(slot: number, value: number): void {
    const sum = (this.#numbers.data[slot] as number) + value;
    if (Number.isSafeInteger(sum)) {
      this.#numbers.data[slot] = sum;
      if (this.#beyond.get(slot) !== null) this.#check(slot);
    } else this.add(slot, BigInt(value));
  }

  add(slot: number, value: Value): void {
    this.#beyond.set(slot, String(BigInt((this.#beyond.get(slot) as string | null) ?? '0') + BigInt(value as number | bigint | string)));
    this.#check(slot);
  }

  value(slot: number): Value {
    const sum = this.#sum(slot);
    return this.result.oid === Oid.int8 ? sum : String(sum);
  }

  #sum(slot: number): bigint {
    const beyond = this.#beyond.get(slot) as string | null;
    const sum = BigInt(this.#numbers.data[slot] as number);
    return beyond === null ? sum : sum + BigInt(beyond);
  }

  #check(slot: number): void {
    if (this.result.oid !== Oid.int8) return;
    const sum = this.#sum(slot);
    if (sum !== BigInt.asIntN(64, sum)) throw new TimelineError({ kind: 'data', sqlstate: '22003', message: 'bigint out of range' });
  }

  grow(capacity: number): void {
    this.#numbers.grow(capacity);
  }

  reset(slot: number): void {
    this.#numbers.reset(slot);
    this.#beyond.reset(slot);
  }

  save(count: number): unknown {
    return [this.#numbers.save(count), this.#beyond.save(count)];
  }

  load(saved: unknown, count: number): void {
    const [numbers, beyond] = partsOf(saved, 2);
    this.#numbers.load(numbers, count);
    this.#beyond.load(beyond, count);
  }
}

class FloatSum extends Float64Slots implements RunningSum {
  readonly readsNumbers = true;
  readonly #round: (value: number) => number;

  constructor(name: string, result: Type) {
    super(name, 0);
    this.#round = result.oid === Oid.float4 ? Math.fround : (value) => value;
  }

  addNumber(slot: number, value: number): void {
    this.data[slot] = this.#round((this.data[slot] as number) + value);
  }

  add(slot: number, value: Value): void {
    this.addNumber(slot, value as number);
  }

  value(slot: number): Value {
    return this.data[slot] as number;
  }
}

class BoxedSum extends BoxSlots implements RunningSum {
  readonly readsNumbers = false;

  constructor(
    name: string,
    result: Type,
    private readonly zero: Value,
    private readonly plus: (a: Value, b: Value) => Value,
  ) {
    super(name, result);
  }

  addNumber(slot: number, value: number): void {
    this.add(slot, value);
  }

  add(slot: number, value: Value): void {
    this.set(slot, this.plus(this.value(slot), value));
  }

  value(slot: number): Value {
    return this.get(slot) ?? this.zero;
  }
}

function addNumerics(a: Value, b: Value): Value {
  return writeNumeric(addNumeric(readNumeric(a as string), readNumeric(String(b))));
}

function addIntervals(a: Value, b: Value): Value {
  const x = a as Interval;
  const y = b as Interval;
  return { months: x.months + y.months, days: x.days + y.days, micros: x.micros + y.micros };
}
