import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { after, before, describe, it } from 'mocha';
import type { ByteSource } from '../../connectors/iceberg/read/byte-source.js';
import { readSourceFooter } from '../../connectors/iceberg/read/parquet-footer.js';
import { writeSlice } from '../../connectors/iceberg/read/slice.js';
import { readThrift, writeThrift } from '../../connectors/iceberg/read/thrift-tree.js';
import { FIXTURES } from './iceberg-fixtures.js';
import { pyicebergPython, runPython } from './pyiceberg.js';

const ROWS = 10_000;
const WIDE = `SELECT range AS id, CASE WHEN range % 7 = 0 THEN NULL ELSE 's' || (range % 97) END AS s, range / 3.0 AS d,
  [range, NULL, range + 1] AS l, {'x': range, 'y': CASE WHEN range % 3 = 0 THEN NULL ELSE 'in' || range END} AS st,
  MAP {'k' || (range % 5): range} AS m, md5(range::VARCHAR) AS h, range % 2 = 0 AS b, (range / 100)::DECIMAL(18,2) AS n,
  TIMESTAMPTZ '2025-01-01 00:00:00+00' + INTERVAL (range) SECOND AS ts FROM range(${ROWS})`;

const PYARROW = `
import sys, pyarrow.parquet as pq
t = pq.read_table(sys.argv[1])
for version in ('1.0', '2.0'):
    for codec in ('NONE', 'GZIP', 'ZSTD'):
        pq.write_table(t, f"{sys.argv[2]}/pyarrow-{version}-{codec}.parquet", row_group_size=1700, data_page_version=version, compression=codec,
            write_page_index=version == '2.0', data_page_size=4096)
print('{}')
`;

function sourceOf(path: string): ByteSource {
  const bytes = readFileSync(path);
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    assert.ok(start >= 0 && end <= bytes.length);
    return bytes.subarray(start, end);
  };
  return { name: path, size: bytes.length, etag: '', read, readOnce: read };
}

function parquetFiles(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.parquet')).map((name) => join(folder, name));
}

describe('Parquet slices', () => {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-slices-'));
  const signal = new AbortController().signal;
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async function () {
    this.timeout(600_000);
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
    for (const [name, options] of [
      ['v1', 'ROW_GROUP_SIZE 2048'],
      ['v2', 'ROW_GROUP_SIZE 4096, PARQUET_VERSION v2, COMPRESSION zstd'],
      ['plain', 'ROW_GROUP_SIZE 2048, DICTIONARY_SIZE_LIMIT 0, COMPRESSION uncompressed'],
    ])
      await connection.run(`COPY (${WIDE}) TO '${folder}/duckdb-${name}.parquet' (FORMAT parquet, ${options})`);
    const python = await pyicebergPython();
    if (python !== undefined) await runPython(python, PYARROW, [`${folder}/duckdb-v1.parquet`, folder]);
  });
  after(() => {
    connection?.closeSync();
    instance?.closeSync();
    rmSync(folder, { recursive: true });
  });

  const made = (): string[] => parquetFiles(folder);
  const fixtures = (): string[] => parquetFiles(FIXTURES);
  const digest = async (relation: string, columns: readonly string[]): Promise<unknown> => {
    const list = columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ');
    const sql = `SELECT count(*), md5(string_agg(r, '|' ORDER BY r)) FROM (SELECT to_json(t)::VARCHAR AS r FROM (SELECT ${list} FROM ${relation}) AS t)`;
    return (await connection.runAndReadAll(sql)).getRowsJson();
  };

  it('write footers again as they were', async function () {
    this.timeout(60_000);
    const paths = [...made(), ...fixtures()];
    assert.ok(paths.length > 20);
    for (const path of paths) {
      const { raw } = await readSourceFooter(sourceOf(path));
      const { struct, end } = readThrift(raw);
      assert.equal(end, raw.length, path);
      assert.ok(Buffer.from(writeThrift(struct)).equals(raw), path);
    }
  });

  it('have the rows of the whole file, whatever columns and row groups they are made of', async function () {
    this.timeout(300_000);
    let at = 0;
    let sliced = 0;
    for (const path of [...made(), ...fixtures()]) {
      const source = sourceOf(path);
      const { footer, raw } = await readSourceFooter(source);
      const names = footer.columns.map(({ name }) => name);
      const all = footer.metadata.row_groups.map((_, index) => index);
      // Types that DuckDB does not read, as variants.
      const whole = `read_parquet('${path}', hive_partitioning = false, file_row_number = true)`;
      if (
        !(await digest(whole, names).then(
          () => true,
          () => false,
        ))
      )
        continue;
      for (const [columns, groups] of [
        [names, all],
        [names.filter((_, index) => index % 2 === 0), all.filter((index) => index % 2 === 1)],
        [names.slice(-1), all.slice(-1)],
        [names.slice(1, 6), all.slice(1, 3)],
        [names, []],
      ] as const) {
        if (columns.length === 0) continue;
        const target = join(folder, `slice-${at++}`);
        const slice = await writeSlice({ source, raw, columns: new Set(columns), groups, path: target, signal });
        assert.deepEqual(
          slice.footer.columns,
          footer.columns.filter(({ name }) => columns.includes(name)),
        );
        let first = 0;
        const runs = footer.metadata.row_groups.map((group) => {
          first += Number(group.num_rows);
          return `file_row_number BETWEEN ${first - Number(group.num_rows)} AND ${first - 1}`;
        });
        const wanted = groups.length === 0 ? 'false' : groups.map((group) => runs[group]).join(' OR ');
        const expected = await digest(`(SELECT * FROM ${whole} WHERE ${wanted})`, columns);
        assert.deepEqual(await digest(`read_parquet('${target}')`, columns), expected, `${path} ${columns.join()} ${groups.join()}`);
        sliced++;
        rmSync(target);
      }
    }
    assert.ok(sliced > 100, `${sliced}`);
  });

  it('refuse a footer that lies', async () => {
    const source = sourceOf(`${folder}/duckdb-v1.parquet`);
    const { raw } = await readSourceFooter(source);
    for (let at = 0; at < raw.length; at += 7) {
      const bad = Uint8Array.from(raw);
      bad[at] = (bad[at] ?? 0) ^ 0x41;
      const target = join(folder, 'bad');
      await writeSlice({ source, raw: bad, columns: new Set(['id', 's']), groups: [0], path: target, signal }).then(
        () => rmSync(target),
        (error: unknown) => assert.equal((error as { sqlstate?: string }).sqlstate, 'XX001', String(error)),
      );
    }
  });
});
