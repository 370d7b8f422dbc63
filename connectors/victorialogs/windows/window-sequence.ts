import type { LogsSplit } from '../handle.js';

/** Splits by index, one a group, in the order of their times. One group where they overlap. */
export function windowSequence(splits: readonly LogsSplit[], descending: boolean): readonly (readonly number[])[] {
  const spans = splits.map(({ windows }, index) => {
    return { index, from: BigInt(windows[0]?.[0] ?? 0), to: BigInt(windows.at(-1)?.[1] ?? 0) };
  });
  spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  const apart = spans.every(({ from }, at) => at === 0 || from >= (spans[at - 1]?.to ?? 0n));
  if (!apart) return [splits.map((_, index) => index)];
  const order = spans.map(({ index }) => [index]);
  return descending ? order.reverse() : order;
}
