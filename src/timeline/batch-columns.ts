import type { ColumnVector } from '../../sql/column-vector.js';
import { internal } from '../../sql/errors.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { instantOf } from './clock.js';
import { type Interner, TRUE_ID } from './interner.js';
import type { EventBatch } from './kernel.js';
import { BOXED_FLAG, isBigint, NULL_FLAG, NUMBER_FLAG } from './value-store.js';

export interface RowCodes {
  readonly codes: Int32Array;
  /** Where a row's code is BOXED. */
  readonly value: (row: number) => Value | null;
  /** The ids by the column's own codes, if each row has one. */
  readonly coded: { readonly codes: Codes['codes']; readonly byCode: Int32Array } | undefined;
}

export interface RowNumbers {
  readonly numbers: Float64Array;
  /** NULL_FLAG, NUMBER_FLAG, or BOXED_FLAG. */
  readonly flags: Uint8Array;
  readonly value: (row: number) => Value | null;
}

/** A batch's columns in the forms that the kernel reads row by row: each made once, whoever asks. Valid until the next batch. */
export class BatchColumns {
  #batch: EventBatch = { rowCount: 0, columns: new Map() };
  readonly #made = new Map<string, unknown>();
  readonly #scratch = new Map<string, Float64Array | Int32Array | Uint8Array>();
  readonly #codesOf = new DictionaryCache();

  constructor(readonly inputType: (id: number) => Type) {}

  bind(batch: EventBatch): void {
    this.#batch = batch;
    this.#made.clear();
  }

  vector(id: number): ColumnVector {
    const vector = this.#batch.columns.get(id);
    if (vector === undefined) throw internal(`timeline: the input has no column ${id}`);
    return vector;
  }

  /** A row's value. */
  reader(id: number): (row: number) => Value | null {
    return this.#once(`reader ${id}`, () => valueReader(this.vector(id), this.inputType(id)));
  }

  /** Microseconds; NaN: NULL. */
  times(id: number): Float64Array {
    return this.#once(`times ${id}`, () => {
      const vector = this.vector(id);
      const { rowCount } = this.#batch;
      if (vector.kind === 'numbers' && vector.valid === undefined && vector.values instanceof Float64Array) return vector.values;
      const times = this.#float64(`times ${id}`, rowCount);
      const time = (value: Value | null | undefined): number =>
        value === null || value === undefined ? Number.NaN : instantOf(value as bigint);
      if (vector.kind === 'values') {
        for (let row = 0; row < rowCount; row++) times[row] = time(vector.values[row]);
      } else if (vector.kind === 'numbers') {
        const { values, valid } = vector;
        for (let row = 0; row < rowCount; row++) times[row] = valid?.[row] === 0 ? Number.NaN : (values[row] as number);
      } else {
        const byCode = this.#codesOf.get(vector.dictionary, 'times', () => Float64Array.from(vector.dictionary, time));
        gather(times, byCode, vector, rowCount, Number.NaN);
      }
      return times;
    });
  }

  /** 1 for the codes of TRUE, if each row has a code. */
  codedFlags(id: number): { readonly codes: Codes['codes']; readonly byCode: Uint8Array } | undefined {
    const vector = this.vector(id);
    if (vector.kind !== 'codes' || vector.valid !== undefined) return undefined;
    return { codes: vector.codes, byCode: this.#flagsByCode(vector) };
  }

  #flagsByCode({ dictionary }: Codes): Uint8Array {
    return this.#codesOf.get(dictionary, 'flags', () => Uint8Array.from(dictionary, (value) => (value === true ? 1 : 0)));
  }

  /** 1 where a boolean is TRUE. */
  flags(id: number): Uint8Array {
    return this.#once(`flags ${id}`, () => {
      const vector = this.vector(id);
      const { rowCount } = this.#batch;
      const flags = this.#uint8(`flags ${id}`, rowCount);
      if (vector.kind === 'values') {
        for (let row = 0; row < rowCount; row++) flags[row] = vector.values[row] === true ? 1 : 0;
      } else if (vector.kind === 'numbers') {
        const { values, valid } = vector;
        if (valid === undefined) for (let row = 0; row < rowCount; row++) flags[row] = values[row] as number;
        else for (let row = 0; row < rowCount; row++) flags[row] = (values[row] as number) & (valid[row] as number);
      } else {
        gather(flags, this.#flagsByCode(vector), vector, rowCount, 0);
      }
      return flags;
    });
  }

  /** Ids of an interner of the column's type. */
  codes(id: number, interner: Interner): RowCodes {
    return this.#once(`codes ${id}`, () => {
      const vector = this.vector(id);
      const { rowCount } = this.#batch;
      const codes = this.#int32(`codes ${id}`, rowCount);
      let coded: RowCodes['coded'];
      if (vector.kind === 'values') {
        let last: Value | null = null;
        let code = 0;
        for (let row = 0; row < rowCount; row++) {
          const value = vector.values[row] ?? null;
          if (value !== last) code = interner.id(value);
          last = value;
          codes[row] = code;
        }
      } else if (vector.kind === 'numbers') {
        if (interner.type.oid !== Oid.bool) throw internal('timeline: numbers in a column of another type');
        const { values, valid } = vector;
        for (let row = 0; row < rowCount; row++) codes[row] = valid?.[row] === 0 ? 0 : (values[row] as number) + TRUE_ID - 1;
      } else {
        const byCode = this.#codesOf.get(vector.dictionary, `codes ${interner.type.oid}`, () =>
          Int32Array.from(vector.dictionary, (value) => interner.id(value)),
        );
        gather(codes, byCode, vector, rowCount, 0);
        if (vector.valid === undefined) coded = { codes: vector.codes, byCode };
      }
      return { codes, value: this.reader(id), coded };
    });
  }

  numbers(id: number): RowNumbers {
    return this.#once(`numbers ${id}`, () => {
      const vector = this.vector(id);
      const { rowCount } = this.#batch;
      const value = this.reader(id);
      const flags = this.#uint8(`number flags ${id}`, rowCount);
      if (vector.kind === 'numbers') {
        const { values, valid } = vector;
        if (valid === undefined) flags.fill(NUMBER_FLAG, 0, rowCount);
        else for (let row = 0; row < rowCount; row++) flags[row] = valid[row] === 0 ? NULL_FLAG : NUMBER_FLAG;
        if (values instanceof Float64Array) return { numbers: values, flags, value };
        const numbers = this.#float64(`numbers ${id}`, rowCount);
        for (let row = 0; row < rowCount; row++) numbers[row] = values[row] as number;
        return { numbers, flags, value };
      }
      const numbers = this.#float64(`numbers ${id}`, rowCount);
      if (vector.kind === 'values') {
        for (let row = 0; row < rowCount; row++) {
          const cell = vector.values[row] ?? null;
          flags[row] = flagOf(cell);
          numbers[row] = Number(cell);
        }
      } else {
        const byCode = this.#codesOf.get(vector.dictionary, 'numbers', () => Float64Array.from(vector.dictionary, Number));
        const flagByCode = this.#codesOf.get(vector.dictionary, 'number flags', () => Uint8Array.from(vector.dictionary, flagOf));
        gather(numbers, byCode, vector, rowCount, 0);
        gather(flags, flagByCode, vector, rowCount, NULL_FLAG);
      }
      return { numbers, flags, value };
    });
  }

  #once<T>(name: string, make: () => T): T {
    if (this.#made.has(name)) return this.#made.get(name) as T;
    const made = make();
    this.#made.set(name, made);
    return made;
  }

  #float64(name: string, rows: number): Float64Array {
    return this.#array(name, rows, (length) => new Float64Array(length)) as Float64Array;
  }

  #int32(name: string, rows: number): Int32Array {
    return this.#array(name, rows, (length) => new Int32Array(length)) as Int32Array;
  }

  #uint8(name: string, rows: number): Uint8Array {
    return this.#array(name, rows, (length) => new Uint8Array(length)) as Uint8Array;
  }

  #array<T extends Float64Array | Int32Array | Uint8Array>(name: string, rows: number, make: (length: number) => T): T {
    const before = this.#scratch.get(name);
    if (before !== undefined && before.length >= rows) return before as T;
    const made = make(rows);
    this.#scratch.set(name, made);
    return made;
  }
}

/** What was made of a dictionary, kept as long as the dictionary itself (and made anew when it has grown). */
export class DictionaryCache {
  readonly #byDictionary = new WeakMap<readonly (Value | null)[], Map<string, { readonly length: number; readonly made: unknown }>>();

  get<T>(dictionary: readonly (Value | null)[], name: string, make: () => T): T {
    let known = this.#byDictionary.get(dictionary);
    if (known === undefined) {
      known = new Map();
      this.#byDictionary.set(dictionary, known);
    }
    const before = known.get(name);
    if (before?.length === dictionary.length) return before.made as T;
    const made = make();
    known.set(name, { length: dictionary.length, made });
    return made;
  }
}

type Codes = Extract<ColumnVector, { readonly kind: 'codes' }>;

function gather<T extends Float64Array | Int32Array | Uint8Array>(
  into: T,
  byCode: T,
  vector: Codes,
  rowCount: number,
  missing: number,
): void {
  const { codes, valid } = vector;
  if (valid === undefined) for (let row = 0; row < rowCount; row++) into[row] = byCode[codes[row] as number] as number;
  else for (let row = 0; row < rowCount; row++) into[row] = valid[row] === 0 ? missing : (byCode[codes[row] as number] as number);
}

function flagOf(value: Value | null): number {
  if (value === null) return NULL_FLAG;
  return typeof value === 'bigint' && !Number.isSafeInteger(Number(value)) ? BOXED_FLAG : NUMBER_FLAG;
}

function valueReader(vector: ColumnVector, type: Type): (row: number) => Value | null {
  switch (vector.kind) {
    case 'values':
      return (row) => vector.values[row] ?? null;
    case 'codes':
      return (row) => (vector.valid?.[row] === 0 ? null : (vector.dictionary[vector.codes[row] as number] ?? null));
    case 'numbers': {
      const { values, valid } = vector;
      if (type.oid === Oid.bool) return (row) => (valid?.[row] === 0 ? null : values[row] !== 0);
      if (isBigint(type)) return (row) => (valid?.[row] === 0 ? null : BigInt(values[row] as number));
      return (row) => (valid?.[row] === 0 ? null : (values[row] as number));
    }
  }
}
