import type { RowRun } from '../read/opened-file.js';

/** Runs of rows, ascending and disjoint. */
export type RowRanges = readonly RowRun[];

export function rowCount(ranges: RowRanges): number {
  return ranges.reduce((sum, { rows }) => sum + rows, 0);
}

export function intersection(a: RowRanges, b: RowRanges): RowRanges {
  const common: RowRun[] = [];
  let [i, j] = [0, 0];
  for (;;) {
    const [one, other] = [a[i], b[j]];
    if (one === undefined || other === undefined) return common;
    const start = Math.max(one.start, other.start);
    const end = Math.min(one.start + one.rows, other.start + other.rows);
    if (end > start) common.push({ start, rows: end - start });
    if (one.start + one.rows < other.start + other.rows) i++;
    else j++;
  }
}

/** Runs that touch become one. */
export function union(ranges: readonly RowRun[]): RowRanges {
  const joined: RowRun[] = [];
  for (const run of [...ranges].filter(({ rows }) => rows > 0).sort((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && last.start + last.rows >= run.start) {
      joined[joined.length - 1] = { start: last.start, rows: Math.max(last.rows, run.start + run.rows - last.start) };
    } else {
      joined.push(run);
    }
  }
  return joined;
}
