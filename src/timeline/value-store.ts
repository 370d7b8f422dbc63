import { equality } from '../../sql/functions/state-functions.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { BOXED, type Interner, type Interners } from './interner.js';
import { Float64Slots, Int32Slots, type SlotColumn, type SlotTable, Uint8Slots } from './slot-table.js';
import { damagedState } from './state-error.js';

/** One value of one type, or NULL, for each slot. */
export interface ValueStore {
  get(slot: number): Value | null;
  set(slot: number, value: Value | null): void;
  /** By the type's equality; NULL is the same as NULL. */
  holds(slot: number, value: Value | null): boolean;
}

export function valueStore(table: SlotTable, name: string, type: Type, interners: Interners): ValueStore {
  return isNumber(type) ? table.add(new NumberSlots(name, type)) : table.add(new CodeSlots(name, interners.of(type)));
}

/** Types held as numbers; int8 and times as long as they are safe integers. */
export function isNumber(type: Type): boolean {
  switch (type.oid) {
    case Oid.int2:
    case Oid.int4:
    case Oid.oid:
    case Oid.float4:
    case Oid.float8:
    case Oid.date:
      return true;
    default:
      return isBigint(type);
  }
}

/** Types whose values are bigint. */
export function isBigint(type: Type): boolean {
  return type.oid === Oid.int8 || type.oid === Oid.time || type.oid === Oid.timestamp || type.oid === Oid.timestamptz;
}

/** NumberSlots.flags */
export const [NULL_FLAG, NUMBER_FLAG, BOXED_FLAG] = [0, 1, 2] as const;

/** Numbers as such; a bigint that is no safe integer as it is. */
export class NumberSlots implements ValueStore, SlotColumn {
  readonly numbers: Float64Slots;
  readonly flags: Uint8Slots;
  readonly boxes: BoxSlots;
  readonly #big: boolean;
  readonly #same: (a: Value, b: Value) => boolean;

  constructor(
    readonly name: string,
    readonly type: Type,
  ) {
    this.numbers = new Float64Slots('numbers', 0);
    this.flags = new Uint8Slots('flags');
    this.boxes = new BoxSlots('boxes', type);
    this.#big = isBigint(type);
    this.#same = equality(type);
  }

  get(slot: number): Value | null {
    const flag = this.flags.data[slot];
    if (flag === NULL_FLAG) return null;
    if (flag === BOXED_FLAG) return this.boxes.get(slot);
    const number = this.numbers.data[slot] as number;
    return this.#big ? BigInt(number) : number;
  }

  set(slot: number, value: Value | null): void {
    const number = typeof value === 'bigint' ? Number(value) : (value as number);
    if (value !== null && typeof value === 'bigint' && !Number.isSafeInteger(number)) {
      this.flags.data[slot] = BOXED_FLAG;
      this.boxes.set(slot, value);
      return;
    }
    this.flags.data[slot] = value === null ? NULL_FLAG : NUMBER_FLAG;
    if (value !== null) this.numbers.data[slot] = number;
  }

  holds(slot: number, value: Value | null): boolean {
    const flag = this.flags.data[slot];
    if (value === null) return flag === NULL_FLAG;
    if (flag === NUMBER_FLAG && typeof value === 'number') return this.#same(this.numbers.data[slot] as number, value);
    const held = this.get(slot);
    return held !== null && this.#same(held, value);
  }

  grow(capacity: number): void {
    this.numbers.grow(capacity);
    this.flags.grow(capacity);
  }

  reset(slot: number): void {
    this.flags.reset(slot);
  }

  save(count: number): unknown {
    return [this.numbers.save(count), this.flags.save(count), this.boxes.save(count)];
  }

  load(saved: unknown, count: number): void {
    const [numbers, flags, boxes] = partsOf(saved, 3);
    this.numbers.load(numbers, count);
    this.flags.load(flags, count);
    this.boxes.load(boxes, count);
  }
}

/** Values by the ids of an interner, those without an id as they are. */
export class CodeSlots implements ValueStore, SlotColumn {
  readonly codes: Int32Slots;
  readonly boxes: BoxSlots;
  readonly #same: (a: Value, b: Value) => boolean;

  constructor(
    readonly name: string,
    readonly interner: Interner,
  ) {
    this.codes = new Int32Slots('codes', 0);
    this.boxes = new BoxSlots('boxes', interner.type);
    this.#same = equality(interner.type);
  }

  get(slot: number): Value | null {
    const code = this.codes.data[slot] as number;
    return code === BOXED ? this.boxes.get(slot) : (this.interner.values[code] ?? null);
  }

  set(slot: number, value: Value | null): void {
    const before = this.codes.data[slot] as number;
    // most often nothing changes, and a look is cheaper than a search
    if (before > 0 && this.interner.values[before] === value) return;
    const code = this.interner.id(value);
    this.codes.data[slot] = code;
    if (code === BOXED) this.boxes.set(slot, value);
  }

  holds(slot: number, value: Value | null): boolean {
    const held = this.get(slot);
    if (held === value) return true;
    return held !== null && value !== null && this.#same(held, value);
  }

  grow(capacity: number): void {
    this.codes.grow(capacity);
  }

  reset(slot: number): void {
    this.codes.reset(slot);
  }

  /** The values in use, each once, and their numbers in this list (from 1) by slot. */
  save(count: number): unknown {
    const { type, values } = this.interner;
    const texts: string[] = [];
    const numbers = new Map<number, number>([[0, 0]]);
    const codes = new Int32Slots('', 0);
    codes.grow(Math.max(count, 1));
    for (let slot = 0; slot < count; slot++) {
      const code = this.codes.data[slot] as number;
      let number = code === BOXED ? BOXED : numbers.get(code);
      if (number === undefined) {
        number = texts.push(textOf(type, values[code] as Value));
        numbers.set(code, number);
      }
      codes.data[slot] = number;
    }
    return [texts, codes.save(count), this.boxes.save(count)];
  }

  load(saved: unknown, count: number): void {
    const [texts, codes, boxes] = partsOf(saved, 3);
    if (!Array.isArray(texts)) throw damagedState();
    const values = texts.map((text) => valueFrom(this.interner.type, text));
    this.codes.load(codes, count);
    this.boxes.load(boxes, count);
    const ids = [0, ...values.map((value) => this.interner.id(value))];
    for (let slot = 0; slot < count; slot++) {
      const number = this.codes.data[slot] as number;
      // this interner may have no room for a value that the other had, or the other way round
      const value = number === BOXED ? this.boxes.get(slot) : number === 0 ? null : values[number - 1];
      if (value === undefined || (number === BOXED && value === null)) throw damagedState();
      const id = number === BOXED ? this.interner.id(value) : (ids[number] as number);
      this.codes.data[slot] = id;
      if (id === BOXED) this.boxes.set(slot, value);
    }
  }
}

/** Values as they are. */
export class BoxSlots implements SlotColumn {
  #values: (Value | null)[] = [];
  constructor(
    readonly name: string,
    private readonly type: Type,
  ) {}

  get(slot: number): Value | null {
    return this.#values[slot] ?? null;
  }

  set(slot: number, value: Value | null): void {
    for (let n = this.#values.length; n < slot; n++) this.#values.push(null);
    this.#values[slot] = value;
  }

  grow(): void {}

  reset(slot: number): void {
    if (slot < this.#values.length) this.#values[slot] = null;
  }

  save(count: number): unknown {
    if (this.#values.every((value) => value === null)) return null;
    return this.#values.slice(0, count).map((value) => (value === null ? null : textOf(this.type, value)));
  }

  load(saved: unknown, count: number): void {
    this.#values = [];
    if (saved === null) return;
    if (!Array.isArray(saved) || saved.length > count) throw damagedState();
    this.#values = saved.map((text) => (text === null ? null : valueFrom(this.type, text)));
  }
}

const UTC = { timeZone: 'UTC' };

export function textOf(type: Type, value: Value): string {
  return typeof value === 'string' ? value : formatValue(type, value, UTC);
}

export function valueFrom(type: Type, text: unknown): Value {
  if (typeof text !== 'string') throw damagedState();
  return parseValue(type, text, UTC);
}

export function partsOf(saved: unknown, count: number): readonly unknown[] {
  if (!Array.isArray(saved) || saved.length !== count) throw damagedState();
  return saved;
}
