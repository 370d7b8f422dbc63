import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../connectors/iceberg/connector.js';
import { parseFields } from '../connectors/iceberg/format/schema.js';
import { makeTable } from '../connectors/iceberg/write/made-table.js';
import { openStore } from '../src/object-store/open-store.js';
import { startFaultProxy } from '../test/support/fault-proxy.js';
import { findVersitygw, startVersitygw } from '../test/support/versitygw.js';
import { projectRoot } from './machine.js';
import { measure } from './measure.js';
import { startTimeline, type TimelineSide } from './timeline-side.js';

/** Replay functions on one stream of many events, on this machine and on versitygw behind a proxy that waits: `node dist/benchmarks/replay.js [--rows 1e7]`. */
const LATENCY_MS = 25;
const { values: options } = parseArgs({ options: { rows: { type: 'string', default: '1e7' }, runs: { type: 'string', default: '3' } } });
const ROWS = Number(options.rows);
const TABLE = { schema: 'db', table: 'events' };
const FIELDS = parseFields(
  [
    ['stream_id', 'string'],
    ['version', 'long'],
    ['event_time', 'timestamptz'],
    ['event_id', 'string'],
    ['event_type', 'string'],
    ['payload', 'string'],
  ].map(([name, kind], at) => ({ id: at + 1, name, type: kind })),
);
const MIDDLE = new Date(Date.UTC(2025, 0, 1) + ROWS * 500).toISOString();

function questions(): readonly (readonly [title: string, sql: string])[] {
  const read = (until: string, direction: string): string =>
    `SELECT * FROM read_until(db.events, 'orders-1', '${until}', direction => '${direction}', max_events => 100) AS e`;
  return [
    ['backward, the last 100', read('2030-01-01', 'backward')],
    ['backward, 100 before the middle', read(MIDDLE, 'backward')],
    ['forward, the first 100', read('2030-01-01', 'forward')],
    ['version_at the middle', `SELECT * FROM version_at(db.events, 'orders-1', '${MIDDLE}') AS v`],
  ];
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-replay-bench-'));
  const local = join(folder, 'lake');
  const program = findVersitygw();
  const server = program === undefined ? undefined : await startVersitygw(program);
  const proxy = server === undefined ? undefined : await startFaultProxy(server.options.endpoint ?? '');
  try {
    await makeLake(local, folder);
    await ask('local', { bench: { type: 'iceberg', catalog: { type: 'filesystem', warehouse: `file://${local}` } } }, folder);
    if (server === undefined || proxy === undefined) return;
    const remote = `s3://${server.bucket}/lake`;
    const [from, to] = [openStore(local), openStore(remote, { s3: server.options })];
    for await (const { path } of from.list('')) await to.put(path, { file: join(local, path) });
    to.close();
    proxy.delay(LATENCY_MS);
    const { accessKeyId, secretAccessKey, region } = server.options;
    const s3 = { endpoint: proxy.endpoint, region, access_key_id: accessKeyId, secret_access_key: secretAccessKey };
    const catalog = { type: 'filesystem', warehouse: remote };
    await ask(
      `S3, ${LATENCY_MS} ms a request`,
      { bench: { type: 'iceberg', catalog, locations: { [`file://${local}`]: remote }, s3 } },
      folder,
      () => proxy.seen(),
    );
  } finally {
    await proxy?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function makeLake(warehouse: string, folder: string): Promise<void> {
  const config = { catalog: { type: 'filesystem', warehouse: `file://${warehouse}` }, locations: {}, write: { schemas: '*' } } as const;
  const connector = await IcebergConnector.open({ name: 'bench', config, cacheFolder: join(folder, 'made'), cacheBytes: 0 });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'; SET threads = 2");
    if (connector.writer === undefined) throw new Error('the lake cannot be written');
    const relation = `(SELECT 'orders-1' AS stream_id, range AS version, TIMESTAMPTZ '2025-01-01 00:00:00+00' + INTERVAL (range) SECOND AS event_time,
      md5(range::VARCHAR) AS event_id, ['placed', 'paid', 'packed', 'sent'][1 + range % 4] AS event_type, md5((range * 7)::VARCHAR) AS payload FROM range(${ROWS}))`;
    await makeTable({
      writer: connector.writer,
      table: TABLE,
      fields: FIELDS,
      options: {},
      connection,
      relations: [relation],
      batch: 'replay',
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
    await connector.close();
  }
}

async function ask(where: string, catalogs: unknown, folder: string, seen?: () => readonly { readonly bytes: number }[]): Promise<void> {
  const home = join(folder, `home-${where.length}`);
  mkdirSync(home, { recursive: true });
  const side: TimelineSide = await startTimeline({ root: projectRoot(), folder: home, catalogs, temporal: false });
  try {
    await side.use('local');
    for (const topN of ['auto', 'off']) {
      await side.ask(`SET timeline.top_n = ${topN}`);
      for (const [title, sql] of questions()) {
        seen?.();
        const measured = await measure(side, sql, Number(options.runs));
        const requests = seen?.();
        const { cold, best } = measured;
        // Of the cold run: others may find everything in caches.
        const runs =
          'SELECT bytes_read, row_groups_read, row_groups_total FROM timeline.queries WHERE replay IS NOT NULL ORDER BY started_at DESC';
        const { rows } = await side.ask(`${runs} LIMIT ${best.runs + 1}`);
        const row = rows.at(-1);
        const figures = `cold ${cold.wall.toFixed(0)} ms, best ${best.wall.toFixed(0)} ms, CPU ${best.meanCpu.toFixed(0)} ms, ${row?.[0]} bytes, ${row?.[1]} of ${row?.[2]} row groups`;
        const fetched =
          requests === undefined
            ? ''
            : `, fetched in all runs ${requests.reduce((sum, { bytes }) => sum + bytes, 0)} bytes in ${requests.length} requests`;
        process.stdout.write(`${where}, top_n ${topN}, ${title}: ${measured.answer.rows.length} rows, ${figures}${fetched}\n`);
      }
    }
  } finally {
    await side.close();
  }
}

await main();
