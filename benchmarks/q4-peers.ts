import type { PeerName } from './peer-sides.js';
import { clickhouseSource } from './q5-peers.js';
import type { QuestionFacts } from './question.js';

/** Columns of Q4's answer that each peer writes in its own way. */
export const Q4_IGNORED = ['event_time', 'event_id'];

/** Q4 in the words of each peer. */
export function q4For(peer: PeerName, facts: QuestionFacts): readonly string[] {
  return [peer === 'polars' ? polars(facts) : clickhouse(facts)];
}

const polars = ({ files, session, from, to }: QuestionFacts): string => `
ts = pl.col("ts")
bound = lambda text: pl.lit(text).str.to_datetime(time_unit="us", time_zone="UTC")
result = (
    pl.scan_parquet(${JSON.stringify(files)})
    .filter((pl.col("session_id") == ${JSON.stringify(session)}) & (ts >= bound(${JSON.stringify(from)})) & (ts <= bound(${JSON.stringify(to)})))
    .sort("ts", "event_id")
    .select(pl.col("session_id").alias("stream_id"), ts.dt.to_string().alias("event_time"), pl.lit("").alias("event_id"), "event_type", "cdn", "bitrate_kbps")
    .collect()
)`;

const clickhouse = ({ files, session, from, to }: QuestionFacts): string => `
SELECT session_id AS stream_id, ts AS event_time, toString(event_id) AS event_id, event_type, cdn, bitrate_kbps
FROM ${clickhouseSource(files)}
WHERE session_id = '${session}' AND ts BETWEEN parseDateTime64BestEffort('${from}', 6, 'UTC') AND parseDateTime64BestEffort('${to}', 6, 'UTC')
ORDER BY ts, event_id`;
