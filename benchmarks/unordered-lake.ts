import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { IcebergConnector } from '../connectors/iceberg/connector.js';
import { makeTable } from '../connectors/iceberg/write/made-table.js';
import { DEMO_FIELDS } from '../src/events/demo-lake.js';
import { parquet } from './question.js';

/** Files of the month, each with events of all of its days. */
const FILES = 31;
const CATALOG = 'lake';

export interface UnorderedLake {
  readonly catalogUri: string;
  readonly catalogName: string;
  readonly warehouse: string;
  readonly folder: string;
}

/**
 * The same events in the worst layout: table `lake.events` without partitions or sort order, whose files all hold the whole month,
 * shuffled. Kept in `folder`; made in a folder beside and moved into place when whole.
 */
export async function makeUnorderedLake(options: {
  readonly folder: string;
  /** Data files of the ordered lake. */
  readonly files: readonly string[];
  readonly onProgress: (file: number, files: number) => void;
}): Promise<UnorderedLake> {
  const { folder, files, onProgress } = options;
  const lake = {
    catalogUri: `sqlite:///${join(folder, 'catalog.db')}`,
    catalogName: CATALOG,
    warehouse: `file://${join(folder, 'warehouse')}`,
    folder,
  };
  if (existsSync(join(folder, 'whole'))) return lake;
  await rm(folder, { recursive: true, force: true });
  const building = `${folder}.making-${process.pid}`;
  await mkdir(building, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const connector = await IcebergConnector.open({
    name: CATALOG,
    config: {
      catalog: { type: 'sql', uri: `sqlite:///${join(building, 'catalog.db')}`, name: CATALOG },
      locations: { [`file://${folder}`]: `file://${building}` },
      write: { schemas: ['lake'] },
    },
    cacheFolder: join(building, 'cache'),
    cacheBytes: 0,
  });
  function* parts(): Iterable<string> {
    for (let part = 0; part < FILES; part++) {
      onProgress(part + 1, FILES);
      yield `(SELECT * FROM ${parquet(files)} WHERE hash(event_id) % ${FILES} = ${part} ORDER BY hash(event_id::VARCHAR || 'shuffled'))`;
    }
  }
  try {
    if (connector.writer === undefined) throw new Error('the unordered lake cannot be written');
    await connection.run("SET TimeZone = 'UTC'");
    await connection.run('SET preserve_insertion_order = true');
    await makeTable({
      writer: connector.writer,
      table: { schema: 'lake', table: 'events' },
      fields: DEMO_FIELDS,
      options: {
        'timeline.key': 'session_id',
        'timeline.ts': 'ts',
        'timeline.order_by': 'event_id',
        'write.parquet.compression-codec': 'zstd',
        location: `file://${folder}/warehouse/lake/events`,
      },
      connection,
      relations: parts(),
      batch: 'unordered-lake',
    });
  } finally {
    await connector.close();
    connection.closeSync();
    instance.closeSync();
  }
  await writeFile(join(building, 'whole'), '');
  await rename(building, folder);
  return lake;
}

/** Parquet files under a folder, in the order of their names. */
export async function dataFiles(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.parquet'));
  return names.sort().map((name) => join(folder, name));
}
