import type { PeerName } from './peer-sides.js';

/** Of `2025-04-01 00:00:00+00`, as q5.ts has it. */
const UNTIL = 1_743_465_600_000_000n;
const STATES = ['play', 'pause', 'rebuffer', 'end'];

/** Q5 in the words of each peer, over files of lake.events. Several formulations: the one with the least CPU counts. */
export function q5For(peer: PeerName, files: readonly string[]): readonly string[] {
  return peer === 'polars' ? [polarsOver(files), polarsSorted(files)] : [clickhouseWindows(files), clickhouseArrays(files)];
}

/** A window over each session. */
const polarsOver = (files: readonly string[]): string => `
e, t = pl.col("event_type"), pl.col("ts").dt.epoch("us")
result = (
    pl.scan_parquet(${JSON.stringify(files)})
    .filter(t < ${UNTIL})
    .select("session_id", "cdn", "event_type", t=t)
    .sort("session_id", "t")
    .with_columns(
        buffering=pl.when(e.is_in(${JSON.stringify(STATES)})).then(e == "rebuffer").forward_fill().over("session_id"),
        started=pl.when(e == "play").then(True).forward_fill().over("session_id"),
        seek=pl.when(e == "seek").then(pl.col("t")).forward_fill().over("session_id"),
        cdn=pl.col("cdn").forward_fill().over("session_id"),
        next=pl.col("t").shift(-1).over("session_id").fill_null(${UNTIL}),
    )
    .filter(pl.col("buffering") & pl.col("started"))
    .select("cdn", us=pl.col("next") - pl.max_horizontal("t", pl.col("seek") + 5_000_000))
    .filter(pl.col("us") > 0)
    .group_by("cdn").agg(seconds=pl.col("us").sum() / 1e6).sort("cdn")
    .collect()
)`;

/** Sorted once by a number for each session; what a session begins with is written into its first row, where fills stop. */
const polarsSorted = (files: readonly string[]): string => `
e, s, t, first = pl.col("event_type"), pl.col("s"), pl.col("t"), pl.col("first")
result = (
    pl.scan_parquet(${JSON.stringify(files)})
    .filter(pl.col("ts").dt.epoch("us") < ${UNTIL})
    .select("cdn", "event_type", s=pl.col("session_id").cast(pl.Categorical).to_physical(), t=pl.col("ts").dt.epoch("us"))
    .sort("s", "t")
    .with_columns(first=(s != s.shift(1)).fill_null(True))
    .with_columns(
        buffering=pl.when(e.is_in(${JSON.stringify(STATES)})).then(e == "rebuffer").when(first).then(False).forward_fill(),
        started=pl.when(e == "play").then(True).when(first).then(False).forward_fill(),
        seek=pl.when(e == "seek").then(t).when(first).then(-(1 << 60)).forward_fill(),
        cdn=pl.when(first & pl.col("cdn").is_null()).then(pl.lit("")).otherwise(pl.col("cdn")).forward_fill(),
        next=pl.when(first.shift(-1).fill_null(True)).then(${UNTIL}).otherwise(t.shift(-1)),
    )
    .filter(pl.col("buffering") & pl.col("started"))
    .select("cdn", us=pl.col("next") - pl.max_horizontal("t", pl.col("seek") + 5_000_000))
    .filter(pl.col("us") > 0)
    .group_by("cdn").agg(seconds=pl.col("us").sum() / 1e6).sort("cdn")
    .collect()
)`;

const clickhouseWindows = (files: readonly string[]): string => `
WITH e AS (
  SELECT session_id, toUnixTimestamp64Micro(ts) AS t, cdn, if(event_type IN ${list(STATES)}, event_type = 'rebuffer', NULL) AS buffers,
    if(event_type = 'play', 1, NULL) AS play, if(event_type = 'seek', toUnixTimestamp64Micro(ts), NULL) AS sought
  FROM ${clickhouseSource(files)} WHERE toUnixTimestamp64Micro(ts) < ${UNTIL}),
s AS (
  SELECT t, last_value(cdn) IGNORE NULLS OVER w AS cdn, last_value(buffers) IGNORE NULLS OVER w AS buffering,
    last_value(play) IGNORE NULLS OVER w AS started, last_value(sought) IGNORE NULLS OVER w AS seek,
    leadInFrame(t, 1, ${UNTIL}) OVER (PARTITION BY session_id ORDER BY t ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
  FROM e WINDOW w AS (PARTITION BY session_id ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW))
SELECT cdn, sum(us) / 1e6 AS seconds
FROM (SELECT cdn, next - greatest(t, ifNull(seek + 5000000, t)) AS us FROM s WHERE buffering AND started)
WHERE us > 0 GROUP BY cdn ORDER BY cdn`;

/** An array of each session's events, and ClickHouse's functions of arrays over it. */
const clickhouseArrays = (files: readonly string[]): string => `
SELECT cdn, sum(us) / 1e6 AS seconds
FROM (
  SELECT arraySort(x -> x.1, groupArray((toUnixTimestamp64Micro(ts),
      multiIf(event_type = 'play', 1, event_type = 'rebuffer', 2, event_type IN ('pause', 'end'), 3, event_type = 'seek', 4, 0), cdn))) AS e,
    e.1 AS t, e.2 AS code, arrayFill(x -> x IN (1, 2, 3), code) AS state, arrayCumSum(x -> x = 1, code) AS plays,
    arrayFill(x -> x > 0, arrayMap((c, at) -> if(c = 4, at, 0), code, t)) AS seek, arrayFill(x -> isNotNull(x), e.3) AS cdns,
    arrayPushBack(arrayPopFront(t), ${UNTIL}) AS next,
    arrayMap((s, p, k, a, b) -> if(s = 2 AND p > 0, b - greatest(a, if(k > 0, k + 5000000, a)), 0), state, plays, seek, t, next) AS spans
  FROM ${clickhouseSource(files)} WHERE toUnixTimestamp64Micro(ts) < ${UNTIL} GROUP BY session_id)
ARRAY JOIN cdns AS cdn, spans AS us
WHERE us > 0 GROUP BY cdn ORDER BY cdn`;

/** ClickHouse takes no lists of paths with folders: all Parquet files of the folder that holds the given ones. */
export function clickhouseSource(files: readonly string[]): string {
  const parts = (files[0] ?? '').split('/').slice(0, -1);
  while (!files.every((file) => file.startsWith(`${parts.join('/')}/`))) parts.pop();
  const depth = Math.max(...files.map((file) => file.split('/').length)) - parts.length;
  const pattern = `${parts.join('/')}/${depth > 1 ? '**/' : ''}*.parquet`;
  return `file('${pattern.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}', Parquet)`;
}

function list(values: readonly string[]): string {
  return `(${values.map((value) => `'${value}'`).join(', ')})`;
}
