import type { Question } from './question.js';
import { parquet } from './question.js';

const select = (source: string) => `
SELECT session_id, sum(buffer_duration_ms) AS milliseconds FROM ${source} GROUP BY session_id
ORDER BY milliseconds DESC NULLS LAST, session_id LIMIT 20`;

export const q6: Question = {
  id: 'Q6',
  title: 'the 20 sessions with most buffering',
  timeline: () => select('lake.events'),
  duckdb: ({ files }) => [select(parquet(files))],
  ignore: [],
};
