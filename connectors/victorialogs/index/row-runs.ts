import type { RowRuns } from '../../connector.js';

/** A file's rows in runs of so many at most: plans hold them. */
const MAX_RUNS = 2000;
/** Rows between two wanted ones that are rather read than left out. */
const GAP = 16;

/** Row numbers, in any order, perhaps several times, as runs. Sorts `positions`. */
export function runsOf(positions: number[]): RowRuns {
  positions.sort((a, b) => a - b);
  for (let gap = GAP; ; gap *= 2) {
    const runs = joined(positions, gap);
    if (runs.length <= MAX_RUNS) return runs;
  }
}

function joined(sorted: readonly number[], gap: number): [first: number, rows: number][] {
  const runs: [number, number][] = [];
  let last: [number, number] | undefined;
  for (const position of sorted) {
    if (last !== undefined && position <= last[0] + last[1] + gap) {
      last[1] = Math.max(last[1], position - last[0] + 1);
      continue;
    }
    last = [position, 1];
    runs.push(last);
  }
  return runs;
}

/** Rows of a file that are read together, about: a page of Parquet. */
export const PAGE_ROWS = 5000;

/** How many of a file's pages the rows lie in. */
export function pagesOf(runs: RowRuns): number {
  let pages = 0;
  let last = -1;
  for (const [first, rows] of runs) {
    const from = Math.max(last + 1, Math.floor(first / PAGE_ROWS));
    const to = Math.floor((first + rows - 1) / PAGE_ROWS);
    pages += Math.max(0, to - from + 1);
    last = Math.max(last, to);
  }
  return pages;
}
