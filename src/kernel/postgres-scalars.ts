import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  DuckDBListValue,
  DuckDBScalarFunction,
  type DuckDBType,
  type DuckDBValue,
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
 * `tl_postgres_aggregate(spec, [text, …], [[text, …], …])` an aggregate of a group, by its direct arguments and its rows. All take
 * NULLs, and are volatile: an error may come only of a row that is there (see MAY_FAIL in scalar-functions.ts).
 */
export function registerPostgresScalars(connection: DuckDBConnection, postgres: PostgresFunctions, session: PostgresSession): void {
  register(connection, {
    name: 'tl_postgres',
    arguments: 'texts',
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
    arguments: 'texts',
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
    arguments: [LIST(VARCHAR), LIST(LIST(VARCHAR))],
    result: VARCHAR,
    compute: (spec, [direct, gathered], rows) => {
      const groups = Array.from({ length: rows }, (_, row) => ({
        direct: items(direct?.getItem(row)) as readonly (string | null)[],
        rows: items(gathered?.getItem(row)).map((item) => items(item) as readonly (string | null)[]),
      }));
      return postgres.aggregate(spec, groups, session);
    },
  });
}

interface PostgresScalar {
  readonly name: string;
  /** After the spec, or any number of texts. */
  readonly arguments: readonly DuckDBType[] | 'texts';
  readonly result: DuckDBType;
  readonly compute: (spec: string, columns: readonly DuckDBVector[], rows: number) => readonly (string | DuckDBListValue | null)[];
}

function register(connection: DuckDBConnection, { name, arguments: given, result, compute }: PostgresScalar): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name,
      parameterTypes: [VARCHAR, ...(given === 'texts' ? [] : given)],
      ...(given === 'texts' ? { varArgsType: VARCHAR } : {}),
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

function items(list: DuckDBValue | undefined): readonly DuckDBValue[] {
  return list instanceof DuckDBListValue ? list.items : [];
}
