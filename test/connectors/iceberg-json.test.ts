import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'mocha';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { postgresType } from '../../connectors/iceberg/format/types.js';
import { readFooter } from '../../connectors/iceberg/read/parquet-footer.js';
import { relationOf } from '../../connectors/iceberg/read/relation.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { runDuck } from './relation-rows.js';

describe('Iceberg relations', () => {
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true }));

  /** Writes a Parquet file with DuckDB, and reads its column (field id 1) as the schema's field says. */
  const through = async (options: { value: string; ids: string; field: unknown; name?: string }): Promise<(string | null)[]> => {
    const path = join(folder, options.name ?? 'x.parquet');
    await runDuck(`COPY (SELECT ${options.value} AS c) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, FIELD_IDS {c: ${options.ids}})`);
    const [field] = parseFields([{ id: 1, name: 'c"c', required: false, type: options.field }]);
    const footer = await readFooter({ path, file: 'x.parquet', charge: () => undefined });
    const wanted = { name: field!.name, type: postgresType(field!.type), nullable: true, comment: undefined };
    return (
      await runDuck(
        `SELECT CAST("c""c" AS VARCHAR) FROM ${relationOf([{ kind: 'field', field: field!, wanted }], [{ location: path, path, footer }])} AS r`,
      )
    ).map((row) => row[0]!);
  };
  const struct = (...fields: [number, string, unknown][]): unknown => ({
    type: 'struct',
    fields: fields.map(([id, name, type]) => ({ id, name, type, required: false })),
  });

  it('give nested values as exact JSON', async () => {
    const [json] = await through({
      value: `{a: 12.50::DECIMAL(9,2), b: 'NaN'::DOUBLE, c: 0.1::FLOAT, d: '\\x00\\xFF'::BLOB, e: '2025-01-01 00:00:00.5+00'::TIMESTAMPTZ, f: TIMESTAMP '2025-01-01 00:00:00', g: '-Infinity'::DOUBLE, h: 1e300::DOUBLE, i: 9007199254740993, j: 12345678901234567890123456.789::DECIMAL(38,3), k: NULL::FLOAT}`,
      ids: '{__duckdb_field_id: 1, a: 2, b: 3, c: 4, d: 5, e: 6, f: 7, g: 8, h: 9, i: 10, j: 11, k: 12}',
      field: struct(
        [2, 'a', 'decimal(9,2)'],
        [3, 'b', 'double'],
        [4, 'c', 'float'],
        [5, 'd', 'binary'],
        [6, 'e', 'timestamptz'],
        [7, 'f', 'timestamp'],
        [8, 'g', 'double'],
        [9, 'h', 'double'],
        [10, 'i', 'long'],
        [11, 'j', 'decimal(38,3)'],
        [12, 'k', 'float'],
      ),
    });
    assert.equal(
      json,
      '{"a":12.50,"b":"NaN","c":0.1,"d":"\\\\x00ff","e":"2025-01-01T00:00:00.5+00:00","f":"2025-01-01T00:00:00","g":"-Infinity","h":1e+300,"i":9007199254740993,"j":12345678901234567890123456.789,"k":null}',
    );
  });

  it('find nested fields by id, whatever the file calls them', async () => {
    const [json] = await through({
      value: `[{old: 1, dropped: 'x'}, NULL]`,
      ids: '{__duckdb_field_id: 1, element: {__duckdb_field_id: 2, old: 3, dropped: 4}}',
      field: { type: 'list', 'element-id': 2, element: struct([5, 'dropped', 'string'], [3, 'new', 'long'], [6, 'added', 'int']) },
    });
    assert.equal(json, '[{"dropped":null,"new":1,"added":null},null]');
  });

  it('keep NULL and empty apart', async () => {
    const map = { type: 'map', 'key-id': 2, key: 'int', 'value-id': 3, value: 'double' };
    const ids = '{__duckdb_field_id: 1, key: 2, value: 3}';
    assert.deepEqual(await through({ value: `NULL::MAP(INTEGER, DOUBLE)`, ids, field: map }), [null]);
    assert.deepEqual(await through({ value: `MAP {}::MAP(INTEGER, DOUBLE)`, ids, field: map }), ['{}']);
    assert.deepEqual(await through({ value: `MAP {7: 1.5, 8: NULL}::MAP(INTEGER, DOUBLE)`, ids, field: map }), ['{"7":1.5,"8":null}']);
  });

  it('give lists of scalars as arrays', async () => {
    const list = { type: 'list', 'element-id': 2, element: 'decimal(9,2)' };
    assert.deepEqual(await through({ value: `[1.5, NULL]::DECIMAL(9,2)[]`, ids: '{__duckdb_field_id: 1, element: 2}', field: list }), [
      '[1.50, NULL]',
    ]);
  });

  it('take file names for names, not for patterns or SQL', async () => {
    await through({ value: '99', ids: '1', field: 'int', name: "wei'rd1.parquet" });
    assert.deepEqual(await through({ value: '1', ids: '1', field: 'int', name: "wei'rd[0-9]*?.parquet" }), ['1']);
  });

  it('keep which structs are NULL that hold none of the fields wanted', async () => {
    const field = struct([3, 'b', 'int']);
    assert.deepEqual(await through({ value: 'unnest([{a: 1}, NULL])', ids: '{__duckdb_field_id: 1, a: 2}', field }), ['{"b":null}', null]);
  });

  it('refuse a file that is not what the schema says', async () => {
    await assert.rejects(through({ value: '{a: 1}', ids: '{__duckdb_field_id: 1, a: 2}', field: 'int' }), /is nested in the file/);
  });
});
