import type { ColumnVector } from '../../sql/column-vector.js';

type Codes = Extract<ColumnVector, { readonly kind: 'codes' }>['codes'];

/** Which of a batch's rows can touch which leaf: a word of bits for each row. Columns of the same codes are gone through once for all. */
export class TouchMarks {
  rows: Int32Array = new Int32Array();
  readonly #byCodes = new Map<Codes, Int32Array>();

  begin(rowCount: number): void {
    if (this.rows.length < rowCount) this.rows = new Int32Array(rowCount);
    else this.rows.fill(0, 0, rowCount);
    this.#byCodes.clear();
  }

  /** The bit for rows whose element is not 0. */
  mark(elements: Int32Array | Uint8Array, bit: number, rowCount: number): void {
    const { rows } = this;
    // without branches, which would be taken at random
    for (let row = 0; row < rowCount; row++) rows[row] = (rows[row] as number) | (isSet(elements[row] as number) << bit);
  }

  /** The bit for rows whose code's element is not 0. */
  markCodes(codes: Codes, byCode: Int32Array | Uint8Array, bit: number): void {
    const known = this.#byCodes.get(codes);
    const bits = known !== undefined && known.length >= byCode.length ? known : new Int32Array(byCode.length);
    if (known !== undefined && known !== bits) bits.set(known);
    this.#byCodes.set(codes, bits);
    for (let code = 0; code < byCode.length; code++) bits[code] = (bits[code] as number) | (isSet(byCode[code] as number) << bit);
  }

  markAll(bit: number, rowCount: number): void {
    const { rows } = this;
    for (let row = 0; row < rowCount; row++) rows[row] = (rows[row] as number) | (1 << bit);
  }

  end(rowCount: number): void {
    const { rows } = this;
    for (const [codes, bits] of this.#byCodes)
      for (let row = 0; row < rowCount; row++) rows[row] = (rows[row] as number) | (bits[codes[row] as number] as number);
  }
}

/** 1 for anything but 0. */
function isSet(element: number): number {
  return (element | -element) >>> 31;
}
