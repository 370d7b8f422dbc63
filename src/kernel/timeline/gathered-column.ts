import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';
import { exactKey } from '../../timeline/value-identity.js';
import { rowCountOf, valueOfNumber } from './vectors.js';

/** Of an entry of a dictionary and of the Map beside it, besides its text. */
const ENTRY_BYTES = 80;

/** Rows of one column put together from many vectors: numbers as they are, everything else as codes of one dictionary. */
export class GatheredColumn {
  readonly #type: Type;
  readonly #capacity: number;
  #rows = 0;
  #numbers: Float64Array | Uint8Array | undefined;
  #codes: Uint8Array | Uint16Array | Uint32Array | undefined;
  #valid: Uint8Array | undefined;
  readonly #dictionary: (Value | null)[] = [null];
  readonly #byValue = new Map<unknown, number>();
  #dictionaryBytes = 0;

  /** `capacity`: rows at most. */
  constructor(type: Type, capacity: number) {
    this.#type = type;
    this.#capacity = capacity;
  }

  append(vector: ColumnVector): void {
    const count = rowCountOf(vector);
    if (vector.kind === 'numbers' && this.#codes === undefined) this.#appendNumbers(vector, count);
    else this.#appendCodes(vector, count);
    this.#rows += count;
  }

  /** Of memory, about. */
  get bytes(): number {
    const array = this.#numbers ?? this.#codes;
    return (array?.byteLength ?? 0) + (this.#valid?.byteLength ?? 0) + this.#dictionaryBytes;
  }

  get vector(): ColumnVector {
    if (this.#numbers !== undefined) return { kind: 'numbers', values: this.#numbers, valid: this.#valid };
    return { kind: 'codes', codes: this.#codes ?? new Uint8Array(this.#capacity), dictionary: this.#dictionary, valid: undefined };
  }

  #appendNumbers(vector: Extract<ColumnVector, { readonly kind: 'numbers' }>, count: number): void {
    const { values, valid } = vector;
    this.#numbers ??= values instanceof Uint8Array ? new Uint8Array(this.#capacity) : new Float64Array(this.#capacity);
    this.#numbers.set(values, this.#rows);
    if (valid !== undefined) {
      this.#valid ??= new Uint8Array(this.#capacity).fill(1);
      this.#valid.set(valid.subarray(0, count), this.#rows);
    }
  }

  #appendCodes(vector: ColumnVector, count: number): void {
    if (this.#numbers !== undefined) this.#numbersToCodes();
    const base = this.#rows;
    switch (vector.kind) {
      case 'codes': {
        const { codes, dictionary, valid } = vector;
        const known = new Int32Array(dictionary.length).fill(-1);
        for (let row = 0; row < count; row++) {
          const own = codes[row] as number;
          if (known[own] === -1 && (valid === undefined || valid[row] === 1)) known[own] = this.#code(dictionary[own] ?? null);
        }
        const out = this.#room(this.#dictionary.length - 1);
        for (let row = 0; row < count; row++) {
          out[base + row] = valid !== undefined && valid[row] === 0 ? 0 : (known[codes[row] as number] as number);
        }
        return;
      }
      case 'numbers': {
        const { values, valid } = vector;
        const value = valueOfNumber(this.#type);
        for (let row = 0; row < count; row++) {
          this.#put(base + row, valid !== undefined && valid[row] === 0 ? 0 : this.#code(value(values[row] as number)));
        }
        return;
      }
      case 'values':
        for (let row = 0; row < count; row++) this.#put(base + row, this.#code(vector.values[row] ?? null));
    }
  }

  #numbersToCodes(): void {
    const numbers = this.#numbers as Float64Array | Uint8Array;
    const valid = this.#valid;
    const value = valueOfNumber(this.#type);
    this.#numbers = undefined;
    this.#valid = undefined;
    for (let row = 0; row < this.#rows; row++) {
      this.#put(row, valid !== undefined && valid[row] === 0 ? 0 : this.#code(value(numbers[row] as number)));
    }
  }

  #put(row: number, code: number): void {
    this.#room(code)[row] = code;
  }

  /** Codes that are wide enough. */
  #room(code: number): Uint8Array | Uint16Array | Uint32Array {
    let codes = this.#codes ?? new Uint8Array(this.#capacity);
    if (code >= 2 ** (codes.BYTES_PER_ELEMENT * 8)) codes = code < 2 ** 16 ? Uint16Array.from(codes) : Uint32Array.from(codes);
    this.#codes = codes;
    return codes;
  }

  #code(value: Value | null): number {
    if (value === null) return 0;
    // -0 is no 0, and objects are compared by what they hold
    const key = typeof value === 'string' ? value : typeof value === 'number' || typeof value === 'object' ? exactKey(value) : value;
    const known = this.#byValue.get(key);
    if (known !== undefined) return known;
    const code = this.#dictionary.length;
    this.#dictionary.push(value);
    this.#byValue.set(key, code);
    this.#dictionaryBytes += ENTRY_BYTES + (typeof key === 'string' ? key.length : 0);
    return code;
  }
}
