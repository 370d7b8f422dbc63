import type { ColumnVector } from '../../../sql/column-vector.js';
import type { Value } from '../../../sql/value.js';
import { decodeCodes, isDictionary, type PageValues } from './encoding.js';
import { Interner } from './interner.js';
import type { Sink } from './sink.js';
import { type Slices, slicesOf } from './slices.js';

/** The value of `bytes` [start, end). Throws Damage for what is none. */
export type ReadBytes = (bytes: Buffer, start: number, end: number) => Value;

/** Plain values are told apart while at most three of four are new. */
const TRIED = 4096;
const MOST_NEW = 0.75;

/** Values of bytes as codes and a dictionary, which grows where pages have none; as values where hardly any repeats. */
export class BytesSink implements Sink {
  rows: Uint8Array | Uint16Array | Uint32Array;
  readonly #width: number;
  readonly #read: ReadBytes;
  readonly #dictionary: Value[] = [];
  /** Of the dictionary page. */
  #paged = 0;
  readonly #interner = new Interner();
  #tried = 0;
  #new = 0;

  /** `width`: of values of fixed length; 0: each has its own. */
  constructor(rowCount: number, width: number, read: ReadBytes) {
    this.rows = new Uint8Array(rowCount);
    this.#width = width;
    this.#read = read;
  }

  dictionary(values: PageValues): void {
    const slices = slicesOf(values, this.#width);
    for (let i = 0; i < values.count; i++) this.#dictionary.push(this.#value(slices, bufferOf(slices), i));
    this.#paged = this.#dictionary.length;
    this.#widen(0);
  }

  write(values: PageValues, to: number): void {
    if (isDictionary(values.encoding)) {
      decodeCodes(values, this.rows, to, this.#paged);
      return;
    }
    const slices = slicesOf(values, this.#width);
    this.#widen(values.count);
    const { rows } = this;
    const dictionary = this.#dictionary;
    const buffer = bufferOf(slices);
    for (let i = 0; i < values.count; i++) {
      if (this.#tried >= TRIED && this.#new > this.#tried * MOST_NEW) {
        rows[to + i] = dictionary.push(this.#value(slices, buffer, i)) - 1;
        continue;
      }
      this.#tried++;
      const found = this.#interner.codeOf(slices, i, dictionary.length);
      rows[to + i] = found;
      if (found < dictionary.length) continue;
      this.#new++;
      dictionary.push(this.#value(slices, buffer, i));
    }
  }

  finish(valid: Uint8Array | undefined): ColumnVector {
    const [rows, dictionary] = [this.rows, this.#dictionary];
    if (dictionary.length - this.#paged <= rows.length * MOST_NEW || rows.length < TRIED)
      return { kind: 'codes', codes: rows, dictionary, valid };
    const values: (Value | null)[] = new Array(rows.length);
    for (let row = 0; row < rows.length; row++)
      values[row] = valid !== undefined && valid[row] === 0 ? null : (dictionary[rows[row] as number] as Value);
    return { kind: 'values', values };
  }

  /** Codes have room for so many more entries. */
  #widen(more: number): void {
    const { rows } = this;
    const most = this.#dictionary.length + more;
    if (most > 2 ** 16 && rows.BYTES_PER_ELEMENT < 4) this.rows = Uint32Array.from(rows);
    else if (most > 2 ** 8 && rows.BYTES_PER_ELEMENT < 2) this.rows = Uint16Array.from(rows);
  }

  #value({ starts, lengths }: Slices, buffer: Buffer, i: number): Value {
    const start = starts[i] as number;
    return this.#read(buffer, start, start + (lengths[i] as number));
  }
}

export function bufferOf({ bytes }: Slices): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
