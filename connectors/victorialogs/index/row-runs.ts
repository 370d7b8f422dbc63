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

/** Parts of a file that are read together, about: a page of Parquet. */
export const PAGE_ROWS = 20_000;
