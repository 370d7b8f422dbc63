import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Field } from '../../planner/physical-plan.js';
import { type Batch, blockBatch } from '../../sql/result.js';
import { encodeChunk, parseBlocks, readBlockFile } from './block-file.js';
import type { ResultPart } from './kernel.js';
import { kernelError } from './kernel-error.js';
import { quote } from './literal.js';
import { columnList } from './print-operator.js';
import { decodedColumn } from './stage-file.js';
import { streamChunks } from './stream-chunks.js';

/** Reads what tasks gave, as blocks of columns: rows in memory, files of them, and Parquet files (which DuckDB decodes on its own threads). */
export interface ResultReader {
  read(parts: readonly ResultPart[], fields: readonly Field[], signal: AbortSignal): AsyncIterable<Batch>;
  close(): void;
}

export function createResultReader(): ResultReader {
  let opening: Promise<DuckDBInstance> | undefined;
  const instance = (): Promise<DuckDBInstance> => {
    opening ??= DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '512MB',
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    return opening;
  };
  async function* readParquet(file: string, fields: readonly Field[], signal: AbortSignal): AsyncGenerator<Batch> {
    const connection = await (await instance()).connect();
    const interrupt = (): void => connection.interrupt();
    signal.addEventListener('abort', interrupt);
    try {
      yield* readFile(connection, file, fields, signal);
    } finally {
      signal.removeEventListener('abort', interrupt);
      connection.closeSync();
    }
  }
  return {
    async *read(parts, fields, signal) {
      const types = fields.map((field) => field.type);
      try {
        for (const part of parts) {
          signal.throwIfAborted();
          if (typeof part !== 'string') {
            for (const { block } of parseBlocks(part, types)) yield blockBatch(block);
          } else if (part.endsWith('.parquet')) {
            yield* readParquet(part, fields, signal);
          } else {
            for await (const block of readBlockFile(part, types, signal)) yield blockBatch(block);
          }
        }
      } catch (error) {
        signal.throwIfAborted();
        throw kernelError(error);
      }
    },
    close() {
      void opening?.then((open) => open.closeSync()).catch(() => undefined);
      opening = undefined;
    },
  };
}

async function* readFile(connection: DuckDBConnection, file: string, fields: readonly Field[], signal: AbortSignal): AsyncIterable<Batch> {
  const items = fields.map((field) => `${decodedColumn(field)} AS c${field.id}`);
  const types = fields.map((field) => field.type);
  for await (const chunk of streamChunks(connection, `SELECT ${columnList(items)} FROM read_parquet([${quote(file)}])`)) {
    signal.throwIfAborted();
    for (const { block } of parseBlocks(encodeChunk(chunk, types), types)) yield blockBatch(block);
  }
}
