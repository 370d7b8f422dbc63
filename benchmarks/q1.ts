import type { Question } from './question.js';
import { parquet } from './question.js';

const select = (source: string) => `
SELECT ts::date AS day, count(*) AS rebuffers, sum(buffer_duration_ms) AS milliseconds
FROM ${source}
WHERE event_type = 'rebuffer' AND cdn = 'CDN1' AND device_os = 'Android' AND ts >= '2025-03-01 00:00:00+00' AND ts < '2025-04-01 00:00:00+00'
GROUP BY 1 ORDER BY 1`;

export const q1: Question = {
  id: 'Q1',
  title: 'rebuffers on CDN1 from Android, per day: count and sum',
  timeline: () => select('lake.events'),
  duckdb: ({ files }) => [select(parquet(files))],
  ignore: [],
};
