import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { Oid, type Type, type } from '../../sql/types.js';
import { pyicebergPython } from '../connectors/pyiceberg.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';

/** A column of a test's file, in the order of the file's leaves, and how DuckDB says the same value. */
export interface FileColumn {
  readonly name: string;
  readonly type: Type;
  readonly sql?: string;
}

export interface WrittenFile {
  readonly path: string;
  readonly columns: readonly FileColumn[];
  /** The same rows, in encodings that DuckDB reads; absent: `path` is such. */
  readonly twin?: string;
  /** For messages. */
  readonly drawn: string;
}

const numeric = (precision: number, scale: number): Type => type(Oid.numeric, ((precision << 16) | scale) + 4);

/** Of typed_columns.py. */
const ARROW_COLUMNS: readonly FileColumn[] = [
  { name: 'bool', type: type(Oid.bool) },
  { name: 'int2', type: type(Oid.int2) },
  { name: 'int4', type: type(Oid.int4) },
  { name: 'int8', type: type(Oid.int8) },
  { name: 'big', type: type(Oid.int8) },
  { name: 'float4', type: type(Oid.float4) },
  { name: 'float8', type: type(Oid.float8) },
  { name: 'text', type: type(Oid.text) },
  { name: 'key', type: type(Oid.varchar) },
  { name: 'bytea', type: type(Oid.bytea) },
  { name: 'fixed', type: type(Oid.bytea) },
  { name: 'date', type: type(Oid.date) },
  { name: 'ts_us', type: type(Oid.timestamp) },
  { name: 'tz_us', type: type(Oid.timestamptz) },
  { name: 'ts_ms', type: type(Oid.timestamp) },
  { name: 'tz_ms', type: type(Oid.timestamptz) },
  {
    name: 'ts_ns',
    type: type(Oid.timestamp),
    sql: 'make_timestamp(epoch_ns(ts_ns) // 1000 - CASE WHEN epoch_ns(ts_ns) % 1000 < 0 THEN 1 ELSE 0 END)',
  },
  { name: 'tz_ns', type: type(Oid.timestamptz) },
  { name: 'time_us', type: type(Oid.time) },
  { name: 'time_ms', type: type(Oid.time) },
  { name: 'dec9_2', type: numeric(9, 2) },
  { name: 'dec17_4', type: numeric(18, 6), sql: 'dec17_4::DECIMAL(19, 6)' },
  { name: 'dec38_10', type: numeric(38, 10) },
];

/** Random files by Arrow, in every encoding; undefined: this machine has no Arrow. */
export async function arrowFiles(folder: string, seed: number, files: number): Promise<readonly WrittenFile[] | undefined> {
  const python = await pyicebergPython();
  if (python === undefined) return undefined;
  const script = join(projectRoot(), 'test', 'connectors', 'python', 'typed_columns.py');
  const { code, stdout, stderr } = await runProgram(python, [script, folder, String(seed), String(files)], { timeoutMs: 120_000 });
  if (code !== 0) throw new Error(stderr.slice(-2000));
  const written = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { name: string; twin: string; drawn: unknown }[];
  return written.map(({ name, twin, drawn }) => ({
    path: join(folder, name),
    twin: join(folder, twin),
    columns: ARROW_COLUMNS,
    drawn: `seed ${seed}, ${name}: ${JSON.stringify(drawn)}`,
  }));
}

const DUCKDB_COLUMNS: readonly (FileColumn & { readonly value: string })[] = [
  { name: 'i', type: type(Oid.int4), value: 'CASE WHEN i % 7 = 0 THEN NULL ELSE i END::INT' },
  { name: 'l', type: type(Oid.int8), value: '(i * 1000000007)::BIGINT' },
  { name: 'wide', type: type(Oid.int8), value: '(hash(i)::HUGEINT - 9223372036854775808)::BIGINT' },
  { name: 'd', type: type(Oid.float8), value: 'i::DOUBLE / 3' },
  { name: 'f', type: type(Oid.float4), value: '(i % 100)::FLOAT / 7' },
  { name: 'few', type: type(Oid.text), value: "'s' || (i % 300)" },
  { name: 'many', type: type(Oid.text), value: "CASE WHEN i % 11 < 5 THEN 'long é text ' || i || repeat('x', (i % 50)::INT) END" },
  { name: 'b', type: type(Oid.bool), value: 'i % 3 = 0' },
  {
    name: 'ts',
    type: type(Oid.timestamp),
    value: "CASE WHEN i % 500 = 0 THEN 'infinity' WHEN i % 501 = 0 THEN '-infinity' ELSE make_timestamp(i * 977) END::TIMESTAMP",
  },
  { name: 'tz', type: type(Oid.timestamptz), value: 'make_timestamptz(1700000000000000 + i * i)' },
  { name: 'u', type: type(Oid.uuid), value: 'md5((i % 900)::VARCHAR)::UUID' },
  { name: 'n', type: numeric(12, 3), value: '(i / 100)::DECIMAL(12, 3)' },
  { name: 'huge', type: numeric(38, 4), value: 'CASE WHEN i % 2 = 0 THEN (i * 1e20)::DECIMAL(38, 4) END' },
  { name: 'day', type: type(Oid.date), value: "CASE WHEN i % 400 = 0 THEN DATE 'infinity' ELSE DATE '2020-01-01' + (i % 1000)::INT END" },
  { name: 'bytes', type: type(Oid.bytea), value: "encode('b' || (i % 40))" },
  { name: 'nothing', type: type(Oid.int4), value: 'NULL::INT' },
];

/** Files by DuckDB in both page versions and all of its codecs. */
export async function duckdbFiles(folder: string, rows: number): Promise<readonly WrittenFile[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  const files: WrittenFile[] = [];
  try {
    const items = DUCKDB_COLUMNS.map(({ name, value }) => `${value} AS "${name}"`).join(', ');
    for (const codec of ['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw', 'brotli']) {
      for (const version of ['V1', 'V2']) {
        const path = join(folder, `duckdb-${codec}-${version}.parquet`);
        const options = `FORMAT parquet, COMPRESSION ${codec}, PARQUET_VERSION '${version}', ROW_GROUP_SIZE 4096`;
        await connection.run(`COPY (SELECT ${items} FROM range(${rows}) t(i)) TO '${path}' (${options})`);
        files.push({ path, columns: DUCKDB_COLUMNS, drawn: path });
      }
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
  return files;
}
