import type { Rows } from './vectors.js';

/** Rows by key, each key's by time: key k has the places from starts[k] to starts[k + 1]. */
export interface KeyGroups {
  readonly starts: Uint32Array;
  /** By place. */
  readonly order: Rows;
  readonly times: Float64Array;
}

/** A row without a key. */
export const NO_KEY = -1;

/** Groups rows by counting; those of one key and time stay in their order. Rows without a key are left out. */
export function groupByKey(keys: Int32Array, keyCount: number, times: Float64Array): KeyGroups {
  const rows = keys.length;
  const starts = new Uint32Array(keyCount + 1);
  for (let row = 0; row < rows; row++) {
    const key = keys[row] as number;
    if (key !== NO_KEY) starts[key + 1] = (starts[key + 1] as number) + 1;
  }
  for (let key = 0; key < keyCount; key++) starts[key + 1] = (starts[key + 1] as number) + (starts[key] as number);
  const next = starts.slice(0, keyCount);
  const total = starts[keyCount] as number;
  const order = new Uint32Array(total);
  const placed = new Float64Array(total);
  for (let row = 0; row < rows; row++) {
    const key = keys[row] as number;
    if (key === NO_KEY) continue;
    const place = next[key] as number;
    next[key] = place + 1;
    order[place] = row;
    placed[place] = times[row] as number;
  }
  const sorter = new RangeSorter(placed, order);
  for (let key = 0; key < keyCount; key++) sorter.sort(starts[key] as number, starts[key + 1] as number);
  return { starts, order, times: placed };
}

/** So many are sorted by moving each to its place. */
const FEW = 12;

/** Sorts ranges of times, and what is beside them, keeping the order of equal ones: by merging, without a call for each comparison. */
class RangeSorter {
  readonly #times: Float64Array;
  readonly #rows: Rows;
  #otherTimes = new Float64Array(1024);
  #otherRows = new Uint32Array(1024);

  constructor(times: Float64Array, rows: Rows) {
    this.#times = times;
    this.#rows = rows;
  }

  sort(from: number, to: number): void {
    const times = this.#times;
    let at = from + 1;
    while (at < to && (times[at - 1] as number) <= (times[at] as number)) at += 1;
    if (at >= to) return;
    for (let start = from; start < to; start += FEW) this.#insert(start, Math.min(start + FEW, to));
    const count = to - from;
    if (count <= FEW) return;
    if (this.#otherTimes.length < count) {
      this.#otherTimes = new Float64Array(count * 2);
      this.#otherRows = new Uint32Array(count * 2);
    }
    let source: Side = { times, rows: this.#rows, at: from };
    let target: Side = { times: this.#otherTimes, rows: this.#otherRows, at: 0 };
    for (let width = FEW; width < count; width *= 2) {
      for (let start = 0; start < count; start += width * 2) {
        merge(source, target, start, Math.min(start + width, count), Math.min(start + width * 2, count));
      }
      [source, target] = [target, source];
    }
    if (source.times === times) return;
    times.set(source.times.subarray(0, count), from);
    this.#rows.set(source.rows.subarray(0, count), from);
  }

  #insert(from: number, to: number): void {
    const times = this.#times;
    const rows = this.#rows;
    for (let n = from + 1; n < to; n++) {
      const time = times[n] as number;
      let at = n;
      if ((times[at - 1] as number) <= time) continue;
      const row = rows[n] as number;
      while (at > from && (times[at - 1] as number) > time) {
        times[at] = times[at - 1] as number;
        rows[at] = rows[at - 1] as number;
        at -= 1;
      }
      times[at] = time;
      rows[at] = row;
    }
  }
}

interface Side {
  readonly times: Float64Array;
  readonly rows: Rows;
  /** Where the range begins. */
  readonly at: number;
}

/** Two sorted neighbours, [start, middle) and [middle, end) of a range. */
function merge(source: Side, target: Side, start: number, middle: number, end: number): void {
  const { times, rows } = source;
  let left = source.at + start;
  let right = source.at + middle;
  const leftEnd = right;
  const rightEnd = source.at + end;
  let to = target.at + start;
  while (left < leftEnd && right < rightEnd) {
    const a = times[left] as number;
    const b = times[right] as number;
    if (a <= b) {
      target.times[to] = a;
      target.rows[to] = rows[left] as number;
      left += 1;
    } else {
      target.times[to] = b;
      target.rows[to] = rows[right] as number;
      right += 1;
    }
    to += 1;
  }
  for (; left < leftEnd; left++, to++) {
    target.times[to] = times[left] as number;
    target.rows[to] = rows[left] as number;
  }
  for (; right < rightEnd; right++, to++) {
    target.times[to] = times[right] as number;
    target.rows[to] = rows[right] as number;
  }
}
