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

/** Sorts ranges of times, and what is beside them, keeping the order of equal ones. */
class RangeSorter {
  readonly #times: Float64Array;
  readonly #rows: Rows;
  #keys = new Float64Array(1024);
  #held = new Uint32Array(1024);

  constructor(times: Float64Array, rows: Rows) {
    this.#times = times;
    this.#rows = rows;
  }

  sort(from: number, to: number): void {
    const times = this.#times;
    let at = from + 1;
    while (at < to && (times[at - 1] as number) <= (times[at] as number)) at += 1;
    if (at >= to) return;
    if (to - from <= FEW) this.#insert(from, to);
    else if (!this.#byNumbers(from, to)) this.#byComparing(from, to);
  }

  /** Time and place as one number, which are sorted without calls; false: they don't fit. */
  #byNumbers(from: number, to: number): boolean {
    const times = this.#times;
    const rows = this.#rows;
    const count = to - from;
    let min = Infinity;
    let max = -Infinity;
    for (let n = from; n < to; n++) {
      const time = times[n] as number;
      if (time < min) min = time;
      if (time > max) max = time;
    }
    const unit = 2 ** (32 - Math.clz32(count - 1));
    // times this far from 1970 may be no whole numbers apart
    if (!Number.isSafeInteger(min) || !Number.isSafeInteger(max) || !Number.isSafeInteger((max - min + 1) * unit)) return false;
    if (this.#keys.length < count) {
      this.#keys = new Float64Array(count * 2);
      this.#held = new Uint32Array(count * 2);
    }
    const keys = this.#keys;
    const held = this.#held;
    for (let n = 0; n < count; n++) {
      keys[n] = ((times[from + n] as number) - min) * unit + n;
      held[n] = rows[from + n] as number;
    }
    keys.subarray(0, count).sort();
    for (let n = 0; n < count; n++) {
      const key = keys[n] as number;
      const time = Math.floor(key / unit);
      times[from + n] = min + time;
      rows[from + n] = held[key - time * unit] as number;
    }
    return true;
  }

  #byComparing(from: number, to: number): void {
    const times = this.#times.slice(from, to);
    const rows = this.#rows.slice(from, to);
    const order = Uint32Array.from(times, (_, n) => n).sort((a, b) => (times[a] as number) - (times[b] as number) || a - b);
    for (let n = 0; n < order.length; n++) {
      this.#times[from + n] = times[order[n] as number] as number;
      this.#rows[from + n] = rows[order[n] as number] as number;
    }
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
