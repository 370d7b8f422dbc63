import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { makeTable } from '../../connectors/iceberg/write/made-table.js';
import type { S3Options } from '../../src/object-store/object-store.js';

/** Rows a partition: n counts through the table, `part` is n's partition, `word` one of seven. */
export const ROWS_A_PART = 7;

const FIELDS = parseFields([
  { id: 1, name: 'part', type: 'int' },
  { id: 2, name: 'n', type: 'long' },
  { id: 3, name: 'word', type: 'string' },
]);

/**
 * Makes `lake.tiny`, so many partitions of a few rows in a file each: with settings() a task each. Gives the catalog's part of
 * timeline.yaml. `results` may be written.
 */
export async function makeTinyLake(options: {
  readonly folder: string;
  readonly parts: number;
  /** `s3://bucket/prefix` for the files; else they lie in the folder. */
  readonly bucket?: { readonly location: string; readonly s3: S3Options };
}): Promise<object> {
  const { folder, parts, bucket } = options;
  mkdirSync(folder, { recursive: true });
  const warehouse = bucket?.location ?? `file://${join(folder, 'warehouse')}`;
  const catalog = { type: 'sql', uri: `sqlite:///${join(folder, 'catalog.db')}`, name: 'lake', warehouse } as const;
  const s3 = bucket === undefined ? {} : { s3: bucket.s3 };
  const connector = await IcebergConnector.open({
    name: 'lake',
    config: { catalog, locations: {}, ...s3, write: { schemas: ['lake'] } },
    cacheFolder: join(folder, 'cache'),
    cacheBytes: 1 << 20,
  });
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    if (connector.writer === undefined) throw new Error('the lake is not written');
    const relations = Array.from({ length: Math.ceil(parts / 500) }, (_, block) => {
      const until = Math.min(parts, (block + 1) * 500);
      const rows = `SELECT i AS n, i // ${ROWS_A_PART} AS part, 'w' || i % 7 AS word FROM range(${block * 500 * ROWS_A_PART}, ${until * ROWS_A_PART}) AS r(i)`;
      return `(${rows})`;
    });
    await makeTable({
      writer: connector.writer,
      table: { schema: 'lake', table: 'tiny' },
      fields: FIELDS,
      options: { partitioning: 'part', 'timeline.page-index': 'false' },
      connection,
      relations,
      batch: 'tiny-lake',
    });
  } finally {
    await connector.close();
    connection.closeSync();
    instance.closeSync();
  }
  const keys = bucket === undefined ? {} : { s3: yamlS3(bucket.s3) };
  return { lake: { type: 'iceberg', catalog, ...keys, write: { schemas: ['results'] } } };
}

/** Options of an S3 server as timeline.yaml has them. */
export function yamlS3({ endpoint, region, accessKeyId, secretAccessKey, pathStyle }: S3Options): object {
  return { endpoint, region, access_key_id: accessKeyId, secret_access_key: secretAccessKey, path_style: pathStyle };
}

/** Each partition a task, on Temporal. */
export const SETTINGS =
  "SET timeline.driver = 'temporal'; SET timeline.small_bytes = 0; SET timeline.split_bytes = 1; SET timeline.splits_per_task = 1";

/** Sum of n over a table of so many partitions. */
export function sumOfN(parts: number): string {
  const rows = parts * ROWS_A_PART;
  return String((rows * (rows - 1)) / 2);
}
