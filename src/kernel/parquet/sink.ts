import type { ColumnVector } from '../../../sql/column-vector.js';
import type { PageValues } from './encoding.js';

/** The rows of a column in the making: dense values page by page, then the gaps of NULLs. */
export interface Sink {
  /** A dictionary page; comes before all values. */
  dictionary(values: PageValues): void;
  /** Writes a page's values to rows `to`, `to` + 1, …: as if none were NULL. */
  write(values: PageValues, to: number): void;
  /** What `write` writes to. */
  readonly rows: Rows;
  finish(valid: Uint8Array | undefined): ColumnVector;
}

export type Rows = Uint8Array | Uint16Array | Uint32Array | Int32Array | Float64Array | BigInt64Array;

/** Moves `count` values, dense from row `to`, to those of the `all` rows that are valid. */
export function spread(
  rows: Rows,
  to: number,
  options: { readonly all: number; readonly count: number; readonly valid: Uint8Array },
): void {
  const { all, count, valid } = options;
  if (rows instanceof BigInt64Array) {
    for (let row = to + all - 1, from = to + count; row >= to; row--) rows[row] = valid[row] === 1 ? (rows[--from] as bigint) : 0n;
    return;
  }
  for (let row = to + all - 1, from = to + count; row >= to; row--) rows[row] = valid[row] === 1 ? (rows[--from] as number) : 0;
}

/** A value of a 64 bit column cannot be a float: it is decoded once more as `wide`. */
export class NotSafe extends Error {}
