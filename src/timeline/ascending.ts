/** Index of the first element >= value, from `low` on. */
export function firstAtOrAfter(sorted: Float64Array, value: number, low = 0): number {
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
