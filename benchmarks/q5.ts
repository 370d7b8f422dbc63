import type { Question } from './question.js';
import { parquet } from './question.js';

const UNTIL = '2025-04-01 00:00:00+00';
const STATES = "('play', 'pause', 'rebuffer', 'end')";

/**
 * One window over all events, in whole microseconds. Each event's row stands for the span until the next event (the last one:
 * until the end of the month); of a span in rebuffer counts what lies 5 s or more after the last seek.
 */
const windowed = (source: string) => `
WITH e AS (
  SELECT session_id, epoch_us(ts) AS t, cdn, CASE WHEN event_type IN ${STATES} THEN event_type = 'rebuffer' END AS buffering,
    CASE WHEN event_type = 'play' THEN true END AS play, CASE WHEN event_type = 'seek' THEN epoch_us(ts) END AS seek
  FROM ${source} WHERE ts < '${UNTIL}'),
s AS (
  SELECT session_id, t, last_value(cdn IGNORE NULLS) OVER w AS cdn, last_value(buffering IGNORE NULLS) OVER w AS buffering,
    last_value(play IGNORE NULLS) OVER w AS started, last_value(seek IGNORE NULLS) OVER w AS seek,
    lead(t, 1, epoch_us(TIMESTAMPTZ '${UNTIL}')) OVER w AS next
  FROM e WINDOW w AS (PARTITION BY session_id ORDER BY t))
${total('FROM s WHERE buffering AND started')}`;

/** The same with sessions told apart by a hash of 64 bits of their id, which is less to sort than the text; the answers are compared. */
const hashed = (source: string) =>
  windowed(source).replace('SELECT session_id, epoch_us(ts)', 'SELECT hash(session_id) AS session_id, epoch_us(ts)');

/** The same with has_existed(play) from a grouping beside the window. */
const grouped = (source: string) => `
WITH f AS (SELECT session_id, epoch_us(min(ts)) AS first_play FROM ${source} WHERE event_type = 'play' AND ts < '${UNTIL}' GROUP BY 1),
e AS (
  SELECT session_id, epoch_us(ts) AS t, cdn, CASE WHEN event_type IN ${STATES} THEN event_type = 'rebuffer' END AS buffering,
    CASE WHEN event_type = 'seek' THEN epoch_us(ts) END AS seek
  FROM ${source} WHERE ts < '${UNTIL}'),
s AS (
  SELECT session_id, t, last_value(cdn IGNORE NULLS) OVER w AS cdn, last_value(buffering IGNORE NULLS) OVER w AS buffering,
    last_value(seek IGNORE NULLS) OVER w AS seek, lead(t, 1, epoch_us(TIMESTAMPTZ '${UNTIL}')) OVER w AS next
  FROM e WINDOW w AS (PARTITION BY session_id ORDER BY t))
${total('FROM (FROM s WHERE buffering) s JOIN f USING (session_id) WHERE first_play <= t')}`;

function total(from: string): string {
  return `SELECT cdn, sum(next - greatest(t, coalesce(seek + 5000000, t))) FILTER (WHERE next > coalesce(seek + 5000000, t)) / 1e6 AS seconds ${from} GROUP BY cdn ORDER BY cdn`;
}

export const q5: Question = {
  id: 'Q5',
  title: 'connection-induced rebuffering per CDN, all sessions',
  timeline: () => `
SELECT cdn, sum(seconds) AS seconds
FROM timeline(lake.events, key => session_id, ts => ts,
  state => latest_when(event_type IN ${STATES}, event_type), started => has_existed(event_type = 'play'),
  seeking => has_existed_within(event_type = 'seek', INTERVAL '5 s'), cdn => latest(cdn), until => '${UNTIL}') AS t
WHERE state = 'rebuffer' AND started AND NOT seeking
GROUP BY cdn ORDER BY cdn`,
  duckdb: ({ files }) => [windowed(parquet(files)), hashed(parquet(files)), grouped(parquet(files))],
  ignore: [],
};
