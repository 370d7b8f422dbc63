import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ConnectorWriter } from '../../connectors/connector.js';
import type { IcebergConfig } from '../../connectors/iceberg/config.js';
import { IcebergConnector } from '../../connectors/iceberg/connector.js';
import type { IcebergWriter } from '../../connectors/iceberg/write/iceberg-writer.js';
import type { OnStep } from '../../connectors/iceberg/write/on-step.js';

export const METER = { charge: () => undefined };
export const SIGNAL = new AbortController().signal;

/** A new lake in a folder of its own that may be written, with a DuckDB beside it. */
export interface TestLake {
  readonly folder: string;
  readonly connector: IcebergConnector;
  readonly writer: IcebergWriter;
  readonly connection: DuckDBConnection;
  query(sql: string): Promise<unknown[][]>;
  close(): Promise<void>;
}

export async function newLake(catalog: 'sql' | 'filesystem' = 'filesystem', more: Partial<IcebergConfig> = {}): Promise<TestLake> {
  const folder = mkdtempSync(join(tmpdir(), 'timeline-lake-'));
  const warehouse = `file://${folder}/warehouse`;
  const connector = await openLake({
    catalog:
      catalog === 'sql'
        ? { type: 'sql', uri: `sqlite:///${folder}/catalog.db`, name: 'test', warehouse }
        : { type: 'filesystem', warehouse },
    locations: {},
    write: { schemas: '*' },
    ...more,
  });
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  const { writer } = connector;
  if (writer === undefined) throw new Error('the lake cannot be written');
  return {
    folder,
    connector,
    writer,
    connection,
    query: async (sql) => (await connection.runAndReadAll(sql)).getRowsJson(),
    async close() {
      connection.closeSync();
      instance.closeSync();
      await connector.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export function openLake(config: IcebergConfig, onWriteStep?: OnStep): Promise<IcebergConnector> {
  const cacheFolder = join(tmpdir(), `timeline-lake-cache-${process.pid}`);
  return IcebergConnector.open({
    name: 'test',
    config,
    cacheFolder,
    cacheBytes: 1 << 28,
    ...(onWriteStep === undefined ? {} : { onWriteStep }),
  });
}

/** Rows of a SELECT as one task of an append. */
export async function writeRows(
  lake: Pick<TestLake, 'folder' | 'connection'>,
  writer: ConnectorWriter,
  handle: unknown,
  select: string,
  task = '0',
): Promise<readonly unknown[]> {
  const file = join(lake.folder, `rows-${task}-${Math.random()}.parquet`);
  const copied = await lake.connection.runAndReadAll(`COPY (${select}) TO '${file}' (FORMAT parquet, DICTIONARY_SIZE_LIMIT 0)`);
  const rows = Number(copied.getRowsJson()[0]?.[0]);
  const written = await writer.write(handle, { files: [file], rows, task, attempt: 0, meter: METER, signal: SIGNAL });
  await rm(file);
  return written;
}

/** Reads a table's columns back through the connector, as rows of texts. */
export async function readBack(
  lake: TestLake,
  schema: string,
  table: string,
  columns?: readonly string[],
  order = 'ALL',
): Promise<unknown[][]> {
  const described = await lake.connector.describe({ schema, table });
  const wanted = (described?.columns ?? []).filter((column) => columns === undefined || columns.includes(column.name));
  const { handle } = await lake.connector.pin({ schema, table });
  const plan = await lake.connector.splits(handle, SIGNAL);
  const opened = await lake.connector.read(
    handle,
    plan.splits.map((split) => split.data),
    { columns: wanted, meter: METER, signal: SIGNAL },
  );
  if (opened.kind !== 'sql') throw new Error('rows');
  try {
    return await lake.query(`SELECT * FROM ${opened.relation} ORDER BY ${order}`);
  } finally {
    await opened.release();
  }
}
