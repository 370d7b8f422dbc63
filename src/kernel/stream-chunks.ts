import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { TimelineError } from '../../sql/errors.js';

/**
 * A statement's chunks as they come. DuckDB ends a stream in which something went wrong after its first chunks (a division by zero, a
 * corrupt page, an interrupt) as if it were complete; only the result's type tells, which is then invalid. Nothing else may run on the
 * connection meanwhile.
 */
export async function* streamChunks(connection: DuckDBConnection, sql: string): AsyncGenerator<DuckDBDataChunk> {
  const result = await connection.stream(sql);
  const { statementType } = result;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    yield chunk;
  }
  if (hasFailed(result) || result.statementType !== statementType) throw await failureOf(connection, sql);
}

/** The binding's DuckDBResultReturnType.INVALID. */
const INVALID = 0;

function hasFailed(result: DuckDBResult): boolean {
  return (result.returnType as number) === INVALID;
}

/** The binding does not give the error of a result: the statement runs once more, without its rows, and fails again. */
async function failureOf(connection: DuckDBConnection, sql: string): Promise<unknown> {
  try {
    await connection.run(`EXPLAIN ANALYZE ${sql}`);
  } catch (error) {
    return error;
  }
  return new TimelineError({ kind: 'internal', sqlstate: '58030', message: 'the rows of a task broke off', retryable: true });
}
