import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../connectors/iceberg/connector.js';
import { makeTable } from '../connectors/iceberg/write/made-table.js';
import { DEMO_FIELDS, makeDemoLake } from '../src/events/demo-lake.js';
import type { S3Options } from '../src/object-store/object-store.js';
import { type FaultProxy, startFaultProxy } from '../test/support/fault-proxy.js';
import { findVersitygw, startVersitygw } from '../test/support/versitygw.js';
import { type LogsServer, startVictoriaLogs } from '../test/support/victoria-logs.js';
import { duckdbNeedle } from './index-peers.js';
import { type IndexFacts, type NeedleResult, printIndexReport, type TableFigure } from './index-report.js';
import { machine, projectRoot } from './machine.js';
import { parquet } from './question.js';
import { startTimeline, type TimelineSide } from './timeline-side.js';
import { dataFiles } from './unordered-lake.js';

const USAGE = `node dist/benchmarks/index.js [--rows 2e6] [--latency 25] [--cache FOLDER] [--out FILE]
  Needles in a lake on S3 with VictoriaLogs as its index and without: bytes, requests, time; what the index costs; VictoriaLogs as a table.
  Needs versitygw and victoria-logs on PATH.`;

const root = projectRoot();
const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '2e6' },
    latency: { type: 'string', default: '25' },
    cache: { type: 'string', default: process.env['TIMELINE_BENCH_CACHE'] ?? join(tmpdir(), 'timeline-bench') },
    out: { type: 'string', default: join(root, 'benchmarks', 'INDEX.md') },
    help: { type: 'boolean', default: false },
  },
});

/** Data that one question fetched does not help the next. */
process.env['TIMELINE_LIMITS_CACHE_BYTES'] = '0';

const FILES = 31;
const LAYOUTS = ['shuffled', 'ordered'] as const;
type Layout = (typeof LAYOUTS)[number];
const RUNS = 5;

if (options.help) process.stdout.write(`${USAGE}\n`);
else process.exitCode = await main();

async function main(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-index-bench-'));
  const closers: (() => Promise<void>)[] = [async () => rmSync(folder, { recursive: true, force: true })];
  try {
    const gateway = findVersitygw();
    const logs = await startVictoriaLogs({ own: true });
    if (gateway === undefined || logs === undefined) throw new Error('versitygw and victoria-logs must be on PATH');
    closers.push(() => logs.close());
    const rows = Number(options.rows);
    const demo = await makeDemoLake({ folder: join(options.cache, `lake-${rows}`), rows });
    const files = await dataFiles(new URL(demo.warehouse).pathname);
    const s3 = await startVersitygw(gateway);
    closers.push(() => s3.close());
    const warehouse = `s3://${s3.bucket}/lake`;
    say(`${FILES} files of events in no order, and ${FILES} by day, on S3`);
    for (const layout of LAYOUTS) await makeLake(layout, { warehouse, s3: s3.options, files, folder });
    const objects = await startFaultProxy(s3.options.endpoint ?? '');
    closers.push(() => objects.close());
    const searches = await startFaultProxy(logs.url);
    closers.push(() => searches.close());
    const side = await startSide(folder, warehouse, { ...s3.options, endpoint: objects.endpoint }, logs, searches.endpoint);
    closers.push(() => side.close());
    const keys = await someKeys(side);
    const built = await build(side, logs, rows);
    objects.delay(Number(options.latency));
    const needles: NeedleResult[] = [];
    for (const layout of LAYOUTS)
      for (const needle of needlesOf(keys, layout)) needles.push({ layout, ...(await compare(side, objects, searches, needle)) });
    objects.delay(0);
    const peer = await duckdbNeedle({
      cache: options.cache,
      proxy: objects,
      latency: Number(options.latency),
      s3: s3.options,
      warehouse,
      user: keys.user,
    });
    const recheck = await recertify(side, logs, rows);
    const tables = await tableRole(side, logs, rows);
    const facts: IndexFacts = {
      machine: [
        ...machine(root),
        [
          'data',
          `${demo.rows} events of ${demo.sessions} sessions, ${FILES} files, twice: shuffled (each file has rows of every day and session) and ordered (a file a day, by time); zstd, pages of 32 KiB, S3 on this machine, ${options.latency} ms a request`,
        ],
        ['VictoriaLogs', 'on this machine, -memory.allowedBytes=256MiB'],
        ['load at the end (1 minute)', (loadavg()[0] ?? 0).toFixed(1)],
      ],
      needles,
      peer,
      built,
      recheck,
      tables,
    };
    writeFileSync(options.out, printIndexReport(facts));
    say(`written to ${options.out}`);
    return 0;
  } finally {
    for (const close of closers.reverse()) await close().catch(() => undefined);
  }
}

/** Rows in text form. */
async function ask(side: TimelineSide, sql: string): Promise<readonly (readonly (string | null)[])[]> {
  return (await side.ask(sql)).rows as (string | null)[][];
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/**
 * The demo lake's events, with page indexes: `shuffled` is the worst layout, in which every file has rows of every day, user and session; `ordered` has a file
 * for each day, in the order of time.
 */
async function makeLake(
  layout: Layout,
  made: { readonly warehouse: string; readonly s3: S3Options; readonly files: readonly string[]; readonly folder: string },
): Promise<void> {
  const { warehouse, s3, files, folder } = made;
  const config = { catalog: { type: 'filesystem', warehouse }, locations: {}, s3, write: { schemas: '*' } } as const;
  const connector = await IcebergConnector.open({ name: 'made', cacheFolder: join(folder, `made-${layout}`), cacheBytes: 1 << 30, config });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const { writer } = connector;
    if (writer === undefined) throw new Error('the lake cannot be written');
    await connection.run("SET TimeZone = 'UTC'");
    await makeTable({
      writer,
      table: { schema: 'lake', table: layout },
      fields: DEMO_FIELDS,
      options: {
        'timeline.key': 'session_id',
        'timeline.ts': 'ts',
        'write.parquet.compression-codec': 'zstd',
        'write.parquet.row-group-limit': '131072',
      },
      connection,
      relations:
        layout === 'ordered'
          ? files.map((file) => `(SELECT * FROM ${parquet([file])} ORDER BY ts, event_id)`)
          : Array.from(
              { length: FILES },
              (_, part) =>
                `(SELECT * FROM ${parquet(files)} WHERE hash(event_id) % ${FILES} = ${part} ORDER BY hash(event_id::VARCHAR || 'shuffled'))`,
            ),
      batch: `index-bench-${layout}`,
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
    await connector.close();
  }
}

function startSide(folder: string, warehouse: string, s3: S3Options, logs: LogsServer, url: string): Promise<TimelineSide> {
  const home = join(folder, 'timeline');
  mkdirSync(home);
  return startTimeline({
    root,
    folder: home,
    temporal: false,
    catalogs: {
      s3: {
        type: 'iceberg',
        catalog: { type: 'filesystem', warehouse },
        s3: {
          endpoint: s3.endpoint,
          region: s3.region,
          access_key_id: s3.accessKeyId,
          secret_access_key: s3.secretAccessKey,
          path_style: true,
        },
      },
      logs: {
        type: 'victorialogs',
        url,
        tenant: logs.tenant,
        index_for: LAYOUTS.map((layout) => ({
          table: `lake.${layout}`,
          columns: ['user_id', 'session_id', 'event_type', 'cdn', 'device_os', 'country'],
          streams: ['event_type'],
        })),
        tables: {
          copied: {
            encoding: 'own',
            columns: { user_id: 'text', session_id: 'text', event_type: 'text', bitrate_kbps: 'int4' },
            filter: { app: 'bench' },
          },
        },
      },
    },
  });
}

interface Keys {
  readonly user: string;
  readonly users: readonly string[];
  readonly sessions: readonly string[];
}

/** Users with few events, spread over all of them. */
async function someKeys(side: TimelineSide): Promise<Keys> {
  const list = async (column: string): Promise<string[]> => {
    const rows = await ask(
      side,
      `SELECT ${column} FROM lake.ordered GROUP BY 1 HAVING count(*) BETWEEN 20 AND 200 ORDER BY md5(${column}) LIMIT 1000`,
    );
    return rows.map(([value]) => value ?? '');
  };
  const users = await list('user_id');
  return { user: users[0] ?? '', users, sessions: await list('session_id') };
}

interface Needle {
  readonly title: string;
  /** Another key for each run: what one run fetched does not help the next. */
  readonly sql: (run: number) => string;
}

function needlesOf({ users, sessions }: Keys, layout: Layout): readonly Needle[] {
  const select = `SELECT event_id, ts, event_type, buffer_duration_ms FROM lake.${layout} WHERE`;
  const list = (run: number): string => Array.from({ length: 100 }, (_, n) => `'${users[100 + run * 100 + n] ?? ''}'`).join(', ');
  return [
    { title: 'Q7: every event of one session', sql: (run) => `${select} session_id = '${sessions[run]}' ORDER BY ts, event_id` },
    { title: 'one user', sql: (run) => `${select} user_id = '${users[run]}' ORDER BY ts, event_id` },
    { title: 'a hundred users', sql: (run) => `${select} user_id IN (${list(run)}) ORDER BY ts, event_id` },
    {
      title: 'one user and one kind of event',
      sql: (run) => `${select} user_id = '${users[10 + run]}' AND event_type = 'rebuffer' ORDER BY ts, event_id`,
    },
    {
      title: 'users by a part of their name (LIKE)',
      sql: (run) => `${select} user_id LIKE '%${(users[20 + run] ?? '').slice(2)}%' ORDER BY ts, event_id`,
    },
    {
      title: 'one country (a useless hint)',
      sql: (run) => `SELECT count(*) FROM lake.${layout} WHERE country = '${['DE', 'FR', 'US', 'GB', 'JP'][run]}'`,
    },
  ];
}

async function compare(
  side: TimelineSide,
  objects: FaultProxy,
  searches: FaultProxy,
  needle: Needle,
): Promise<Omit<NeedleResult, 'layout'>> {
  const runs: Record<'off' | 'auto', { wall: number; requests: number; bytes: number; searches: number; rows: number }[]> = {
    off: [],
    auto: [],
  };
  for (let run = 0; run < RUNS; run++) {
    const answers: string[] = [];
    for (const mode of run % 2 === 0 ? (['off', 'auto'] as const) : (['auto', 'off'] as const)) {
      await side.ask(`SET timeline.use_index = ${mode}`);
      objects.seen();
      searches.seen();
      const begun = performance.now();
      const rows = await ask(side, needle.sql(run));
      const wall = performance.now() - begun;
      const seen = objects.seen();
      runs[mode].push({
        wall,
        requests: seen.length,
        bytes: seen.reduce((sum, one) => sum + one.bytes, 0),
        searches: searches.seen().length,
        rows: rows.length,
      });
      answers.push(JSON.stringify(rows));
    }
    if (answers[0] !== answers[1]) throw new Error(`${needle.title}: the index changed the answer`);
  }
  await side.ask('SET timeline.use_index = auto');
  const explained = await ask(side, `EXPLAIN ${needle.sql(0)}`);
  const note = explained.map(([line]) => line ?? '').find((line) => /^ *Index logs/.test(line)) ?? '';
  const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
  const figures = (mode: 'off' | 'auto') => ({
    wall: median(runs[mode].map(({ wall }) => wall)),
    requests: median(runs[mode].map(({ requests }) => requests)),
    bytes: median(runs[mode].map(({ bytes }) => bytes)),
    searches: median(runs[mode].map((one) => one.searches)),
  });
  const result = {
    title: needle.title,
    rows: median(runs.off.map(({ rows }) => rows)),
    off: figures('off'),
    on: figures('auto'),
    note: note.trim(),
  };
  say(`${needle.title}: ${JSON.stringify(result)}`);
  return result;
}

function bytesOf(folder: string): number {
  let sum = 0;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(folder, name), { throwIfNoEntry: false });
    if (stat?.isFile()) sum += stat.size;
  }
  return sum;
}

async function build(side: TimelineSide, logs: LogsServer, rows: number): Promise<IndexFacts['built']> {
  let seconds = 0;
  for (const layout of LAYOUTS) {
    const begun = performance.now();
    const result = await side.ask(`CALL timeline.build_index('lake.${layout}')`);
    seconds += (performance.now() - begun) / 1000;
    say(`build_index: ${seconds.toFixed(1)} s, ${JSON.stringify(result.rows)}`);
  }
  // What is in memory is not on the disk yet.
  await logs.stop();
  const disk = bytesOf(logs.folder ?? '');
  await logs.restart();
  for (const layout of LAYOUTS) await side.ask(`CALL timeline.build_index('lake.${layout}')`);
  return { seconds, disk, rows: rows * LAYOUTS.length, builds: LAYOUTS.length };
}

/** A certificate that a restart made void is read back once more. */
async function recertify(side: TimelineSide, logs: LogsServer, rows: number): Promise<IndexFacts['recheck']> {
  await logs.restart();
  const begun = performance.now();
  for (const layout of LAYOUTS) await side.ask(`CALL timeline.build_index('lake.${layout}')`);
  return { seconds: (performance.now() - begun) / 1000, rows: rows * LAYOUTS.length };
}

/** VictoriaLogs as a table: the same events as documents of the table logs.copied. */
async function tableRole(side: TimelineSide, logs: LogsServer, rows: number): Promise<readonly TableFigure[]> {
  const begun = performance.now();
  const events = await ask(
    side,
    `SELECT ts, user_id, session_id, event_type, bitrate_kbps FROM lake.ordered WHERE ts >= '2025-03-01 00:00+00' AND ts < '2025-03-16 00:00+00'`,
  );
  const own = (value: string | null | undefined): string | undefined => (value === null || value === undefined ? undefined : `~${value}`);
  const nanos = (text: string | null | undefined): string => {
    const [, day = '', time = '', digits = ''] = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?\+00$/.exec(text ?? '') ?? [];
    return `${day}T${time}.${digits.padEnd(9, '0')}Z`;
  };
  for (let at = 0; at < events.length; at += 50_000) {
    const documents = events.slice(at, at + 50_000).map(([ts, user, session, type, bitrate]) => ({
      _time: nanos(ts),
      app: 'bench',
      user_id: own(user),
      session_id: own(session),
      event_type: own(type),
      bitrate_kbps: bitrate ?? undefined,
    }));
    await logs.insert(documents, ['app', 'event_type']);
  }
  say(`${events.length} of ${rows} documents written in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  const figures: TableFigure[] = [];
  const time = async (title: string, sql: string, unpushed: string | undefined): Promise<void> => {
    const walls: number[] = [];
    let answer = '';
    for (let run = 0; run < 3; run++) {
      const start = performance.now();
      answer = JSON.stringify((await side.ask(sql)).rows.slice(0, 5));
      walls.push(performance.now() - start);
    }
    let without: number | undefined;
    if (unpushed !== undefined) {
      await side.ask(unpushed);
      const start = performance.now();
      const again = JSON.stringify((await side.ask(sql)).rows.slice(0, 5));
      without = performance.now() - start;
      if (again !== answer) throw new Error(`${title}: pushing changed the answer`);
      await side.ask('RESET timeline.connector_aggregates');
    }
    figures.push({ title, rows: events.length, wall: Math.min(...walls), without });
    say(`${title}: ${JSON.stringify(figures.at(-1))}`);
  };
  const off = 'SET timeline.connector_aggregates = off';
  await time('count(*)', 'SELECT count(*) FROM logs.copied', off);
  await time('count(*) of one kind of event', "SELECT count(*) FROM logs.copied WHERE event_type = 'rebuffer'", off);
  await time(
    'count by day and kind',
    "SELECT date_trunc('day', _time), event_type, count(*) FROM logs.copied GROUP BY 1, 2 ORDER BY 1, 2",
    off,
  );
  await time('max of an int by kind', 'SELECT event_type, max(bitrate_kbps) FROM logs.copied GROUP BY 1 ORDER BY 1', off);
  await time('the newest ten', 'SELECT _time, user_id FROM logs.copied ORDER BY _time DESC LIMIT 10', undefined);
  await time('all rows, two columns, aggregated here', 'SELECT count(DISTINCT user_id), max(_time) FROM logs.copied', undefined);
  return figures;
}
