import type { ColumnVector } from '../../sql/column-vector.js';
import { TimelineError } from '../../sql/errors.js';
import { equality } from '../../sql/functions/state-functions.js';
import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { BatchColumns } from './batch-columns.js';
import { damagedState } from './state-error.js';
import { equalityKey } from './value-identity.js';
import { textOf, valueFrom } from './value-store.js';

/** Row marks in place of slots. */
export const NO_SLOT = -1;
const UNKNOWN = -2;
/** A JavaScript Map holds no more. */
const MOST_KEYS = 2 ** 24 - 1;

interface KeyColumn {
  readonly id: number;
  readonly type: Type;
  readonly key: (value: Value) => string | number;
  readonly same: (a: Value, b: Value) => boolean;
  /** Number of a value among those of the column. */
  readonly numbers: Map<string | number, number>;
  /** By code of a dictionary, which may grow. */
  readonly byCode: WeakMap<readonly (Value | null)[], Int32Array>;
}

/** The keys whose state is held, and which slot each has. Rows with a NULL in their key have none. */
export class KeySlots {
  readonly #columns: readonly KeyColumn[];
  /** By key column: the value of each slot. */
  readonly #values: (Value | null)[][];
  /** From the number of the columns so far and the next column's number to the number of both. */
  readonly #combined: readonly Map<number, number>[];
  #rows = new Int32Array();

  constructor(ids: readonly number[], inputType: (id: number) => Type) {
    this.#columns = ids.map((id) => {
      const type = inputType(id);
      return { id, type, key: equalityKey(type), same: equality(type), numbers: new Map(), byCode: new WeakMap() };
    });
    this.#values = ids.map(() => []);
    this.#combined = ids.slice(1).map(() => new Map());
  }

  get count(): number {
    return this.#values[0]?.length ?? 0;
  }

  value(n: number, slot: number): Value | null {
    return this.#values[n]?.[slot] ?? null;
  }

  /** The slot of each row, new ones for new keys. Valid until the next call. */
  find(columns: BatchColumns, rowCount: number): Int32Array {
    if (this.#rows.length < rowCount) this.#rows = new Int32Array(rowCount);
    const rows = this.#rows;
    const [first, ...others] = this.#columns;
    if (first === undefined) return rows.fill(NO_SLOT);
    this.#number(first, columns, rowCount, rows, others.length === 0);
    if (others.length === 0) return rows;
    const next = new Int32Array(rowCount);
    others.forEach((column, n) => {
      this.#number(column, columns, rowCount, next, false);
      const combined = this.#combined[n] as Map<number, number>;
      const last = n === others.length - 1;
      for (let row = 0; row < rowCount; row++) {
        const left = rows[row] as number;
        const right = next[row] as number;
        if (left === NO_SLOT || right === NO_SLOT) {
          rows[row] = NO_SLOT;
          continue;
        }
        const pair = left * 2 ** 24 + right;
        let number = combined.get(pair);
        if (number === undefined) {
          number = limited(combined.size);
          combined.set(pair, number);
          if (last) this.#keep(columns, row);
        }
        rows[row] = number;
      }
    });
    return rows;
  }

  /** The number of each row's value; `alone`: numbers are slots. */
  #number(column: KeyColumn, columns: BatchColumns, rowCount: number, rows: Int32Array, alone: boolean): void {
    const vector = columns.vector(column.id);
    if (vector.kind === 'codes') {
      const { codes, dictionary, valid } = vector;
      const byCode = codeNumbers(column, dictionary);
      for (let row = 0; row < rowCount; row++) {
        if (valid !== undefined && valid[row] === 0) {
          rows[row] = NO_SLOT;
          continue;
        }
        const code = codes[row] as number;
        let number = byCode[code] as number;
        if (number === UNKNOWN) {
          number = this.#numberOf(column, dictionary[code] ?? null, alone);
          byCode[code] = number;
        }
        rows[row] = number;
      }
      return;
    }
    const read = columns.reader(column.id);
    let last: Value | null = null;
    let number = NO_SLOT;
    for (let row = 0; row < rowCount; row++) {
      const value = read(row);
      if (value !== last) number = this.#numberOf(column, value, alone);
      last = value;
      rows[row] = number;
    }
  }

  #keep(columns: BatchColumns, row: number): void {
    this.#columns.forEach(({ id }, n) => {
      this.#values[n]?.push(columns.reader(id)(row));
    });
  }

  #numberOf(column: KeyColumn, value: Value | null, alone: boolean): number {
    if (value === null) return NO_SLOT;
    const key = column.key(value);
    let number = column.numbers.get(key);
    if (number === undefined) {
      number = limited(column.numbers.size);
      column.numbers.set(key, number);
      if (alone) this.#values[0]?.push(value);
    }
    return number;
  }

  /** Slot 0 becomes the key of a row. */
  replace(columns: BatchColumns, row: number): void {
    this.#columns.forEach(({ id }, n) => {
      (this.#values[n] as (Value | null)[])[0] = columns.reader(id)(row);
    });
  }

  clear(): void {
    for (const values of this.#values) values.length = 0;
  }

  /** For rows that come key by key: NO_SLOT (for a time of NaN, too), 0 for the key of the row before (first of slot 0), 1 where another key begins. */
  runs(columns: BatchColumns, times: Float64Array, rowCount: number): Int32Array {
    if (this.#rows.length < rowCount) this.#rows = new Int32Array(rowCount);
    const rows = this.#rows.fill(0, 0, rowCount);
    for (let row = 0; row < rowCount; row++) if (Number.isNaN(times[row])) rows[row] = NO_SLOT;
    for (const { id } of this.#columns) {
      const vector = columns.vector(id);
      if (vector.kind === 'codes' && vector.valid === undefined && !vector.dictionary.includes(null)) continue;
      if (vector.kind === 'numbers' && vector.valid === undefined) continue;
      const read = columns.reader(id);
      for (let row = 0; row < rowCount; row++) if (read(row) === null) rows[row] = NO_SLOT;
    }
    const known = this.count > 0;
    this.#columns.forEach(({ id, same }, n) => {
      const raw = rawOf(columns.vector(id));
      const read = columns.reader(id);
      let held = known ? this.value(n, 0) : null;
      let last = Number.NaN;
      for (let row = 0; row < rowCount; row++) {
        if (rows[row] === NO_SLOT || (raw !== undefined && raw[row] === last)) continue;
        const value = read(row) as Value;
        if (raw !== undefined) last = raw[row] as number;
        if (value === held || (held !== null && same(value, held))) continue;
        held = value;
        rows[row] = 1;
      }
    });
    return rows;
  }

  save(): unknown {
    return this.#columns.map(({ type }, n) => this.#values[n]?.map((value) => textOf(type, value as Value)));
  }

  /** Gives the number of keys. */
  load(saved: unknown): number {
    if (!Array.isArray(saved) || saved.length !== this.#columns.length) throw damagedState();
    const lists = saved.map((list) => {
      if (!Array.isArray(list) || list.length !== saved[0].length) throw damagedState();
      return list;
    });
    const count = lists[0]?.length ?? 0;
    for (let slot = 0; slot < count; slot++)
      if (this.add(this.#columns.map((column, n) => valueFrom(column.type, lists[n]?.[slot]))) !== slot) throw damagedState();
    return count;
  }

  /** The slot of a key. */
  add(values: readonly Value[]): number {
    let slot = 0;
    this.#columns.forEach((column, n) => {
      const own = this.#numberOf(column, values[n] as Value, false);
      if (n === 0) slot = own;
      else {
        const combined = this.#combined[n - 1] as Map<number, number>;
        const pair = slot * 2 ** 24 + own;
        slot = combined.get(pair) ?? limited(combined.size);
        combined.set(pair, slot);
      }
    });
    if (slot === this.count) for (let n = 0; n < values.length; n++) this.#values[n]?.push(values[n] as Value);
    return slot;
  }
}

function codeNumbers({ byCode }: KeyColumn, dictionary: readonly (Value | null)[]): Int32Array {
  const before = byCode.get(dictionary);
  if (before !== undefined && before.length >= dictionary.length) return before;
  const numbers = new Int32Array(before === undefined ? dictionary.length : dictionary.length * 2).fill(UNKNOWN);
  if (before !== undefined) numbers.set(before);
  byCode.set(dictionary, numbers);
  return numbers;
}

function limited(count: number): number {
  if (count < MOST_KEYS) return count;
  throw new TimelineError({ kind: 'limit', sqlstate: '54000', message: `timeline: more than ${MOST_KEYS} keys open at a time` });
}

/** What is equal only where values are: codes of one dictionary, or the numbers themselves. */
function rawOf(vector: ColumnVector): ArrayLike<number> | undefined {
  return vector.kind === 'codes' ? vector.codes : vector.kind === 'numbers' ? vector.values : undefined;
}
