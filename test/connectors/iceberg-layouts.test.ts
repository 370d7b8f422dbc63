import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SchemaElement } from 'hyparquet';
import { after, before, describe, it } from 'mocha';
import { parseNameMapping } from '../../connectors/iceberg/format/name-mapping.js';
import { parseFields } from '../../connectors/iceberg/format/schema.js';
import { postgresType } from '../../connectors/iceberg/format/types.js';
import { mappedFooter } from '../../connectors/iceberg/read/mapped-footer.js';
import type { OpenedFile } from '../../connectors/iceberg/read/opened-file.js';
import { readFooter } from '../../connectors/iceberg/read/parquet-footer.js';
import { refuseUnreadableChunks } from '../../connectors/iceberg/read/readable-chunks.js';
import { type BoundColumn, relationOf } from '../../connectors/iceberg/read/relation.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { patchSchema } from './parquet-patch.js';
import { pyicebergPython, runPython } from './pyiceberg.js';
import { runDuck } from './relation-rows.js';

type Edit = (element: SchemaElement) => SchemaElement | undefined;

interface Written {
  /** A SELECT list item for the column c. */
  readonly value: string;
  /** Field ids of c, as DuckDB's COPY takes them; absent: none. */
  readonly ids?: string;
  /** Undefined leaves the element out. */
  readonly edit?: Edit;
}

describe('Iceberg layouts of data files', () => {
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true }));
  let files = 0;

  const write = async ({ value, ids, edit }: Written): Promise<OpenedFile> => {
    const path = join(folder, `${files++}.parquet`);
    const options = ids === undefined ? '' : `, FIELD_IDS {c: ${ids}}`;
    await runDuck(`COPY (SELECT ${value} AS c) TO '${path}' (FORMAT parquet${options})`);
    if (edit !== undefined) patchSchema(path, (schema) => schema.flatMap((element) => edit(element) ?? []));
    return { location: path, path, footer: await readFooter({ path, file: 'x.parquet', charge: () => undefined }) };
  };
  /** The column with field id 1 of the files, as text. */
  const read = async (field: unknown, opened: readonly OpenedFile[], extra: object = {}): Promise<(string | null)[]> => {
    const [one] = parseFields([{ id: 1, name: 'c', required: false, type: field, ...extra }]);
    const wanted = { name: 'c', type: postgresType(one!.type), nullable: true, comment: undefined };
    const relation = relationOf([{ kind: 'field', field: one!, wanted }], opened);
    return (await runDuck(`SELECT CAST(CASE WHEN c IS NOT NULL THEN c END AS VARCHAR) FROM ${relation} AS r`)).map((row) => row[0]!);
  };
  const through = async (field: unknown, written: Written): Promise<(string | null)[]> => read(field, [await write(written)]);
  const struct = (...fields: readonly (readonly [number, string, unknown, object?])[]): unknown => ({
    type: 'struct',
    fields: fields.map(([id, name, type, extra]) => ({ id, name, type, required: false, ...extra })),
  });
  const list = (element: unknown): unknown => ({ type: 'list', 'element-id': 2, element });
  const map = (key: unknown, value: unknown): unknown => ({ type: 'map', 'key-id': 2, key, 'value-id': 3, value });
  const without = ({ field_id: _id, ...element }: SchemaElement): SchemaElement => element as SchemaElement;

  describe('types', () => {
    const cases: readonly (readonly [name: string, type: unknown, written: Written, wanted: string])[] = [
      ['int of 8 bits', 'int', { value: `(-7)::TINYINT` }, '-7'],
      ['int unsigned', 'int', { value: '65535::USMALLINT' }, '65535'],
      ['long of unsigned 32 bits', 'long', { value: '4294967295::UINTEGER' }, '4294967295'],
      ['long promoted from int', 'long', { value: '7::INTEGER' }, '7'],
      ['double promoted from float', 'double', { value: '0.5::FLOAT' }, '0.5'],
      ['decimal of 32 bits, promoted', 'decimal(38,2)', { value: '1.25::DECIMAL(9,2)' }, '1.25'],
      ['decimal of 64 bits', 'decimal(18,4)', { value: '(-1.25)::DECIMAL(18,4)' }, '-1.2500'],
      [
        'decimal of fixed bytes',
        'decimal(38,0)',
        { value: '12345678901234567890123456789012345678::DECIMAL(38,0)' },
        '12345678901234567890123456789012345678',
      ],
      ['decimal without a digit before the point', 'decimal(3,3)', { value: '0.125::DECIMAL(3,3)' }, '0.125'],
      ['decimal of bytes', 'decimal(9,2)', { value: `'\\xFF\\x83'::BLOB`, edit: decimalOf(9, 2) }, '-1.25'],
      ['date', 'date', { value: `DATE '0001-01-01'` }, '0001-01-01'],
      ['timestamp promoted from date', 'timestamp', { value: `DATE '2025-02-03'` }, '2025-02-03 00:00:00'],
      [
        'timestamp written as one with a zone',
        'timestamp',
        { value: `TIMESTAMPTZ '2025-02-03 04:05:06.000007+00'` },
        '2025-02-03 04:05:06.000007',
      ],
      [
        'timestamptz written as one without a zone',
        'timestamptz',
        { value: `TIMESTAMP '2025-02-03 04:05:06.000007'` },
        '2025-02-02 23:05:06.000007-05',
      ],
      [
        'timestamp of milliseconds',
        'timestamp',
        { value: `TIMESTAMP '1969-12-31 23:59:59.999'`.replace('TIMESTAMP ', 'TIMESTAMP_MS ') },
        '1969-12-31 23:59:59.999',
      ],
      [
        'timestamp by the old annotation alone',
        'timestamp',
        { value: `TIMESTAMP '2025-02-03 04:05:06.000007'`, edit: withoutLogical },
        '2025-02-03 04:05:06.000007',
      ],
      [
        'timestamptz by the old annotation alone',
        'timestamptz',
        { value: `TIMESTAMPTZ '2025-02-03 04:05:06+00'`, edit: withoutLogical },
        '2025-02-02 23:05:06-05',
      ],
      ['timestamp without annotation', 'timestamp', { value: '1000001::BIGINT' }, '1970-01-01 00:00:01.000001'],
      ['timestamp_ns, cut off', 'timestamp_ns', { value: `TIMESTAMP_NS '2025-02-03 04:05:06.123456789'` }, '2025-02-03 04:05:06.123456'],
      ['timestamp_ns before 1970, cut off', 'timestamp_ns', { value: `make_timestamp_ns(-1)` }, '1969-12-31 23:59:59.999999'],
      ['timestamp_ns promoted from date', 'timestamp_ns', { value: `DATE '2025-02-03'` }, '2025-02-03 00:00:00'],
      ['time', 'time', { value: `TIME '01:02:03.000004'` }, '01:02:03.000004'],
      ['string without annotation', 'string', { value: `'añ'::VARCHAR`, edit: withoutAnnotation }, 'añ'],
      ['string of JSON', 'string', { value: `'{"a": 1}'::JSON` }, '{"a": 1}'],
      ['binary annotated as text', 'binary', { value: `'ab'` }, 'ab'],
      ['uuid', 'uuid', { value: `'00010203-0405-0607-0809-0a0b0c0d0eff'::UUID` }, '00010203-0405-0607-0809-0a0b0c0d0eff'],
      [
        'uuid without annotation',
        'uuid',
        { value: `'00010203-0405-0607-0809-0a0b0c0d0eff'::UUID`, edit: withoutAnnotation },
        '00010203-0405-0607-0809-0a0b0c0d0eff',
      ],
    ];
    for (const [name, type, written, wanted] of cases) {
      it(name, async () => {
        assert.deepEqual(await through(type, { ids: '1', ...written }), [wanted]);
        // The same as a member of a list, which goes another way.
        if (written.edit === undefined) {
          const [inList] = await through(list(type), { value: `[${written.value}, NULL]`, ids: '{__duckdb_field_id: 1, element: 2}' });
          assert.match(inList!, new RegExp(`^\\[.*${wanted.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}.*, NULL\\]$`));
        }
      });
    }

    it('refuse what the file does not hold', async () => {
      for (const [type, value] of [
        ['int', `'x'`],
        ['date', `TIMESTAMP '2025-01-01'`],
        ['decimal(9,2)', '1.234::DECIMAL(9,3)'],
        ['boolean', '1'],
        ['string', `INTERVAL 1 DAY`],
        ['geometry', `'\\x00'::BLOB`],
        ['timestamptz', `DATE '2025-01-01'`],
      ] as const)
        await assert.rejects(through(type, { value, ids: '1' }), /column "c"/, `${type} from ${value}`);
    });

    it('unknown is NULL', async () => {
      assert.deepEqual(await through('unknown', { value: '1', ids: '1' }), [null]);
    });
  });

  describe('lists', () => {
    const ids = '{__duckdb_field_id: 1, element: 2}';
    const value = `unnest([[1, 2], [], NULL])`;
    const rename =
      (names: Readonly<Record<string, string>>): Edit =>
      (element) => ({ ...element, name: names[element.name] ?? element.name });

    it('of three levels, whatever the names', async () => {
      for (const names of [
        { list: 'bag', element: 'array_element' },
        { list: 'array', element: 'item' },
      ])
        assert.deepEqual(await through(list('int'), { value, ids, edit: rename(names) }), ['[1, 2]', '[]', null], JSON.stringify(names));
    });

    it('of structs of one member that DuckDB takes for the member', async () => {
      const edit: Edit = (element) => (element.name === 'list' ? { ...element, name: 'array' } : rename({ element: 'a' })(element));
      const noIds: Edit = (element) => edit(element.name === 'element' ? { ...without(element), field_id: 3 } : element);
      assert.deepEqual(await through(list(struct([3, 'a', 'int'])), { value, ids, edit: noIds }), ['[{"a":1},{"a":2}]', '[]', null]);
    });

    it('annotated in the new way only', async () => {
      const edit: Edit = (element) =>
        element.logical_type?.type === 'LIST' || element.converted_type === 'LIST'
          ? { ...dropConverted(element), logical_type: { type: 'LIST' } }
          : element;
      assert.deepEqual(await through(list('int'), { value, ids, edit }), ['[1, 2]', '[]', null]);
      assert.deepEqual(
        await through(list(list('int')), {
          value: '[[1], NULL]',
          ids: '{__duckdb_field_id: 1, element: {__duckdb_field_id: 2, element: 3}}',
          edit,
        }),
        ['[[1],null]'],
      );
    });

    it('of timestamps with a zone that the file does not have', async () => {
      assert.deepEqual(await through(list('timestamptz'), { value: `[TIMESTAMP '2025-01-01 00:00:00']`, ids }), [
        `['2024-12-31 19:00:00-05']`,
      ]);
    });
  });

  describe('maps', () => {
    const ids = '{__duckdb_field_id: 1, key: 2, value: 3}';
    const value = `unnest([MAP {'a': 1, 'b': NULL}, MAP {}, NULL])`;
    const wanted = ['{"a":1,"b":null}', '{}', null];

    it('whatever the names and annotations', async () => {
      const renamed: Edit = (element) => ({ ...element, name: { key_value: 'map', key: 'k', value: 'v' }[element.name] ?? element.name });
      const annotated: Edit = (element) => (element.name === 'key_value' ? { ...element, converted_type: 'MAP_KEY_VALUE' } : element);
      const logical: Edit = (element) =>
        element.converted_type === 'MAP' ? { ...dropConverted(element), logical_type: { type: 'MAP' } } : element;
      for (const edit of [renamed, annotated, logical]) assert.deepEqual(await through(map('string', 'int'), { value, ids, edit }), wanted);
    });

    it('with keys that are no text', async () => {
      assert.deepEqual(await through(map('date', 'int'), { value: `MAP {DATE '2025-01-01': 1}`, ids }), ['{"2025-01-01":1}']);
      const nested = map(struct([4, 'x', 'int']), 'int');
      assert.deepEqual(
        await through(nested, { value: `MAP {{x: 1}: 2}`, ids: '{__duckdb_field_id: 1, key: {__duckdb_field_id: 2, x: 4}, value: 3}' }),
        ['[{"key":{"x":1},"value":2}]'],
      );
    });
  });

  describe('of pyarrow', () => {
    let made: Readonly<Record<string, OpenedFile>> = {};
    before(async function () {
      this.timeout(300_000);
      const python = await pyicebergPython();
      if (python === undefined) return this.skip();
      await runPython(python, ARROW_FILES, [folder]);
      const repeated: Edit = (element) =>
        element.name === 'list' ? undefined : element.name === 'element' ? { ...element, repetition_type: 'REPEATED' } : element;
      for (const name of ['two', 'tuples'])
        patchSchema(join(folder, `${name}.parquet`), (schema) => schema.flatMap((one) => repeated(one) ?? []));
      const footers = ['two', 'tuples', 'int96', 'nanos', 'structs'].map(async (name) => {
        const path = join(folder, `${name}.parquet`);
        return [name, { location: path, path, footer: await readFooter({ path, file: name, charge: () => undefined }) }] as const;
      });
      made = Object.fromEntries(await Promise.all(footers));
    });

    it('lists of two levels', async () => {
      assert.deepEqual(await read(list('int'), [made['two']!]), ['[1, 2]', '[]', null]);
      assert.deepEqual(await read(list(struct([4, 'b', 'int'], [3, 'x', 'long'])), [made['tuples']!]), [
        '[{"b":2,"x":1},{"b":null,"x":3}]',
        '[]',
        null,
      ]);
    });

    it('INT96 keeps microseconds, and is of UTC', async () => {
      assert.deepEqual(await read('timestamp', [made['int96']!]), ['2025-01-01 01:02:03.123456', '1969-12-31 23:59:59.999999', null]);
      assert.deepEqual(await read('timestamptz', [made['int96']!]), [
        '2024-12-31 20:02:03.123456-05',
        '1969-12-31 18:59:59.999999-05',
        null,
      ]);
    });

    it('nanoseconds with a zone are cut off', async () => {
      assert.deepEqual(await read('timestamptz_ns', [made['nanos']!]), ['2024-12-31 20:02:03.123456-05', null]);
    });

    it('structs, NULL and of NULLs', async () => {
      assert.deepEqual(await read(struct([2, 'a', 'int']), [made['structs']!]), ['{"a":1}', '{"a":null}', null]);
    });
  });

  describe('evolution', () => {
    it('renames, moves, adds, drops and promotes at every depth', async () => {
      const file = {
        value: `{l: [{m: MAP {'k': {n: 1::INTEGER, gone: 'x', f: 0.5::FLOAT}}}], d: DATE '2025-01-01'}`,
        ids: `{__duckdb_field_id: 1, d: 9, l: {__duckdb_field_id: 2, element: {__duckdb_field_id: 3, m: {__duckdb_field_id: 4, key: 5, value: {__duckdb_field_id: 6, n: 7, gone: 8, f: 10}}}}}`,
      };
      const type = struct(
        [9, 'at', 'timestamp'],
        [
          2,
          'items',
          {
            type: 'list',
            'element-id': 3,
            element: struct([
              4,
              'attributes',
              {
                type: 'map',
                'key-id': 5,
                key: 'string',
                'value-id': 6,
                value: struct(
                  [10, 'ratio', 'double'],
                  [11, 'gone', 'string'],
                  [7, 'number', 'long'],
                  [12, 'more', 'string', { 'initial-default': 'dflt' }],
                ),
              },
            ]),
          },
        ],
      );
      assert.deepEqual(await through(type, file), [
        '{"at":"2025-01-01T00:00:00","items":[{"attributes":{"k":{"ratio":0.5,"gone":null,"number":1,"more":"dflt"}}}]}',
      ]);
    });

    it('tells members apart that differ in case only', async () => {
      const type = struct([2, 'a', 'int'], [3, 'A', 'int']);
      const edit: Edit = (element) => (element.name === 'b' ? { ...element, name: 'A' } : element);
      assert.deepEqual(await through(type, { value: '{a: 1, b: 2}', ids: '{__duckdb_field_id: 1, a: 2, b: 3}', edit }), ['{"a":1,"A":2}']);
    });

    it('reads a member of what is nested no longer', async () => {
      const file = await write({ value: '{a: 7}', ids: '{__duckdb_field_id: 5, a: 1}' });
      assert.deepEqual(await read('long', [file]), ['7']);
    });

    it('goes 64 levels down', async () => {
      let type: unknown = 'int';
      let [value, ids, wanted] = ['1', '100', '1'];
      for (let depth = 60; depth > 0; depth--) {
        type = struct([100 + 60 - depth, 'x', type]);
        value = `{x: ${value}}`;
        ids = `{__duckdb_field_id: ${depth === 1 ? 1 : 101 + 60 - depth}, x: ${ids}}`;
        wanted = `{"x":${wanted}}`;
      }
      assert.deepEqual(await through(type, { value, ids }), [wanted]);
    });
  });

  describe('what a file does not hold', () => {
    it('is its partition value, else the default, else NULL; NULL in the file stays NULL', async () => {
      const other = await write({ value: '1', ids: '99' });
      const own = await write({ value: 'NULL::BIGINT', ids: '1' });
      const big = { 'initial-default': '9223372036854775807' };
      assert.deepEqual(await read('long', [other, own]), [null, null]);
      assert.deepEqual((await read('long', [other, own], big)).sort(), ['9223372036854775807', null]);
      assert.deepEqual(
        await read(
          'long',
          [
            { ...other, constants: { 1: '5' } },
            { ...own, constants: { 1: '6' } },
          ],
          big,
        ),
        ['5', null],
      );
      assert.deepEqual(await read('long', [{ ...other, constants: { 1: null } }], big), [null]);
    });

    const defaults: readonly (readonly [type: unknown, json: unknown, wanted: string])[] = [
      ['boolean', true, 'true'],
      ['int', -5, '-5'],
      ['float', 0.5, '0.5'],
      ['decimal(9,2)', '14.20', '14.20'],
      ['date', '2007-12-03', '2007-12-03'],
      ['time', '22:31:08.123456', '22:31:08.123456'],
      ['timestamp', '2007-12-03T10:15:30.123456', '2007-12-03 10:15:30.123456'],
      ['timestamptz', '2007-12-03T10:15:30.123456+00:00', '2007-12-03 05:15:30.123456-05'],
      ['timestamp_ns', '2007-12-03T10:15:30.123456789', '2007-12-03 10:15:30.123456'],
      ['string', `it's`, `it's`],
      ['uuid', 'eb26bdb1-a1d8-4aa6-990e-da940875492c', 'eb26bdb1-a1d8-4aa6-990e-da940875492c'],
      ['fixed[2]', '4142', 'AB'],
      [list('int'), [1, 2], '[1, 2]'],
      [struct([2, 'a', 'string'], [3, 'b', 'int', { 'initial-default': 7 }]), { 2: 'x' }, '{"a":"x","b":7}'],
      [map('string', 'int'), { keys: ['a'], values: [1] }, '{"a":1}'],
    ];
    for (const [type, json, wanted] of defaults) {
      it(`may be ${JSON.stringify(json)}`, async () => {
        assert.deepEqual(await read(type, [await write({ value: '1', ids: '99' })], { 'initial-default': json }), [wanted]);
      });
    }

    it('is refused where the default is not of its type', async () => {
      for (const [type, json] of [
        ['int', 'x'],
        ['int', 2 ** 53],
        ['date', '2007-12-03); DROP'],
        ['binary', 'zz'],
      ] as const)
        await assert.rejects(read(type, [await write({ value: '1', ids: '99' })], { 'initial-default': json }), /the default/);
    });
  });

  describe('names of files without field ids', () => {
    const mapping = parseNameMapping(
      JSON.stringify([
        {
          'field-id': 1,
          names: ['renamed', 'c'],
          fields: [
            {
              'field-id': 2,
              names: ['l'],
              fields: [{ 'field-id': 3, names: ['element'], fields: [{ 'field-id': 4, names: ['old', 'new'] }] }],
            },
            {
              'field-id': 5,
              names: ['m'],
              fields: [
                { 'field-id': 6, names: ['key'] },
                { 'field-id': 7, names: ['value'], fields: [{ 'field-id': 8, names: ['v'] }] },
              ],
            },
          ],
        },
      ]),
    );
    const mapped = async (written: Written): Promise<OpenedFile> => {
      const file = await write(written);
      return { ...file, footer: mappedFooter(file.footer, mapping) };
    };
    const type = struct(
      [2, 'list', { type: 'list', 'element-id': 3, element: struct([4, 'new', 'int']) }],
      [5, 'map', { type: 'map', 'key-id': 6, key: 'string', 'value-id': 7, value: struct([8, 'w', 'int']) }],
    );

    it('are mapped at every depth', async () => {
      const file = await mapped({ value: `{m: MAP {'k': {v: 2}}, l: [{old: 1}]}` });
      assert.deepEqual(await read(type, [file]), ['{"list":[{"new":1}],"map":{"k":{"w":2}}}']);
    });

    it('do not outdo ids that the file has', async () => {
      const file = await mapped({
        value: '{l: [{old: 1}], other: [{new: 2}]}',
        ids: '{__duckdb_field_id: 1, other: {__duckdb_field_id: 2, element: {__duckdb_field_id: 3, new: 4}}}',
      });
      assert.deepEqual(await read(struct([2, 'list', { type: 'list', 'element-id': 3, element: struct([4, 'new', 'int']) }]), [file]), [
        '{"list":[{"new":2}]}',
      ]);
    });

    it('of scalars are mapped beside files with ids', async () => {
      assert.deepEqual((await read('long', [await mapped({ value: '7' }), await write({ value: '8', ids: '1' })])).sort(), ['7', '8']);
    });
  });

  describe('what DuckDB does not read', () => {
    it('is refused by the name of the codec, for the columns wanted', async () => {
      const { footer } = await write({ value: '1', ids: '1' });
      const [field] = parseFields([{ id: 1, name: 'c', required: false, type: 'int' }]);
      const column: BoundColumn = {
        kind: 'field',
        field: field!,
        wanted: { name: 'c', type: postgresType(field!.type), nullable: true, comment: undefined },
      };
      refuseUnreadableChunks([column], footer, 'x.parquet');
      footer.metadata.row_groups[0]!.columns[0]!.meta_data!.codec = 'LZO';
      assert.throws(() => refuseUnreadableChunks([column], footer, 'x.parquet'), {
        sqlstate: '0A000',
        message: 'reading Parquet files compressed with LZO (file "x.parquet") is not supported yet',
      });
      refuseUnreadableChunks([], footer, 'x.parquet');
      delete footer.metadata.row_groups[0]!.columns[0]!.meta_data;
      assert.throws(() => refuseUnreadableChunks([], footer, 'x.parquet'), /encrypted columns \(file "x\.parquet"\)/);
    });

    it('is refused where the whole file is encrypted', async () => {
      const path = join(folder, 'encrypted.parquet');
      writeFileSync(path, 'PARE...........PARE');
      await assert.rejects(readFooter({ path, file: 'x.parquet', charge: () => undefined }), { sqlstate: '0A000' });
    });
  });

  describe('variants', () => {
    it('are the JSON of their values', async () => {
      const value = `unnest([{a: [1::VARIANT, NULL, 'x'::VARIANT], b: 1.50::DECIMAL(9,2)}::VARIANT, 7::VARIANT, 'text'::VARIANT, NULL::VARIANT])`;
      assert.deepEqual(await through('variant', { value, ids: '1' }), ['{"a":[1,null,"x"],"b":1.50}', '7', '"text"', null]);
    });

    it('have NaN and the infinities as text, and strings that look so as they are', async () => {
      const text = `'say \\ "NaN", -Infinity: \\"'`;
      const value = `unnest([{a: ['-inf'::DOUBLE, 'inf'::DOUBLE], "NaN": 'nan'::FLOAT}::VARIANT, 'nan'::DOUBLE::VARIANT, {"Infinity": ${text}, x: 'inf'::DOUBLE}::VARIANT])`;
      const texts = await through('variant', { value, ids: '1' });
      assert.deepEqual(
        texts.map((json) => JSON.parse(json ?? 'null') as unknown),
        [{ a: ['-Infinity', 'Infinity'], NaN: 'NaN' }, 'NaN', { Infinity: text.slice(1, -1), x: 'Infinity' }],
      );
    });

    it('may be a struct without annotation', async () => {
      const value = `unnest([{metadata: '\\x01\\x00\\x00'::BLOB, value: '\\x0C\\x05'::BLOB}, {metadata: '\\x01\\x00\\x00'::BLOB, value: '\\x00'::BLOB}, NULL])`;
      assert.deepEqual(await through('variant', { value, ids: '1' }), ['5', 'null', null]);
    });
  });
});

function dropConverted({ converted_type: _converted, ...element }: SchemaElement): SchemaElement {
  return element as SchemaElement;
}

function withoutLogical({ logical_type: _logical, ...element }: SchemaElement): SchemaElement {
  return element as SchemaElement;
}

function withoutAnnotation(element: SchemaElement): SchemaElement {
  return element.type === undefined ? element : dropConverted(withoutLogical(element));
}

function decimalOf(precision: number, scale: number): Edit {
  return (element) =>
    element.type === 'BYTE_ARRAY'
      ? { ...element, converted_type: 'DECIMAL', logical_type: { type: 'DECIMAL', precision, scale }, precision, scale }
      : element;
}

const ARROW_FILES = `
import sys
import pyarrow as pa, pyarrow.parquet as pq
def ids(field, number): return field.with_metadata({"PARQUET:field_id": str(number)})
def write(name, values, type, **options):
    pq.write_table(pa.table([pa.array(values, type)], schema=pa.schema([ids(pa.field("c", type), 1)])), f"{sys.argv[1]}/{name}.parquet", **options)
element = lambda type: ids(pa.field("element", type, nullable=False), 2)
write("two", [[1, 2], [], None], pa.list_(element(pa.int32())))
pair = pa.struct([ids(pa.field("a", pa.int32()), 3), ids(pa.field("b", pa.int32()), 4)])
write("tuples", [[{"a": 1, "b": 2}, {"a": 3, "b": None}], [], None], pa.list_(element(pair)))
write("int96", [1735693323123456, -1, None], pa.timestamp("us"), use_deprecated_int96_timestamps=True)
write("nanos", [1735693323123456789, None], pa.timestamp("ns", "UTC"))
write("structs", [{"a": 1}, {"a": None}, None], pa.struct([ids(pa.field("a", pa.int32()), 2)]))
print("{}")
`;
