import type { ColumnVector } from '../../../sql/column-vector.js';
import { bufferOf } from './bytes-sink.js';
import { textOf } from './bytes-value.js';
import { decodeCodes, isDictionary, type PageValues } from './encoding.js';
import type { KnownTexts } from './known-texts.js';
import type { Sink } from './sink.js';
import { slicesOf } from './slices.js';

/** Texts as codes of a dictionary that other row groups share. */
export class KnownTextsSink implements Sink {
  readonly rows: Uint32Array;
  readonly #known: KnownTexts;
  /** Of the places in the chunk's own dictionary. */
  #codes = new Uint32Array();

  constructor(rowCount: number, known: KnownTexts) {
    this.rows = new Uint32Array(rowCount);
    this.#known = known;
  }

  dictionary(values: PageValues): void {
    this.#codes = new Uint32Array(values.count);
    this.#find(values, this.#codes, 0);
  }

  write(values: PageValues, to: number): void {
    if (!isDictionary(values.encoding)) {
      this.#find(values, this.rows, to);
      return;
    }
    const { rows } = this;
    const codes = this.#codes;
    decodeCodes(values, rows, to, codes.length);
    for (let row = to; row < to + values.count; row++) rows[row] = codes[rows[row] as number] as number;
  }

  finish(valid: Uint8Array | undefined): ColumnVector {
    return { kind: 'codes', codes: this.rows, dictionary: this.#known.dictionary, valid };
  }

  #find(values: PageValues, out: Uint32Array, to: number): void {
    const slices = slicesOf(values, 0);
    const buffer = bufferOf(slices);
    const known = this.#known;
    for (let i = 0; i < values.count; i++) out[to + i] = known.codeOf(slices, i, buffer, textOf);
  }
}
