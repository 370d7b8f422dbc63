import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Field } from '../../planner/physical-plan.js';
import type { Batch } from '../../sql/result.js';
import { kernelError } from './kernel-error.js';
import { quote } from './literal.js';
import { columnList } from './print-operator.js';
import { decodedColumn } from './stage-file.js';
import { readChunk } from './value-vectors.js';

/** Reads stage files as values. DuckDB decodes on its own threads; this thread only turns vectors into values. */
export interface ResultReader {
  read(files: readonly string[], fields: readonly Field[], signal: AbortSignal): AsyncIterable<Batch>;
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
  return {
    async *read(files, fields, signal) {
      signal.throwIfAborted();
      const connection = await (await instance()).connect();
      const interrupt = (): void => connection.interrupt();
      signal.addEventListener('abort', interrupt);
      try {
        for (const file of files) yield* readFile(connection, file, fields, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw kernelError(error);
      } finally {
        signal.removeEventListener('abort', interrupt);
        connection.closeSync();
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
  const result = await connection.stream(`SELECT ${columnList(items)} FROM read_parquet([${quote(file)}])`);
  const types = fields.map((field) => field.type);
  for (;;) {
    signal.throwIfAborted();
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return;
    yield { kind: 'columns', rowCount: chunk.rowCount, columns: readChunk(chunk, types, { normalizeJsonb: true }) };
  }
}
