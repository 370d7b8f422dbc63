import { type DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import type { Field } from '../../planner/physical-plan.js';
import { duckdbType } from '../../sql/duckdb-type.js';
import type { Value } from '../../sql/value.js';
import { vectorType } from './duckdb-vector-type.js';
import { toDuckdb } from './value-vectors.js';

/** What a chunk of DuckDB's holds. */
const CHUNK_ROWS = 2048;

/** A table of columns c{id} that is filled from JavaScript, a chunk at a time. */
export interface ValueTable {
  append(columns: readonly (readonly (Value | null)[])[], rowCount: number): void;
  finish(): void;
}

export async function createValueTable(
  connection: DuckDBConnection,
  name: string,
  fields: readonly Field[],
  batchRows = CHUNK_ROWS,
): Promise<ValueTable> {
  const columns = fields.map((field) => `c${field.id} ${duckdbType(field.type)}`);
  await connection.run(`CREATE TABLE ${name} (${columns.length === 0 ? 'c_ BOOLEAN' : columns.join(', ')})`);
  const types = fields.length === 0 ? [vectorType({ oid: 16, typmod: -1 })] : fields.map((field) => vectorType(field.type));
  const appender = await connection.createAppender(name);
  return {
    append(values, rowCount) {
      for (let from = 0; from < rowCount; from += batchRows) {
        const rows = Math.min(batchRows, rowCount - from);
        const chunk = DuckDBDataChunk.create(types, rows);
        if (fields.length === 0) chunk.setColumnValues(0, new Array<boolean>(rows).fill(true));
        fields.forEach((field, column) => {
          const vector = chunk.getColumnVector(column);
          const source = values[column] ?? [];
          for (let row = 0; row < rows; row++) vector.setItem(row, toDuckdb(source[from + row] ?? null, field.type));
          vector.flush();
        });
        appender.appendDataChunk(chunk);
      }
    },
    finish() {
      appender.closeSync();
    },
  };
}
