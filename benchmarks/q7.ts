import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../connectors/iceberg/connector.js';
import { parseFields } from '../connectors/iceberg/format/schema.js';
import { makeTable } from '../connectors/iceberg/write/made-table.js';
import { Oid } from '../sql/types.js';
import type { S3Options } from '../src/object-store/object-store.js';
import { openStore } from '../src/object-store/open-store.js';
import { parseFilter } from '../test/connectors/filters.js';
import { runPython } from '../test/connectors/pyiceberg.js';
import { type FaultProxy, startFaultProxy } from '../test/support/fault-proxy.js';
import { findVersitygw, startVersitygw } from '../test/support/versitygw.js';

const run = promisify(execFile);
const FILES = 8;
const ROWS = 200_000;
const LATENCY_MS = 25;
const SESSION = 's002777';
const TABLE = { schema: 'db', table: 'events' };
const FIELDS = parseFields(
  [
    ['session_id', 'string'],
    ['ts', 'timestamptz'],
    ['ms', 'long'],
    ['payload', 'string'],
  ].map(([name, kind], at) => ({ id: at + 1, name, type: kind })),
);
const PACKAGES = ['duckdb==1.5.5', 'duckdb-extension-httpfs==1.5.5', 'pyiceberg[sql-sqlite,pyarrow]==0.12.0'];

export const Q7_TITLE = `one session of ${FILES} files of ${ROWS} rows on S3, ${LATENCY_MS} ms a request`;

export interface BytesFigures {
  /** Milliseconds, with nothing known of the table. */
  readonly cold: number;
  /** The same question again, in the same process: best of three. */
  readonly warm: number;
  /** All requests of the cold run, metadata among them, and bytes of their bodies. */
  readonly requests: number;
  readonly bytes: number;
  readonly warmRequests: number;
  readonly warmBytes: number;
  readonly rows: number;
}

export interface BytesResult {
  readonly side: string;
  readonly figures: BytesFigures | { readonly error: string };
}

/** Q7 without an index: two columns of one session, which every file has rows of. Storage is versitygw on this machine behind a proxy that waits. */
export async function measureBytes(cache: string, say: (line: string) => void): Promise<readonly BytesResult[]> {
  const program = findVersitygw();
  if (program === undefined) return [];
  const server = await startVersitygw(program);
  const folder = mkdtempSync(join(tmpdir(), 'timeline-q7-'));
  const proxy = await startFaultProxy(server.options.endpoint ?? '');
  try {
    say(`making ${FILES} files on S3`);
    const warehouse = `s3://${server.bucket}/lake`;
    const metadata = await makeFiles(warehouse, server.options, folder);
    const files: string[] = [];
    const store = openStore(warehouse, { s3: server.options });
    for await (const { path } of store.list('')) if (path.endsWith('.parquet')) files.push(`${warehouse}/${path}`);
    store.close();
    proxy.delay(LATENCY_MS);
    const s3 = { ...server.options, endpoint: proxy.endpoint };
    const results: BytesResult[] = [];
    for (const slices of [true, false]) {
      const side = slices ? 'Timeline' : 'Timeline, whole files';
      const ask = await timelineSide(warehouse, s3, join(folder, `cache-${slices}`), slices);
      results.push({ side, figures: await attempt(() => measure(proxy, ask.run)) });
      await ask.close();
    }
    for (const side of ['DuckDB', 'pyiceberg'] as const) {
      results.push({ side, figures: await attempt(() => pythonSide(side, { cache, proxy, s3, files, metadata })) });
    }
    for (const { side, figures } of results) {
      say(`Q7 ${side}: ${'error' in figures ? figures.error : JSON.stringify(figures)}`);
    }
    return results;
  } finally {
    await proxy.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Gives the location of the metadata file. */
async function makeFiles(warehouse: string, s3: S3Options, folder: string): Promise<string> {
  const connector = await openLake(warehouse, s3, join(folder, 'made'), true);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const { writer } = connector;
    if (writer === undefined) throw new Error('the lake cannot be written');
    const relation = (file: number): string => `(SELECT 's' || lpad((range // 40)::VARCHAR, 6, '0') AS session_id,
      TIMESTAMPTZ '2025-01-01 00:00:00+00' + INTERVAL (range + ${file * ROWS}) SECOND AS ts, hash(range * ${file + 1}) % 1000000 AS ms,
      md5((range * 8 + ${file})::VARCHAR) AS payload FROM range(${ROWS}))`;
    await makeTable({
      writer,
      table: TABLE,
      fields: FIELDS,
      options: { 'timeline.key': 'session_id', sorted_by: 'session_id' },
      connection,
      relations: Array.from({ length: FILES }, (_, file) => relation(file)),
      batch: 'q7',
    });
    const { handle } = await connector.pin(TABLE);
    return (handle as { readonly metadata: string }).metadata;
  } finally {
    connection.closeSync();
    instance.closeSync();
    await connector.close();
  }
}

function openLake(warehouse: string, s3: S3Options, cacheFolder: string, slices: boolean): Promise<IcebergConnector> {
  const config = { catalog: { type: 'filesystem', warehouse }, locations: {}, s3, write: { schemas: '*' } } as const;
  return IcebergConnector.open({ name: 'q7', cacheFolder, cacheBytes: 1 << 30, slices, config });
}

/** Catalog, planning and DuckDB as a task has them; the parser and the wire are left out. */
async function timelineSide(warehouse: string, s3: S3Options, cache: string, slices: boolean) {
  const connector = await openLake(warehouse, s3, cache, slices);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const signal = new AbortController().signal;
  return {
    run: async (): Promise<number> => {
      const columns = ((await connector.describe(TABLE))?.columns ?? []).filter(({ name }) => ['session_id', 'ms'].includes(name));
      const { handle } = await connector.pin(TABLE);
      const filter = parseFilter(`session_id = '${SESSION}'`, new Map([['session_id', Oid.text]]));
      const pushed = connector.pushdown(handle, {
        filters: [filter],
        columns: columns.map(({ name }) => name),
        limit: undefined,
      });
      const plan = await connector.splits(pushed.handle, signal);
      const splits = plan.splits.map((split) => split.data);
      const opened = await connector.read(pushed.handle, splits, { columns, meter: { charge: () => undefined }, signal });
      if (opened.kind !== 'sql') throw new Error('rows');
      try {
        return (await connection.runAndReadAll(`SELECT * FROM ${opened.relation} WHERE session_id = '${SESSION}'`)).currentRowCount;
      } finally {
        await opened.release();
      }
    },
    close: async (): Promise<void> => {
      connection.closeSync();
      instance.closeSync();
      await connector.close();
    },
  };
}

async function measure(proxy: FaultProxy, ask: () => Promise<number>): Promise<BytesFigures> {
  proxy.seen();
  const start = performance.now();
  const rows = await ask();
  const cold = performance.now() - start;
  const first = proxy.seen();
  const times: number[] = [];
  for (let time = 0; time < 3; time++) {
    const again = performance.now();
    await ask();
    times.push(performance.now() - again);
  }
  const more = proxy.seen();
  const bytes = (seen: typeof more): number => seen.reduce((sum, one) => sum + one.bytes, 0);
  return {
    cold,
    warm: Math.min(...times),
    requests: first.length,
    bytes: bytes(first),
    warmRequests: Math.round(more.length / 3),
    warmBytes: Math.round(bytes(more) / 3),
    rows,
  };
}

const DUCKDB = `
import duckdb, duckdb_extension_httpfs, glob, os
con = duckdb.connect()
[extension] = glob.glob(os.path.dirname(duckdb_extension_httpfs.__file__) + '/extensions/*/httpfs.duckdb_extension')
con.execute(f"LOAD '{extension}'")
con.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{given['key']}', SECRET '{given['secret']}', REGION 'us-east-1', URL_STYLE 'path',
  USE_SSL false, ENDPOINT '{given['endpoint'].replace('http://', '')}')""")
con.execute('SET enable_external_file_cache = true')
def ask():
    return len(con.execute("SELECT session_id, ms FROM read_parquet(?) WHERE session_id = ?", [given['files'], given['session']]).fetchall())
`;

const PYICEBERG = `
from pyiceberg.table import StaticTable
from pyiceberg.expressions import EqualTo
properties = {'s3.endpoint': given['endpoint'], 's3.access-key-id': given['key'], 's3.secret-access-key': given['secret'], 's3.region': 'us-east-1'}
def ask():
    table = StaticTable.from_metadata(given['metadata'], properties)
    return len(table.scan(row_filter=EqualTo('session_id', given['session']), selected_fields=('session_id', 'ms')).to_arrow())
`;

const TIMED = `
times, rows = [], 0
for attempt in range(int(given['runs'])):
    start = time.perf_counter()
    rows = ask()
    times.append((time.perf_counter() - start) * 1000)
print(json.dumps({'times': times, 'rows': rows}))
`;

/** Once in a process for what the first run asks for, then in another with three more. */
async function pythonSide(
  side: 'DuckDB' | 'pyiceberg',
  what: {
    readonly cache: string;
    readonly proxy: FaultProxy;
    readonly s3: S3Options;
    readonly files: readonly string[];
    readonly metadata: string;
  },
): Promise<BytesFigures> {
  const { cache, proxy, s3, files, metadata } = what;
  const python = await pythonWith(cache);
  const given = { endpoint: s3.endpoint, key: s3.accessKeyId, secret: s3.secretAccessKey, files, metadata, session: SESSION };
  const ask = async (runs: number) => {
    const script = `import json, sys, time\ngiven = json.loads(sys.argv[1])\n${side === 'DuckDB' ? DUCKDB : PYICEBERG}\n${TIMED}`;
    proxy.seen();
    const { times, rows } = (await runPython(python, script, [JSON.stringify({ ...given, runs })])) as { times: number[]; rows: number };
    const seen = proxy.seen();
    return { times, rows, requests: seen.length, bytes: seen.reduce((sum, one) => sum + one.bytes, 0) };
  };
  const once = await ask(1);
  const more = await ask(4);
  return {
    cold: Math.min(once.times[0] ?? 0, more.times[0] ?? 0),
    warm: Math.min(...more.times.slice(1)),
    requests: once.requests,
    bytes: once.bytes,
    warmRequests: Math.round((more.requests - once.requests) / 3),
    warmBytes: Math.round((more.bytes - once.bytes) / 3),
    rows: once.rows,
  };
}

export async function pythonWith(cache: string): Promise<string> {
  const environment = join(cache, 'q7-python');
  const python = join(environment, 'bin', 'python');
  if (existsSync(python)) return python;
  await run('python3', ['-m', 'venv', environment]);
  await run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...PACKAGES]);
  return python;
}

async function attempt(work: () => Promise<BytesFigures>): Promise<BytesFigures | { readonly error: string }> {
  try {
    return await work();
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
