import { damagedState } from './state-error.js';

const INITIAL = 16;

/** One column of state: an element for each open key, by the key's slot. */
export interface SlotColumn {
  readonly name: string;
  grow(capacity: number): void;
  reset(slot: number): void;
  /** The first `count` elements as JSON; null: all are as they begin. */
  save(count: number): unknown;
  load(saved: unknown, count: number): void;
}

/** State of all open keys as columns that grow together (by doubling) and are saved together. */
export class SlotTable {
  readonly columns: SlotColumn[] = [];
  #capacity = INITIAL;

  float64(name: string, initial = 0): Float64Slots {
    return this.add(new Float64Slots(name, initial));
  }

  int32(name: string, initial = 0): Int32Slots {
    return this.add(new Int32Slots(name, initial));
  }

  uint8(name: string): Uint8Slots {
    return this.add(new Uint8Slots(name));
  }

  add<T extends SlotColumn>(column: T): T {
    column.grow(this.#capacity);
    this.columns.push(column);
    return column;
  }

  /** Makes room for `slots` keys. */
  ensure(slots: number): void {
    if (slots <= this.#capacity) return;
    while (this.#capacity < slots) this.#capacity *= 2;
    for (const column of this.columns) column.grow(this.#capacity);
  }

  reset(slot: number): void {
    for (const column of this.columns) column.reset(slot);
  }

  save(count: number): Record<string, unknown> {
    return Object.fromEntries(this.columns.map((column) => [column.name, column.save(count)]));
  }

  load(saved: unknown, count: number): void {
    if (typeof saved !== 'object' || saved === null) throw damagedState();
    this.ensure(count);
    for (const column of this.columns) {
      if (!Object.hasOwn(saved, column.name)) throw damagedState();
      column.load((saved as Record<string, unknown>)[column.name], count);
    }
  }
}

abstract class TypedSlots<T extends Bytes> implements SlotColumn {
  abstract data: T;
  constructor(
    readonly name: string,
    private readonly initial = 0,
  ) {}

  protected abstract make(length: number): T;

  grow(capacity: number): void {
    const { data } = this;
    this.data = this.make(capacity);
    this.data.fill(this.initial, data.length);
    this.data.set(data);
  }

  reset(slot: number): void {
    this.data[slot] = this.initial;
  }

  save(count: number): unknown {
    return saveBytes(this.data, count, this.initial);
  }

  load(saved: unknown, count: number): void {
    loadBytes(this.data, saved, count, this.initial);
  }
}

/** A class for each kind: what reads `data` in a loop sees arrays of one kind. */
export class Float64Slots extends TypedSlots<Float64Array> {
  data = new Float64Array();
  protected make(length: number): Float64Array {
    return new Float64Array(length);
  }
}

export class Int32Slots extends TypedSlots<Int32Array> {
  data = new Int32Array();
  protected make(length: number): Int32Array {
    return new Int32Array(length);
  }
}

export class Uint8Slots extends TypedSlots<Uint8Array> {
  data = new Uint8Array();
  protected make(length: number): Uint8Array {
    return new Uint8Array(length);
  }
}

type Bytes = Float64Array | Int32Array | Uint8Array;

/** base64 of the elements, little-endian as on every machine that Node runs on: keeps infinities and NaN, too. */
function saveBytes(data: Bytes, count: number, initial: number): string | null {
  let same = true;
  for (let slot = 0; slot < count && same; slot++) same = Object.is(data[slot], initial);
  return same ? null : Buffer.from(data.buffer, 0, count * data.BYTES_PER_ELEMENT).toString('base64');
}

function loadBytes(data: Bytes, saved: unknown, count: number, initial: number): void {
  if (saved === null) {
    data.fill(initial, 0, count);
    return;
  }
  const bytes = typeof saved === 'string' ? Buffer.from(saved, 'base64') : undefined;
  if (bytes?.length !== count * data.BYTES_PER_ELEMENT) throw damagedState();
  new Uint8Array(data.buffer).set(bytes);
}
