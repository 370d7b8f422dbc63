import { type DuckDBConnection, DuckDBScalarFunction } from '@duckdb/node-api';
import { asTimelineError } from '../../sql/errors.js';
import type { TextSettings, Value } from '../../sql/value.js';
import { calendarScalars } from './calendar-scalars.js';
import { vectorType } from './duckdb-vector-type.js';
import { JSON_SCALARS } from './json-scalars.js';
import { NUMERIC_SCALARS } from './numeric-scalars.js';
import { plainType, type ScalarDefinition } from './scalar-definition.js';
import { setScalars } from './set-scalars.js';
import { STATISTICS_SCALARS } from './statistics-scalars.js';
import { textScalars } from './text-scalars.js';
import { readColumn, toDuckdb } from './value-vectors.js';

/** Registers the `tl_…` functions that the allow-list's templates call; `settings` is read at each call, and may change. */
export function registerScalarFunctions(connection: DuckDBConnection, settings: TextSettings): void {
  for (const definition of [
    ...NUMERIC_SCALARS,
    ...textScalars(settings),
    ...calendarScalars(settings),
    ...JSON_SCALARS,
    ...STATISTICS_SCALARS,
    ...setScalars(settings),
  ])
    register(connection, definition);
}

/**
 * Functions that may fail for some value. DuckDB would compute those of one column over a whole dictionary, values included that no row
 * has any more (SELECT s::numeric … WHERE s = '1' failed for the other texts); it does not where a function is volatile.
 */
const MAY_FAIL = /^tl_series_|^tl_jsonb?_(elements|keys|values)|_in$|_int[248]$|_(sqrt|typmod|scalar|array_length)$|^tl_to_timestamp$/;

function register(connection: DuckDBConnection, definition: ScalarDefinition): void {
  const types = definition.parameters.map(plainType);
  const result = plainType(definition.result);
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: definition.name,
      parameterTypes: types.map(vectorType),
      returnType: vectorType(result),
      volatile: MAY_FAIL.test(definition.name),
      mainFunction: (_info, chunk, output) => {
        try {
          const rows = chunk.rowCount;
          const columns = types.map((type, i) => readColumn(chunk.getColumnVector(i), rows, type, { normalizeJsonb: false }));
          for (let row = 0; row < rows; row++) output.setItem(row, toDuckdb(callRow(definition.compute, columns, row), result));
          output.flush();
        } catch (error) {
          const { sqlstate, message } = asTimelineError(error);
          throw new Error(`TL${sqlstate}:${message}`);
        }
      },
    }),
  );
}

function callRow(compute: ScalarDefinition['compute'], columns: readonly (readonly (Value | null)[])[], row: number): Value | null {
  const args: Value[] = [];
  for (const column of columns) {
    const value = column[row];
    if (value === null || value === undefined) return null;
    args.push(value);
  }
  return compute(args);
}
