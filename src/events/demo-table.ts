import type { DuckDBConnection, DuckDBType } from '@duckdb/node-api';
import { DOUBLE, DuckDBDataChunk, INTEGER, VARCHAR } from '@duckdb/node-api';
import type { DayEvents } from './day-events.js';
import { APP_VERSIONS, CDNS, COUNTRIES, DEVICES, EVENT_TYPES, eventTypeCode, REASONS } from './vocabulary.js';

/** The view below with the columns of lake.events for the day last loaded. */
export const DEMO_RELATION = 'demo_events';

const CHUNK_ROWS = 2048;
const CODE_COLUMNS = ['session', 'type', 'cdn', 'buffer_ms', 'bitrate', 'position', 'extra', 'random_a', 'random_b', 'random_c'] as const;
const SESSION_COLUMNS = ['number', 'day', 'user_number', 'device', 'country', 'app', 'isp'] as const;

/**
 * Makes the staging tables in a DuckDB connection. Codes go in as typed arrays (strings would cost a microsecond each)
 * and become words in the view.
 */
export async function openDemoTable(connection: DuckDBConnection): Promise<void> {
  await connection.run(`CREATE TEMP TABLE demo_codes (ts DOUBLE, ${CODE_COLUMNS.map((name) => `${name} INTEGER`).join(', ')})`);
  await connection.run(`CREATE TEMP TABLE demo_sessions (id VARCHAR, ${SESSION_COLUMNS.map((name) => `${name} INTEGER`).join(', ')})`);
  const word = (words: readonly string[], code: string): string => `(${list(words)})[${code} + 1]`;
  const type = (name: Parameters<typeof eventTypeCode>[0]): number => eventTypeCode(name);
  await connection.run(`CREATE TEMP VIEW ${DEMO_RELATION} AS
    SELECT
      -- UUID version 7: 48 bits of milliseconds, then random bits
      format('{:012x}7{:03x}{:08x}{:08x}', CAST(e.ts AS BIGINT) // 1000, e.random_a & 4095, (e.random_b & 1073741823) + 2147483648,
        e.random_c + 2147483648)::UUID AS event_id,
      make_timestamptz(CAST(e.ts AS BIGINT)) AS ts,
      s.id AS session_id,
      format('u{:07d}', s.user_number) AS user_id,
      ${word(DEVICES, 's.device')} AS device_os,
      ${word(CDNS, 'e.cdn')} AS cdn,
      ${word(EVENT_TYPES, 'e.type')} AS event_type,
      CASE WHEN e.buffer_ms >= 0 THEN e.buffer_ms END AS buffer_duration_ms,
      CASE WHEN e.type <> ${type('x_vendor_probe')} THEN e.bitrate END AS bitrate_kbps,
      ${word(COUNTRIES, 's.country')} AS country,
      CASE e.type
        WHEN ${type('x_vendor_probe')} THEN NULL
        WHEN ${type('rebuffer')} THEN map(['app_version', 'isp', 'position_s', 'reason'], [${word(APP_VERSIONS, 's.app')}, 'AS' || (7000 + 37 * s.isp), e.position::VARCHAR, ${word(REASONS, 'e.extra')}])
        WHEN ${type('ad_marker')} THEN map(['app_version', 'isp', 'position_s', 'ad_id'], [${word(APP_VERSIONS, 's.app')}, 'AS' || (7000 + 37 * s.isp), e.position::VARCHAR, format('ad-{:04d}', e.extra)])
        ELSE map(['app_version', 'isp', 'position_s'], [${word(APP_VERSIONS, 's.app')}, 'AS' || (7000 + 37 * s.isp), e.position::VARCHAR])
      END AS attributes
    FROM demo_codes e JOIN demo_sessions s ON s.number = e.session`);
}

/** Replaces the events by a day's; sessions stay for the day after, as they may go on past midnight. */
export async function loadDay(connection: DuckDBConnection, day: DayEvents): Promise<void> {
  await connection.run('DELETE FROM demo_codes');
  await connection.run(`DELETE FROM demo_sessions WHERE day < ${day.day - 1}`);
  const codes = [day.session, day.type, day.cdn, day.bufferMs, day.bitrate, day.position, day.extra, ...day.random];
  await append(connection, 'demo_codes', day.count, [DOUBLE, ...codes.map(() => INTEGER)], (chunk, from, rows) => {
    for (const [at, column] of [day.ts, ...codes].entries()) {
      const vector = chunk.getColumnVector(at) as unknown as NumberVector;
      vector.items.set(column.subarray(from, from + rows));
      vector.flush();
    }
  });
  const { sessions } = day;
  await append(connection, 'demo_sessions', sessions.length, [VARCHAR, ...SESSION_COLUMNS.map(() => INTEGER)], (chunk, from, rows) => {
    const part = sessions.slice(from, from + rows);
    chunk.setColumns([
      part.map((s) => s.id),
      part.map((s) => s.number),
      part.map(() => day.day),
      part.map((s) => s.user ?? null),
      part.map((s) => s.device),
      part.map((s) => s.country ?? null),
      part.map((s) => s.app),
      part.map((s) => s.isp),
    ]);
  });
}

interface NumberVector {
  readonly items: { set(values: ArrayLike<number>): void };
  flush(): void;
}

async function append(
  connection: DuckDBConnection,
  table: string,
  count: number,
  types: readonly DuckDBType[],
  fill: (chunk: DuckDBDataChunk, from: number, rows: number) => void,
): Promise<void> {
  const appender = await connection.createAppender(table);
  for (let from = 0; from < count; from += CHUNK_ROWS) {
    const rows = Math.min(CHUNK_ROWS, count - from);
    const chunk = DuckDBDataChunk.create(types, rows);
    fill(chunk, from, rows);
    appender.appendDataChunk(chunk);
  }
  appender.closeSync();
}

function list(words: readonly string[]): string {
  return `[${words.map((word) => `'${word}'`).join(', ')}]`;
}
