import { sha256 } from '../sha256.js';
import { type ReplayRequest, resultKind, sortedSettings } from './replay-planner.js';
import type { ReplayInterval } from './replay-record.js';

/**
 * The id of an interval's replay (its planner may add a number, for one that failed before): of the schedule itself, or of the backfill that
 * runs the interval again. So an interval is run once by its schedule and once by every backfill, whoever asks how often; and its replays are
 * found by the head of their ids.
 */
export function intervalReplayId(interval: ReplayInterval, parent?: string): string {
  const head = intervalHead(interval);
  return parent === undefined ? head : `${head}-${sha256(parent).slice(0, 12)}`;
}

/** Rows of an interval are added to a table once: by whom, and how often it is asked for, does not matter. */
export function isAddedToTable(result: string): boolean {
  return resultKind(result) === 'table';
}

/** What the replay of an interval is asked for: a schedule that was made anew under its name may ask for something else (ReplaySubmission.reuse). */
export function intervalHash({ user, sql, settings, result }: Omit<ReplayRequest, 'kind' | 'name'>, interval: ReplayInterval): string {
  const { schedule, from, until } = interval;
  return sha256(JSON.stringify([1, user, sql, sortedSettings(settings), result, { schedule, from, until }]));
}

/** The id of the record of an interval that could not even be planned; `attempt`: of the workflow's run that tried. */
export function unplannedReplayId(interval: ReplayInterval, parent: string | undefined, attempt: string): string {
  return `${intervalReplayId(interval, parent)}-f${sha256(attempt).slice(0, 8)}`;
}

/** What all replays of an interval begin with; ends at the id's end, or at `-`. */
export function intervalHead({ schedule, from, until }: ReplayInterval): string {
  return `interval-${sha256(JSON.stringify([schedule, from, until])).slice(0, 24)}`;
}
