import type { Question } from './question.js';
import { parquet } from './question.js';

const select = (source: string) => `
SELECT event_type, cdn, device_os, count(*) AS events FROM ${source} GROUP BY event_type, cdn, device_os
ORDER BY event_type NULLS LAST, cdn NULLS LAST, device_os NULLS LAST`;

export const q2: Question = {
  id: 'Q2',
  title: 'events by type, CDN and device',
  timeline: () => select('lake.events'),
  duckdb: ({ files }) => [select(parquet(files))],
  ignore: [],
};
