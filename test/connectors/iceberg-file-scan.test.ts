import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { parseType } from '../../connectors/iceberg/format/schema.js';
import { type FileScan, scanById, scanByPosition } from '../../connectors/iceberg/read/file-scan.js';
import { temporaryFolder } from './iceberg-fixtures.js';

const FIELD = { id: 1, name: 'd', type: parseType('double'), required: false, doc: undefined } as const;
const FOUND = { path: [0], layout: { kind: 'scalar' } } as const;

describe('scans of Parquet files', () => {
  let folder: string;
  let file: string;

  before(async () => {
    folder = temporaryFolder();
    file = join(folder, 'nan.parquet');
    const bytes = new ByteWriter();
    const schema = [
      { name: 'root', num_children: 1 },
      { name: 'd', type: 'DOUBLE', repetition_type: 'OPTIONAL', field_id: 1 },
    ] as const;
    const writer = new ParquetWriter({ writer: bytes, schema: schema.map((element) => ({ ...element })) });
    writer.write({ columnData: [{ name: 'd', data: [1, Number.NaN, 3] }] });
    writer.finish();
    await writeFile(file, bytes.getBytes());
  });
  after(() => rm(folder, { recursive: true, force: true }));

  // As Parquet asks, and pyarrow and others do.
  it('find NaN in row groups whose minimum and maximum leave it out', async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const ask = async (sql: string): Promise<unknown> => (await connection.runAndReadAll(sql)).getRowsJson()[0];
    assert.deepEqual(
      await ask(`SELECT stats_min_value, stats_max_value FROM parquet_metadata('${file}')`),
      ['1.0', '3.0'],
      'what the file says of itself',
    );
    const footer = { columns: [{}] } as unknown as Parameters<typeof scanByPosition>[0];
    const scans: Readonly<Record<string, FileScan>> = { 'by id': scanById(), 'by position': scanByPosition(footer) };
    for (const [name, scan] of Object.entries(scans)) {
      const value = scan.value(FIELD, FOUND as unknown as Parameters<FileScan['value']>[1]);
      for (const filter of ["= 'NaN'", '> 5', "BETWEEN 5 AND 'NaN'", "IN (7, 'NaN')", 'NOT IN (1, 3)'])
        assert.deepEqual(await ask(`SELECT count(*) FROM ${scan.print([file])} WHERE ${value} ${filter}`), ['1'], `${name}: ${filter}`);
    }
    connection.closeSync();
  });
});
