import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBListValue,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBVector,
  LIST,
  VARCHAR,
} from '@duckdb/node-api';
import { asTimelineError } from '../../sql/errors.js';
import { Oid } from '../../sql/types.js';
import type { PostgresFunctions, PostgresSession } from './postgres-functions.js';
import { plainType } from './scalar-definition.js';
import { readColumn } from './value-vectors.js';

const TEXT = plainType(Oid.text);

/**
 * `tl_postgres(spec, text, …)` a text for each row; `tl_postgres_rows(spec, text, …)` the list of result rows, each a list of texts;
 * `tl_postgres_aggregate(spec, [text], …, texts, …)` an aggregate over lists, direct arguments first, each a list of one. All take
 * NULLs, and are volatile: an error may come only of a row that is there (see MAY_FAIL in scalar-functions.ts).
 */
export function registerPostgresScalars(connection: DuckDBConnection, postgres: PostgresFunctions, session: PostgresSession): void {
  register(connection, {
    name: 'tl_postgres',
    argument: VARCHAR,
    result: VARCHAR,
    compute: (spec, columns, rows) =>
      postgres.scalar(
        spec,
        columns.map((column) => texts(column, rows)),
        rows,
        session,
      ),
  });
  register(connection, {
    name: 'tl_postgres_rows',
    argument: VARCHAR,
    result: LIST(LIST(VARCHAR)),
    compute: (spec, columns, rows) =>
      postgres
        .rows(
          spec,
          columns.map((column) => texts(column, rows)),
          rows,
          session,
        )
        .map((list) => new DuckDBListValue(list.map((row) => new DuckDBListValue(row)))),
  });
  register(connection, {
    name: 'tl_postgres_aggregate',
    argument: LIST(VARCHAR),
    result: VARCHAR,
    compute: (spec, columns, rows) => {
      const directs = (JSON.parse(spec) as { readonly direct: readonly unknown[] }).direct.length;
      const read = columns.map((column) => lists(column, rows));
      const direct = read.slice(0, directs).map((column) => column.map((list) => list?.[0] ?? null));
      return postgres.aggregate(spec, { direct, lists: read.slice(directs) }, rows, session);
    },
  });
}

interface PostgresScalar {
  readonly name: string;
  readonly argument: DuckDBType;
  readonly result: DuckDBType;
  readonly compute: (spec: string, columns: readonly DuckDBVector[], rows: number) => readonly (string | DuckDBListValue | null)[];
}

function register(connection: DuckDBConnection, { name, argument, result, compute }: PostgresScalar): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [VARCHAR],
      varArgsType: argument,
      returnType: result,
      specialHandling: true,
      volatile: true,
      mainFunction: (_info, chunk: DuckDBDataChunk, output) => {
        const rows = chunk.rowCount;
        if (rows === 0) return;
        try {
          const spec = chunk.getColumnVector(0).getItem(0) as string;
          const columns = Array.from({ length: chunk.columnCount - 1 }, (_, i) => chunk.getColumnVector(i + 1));
          const values = compute(spec, columns, rows);
          for (let row = 0; row < rows; row++) output.setItem(row, values[row] ?? null);
          output.flush();
        } catch (error) {
          const { sqlstate, message } = asTimelineError(error);
          throw new Error(`TL${sqlstate}:${message}`);
        }
      },
    }),
  );
}

function texts(vector: DuckDBVector, rows: number): (string | null)[] {
  return readColumn(vector, rows, TEXT, { normalizeJsonb: false }) as (string | null)[];
}

function lists(vector: DuckDBVector, rows: number): (readonly (string | null)[] | null)[] {
  return Array.from({ length: rows }, (_, row) => {
    const list = vector.getItem(row) as DuckDBListValue | null;
    return list === null ? null : (list.items as readonly (string | null)[]);
  });
}
