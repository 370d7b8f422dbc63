import type { BatchColumns } from './batch-columns.js';
import type { LeafState } from './leaf-state.js';
import { TouchMarks } from './touch-marks.js';

/** Bits of one word that stand for leaves. */
const WORD = 30;

/** All leaves and a batch's rows: which row can touch which leaf. */
export class LeafColumns {
  readonly #leaves: readonly LeafState[];
  readonly #words: readonly TouchMarks[];
  /** The first word: bit n says that the row can touch leaf n. */
  touch: Int32Array = new Int32Array();
  /** Is the first word the only one? */
  readonly narrow: boolean;

  constructor(leaves: readonly LeafState[]) {
    this.#leaves = leaves;
    this.#words = Array.from({ length: Math.max(1, Math.ceil(leaves.length / WORD)) }, () => new TouchMarks());
    this.narrow = this.#words.length === 1;
  }

  bind(columns: BatchColumns, rowCount: number): void {
    this.#words.forEach((marks, word) => {
      marks.begin(rowCount);
      for (let n = word * WORD; n < Math.min(this.#leaves.length, (word + 1) * WORD); n++)
        this.#leaves[n]?.bind(columns, rowCount, marks, n - word * WORD);
      marks.end(rowCount);
    });
    this.touch = (this.#words[0] as TouchMarks).rows;
  }

  /** Gives the bits of the signals that may have changed. */
  apply(slot: number, row: number, time: number): number {
    let changed = 0;
    const words = this.#words;
    for (let w = 0; w < words.length; w++) {
      let touch = (words[w] as TouchMarks).rows[row] as number;
      while (touch !== 0) {
        const bit = touch & -touch;
        touch ^= bit;
        changed |= (this.#leaves[w * WORD + 31 - Math.clz32(bit)] as LeafState).apply(slot, row, time);
      }
    }
    return changed;
  }
}
