import type { Question } from './question.js';
import { parquet } from './question.js';

const select = (source: string, session: string) => `SELECT * FROM ${source} WHERE session_id = '${session}' ORDER BY ts`;

export const q3: Question = {
  id: 'Q3',
  title: 'every event of one session',
  timeline: ({ session }) => select('lake.events', session),
  duckdb: ({ files, session }) => [select(parquet(files), session)],
  // A map there, jsonb here.
  ignore: ['attributes'],
};
