import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { after, before, describe, it } from 'mocha';
import type { ByteSource } from '../../connectors/iceberg/read/byte-source.js';
import type { RowRun } from '../../connectors/iceberg/read/opened-file.js';
import { readSourceFooter } from '../../connectors/iceberg/read/parquet-footer.js';
import { sliceRanges } from '../../connectors/iceberg/read/row-number.js';
import { writeSlice } from '../../connectors/iceberg/read/slice.js';
import { cases } from '../support/cases.js';
import { projectRoot } from '../support/project-root.js';
import { dice } from './mutations.js';
import { pyicebergPython, runPython } from './pyiceberg.js';

const signal = new AbortController().signal;

function sourceOf(path: string, bytes = readFileSync(path)): ByteSource {
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    assert.ok(start >= 0 && end <= bytes.length);
    return bytes.subarray(start, end);
  };
  return { name: path, size: bytes.length, etag: '', read, readOnce: read };
}

const OWN_ROWS = 9000;

/** With pages of a few hundred bytes. */
function ownFile(codec: 'UNCOMPRESSED' | 'SNAPPY', roll: (below: number) => number): Uint8Array {
  const writer = new ByteWriter();
  const rows = Array.from({ length: OWN_ROWS }, (_, n) => n);
  const schema = [
    { name: 'schema', num_children: 6 },
    { name: 'id', type: 'INT64', repetition_type: 'REQUIRED' },
    { name: 'key', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
    { name: 'kind', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' },
    { name: 'd', type: 'DOUBLE', repetition_type: 'OPTIONAL' },
    { name: 'b', type: 'BOOLEAN', repetition_type: 'OPTIONAL' },
    { name: 'l', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: 'INT32', repetition_type: 'OPTIONAL' },
  ] as const;
  const parquet = new ParquetWriter({ writer, schema: schema as never, codec });
  const columns = [
    { name: 'id', data: rows.map(BigInt) },
    { name: 'key', data: rows.map((n) => (n % 9 === 0 ? null : `key ${roll(3000)}`)) },
    { name: 'kind', data: rows.map(() => `kind ${roll(20)}`) },
    { name: 'd', data: rows.map((n) => (n % 5 === 0 ? null : n / 7)) },
    { name: 'b', data: rows.map((n) => (n % 11 === 0 ? null : n % 2 === 0)) },
    { name: 'l', data: rows.map((n) => (n % 4 === 0 ? null : [n, null, n + 1].slice(0, n % 4))) },
  ];
  parquet.write({
    columnData: columns.map((column) => ({ ...column, columnIndex: column.name !== 'l' })),
    rowGroupSize: 4000,
    pageSize: 600,
  });
  parquet.finish();
  return writer.getBytes();
}

/** Rows here and there: single ones, runs, or all but some. */
function randomRanges(rows: number, roll: (below: number) => number): RowRun[] {
  const found: RowRun[] = [];
  const most = [1, 3, 30, 300][roll(4)] ?? 1;
  for (let at = roll(rows); at < rows; at += 1 + roll(Math.ceil((2 * rows) / most))) {
    const run = { start: at, rows: Math.min(rows - at, 1 + (roll(2) === 0 ? 0 : roll(400))) };
    found.push(run);
    at += run.rows;
  }
  return found;
}

const ROW_TEXT = (columns: readonly string[]): string =>
  `concat_ws('|', ${columns.map((name) => `coalesce("${name}"::VARCHAR, 'NULL')`).join(', ')})`;
const among = (ranges: readonly RowRun[]): string =>
  ranges.map(({ start, rows }) => `file_row_number BETWEEN ${start} AND ${start + rows - 1}`).join(' OR ') || 'false';

describe('Parquet slices of pages', () => {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-page-slices-'));
  const paths: string[] = [];
  let instance: DuckDBInstance;
  let connection: DuckDBConnection;

  before(async function () {
    this.timeout(600_000);
    instance = await DuckDBInstance.create(':memory:');
    connection = await instance.connect();
    const roll = dice(5);
    for (const codec of ['UNCOMPRESSED', 'SNAPPY'] as const) {
      paths.push(`${folder}/own-${codec}.parquet`);
      writeFileSync(paths.at(-1)!, ownFile(codec, roll));
    }
    const python = await pyicebergPython();
    if (python === undefined) return;
    const files = cases('PAGE_SLICE_FILES', { usual: 12, full: 40 });
    const script = join(projectRoot(), 'test', 'connectors', 'python', 'page_files.py');
    await runPython(python, readFileSync(script, 'utf8'), [folder, String(cases('PAGE_SLICE_SEED', { usual: 1, full: 2 })), String(files)]);
    for (let n = 0; n < files; n++) paths.push(`${folder}/pyarrow-${n}.parquet`);
  });
  after(() => {
    connection?.closeSync();
    instance?.closeSync();
    rmSync(folder, { recursive: true });
  });

  let made = 0;
  const ask = async (sql: string): Promise<string[]> => (await connection.runAndReadAll(sql)).getRows().map(([row]) => String(row));

  interface Slice {
    readonly rows: readonly string[];
    readonly padded: boolean;
  }

  /** The rows of a slice that are in the ranges and pass the condition. */
  async function sliced(
    source: ByteSource,
    wish: { readonly columns: readonly string[]; readonly ranges: readonly RowRun[]; readonly where: string; readonly pages: boolean },
  ): Promise<Slice> {
    const { columns, ranges, where } = wish;
    const { footer, raw } = await readSourceFooter(source);
    let firstRow = 0;
    const groups: number[] = [];
    const runs: RowRun[] = [];
    for (const [index, { num_rows }] of footer.metadata.row_groups.entries()) {
      const run = { start: firstRow, rows: Number(num_rows) };
      firstRow += run.rows;
      if (!ranges.some(({ start, rows }) => start < firstRow && start + rows > run.start)) continue;
      groups.push(index);
      runs.push(run);
    }
    // DuckDB keeps what it has read by path and time.
    const target = join(folder, `slice-${made++}`);
    const pages = wish.pages ? { pages: { rows: ranges, always: true } } : {};
    try {
      const slice = await writeSlice({ source, raw, columns: new Set(columns), groups, path: target, signal, ...pages });
      const wanted = among(sliceRanges(ranges, runs));
      const sql = `SELECT ${ROW_TEXT(columns)} FROM read_parquet('${target}', file_row_number = true) WHERE (${wanted}) AND (${where}) ORDER BY file_row_number`;
      return { rows: await ask(sql), padded: slice.padded };
    } finally {
      rmSync(target, { force: true });
    }
  }

  it('have the wanted rows of the whole file, whatever rows and columns are asked for', async function () {
    this.timeout(600_000);
    let padded = 0;
    const tries = cases('PAGE_SLICES', { usual: 10, full: 100 });
    for (const [n, path] of paths.entries()) {
      const roll = dice(n + 1);
      const { footer } = await readSourceFooter(sourceOf(path));
      const names = footer.columns.map(({ name }) => name);
      for (let time = 0; time < tries; time++) {
        const some = names.filter(() => roll(3) > 0);
        const columns = some.length === 0 ? ['id'] : some;
        const ranges = randomRanges(footer.rows, roll);
        const one = columns[roll(columns.length)] ?? 'id';
        const where =
          ['true', `"${one}" IS NULL`, `"${one}" IS NOT NULL`, `"${one}"::VARCHAR > '5'`, `"${one}"::VARCHAR LIKE 'a%'`][roll(5)] ?? 'true';
        const wanted = `SELECT ${ROW_TEXT(columns)} FROM read_parquet('${path}', file_row_number = true) WHERE (${among(ranges)}) AND (${where}) ORDER BY file_row_number`;
        const slice = await sliced(sourceOf(path), { columns, ranges, where, pages: true });
        assert.deepEqual(slice.rows, await ask(wanted), `${path} ${columns.join()} ${where} ${JSON.stringify(ranges)}`);
        if (slice.padded) padded++;
      }
    }
    assert.ok(padded > 0.6 * paths.length * tries, `${padded} of ${paths.length * tries}`);
  });

  it('of damaged page indexes are refused, or have the wanted rows', async function () {
    this.timeout(600_000);
    const roll = dice(11);
    const seen = { refused: 0, whole: 0, padded: 0 };
    const tries = cases('PAGE_SLICE_DAMAGE', { usual: 60, full: 600 });
    for (const path of paths) {
      const bytes = readFileSync(path);
      const { footer } = await readSourceFooter(sourceOf(path, bytes));
      const columns = footer.columns.map(({ name }) => name);
      const chunks = footer.metadata.row_groups.flatMap((group) => group.columns);
      for (let time = 0; time < tries; time++) {
        const chunk = chunks[roll(chunks.length)];
        const [at, length] = [Number(chunk?.offset_index_offset ?? 0), chunk?.offset_index_length ?? 0];
        const damaged = Buffer.from(bytes);
        const place = at + roll(length);
        const kind = roll(4);
        if (kind === 0) damaged[place] = (damaged[place] ?? 0) ^ (1 << roll(8));
        else if (kind === 1) damaged[place] = roll(256);
        else if (kind === 2) damaged.fill(0, place, Math.min(at + length, place + 1 + roll(9)));
        else damaged.copyWithin(place, place + 1, at + length);
        const ranges = randomRanges(footer.rows, roll);
        const name = String(chunk?.meta_data?.path_in_schema[0]);
        const wish = { columns: columns.includes(name) ? [name] : columns, ranges, where: 'true', pages: true };
        const sql = `SELECT ${ROW_TEXT(wish.columns)} FROM read_parquet('${path}', file_row_number = true) WHERE ${among(ranges)} ORDER BY file_row_number`;
        try {
          const { rows, padded } = await sliced(sourceOf(path, damaged), wish);
          assert.deepEqual(rows, await ask(sql), `${path} ${name} byte ${place} ${JSON.stringify(ranges)}`);
          seen[padded ? 'padded' : 'whole']++;
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          const { sqlstate, message } = error as { readonly sqlstate?: string; readonly message: string };
          assert.equal(sqlstate, 'XX001', String(error));
          assert.match(message, /page index/);
          seen.refused++;
        }
      }
    }
    assert.ok(seen.whole > 10 && seen.padded > 10 && seen.refused > 0, JSON.stringify(seen));
  });
});
