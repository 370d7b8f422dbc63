import type { BatchColumns } from './batch-columns.js';
import type { LeafState } from './leaf-state.js';

/** Bits of one word that stand for leaves. */
const WORD = 30;

/** All leaves and a batch's rows: which row can touch which leaf. */
export class LeafColumns {
  readonly #leaves: readonly LeafState[];
  readonly #words: Int32Array<ArrayBufferLike>[];
  /** The first word: bit n says that the row can touch leaf n. */
  touch: Int32Array = new Int32Array();
  /** Is the first word the only one? */
  readonly narrow: boolean;

  constructor(leaves: readonly LeafState[]) {
    this.#leaves = leaves;
    this.#words = Array.from({ length: Math.max(1, Math.ceil(leaves.length / WORD)) }, () => new Int32Array());
    this.narrow = this.#words.length === 1;
  }

  bind(columns: BatchColumns, rowCount: number): void {
    this.#words.forEach((word, w) => {
      const touch = word.length < rowCount ? new Int32Array(rowCount) : word.fill(0, 0, rowCount);
      this.#words[w] = touch;
      for (let n = w * WORD; n < Math.min(this.#leaves.length, (w + 1) * WORD); n++) {
        this.#leaves[n]?.bind(columns, rowCount, touch, n - w * WORD);
      }
    });
    this.touch = this.#words[0] as Int32Array;
  }

  /** Gives the bits of the signals that may have changed. */
  apply(slot: number, row: number, time: number): number {
    let changed = 0;
    const words = this.#words;
    for (let w = 0; w < words.length; w++) {
      let touch = (words[w] as Int32Array)[row] as number;
      while (touch !== 0) {
        const bit = touch & -touch;
        touch ^= bit;
        changed |= (this.#leaves[w * WORD + 31 - Math.clz32(bit)] as LeafState).apply(slot, row, time);
      }
    }
    return changed;
  }
}
