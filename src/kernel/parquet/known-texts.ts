import type { Value } from '../../../sql/value.js';
import type { ReadBytes } from './bytes-sink.js';
import { Interner } from './interner.js';
import type { Slices } from './slices.js';

/** Of an entry besides its bytes and its text, about. */
const ENTRY_BYTES = 80;

/**
 * The texts of a column in many row groups: each is made once, and its code is the same everywhere. The dictionary only grows, so vectors
 * that share it stay valid.
 */
export class KnownTexts {
  readonly dictionary: Value[] = [];
  readonly #interner = new Interner();
  #textBytes = 0;

  codeOf(slices: Slices, i: number, buffer: Buffer, read: ReadBytes): number {
    const { dictionary } = this;
    const code = this.#interner.codeOf(slices, i, dictionary.length);
    if (code < dictionary.length) return code;
    const start = slices.starts[i] as number;
    const length = slices.lengths[i] as number;
    dictionary.push(read(buffer, start, start + length));
    this.#textBytes += length * 2;
    return code;
  }

  /** Of memory, about. */
  get bytes(): number {
    return this.dictionary.length * ENTRY_BYTES + this.#textBytes;
  }
}
