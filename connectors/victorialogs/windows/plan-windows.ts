import { TimelineError } from '../../../sql/errors.js';
import type { LogsWindow } from '../handle.js';
import { earlier, later } from '../instant.js';

/** Entries of one interval of `hits`. */
export interface Bucket {
  /** Nanoseconds since 1970. */
  readonly from: bigint;
  readonly hits: number;
}

export type CountHits = (request: { readonly from: bigint; readonly to: bigint; readonly step: number }) => Promise<readonly Bucket[]>;

/** Of a window. */
export const WINDOW_ROWS = 200_000;
/** A plan has to hold them all. */
const MOST_WINDOWS = 20_000;
const SECOND = 1_000_000_000n;
/** `hits` counts whole seconds; what is more in one is parted blindly. */
const STEPS: readonly number[] = [86_400, 3_600, 60, 1];
const MICRO = 1_000n;

interface Range {
  readonly from: bigint;
  readonly to: bigint;
  readonly rows: number;
}

/**
 * Windows of time from `from` (inclusive) to `to` (exclusive) of `rows` rows or less, ascending and side by side, from the first day with
 * an entry to the last one's end. Counts by days, and by less where a day has too many.
 */
export async function planWindows(request: {
  readonly from: bigint;
  readonly to: bigint;
  readonly count: CountHits;
  /** Rows of a window, where times can tell so few apart. Absent: WINDOW_ROWS. */
  readonly rows?: number;
}): Promise<readonly LogsWindow[]> {
  const most = request.rows ?? WINDOW_ROWS;
  const ranges = await refined([{ from: request.from, to: request.to, rows: Number.POSITIVE_INFINITY }], 0, { count: request.count, most });
  const joined: Range[] = [];
  for (const range of ranges) {
    const last = joined.at(-1);
    // The time between two windows goes to the later one: entries may still arrive there.
    const next = { ...range, from: last?.to ?? range.from };
    if (last !== undefined && last.rows + range.rows <= most)
      joined[joined.length - 1] = { ...last, to: range.to, rows: last.rows + range.rows };
    else joined.push(next);
  }
  if (joined.length > MOST_WINDOWS) throw tooManyWindows(joined);
  return joined.map(({ from, to, rows }) => [String(from), String(to), rows]);
}

/** Ranges that have entries, those with too many in parts. */
async function refined(
  ranges: readonly Range[],
  level: number,
  how: { readonly count: CountHits; readonly most: number },
): Promise<readonly Range[]> {
  const step = STEPS[level];
  const found: Range[] = [];
  for (const run of runs(ranges, how.most)) {
    if (!run.large) found.push(...run.ranges);
    else if (step === undefined) found.push(...run.ranges.flatMap((range) => parted(range, how.most)));
    else {
      const [from, to] = [run.ranges[0]?.from ?? 0n, run.ranges.at(-1)?.to ?? 0n];
      const width = BigInt(step) * SECOND;
      const buckets = [...(await how.count({ from, to, step }))].filter(({ hits }) => hits > 0).sort((a, b) => (a.from < b.from ? -1 : 1));
      const parts = buckets.map((bucket): Range => {
        const start = (bucket.from / width) * width;
        return { from: later(start, from), to: earlier(start + width, to), rows: bucket.hits };
      });
      found.push(...(await refined(parts, level + 1, how)));
    }
  }
  return found;
}

/** Neighbours that are all too large, or all not, together. */
function runs(ranges: readonly Range[], most: number): readonly { readonly large: boolean; readonly ranges: readonly Range[] }[] {
  const found: { readonly large: boolean; readonly ranges: Range[] }[] = [];
  for (const range of ranges) {
    const large = range.rows > most;
    const last = found.at(-1);
    if (last !== undefined && last.large === large && (!large || last.ranges.at(-1)?.to === range.from)) last.ranges.push(range);
    else found.push({ large, ranges: [range] });
  }
  return found;
}

/** Equal parts of whole microseconds. */
function parted(range: Range, most: number): readonly Range[] {
  const micros = (range.to - range.from) / MICRO;
  const wanted = BigInt(Math.ceil(range.rows / most));
  const parts = Number(wanted < micros ? wanted : micros);
  if (parts < 2) return [range];
  const at = (part: number): bigint => (part === parts ? range.to : range.from + ((micros * BigInt(part)) / BigInt(parts)) * MICRO);
  return Array.from({ length: parts }, (_, part) => ({ from: at(part), to: at(part + 1), rows: Math.ceil(range.rows / parts) }));
}

function tooManyWindows(ranges: readonly Range[]): TimelineError {
  const rows = ranges.reduce((sum, range) => sum + range.rows, 0);
  return new TimelineError({
    kind: 'limit',
    sqlstate: '54000',
    message: `a scan of about ${rows} log entries is too large`,
    hint: 'Say which _time is meant in WHERE.',
  });
}
