import { internal } from '../../../sql/errors.js';
import type { ConnectorSplit, RowRuns } from '../../connector.js';
import { asSplit, type IcebergSplit, rowsOf, type SplitFile } from '../handle.js';
import { intersection, union } from './row-ranges.js';
import { asBounds } from './split-bounds.js';

/** A run of rows costs about so much beside its share of the file: the pages that it lies in, of a few columns. */
const RUN_BYTES = 64 << 10;

/** Of one file, and of all splits together, but for a few of each file: plans are kept and sent. */
const MOST_RUNS = 1024;
const MOST_OF_ALL = 100_000;
const FEWEST_RUNS = 16;

/**
 * The splits with only those rows of each file that `only` has for its path; what is left without rows goes. More rows may stay than were named: runs
 * that lie close together are joined where they are very many.
 */
export function restrictSplits(splits: readonly ConnectorSplit[], only: ReadonlyMap<string, RowRuns>): readonly ConnectorSplit[] {
  const pieces = splits.flatMap(({ data }) => asSplit(data).files).filter(({ path }) => (only.get(path)?.length ?? 0) > FEWEST_RUNS).length;
  const most = Math.max(FEWEST_RUNS, Math.min(MOST_RUNS, Math.floor(MOST_OF_ALL / Math.max(1, pieces))));
  const known = new Map<string, RowRuns>();
  const runsOf = (path: string, wanted: RowRuns): RowRuns => {
    const runs = known.get(path) ?? compactRuns(wanted, most);
    known.set(path, runs);
    return runs;
  };
  return splits.flatMap((split): readonly ConnectorSplit[] => {
    const { files } = asSplit(split.data);
    const bounds = asBounds(split.bounds, files.length);
    const kept = files.flatMap((file, n) => {
      const wanted = only.get(file.path);
      const restricted = wanted === undefined ? file : onlyRuns(file, runsOf(file.path, wanted));
      return restricted === undefined ? [] : [{ file: restricted, n }];
    });
    if (kept.length === 0) return [];
    if (kept.length === files.length && kept.every(({ file, n }) => file === files[n])) return [split];
    const data: IcebergSplit = { files: kept.map(({ file }) => file) };
    const before = files.reduce((sum, file) => sum + bytesOf(file), 0);
    const after = kept.reduce((sum, { file }) => sum + bytesOf(file), 0);
    return [
      {
        data,
        bytes: Math.min(split.bytes, before === 0 ? split.bytes : Math.round((split.bytes * after) / before)),
        rows: kept.reduce((sum, { file }) => sum + rowsOf(file), 0),
        ...(bounds === undefined ? {} : { bounds: kept.map(({ n }) => bounds[n]) }),
      },
    ];
  });
}

/** Undefined: no row is left. */
function onlyRuns(file: SplitFile, runs: RowRuns): SplitFile | undefined {
  const within: RowRuns = [[0, file.rows]];
  const left = common(file.only ?? within, common(runs, within));
  const [first, second] = left;
  if (first === undefined) return undefined;
  if (second === undefined && first[0] === 0 && first[1] === file.rows) return file;
  return { ...file, only: left };
}

function common(a: RowRuns, b: RowRuns): RowRuns {
  return asRuns(intersection(asRanges(a), asRanges(b)));
}

/** About what is read of the file, or of the part of it. */
function bytesOf(file: SplitFile): number {
  const { bytes, rows, part, only } = file;
  const whole = part === undefined ? bytes : part[1] - part[0];
  if (only === undefined || rows === 0) return whole;
  const share = only.reduce((sum, [, some]) => sum + some, 0) / rows;
  return Math.min(whole, Math.round(whole * share + (only.length * RUN_BYTES * whole) / Math.max(1, bytes)));
}

/** Ascending, disjoint, not touching, and of very many the nearest ones joined. Throws for what are no runs. */
export function compactRuns(runs: RowRuns, most = MOST_RUNS): RowRuns {
  for (const [first, rows] of runs) {
    if (!Number.isSafeInteger(first) || !Number.isSafeInteger(rows) || first < 0 || rows < 0) throw internal('rows that are no runs');
  }
  const joined = asRuns(union(asRanges(runs)));
  if (joined.length <= most) return joined;
  const gapBefore = (n: number): number => (joined[n]?.[0] ?? 0) - endOf(joined[n - 1]);
  const widest = joined
    .map((_, n) => n)
    .slice(1)
    .sort((a, b) => gapBefore(b) - gapBefore(a) || a - b)
    .slice(0, most - 1)
    .sort((a, b) => a - b);
  return [0, ...widest].map((from, n): RowRuns[number] => {
    const first = joined[from]?.[0] ?? 0;
    return [first, endOf(joined[(widest[n] ?? joined.length) - 1]) - first];
  });
}

function endOf(run: RowRuns[number] | undefined): number {
  return run === undefined ? 0 : run[0] + run[1];
}

function asRanges(runs: RowRuns): { readonly start: number; readonly rows: number }[] {
  return runs.map(([start, rows]) => ({ start, rows }));
}

function asRuns(ranges: readonly { readonly start: number; readonly rows: number }[]): RowRuns {
  return ranges.map(({ start, rows }) => [start, rows]);
}
