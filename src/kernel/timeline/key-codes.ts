import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';
import { equalIsSame } from '../../timeline/value-identity.js';
import { NO_KEY } from './key-groups.js';
import { type RowKey, rowKeys } from './row-keys.js';
import { valueReader } from './vectors.js';

/** Of a key in a Map and as a value, besides its text. */
const KEY_BYTES = 96;

/** Keys of rows as numbers from 0 on, in order of appearance. */
export class KeyCodes {
  readonly #keys: readonly number[];
  readonly #types: ReadonlyMap<number, Type>;
  readonly codes: Int32Array;
  readonly #byKey = new Map<RowKey, number>();
  /** By key column, values by number. */
  readonly #values: (Value | null)[][];
  #known: { readonly dictionary: readonly (Value | null)[]; readonly numbers: Int32Array } = { dictionary: [], numbers: new Int32Array() };
  #rows = 0;
  #textBytes = 0;

  /** `capacity`: rows at most. */
  constructor(keys: readonly number[], types: ReadonlyMap<number, Type>, capacity: number) {
    this.#keys = keys;
    this.#types = types;
    this.codes = new Int32Array(capacity);
    this.#values = keys.map(() => []);
  }

  get count(): number {
    return this.#byKey.size;
  }

  get bytes(): number {
    return this.#byKey.size * KEY_BYTES + this.#textBytes;
  }

  /** Do the numbers tell the column's values? Where equal values may be written in several ways they don't. */
  gives(id: number): boolean {
    return this.#keys.includes(id) && equalIsSame(this.#types.get(id) as Type);
  }

  /** How many rows have none. */
  append(columns: ReadonlyMap<number, ColumnVector>, count: number): number {
    const into = this.codes.subarray(this.#rows, this.#rows + count);
    this.#rows += count;
    const [id] = this.#keys;
    const only = id === undefined || this.#keys.length > 1 ? undefined : columns.get(id);
    if (only?.kind === 'codes') return this.#appendCodes(only, into, this.#codeReader(columns));
    const codeOf = this.#codeReader(columns);
    let without = 0;
    for (let row = 0; row < count; row++) {
      into[row] = codeOf(row);
      if (into[row] === NO_KEY) without += 1;
    }
    return without;
  }

  #appendCodes(
    { codes, dictionary, valid }: Extract<ColumnVector, { readonly kind: 'codes' }>,
    into: Int32Array,
    codeOf: (row: number) => number,
  ): number {
    const known = this.#knownOf(dictionary);
    let without = 0;
    for (let row = 0; row < into.length; row++) {
      const own = codes[row] as number;
      if (valid !== undefined && valid[row] === 0) {
        into[row] = NO_KEY;
      } else {
        if (known[own] === UNKNOWN) known[own] = codeOf(row);
        into[row] = known[own] as number;
      }
      if (into[row] === NO_KEY) without += 1;
    }
    return without;
  }

  /** Numbers by code; parts may share a dictionary that grows. */
  #knownOf(dictionary: readonly (Value | null)[]): Int32Array {
    const before = this.#known;
    const enough = before.dictionary === dictionary ? before.numbers : new Int32Array();
    if (enough.length >= dictionary.length) return enough;
    const numbers = new Int32Array(before.dictionary === dictionary ? dictionary.length * 2 : dictionary.length).fill(UNKNOWN);
    numbers.set(enough);
    this.#known = { dictionary, numbers };
    return numbers;
  }

  #codeReader(columns: ReadonlyMap<number, ColumnVector>): (row: number) => number {
    const readers = this.#keys.map((key) => valueReader(columns.get(key) as ColumnVector, this.#types.get(key) as Type));
    const key = rowKeys(columns, this.#keys, this.#types);
    return (row) => {
      const own = key(row);
      if (own === undefined) return NO_KEY;
      const known = this.#byKey.get(own);
      if (known !== undefined) return known;
      const code = this.#byKey.size;
      this.#byKey.set(own, code);
      if (typeof own === 'string') this.#textBytes += own.length * 2;
      for (const [n, read] of readers.entries()) this.#values[n]?.push(read(row));
      return code;
    };
  }

  /** The key columns that the numbers tell, of all rows or of others whose numbers are given. */
  vectors(codes?: Uint32Array): readonly (readonly [number, ColumnVector])[] {
    return this.#keys.flatMap((id, n): readonly (readonly [number, ColumnVector])[] => {
      if (!this.gives(id)) return [];
      return [[id, { kind: 'codes', codes: codes ?? this.codes, dictionary: this.#values[n] ?? [], valid: undefined }]];
    });
  }
}

const UNKNOWN = -2;
