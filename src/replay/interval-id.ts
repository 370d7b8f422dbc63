import { createHash } from 'node:crypto';
import type { ReplayInterval } from './replay-record.js';

/**
 * The id of an interval's replay (its planner may add a number, for one that failed before): of the schedule itself, or of the backfill that runs the interval again. So an interval is run once by
 * its schedule and once by every backfill, whoever asks how often; and its replays are found by the head of their ids.
 */
export function intervalReplayId(interval: ReplayInterval, parent?: string): string {
  const head = intervalHead(interval);
  return parent === undefined ? head : `${head}-${digest(parent).slice(0, 12)}`;
}

/** The id of the record of an interval that could not even be planned; `attempt`: of the workflow's run that tried. */
export function unplannedReplayId(interval: ReplayInterval, parent: string | undefined, attempt: string): string {
  return `${intervalReplayId(interval, parent)}-f${digest(attempt).slice(0, 8)}`;
}

/** What all replays of an interval begin with; ends at the id's end, or at `-`. */
export function intervalHead({ schedule, from, until }: ReplayInterval): string {
  return `interval-${digest(JSON.stringify([schedule, from, until])).slice(0, 24)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
