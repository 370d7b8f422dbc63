import type { ColumnVector } from '../../../sql/column-vector.js';
import { Damage } from './damage.js';
import { decodeDelta } from './delta.js';
import { decodeCodes, Encoding, fixedWidth, isDictionary, type PageValues, unknownEncoding } from './encoding.js';
import { decodeHybrid, viewOf } from './hybrid.js';
import { NotSafe, type Sink } from './sink.js';

/** Makes the column of the decoded rows. */
export type Finish<T> = (rows: T, valid: Uint8Array | undefined) => ColumnVector;

/** Places in the dictionary of a page, as scratch. */
function codesOf(values: PageValues, size: number): Uint32Array {
  const codes = new Uint32Array(values.count);
  decodeCodes(values, codes, 0, size);
  return codes;
}

function required(values: PageValues, width: number): Uint8Array<ArrayBuffer> {
  const bytes = fixedWidth(values, width);
  if (bytes === undefined) throw unknownEncoding(values.encoding);
  return bytes;
}

export class BooleanSink implements Sink {
  readonly rows: Uint8Array;

  constructor(rowCount: number) {
    this.rows = new Uint8Array(rowCount);
  }

  dictionary(): void {
    throw new Damage('a column of booleans has a dictionary');
  }

  write({ encoding, data, at, count }: PageValues, to: number): void {
    if (encoding === Encoding.plain) {
      if (Math.ceil(count / 8) > data.length - at) throw new Damage('a page has fewer values than its header says');
      for (let i = 0; i < count; i++) this.rows[to + i] = ((data[at + (i >> 3)] as number) >> (i & 7)) & 1;
      return;
    }
    if (encoding !== Encoding.rle) throw unknownEncoding(encoding);
    if (data.length - at < 4) throw new Damage('a page is cut off');
    const length = viewOf(data).getUint32(at, true);
    if (length > data.length - at - 4) throw new Damage('a page is cut off');
    decodeHybrid(data, { at: at + 4, end: at + 4 + length, width: 1, out: this.rows, to, count });
    for (let i = to; i < to + count; i++) if ((this.rows[i] as number) > 1) throw new Damage('a boolean is neither true nor false');
  }

  finish(valid: Uint8Array | undefined): ColumnVector {
    return { kind: 'numbers', values: this.rows, valid };
  }
}

export class Int32Sink implements Sink {
  readonly rows: Int32Array;
  readonly #finish: Finish<Int32Array>;
  #dictionary = new Int32Array(0);

  constructor(rowCount: number, finish: Finish<Int32Array>) {
    this.rows = new Int32Array(rowCount);
    this.#finish = finish;
  }

  dictionary(values: PageValues): void {
    this.#dictionary = new Int32Array(required(values, 4).buffer);
  }

  write(values: PageValues, to: number): void {
    const { rows } = this;
    const { encoding, data, at, count } = values;
    if (isDictionary(encoding)) {
      const [codes, dictionary] = [codesOf(values, this.#dictionary.length), this.#dictionary];
      for (let i = 0; i < count; i++) rows[to + i] = dictionary[codes[i] as number] as number;
    } else if (encoding === Encoding.deltaBinary) decodeDelta(data, { at, count, target: { kind: 'int32', out: rows }, to });
    else rows.set(new Int32Array(required(values, 4).buffer), to);
  }

  finish(valid: Uint8Array | undefined): ColumnVector {
    return this.#finish(this.rows, valid);
  }
}

/** float4 and float8, and 64 bit integers as long as all are safe: `write` and `dictionary` throw NotSafe otherwise. */
export class FloatSink implements Sink {
  readonly rows: Float64Array;
  readonly #physical: 'int64' | 'float' | 'double';
  readonly #finish: Finish<Float64Array>;
  #dictionary = new Float64Array(0);

  constructor(rowCount: number, physical: 'int64' | 'float' | 'double', finish: Finish<Float64Array>) {
    this.rows = new Float64Array(rowCount);
    this.#physical = physical;
    this.#finish = finish;
  }

  dictionary(values: PageValues): void {
    this.#dictionary = new Float64Array(values.count);
    this.#plain(values, this.#dictionary, 0);
  }

  write(values: PageValues, to: number): void {
    const { rows } = this;
    const { encoding, data, at, count } = values;
    if (isDictionary(encoding)) {
      const [codes, dictionary] = [codesOf(values, this.#dictionary.length), this.#dictionary];
      for (let i = 0; i < count; i++) rows[to + i] = dictionary[codes[i] as number] as number;
    } else if (encoding === Encoding.deltaBinary && this.#physical === 'int64') {
      if (decodeDelta(data, { at, count, target: { kind: 'float', out: rows }, to }) === undefined) throw new NotSafe();
    } else this.#plain(values, rows, to);
  }

  finish(valid: Uint8Array | undefined): ColumnVector {
    return this.#finish(this.rows, valid);
  }

  #plain(values: PageValues, out: Float64Array, to: number): void {
    switch (this.#physical) {
      case 'float':
        out.set(new Float32Array(required(values, 4).buffer), to);
        return;
      case 'double':
        out.set(new Float64Array(required(values, 8).buffer), to);
        return;
      case 'int64':
        if (!wordsToFloats(wordsOf(values), out, to)) throw new NotSafe();
    }
  }
}

/** 64 bit integers of which some are beyond the safe ones, or that are divided. */
export class WideSink implements Sink {
  readonly rows: BigInt64Array;
  readonly #finish: Finish<BigInt64Array>;
  #dictionary = new BigInt64Array(0);

  constructor(rowCount: number, finish: Finish<BigInt64Array>) {
    this.rows = new BigInt64Array(rowCount);
    this.#finish = finish;
  }

  dictionary(values: PageValues): void {
    this.#dictionary = new BigInt64Array(required(values, 8).buffer);
  }

  write(values: PageValues, to: number): void {
    const { rows } = this;
    const { encoding, data, at, count } = values;
    if (isDictionary(encoding)) {
      const [codes, dictionary] = [codesOf(values, this.#dictionary.length), this.#dictionary];
      for (let i = 0; i < count; i++) rows[to + i] = dictionary[codes[i] as number] as bigint;
    } else if (encoding === Encoding.deltaBinary) decodeDelta(data, { at, count, target: { kind: 'wide', out: rows }, to });
    else rows.set(new BigInt64Array(required(values, 8).buffer), to);
  }

  finish(valid: Uint8Array | undefined): ColumnVector {
    return this.#finish(this.rows, valid);
  }
}

/** Of 64 bit integers; where they lie as they should, without a copy. */
function wordsOf(values: PageValues): Int32Array {
  const { encoding, data, at, count } = values;
  const start = data.byteOffset + at;
  if (encoding !== Encoding.plain || start % 4 !== 0 || count * 8 > data.length - at) return new Int32Array(required(values, 8).buffer);
  return new Int32Array(data.buffer, start, count * 2);
}

/** Pairs of words, the low one first, as floats; false: one of them is not safe. */
export function wordsToFloats(words: Int32Array, out: Float64Array, to: number): boolean {
  for (let i = 0, at = to; i < words.length; i += 2, at++) {
    const high = words[i + 1] as number;
    if (high >= 2 ** 21 || high < -(2 ** 21)) return false;
    const value = high * 2 ** 32 + ((words[i] as number) >>> 0);
    if (value === -(2 ** 53)) return false;
    out[at] = value;
  }
  return true;
}
