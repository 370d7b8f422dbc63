/** The three queries of the README. */
export const DEMO_QUERIES: readonly { readonly title: string; readonly sql: string }[] = [
  {
    title: 'rebuffers on CDN1 from Android, per day: how many, how long',
    sql: `SELECT ts::date AS day, count(*) AS rebuffers, round(sum(buffer_duration_ms) / 1000.0, 1) AS seconds
FROM lake.events
WHERE event_type = 'rebuffer' AND cdn = 'CDN1' AND device_os = 'Android'
  AND ts >= '2025-03-01' AND ts < '2025-04-01'
GROUP BY 1 ORDER BY 1;`,
  },
  {
    title: 'buffering caused by the connection, per CDN, leaving out 5 s after each seek',
    sql: `SELECT cdn, round(sum(seconds)::numeric, 1) AS seconds, count(DISTINCT session_id) AS sessions
FROM timeline(lake.events, key => session_id, ts => ts,
       state   => latest_when(event_type IN ('play', 'rebuffer', 'pause', 'end'), event_type),
       started => has_existed(event_type = 'play'),
       seeking => has_existed_within(event_type = 'seek', INTERVAL '5 s'),
       cdn     => latest(cdn),
       since => '2025-03-01', until => '2025-04-01') AS t
WHERE state = 'rebuffer' AND started AND NOT seeking
GROUP BY cdn ORDER BY seconds DESC;`,
  },
  {
    title: 'two minutes of the session that buffered most, replayed',
    sql: `SELECT event_time, event_type, cdn, buffer_duration_ms
FROM read_range(lake.events, '80708e6a-7e48-4339-ae6e-4a0bbd3b779f', '2025-03-04 03:43Z', '2025-03-04 03:45Z') AS e;`,
  },
];
