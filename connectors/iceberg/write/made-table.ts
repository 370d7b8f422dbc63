import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { CommitResult, TableName } from '../../connector.js';
import type { SchemaField } from '../format/schema.js';
import { quoteName, quoteText } from '../read/sql-text.js';
import type { IcebergWriter } from './iceberg-writer.js';
import { comesAsJson, incomingType } from './physical-columns.js';

export interface MadeTable {
  readonly writer: IcebergWriter;
  readonly table: TableName;
  /** With ids, as Iceberg's types. */
  readonly fields: readonly SchemaField[];
  /** As of CREATE TABLE … WITH. */
  readonly options: Readonly<Record<string, string>>;
  readonly connection: DuckDBConnection;
  /** For FROM, with the columns by name; each is written before the next is asked for. */
  readonly relations: AsyncIterable<string> | Iterable<string>;
  readonly batch: string;
  readonly summary?: Readonly<Record<string, string>>;
}

/** Makes a table out of relations of a DuckDB of the caller's, in one commit: for the demo lake, tests and benchmarks. */
export async function makeTable(options: MadeTable): Promise<CommitResult> {
  const { writer, connection, fields } = options;
  const signal = new AbortController().signal;
  await writer.createNamespace(options.table.schema, signal);
  const { handle } = await writer.beginTable(options, signal);
  const folder = await mkdtemp(join(tmpdir(), 'timeline-make-'));
  const written: unknown[] = [];
  let task = 0;
  try {
    const columns = fields.map(({ name, type }) => {
      const value = comesAsJson(type)
        ? `CAST(to_json(${quoteName(name)}) AS VARCHAR)`
        : `CAST(${quoteName(name)} AS ${incomingType(type)})`;
      return `${value} AS ${quoteName(name)}`;
    });
    const file = join(folder, 'rows.parquet');
    for await (const relation of options.relations) {
      // Without a dictionary: DuckDB's hold -0 and 0 as one value.
      const copied = await connection.runAndReadAll(
        `COPY (SELECT ${columns.join(', ')} FROM ${relation}) TO ${quoteText(file)} (FORMAT parquet, COMPRESSION lz4_raw, DICTIONARY_SIZE_LIMIT 0)`,
      );
      const rows = Number(copied.getRowsJson()[0]?.[0] ?? 0);
      const meter = { charge: () => undefined };
      written.push(...(await writer.write(handle, { files: [file], rows, task: String(task++), attempt: 0, meter, signal })));
      await rm(file, { force: true });
    }
    return await writer.commit(handle, { written, batch: options.batch, summary: options.summary ?? {}, signal });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
