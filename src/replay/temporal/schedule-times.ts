import type { ConnectionLike } from '@temporalio/client';
import { msToTs, tsToMs } from '@temporalio/common/lib/time.js';
import { TimelineError } from '../../../sql/errors.js';
import { type IntervalUnit, unitChunks } from '../interval-chunks.js';
import { type BackfillRequest, MAX_INTERVALS } from '../replay-control.js';
import { GRPC, grpcCode } from './connection-error.js';
import { scheduleId } from './schedule-protocol.js';

/** Matching times of a schedule after `after` and not after `until` (microseconds since 1970), ascending: all of them, or the first ones. */
export type MatchingTimes = (schedule: string, after: bigint, until: bigint) => Promise<readonly bigint[]>;

/** As Temporal's server computes them; it gives at most 1,000 a call, and knows nothing finer than seconds. */
export function matchingTimes(connection: Pick<ConnectionLike, 'workflowService'>, namespace: string): MatchingTimes {
  return async (schedule, after, until) => {
    if (until <= after) return [];
    try {
      const { startTime } = await connection.workflowService.listScheduleMatchingTimes({
        namespace,
        scheduleId: scheduleId(schedule),
        startTime: msToTs(milliseconds(after)),
        endTime: msToTs(milliseconds(until)),
      });
      return (startTime ?? []).map((time) => BigInt(tsToMs(time)) * 1000n);
    } catch (error) {
      if (grpcCode(error) === GRPC.notFound) throw noSchedule(schedule, error);
      throw error;
    }
  };
}

export function noSchedule(name: string, cause?: unknown): TimelineError {
  return new TimelineError({ kind: 'semantic', sqlstate: '42704', message: `schedule "${name}" does not exist`, cause });
}

function milliseconds(micros: bigint): number {
  const whole = micros / 1000n;
  return Number(micros < 0n && whole * 1000n !== micros ? whole - 1n : whole);
}

const DAY = 86_400_000_000n;
/** How far back the last matching times are looked for, one after the other: a leap day's schedule has eight years between two. */
const LOOK_BACK = [DAY / 24n, DAY, 35n * DAY, 400n * DAY, 3000n * DAY, 15_000n * DAY];
/** A server gives less than this many a call; more calls than this are a fault. */
const CALLS_MOST = 1000;

/** The last whole interval of a schedule that lies before a time, or ends at it. Throws 22023 where there is none. */
export async function lastInterval(times: MatchingTimes, schedule: string, at: bigint): Promise<readonly [bigint, bigint]> {
  for (const back of LOOK_BACK) {
    let last: bigint | undefined;
    let before: bigint | undefined;
    // Calls that give the first ones only go on at the last of these.
    for (let calls = 0, after = at - back; calls < CALLS_MOST; calls++) {
      const page = await times(schedule, after, at);
      const end = page.at(-1);
      if (end === undefined) break;
      before = page.at(-2) ?? last;
      last = end;
      after = end;
    }
    if (last !== undefined && before !== undefined) return [before, last];
  }
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '22023',
    message: `schedule "${schedule}" has no interval before ${new Date(Number(at / 1000n)).toISOString()}`,
  });
}

export interface IntervalBounds {
  readonly intervals: readonly (readonly [from: bigint, until: bigint])[];
  /** Where the next ones begin; undefined: there are no more. */
  readonly next: bigint | undefined;
}

/** The first intervals, at most `limit`, of a backfill from `from` on. Those of a schedule lie between matching times in [from, until]. */
export async function intervalsOf(
  times: MatchingTimes,
  backfill: Pick<BackfillRequest, 'schedule' | 'chunk' | 'until'>,
  from: bigint,
  limit: number,
): Promise<IntervalBounds> {
  const until = BigInt(backfill.until);
  if (backfill.chunk !== 'interval')
    return unitChunks({ from, until, unit: backfill.chunk satisfies IntervalUnit, zone: backfill.schedule.timeZone, limit });
  const bounds: bigint[] = [];
  let complete = false;
  while (bounds.length < limit + 2 && !complete) {
    const last = bounds.at(-1) ?? from - 1n;
    const page = (await times(backfill.schedule.name, last, until)).filter((time) => time > last);
    bounds.push(...page);
    complete = page.length === 0;
  }
  const count = Math.min(limit, Math.max(0, bounds.length - 1));
  const intervals = Array.from({ length: count }, (_, n) => [bounds[n] as bigint, bounds[n + 1] as bigint] as const);
  return { intervals, next: bounds.length > limit + 1 ? (bounds[limit] as bigint) : undefined };
}

/** How many a backfill has. Throws 22023 for none, and for ones that are not over yet; 54000 for more than MAX_INTERVALS. */
export async function countIntervals(times: MatchingTimes, backfill: BackfillRequest, now: number): Promise<number> {
  if (BigInt(backfill.until) > BigInt(now) * 1000n) {
    throw new TimelineError({
      kind: 'semantic',
      sqlstate: '22023',
      message: 'a backfill cannot reach into the future',
      hint: 'Its intervals would be taken for whole ones.',
    });
  }
  let count = 0;
  for (let from: bigint | undefined = BigInt(backfill.from); from !== undefined; ) {
    const page: IntervalBounds = await intervalsOf(times, backfill, from, 10_000);
    count += page.intervals.length;
    if (count > MAX_INTERVALS) {
      throw new TimelineError({
        kind: 'limit',
        sqlstate: '54000',
        message: `a backfill has at most ${MAX_INTERVALS} intervals`,
        hint: 'Take a shorter range, or longer chunks.',
      });
    }
    from = page.next;
  }
  if (count > 0) return count;
  throw new TimelineError({
    kind: 'semantic',
    sqlstate: '22023',
    message: `no interval of schedule "${backfill.schedule.name}" lies in the given range`,
    hint: 'An interval lies between two times that the schedule matches; the range has to hold both.',
  });
}
