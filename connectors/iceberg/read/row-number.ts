import type { RowRun } from './opened-file.js';

/**
 * The SQL of a row's number in the data file. `slice`: its number in the file at hand, whose rows are `runs` of the data file's.
 * Halves the runs at each step, so that thousands of them cost few comparisons a row.
 */
export function dataRowNumber(slice: string, runs: readonly RowRun[] | undefined): string {
  if (runs === undefined) return slice;
  const shifts: { readonly from: number; readonly shift: number }[] = [];
  let from = 0;
  for (const { start, rows } of runs) {
    const shift = start - from;
    if (shifts.at(-1)?.shift !== shift) shifts.push({ from, shift });
    from += rows;
  }
  const pick = (some: typeof shifts): string => {
    const [first] = some;
    if (first === undefined) return slice;
    if (some.length === 1) return first.shift === 0 ? slice : `${slice} + ${first.shift}`;
    const middle = some.length >> 1;
    return `CASE WHEN ${slice} < ${some[middle]?.from ?? 0} THEN ${pick(some.slice(0, middle))} ELSE ${pick(some.slice(middle))} END`;
  };
  return pick(shifts);
}

/** Rows of the data file as rows of the file at hand; what that does not hold is left out. Ascending and disjoint, as both arguments. */
export function sliceRanges(ranges: readonly RowRun[], runs: readonly RowRun[] | undefined): RowRun[] {
  const found: RowRun[] = [];
  const add = (start: number, end: number): void => {
    const last = found.at(-1);
    if (last !== undefined && last.start + last.rows === start)
      found[found.length - 1] = { start: last.start, rows: last.rows + end - start };
    else if (end > start) found.push({ start, rows: end - start });
  };
  if (runs === undefined) {
    for (const range of ranges) add(range.start, range.start + range.rows);
    return found;
  }
  let first = 0;
  let at = 0;
  for (const run of runs) {
    const end = run.start + run.rows;
    while (first < ranges.length && endOf(ranges[first]) <= run.start) first++;
    for (let next = first; next < ranges.length; next++) {
      const range = ranges[next];
      if (range === undefined || range.start >= end) break;
      const [from, to] = [Math.max(range.start, run.start), Math.min(endOf(range), end)];
      if (to > from) add(at + from - run.start, at + to - run.start);
    }
    at += run.rows;
  }
  return found;
}

function endOf(range: RowRun | undefined): number {
  return range === undefined ? 0 : range.start + range.rows;
}

/**
 * A condition that row `number` lies in one of the ranges (ascending, disjoint): first as a whole, which prunes row groups. DuckDB looks row groups and
 * rows up in a list of numbers many times faster than it tries alternatives; of very many rows it builds a table.
 */
export function inRanges(number: string, ranges: readonly RowRun[]): string {
  const [first, last] = [ranges[0], ranges.at(-1)];
  if (first === undefined || last === undefined) return 'false';
  const whole = between(number, first.start, endOf(last));
  if (ranges.length === 1) return whole;
  const rows = ranges.reduce((sum, range) => sum + range.rows, 0);
  if (rows <= (ranges.length <= MOST_ALTERNATIVES ? FEW_ROWS : LISTED_ROWS))
    return `${whole} AND ${number} IN (${rowsIn(ranges).join(', ')})`;
  if (ranges.length <= MOST_ALTERNATIVES) {
    return `${whole} AND (${ranges.map((range) => between(number, range.start, endOf(range))).join(' OR ')})`;
  }
  if (ranges.length > MOST_CASES && rows <= TABLE_ROWS) {
    const list = (values: readonly number[]): string => `unnest([${values.join(', ')}])`;
    const runs = `SELECT ${list(ranges.map(({ start }) => start))} AS s, ${list(ranges.map(endOf))} AS e`;
    return `${whole} AND ${number} IN (SELECT unnest(range(s, e)) FROM (${runs}))`;
  }
  const pick = (some: readonly RowRun[]): string => {
    const [one] = some;
    if (one === undefined) return 'false';
    if (some.length === 1) return between(number, one.start, endOf(one));
    const middle = some.length >> 1;
    return `CASE WHEN ${number} < ${some[middle]?.start ?? 0} THEN ${pick(some.slice(0, middle))} ELSE ${pick(some.slice(middle))} END`;
  };
  return `${whole} AND ${pick(ranges)}`;
}

/** Alternatives prune row groups too; of many, each row's comparisons cost more than that. */
const MOST_ALTERNATIVES = 16;
const FEW_ROWS = 1024;
const LISTED_ROWS = 4096;
const MOST_CASES = 32;
const TABLE_ROWS = 2_000_000;

function rowsIn(ranges: readonly RowRun[]): readonly number[] {
  return ranges.flatMap(({ start, rows }) => Array.from({ length: rows }, (_, n) => start + n));
}

function between(number: string, start: number, end: number): string {
  return `${number} BETWEEN ${start} AND ${end - 1}`;
}
