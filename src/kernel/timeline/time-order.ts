import type { Rows } from './vectors.js';

/** Fewer are sorted by comparing. */
const FEW = 256;
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;

export function isAscending(times: Float64Array): boolean {
  for (let row = 1; row < times.length; row++) if ((times[row - 1] as number) > (times[row] as number)) return false;
  return true;
}

/** Rows by time, those of one time in the order they have. Times are whole numbers that differ by less than 2^53 (else by comparing). */
export function timeOrder(times: Float64Array): Rows {
  const count = times.length;
  const rows = new Uint32Array(count);
  for (let row = 0; row < count; row++) rows[row] = row;
  let min = Infinity;
  let max = -Infinity;
  for (const time of times) {
    if (time < min) min = time;
    if (time > max) max = time;
  }
  if (count <= FEW || !Number.isSafeInteger(max - min)) return rows.sort((a, b) => (times[a] as number) - (times[b] as number) || a - b);
  // By digits from the lowest on, each pass keeping the order of the one before.
  const digit = new Uint16Array(count);
  const places = new Uint32Array(DIGITS + 1);
  let from = rows;
  let to = new Uint32Array(count);
  for (let unit = 1; unit <= max - min; unit *= DIGITS) {
    places.fill(0);
    for (let row = 0; row < count; row++) {
      const value = Math.floor(((times[row] as number) - min) / unit) % DIGITS;
      digit[row] = value;
      places[value + 1] = (places[value + 1] as number) + 1;
    }
    for (let value = 0; value < DIGITS; value++) places[value + 1] = (places[value + 1] as number) + (places[value] as number);
    for (let n = 0; n < count; n++) {
      const row = from[n] as number;
      const value = digit[row] as number;
      const place = places[value] as number;
      places[value] = place + 1;
      to[place] = row;
    }
    [from, to] = [to, from];
  }
  return from;
}
