import type { Question } from './question.js';
import { parquet } from './question.js';

/** The demo lake's columns under the names that a replay function looks for; its events have no version. */
const EVENTS = 'SELECT session_id AS stream_id, ts AS event_time, event_id::text AS event_id, event_type, cdn, bitrate_kbps';
const COLUMNS = 'stream_id, event_time, event_id, event_type, cdn, bitrate_kbps';

export const q4: Question = {
  id: 'Q4',
  title: 'replay of one session within ten minutes',
  timeline: ({ session, from, to }) =>
    `SELECT ${COLUMNS} FROM read_range((${EVENTS} FROM lake.events), '${session}', '${from}', '${to}') AS r`,
  duckdb: ({ files, session, from, to }) => [
    `${EVENTS} FROM ${parquet(files)} WHERE session_id = '${session}' AND ts BETWEEN '${from}' AND '${to}' ORDER BY ts, session_id, event_id`,
  ],
  ignore: [],
};
