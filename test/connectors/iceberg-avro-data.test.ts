import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { after, describe, it } from 'mocha';
import { avroAsParquet } from '../../connectors/iceberg/read/avro-data-file.js';
import { TimelineError } from '../../sql/errors.js';
import { avroFile } from './avro-file-writer.js';
import { temporaryFolder } from './iceberg-fixtures.js';
import { runDuck } from './relation-rows.js';

const optional = (type: unknown): unknown => ['null', type];
const UUID = { type: 'fixed', name: 'uuid_fixed', size: 16, logicalType: 'uuid' };
const decimalOf = (precision: number, scale: number, size: number): unknown => ({
  type: 'fixed',
  name: `decimal_${precision}_${scale}`,
  size,
  logicalType: 'decimal',
  precision,
  scale,
});
const twos = (value: bigint, size: number): Buffer =>
  Buffer.from(
    BigInt.asUintN(size * 8, value)
      .toString(16)
      .padStart(size * 2, '0'),
    'hex',
  );
const ID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');

/** Name, Avro type, value, and what DuckDB shows of it. */
const COLUMNS: readonly (readonly [name: string, type: unknown, value: unknown, shown: string, duckdb: string])[] = [
  ['b', 'boolean', true, 'true', 'BOOLEAN'],
  ['i', 'int', -2147483648, '-2147483648', 'INTEGER'],
  ['l', 'long', 9223372036854775807n, '9223372036854775807', 'BIGINT'],
  ['f', 'float', 0.1, '0.1', 'FLOAT'],
  ['d', 'double', Number.NaN, 'nan', 'DOUBLE'],
  ['s', 'string', 'añ😀', 'añ😀', 'VARCHAR'],
  ['e', { type: 'enum', name: 'en', symbols: ['x', 'y'] }, 'y', 'y', 'VARCHAR'],
  ['bin', 'bytes', Buffer.from([0, 255]), '\\x00\\xFF', 'BLOB'],
  ['fix', { type: 'fixed', name: 'fixed_3', size: 3 }, Buffer.from('abc'), 'abc', 'BLOB'],
  ['u', UUID, ID, '00112233-4455-6677-8899-aabbccddeeff', 'UUID'],
  ['u2', 'uuid_fixed', ID, '00112233-4455-6677-8899-aabbccddeeff', 'UUID'],
  ['us', { type: 'string', logicalType: 'uuid' }, '00112233-4455-6677-8899-aabbccddeeff', '00112233-4455-6677-8899-aabbccddeeff', 'UUID'],
  ['dec', decimalOf(9, 2, 4), twos(-12345n, 4), '-123.45', 'DECIMAL(9,2)'],
  ['wide', decimalOf(38, 10, 16), twos(-(10n ** 38n - 1n), 16), '-9999999999999999999999999999.9999999999', 'DECIMAL(38,10)'],
  [
    'decb',
    { type: 'bytes', logicalType: 'decimal', precision: 20, scale: 0 },
    twos(12345678901234567890n, 9),
    '12345678901234567890',
    'DECIMAL(20,0)',
  ],
  ['day', { type: 'int', logicalType: 'date' }, -1, '1969-12-31', 'DATE'],
  ['t', { type: 'long', logicalType: 'time-micros' }, 86399999999, '23:59:59.999999', 'TIME'],
  ['ts', { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': false }, -1, '1969-12-31 23:59:59.999999', 'TIMESTAMP'],
  ['tz', { type: 'long', logicalType: 'timestamp-micros', 'adjust-to-utc': true }, 0, '1969-12-31 19:00:00-05', 'TIMESTAMP WITH TIME ZONE'],
  ['tz2', { type: 'long', logicalType: 'timestamp-micros' }, 0, '1969-12-31 19:00:00-05', 'TIMESTAMP WITH TIME ZONE'],
  ['ms', { type: 'long', logicalType: 'local-timestamp-millis' }, 1, '1970-01-01 00:00:00.001', 'TIMESTAMP'],
  [
    'ns',
    { type: 'long', logicalType: 'timestamp-nanos', 'adjust-to-utc': false },
    1700000000123456789n,
    '2023-11-14 22:13:20.123456789',
    'TIMESTAMP_NS',
  ],
  [
    'st',
    {
      type: 'record',
      name: 'r2',
      fields: [
        { name: 'a', type: optional('int'), 'field-id': 90 },
        {
          name: 'in',
          type: optional({ type: 'record', name: 'r3', fields: [{ name: 'x', type: 'string', 'field-id': 92 }] }),
          'field-id': 91,
        },
      ],
    },
    { a: null, in: { x: 'q' } },
    "{'a': NULL, 'in': {'x': q}}",
    'STRUCT(a INTEGER, "in" STRUCT(x VARCHAR))',
  ],
  ['ls', { type: 'array', items: optional('long'), 'element-id': 93 }, [1, null, 3], '[1, NULL, 3]', 'BIGINT[]'],
  ['none', { type: 'array', items: 'long', 'element-id': 94 }, [], '[]', 'BIGINT[]'],
  [
    'll',
    { type: 'array', items: optional({ type: 'array', items: 'string', 'element-id': 96 }), 'element-id': 95 },
    [['a'], null, []],
    '[[a], NULL, []]',
    'VARCHAR[][]',
  ],
  [
    'm',
    { type: 'map', values: optional('int'), 'key-id': 97, 'value-id': 98 },
    { k: 1, z: null },
    '{k=1, z=NULL}',
    'MAP(VARCHAR, INTEGER)',
  ],
  [
    'mi',
    {
      type: 'array',
      logicalType: 'map',
      items: {
        type: 'record',
        name: 'k99_v100',
        fields: [
          { name: 'key', type: 'int', 'field-id': 99 },
          { name: 'value', type: optional({ type: 'array', items: 'r3', 'element-id': 101 }), 'field-id': 100 },
        ],
      },
    },
    [{ key: 7, value: [{ x: 'y' }] }],
    "{7=[{'x': y}]}",
    'MAP(INTEGER, STRUCT(x VARCHAR)[])',
  ],
];

describe('Iceberg Avro data files', () => {
  const folder = temporaryFolder();
  after(() => rmSync(folder, { recursive: true }));
  let made = 0;

  const convert = async (bytes: Buffer): Promise<string> => {
    const [source, target] = [join(folder, `${++made}.avro`), join(folder, `${made}.parquet`)];
    writeFileSync(source, bytes);
    await avroAsParquet({ source, target, file: 'data/x.avro', table: 's.t', signal: new AbortController().signal });
    return target;
  };
  const schemaOf = (
    wrap: (type: unknown) => unknown,
  ): { type: string; name: string; fields: { name: string; type: unknown; 'field-id': number }[] } => ({
    type: 'record',
    name: 'table',
    fields: COLUMNS.map(([name, type], index) => ({ name, type: wrap(type), 'field-id': index + 1 })),
  });
  const row = Object.fromEntries(COLUMNS.map(([name, , value]) => [name, value]));

  for (const codec of ['null', 'deflate', 'snappy'] as const) {
    it(`keeps every type, ${codec}`, async () => {
      const path = await convert(avroFile({ schema: schemaOf(optional), blocks: [[row, {}], [], [row]], codec }));
      const list = COLUMNS.map(([name]) => `CAST("${name}" AS VARCHAR)`).join(', ');
      const wanted = COLUMNS.map(([, , , shown]) => shown);
      assert.deepEqual(await runDuck(`SELECT ${list} FROM '${path}'`), [wanted, wanted.map(() => null), wanted]);
      const types = COLUMNS.map(([name]) => `typeof("${name}")`).join(', ');
      assert.deepEqual(await runDuck(`SELECT ${types} FROM '${path}' LIMIT 1`), [COLUMNS.map(([, , , , duckdb]) => duckdb)]);
    });
  }

  it('keeps what may not be NULL, and field ids at every depth', async () => {
    const path = await convert(avroFile({ schema: schemaOf((type) => type), blocks: [[row]] }));
    assert.deepEqual(await runDuck(`SELECT "i", "mi"[7][1].x FROM '${path}'`), [['-2147483648', 'y']]);
    const ids = parquetMetadata(new Uint8Array(readFileSync(path)).buffer).schema.map((one) => `${one.name}:${one.field_id ?? ''}`);
    for (const wanted of [
      'b:1',
      'st:23',
      'a:90',
      'in:91',
      'x:92',
      'element:93',
      'element:95',
      'element:96',
      'key:97',
      'value:98',
      'key:99',
      'value:100',
      'element:101',
    ])
      assert.ok(ids.includes(wanted), `${wanted} in ${ids.join(' ')}`);
  });

  it('keeps the order of rows over row groups', async () => {
    const schema = { type: 'record', name: 'table', fields: [{ name: 'n', type: 'long', 'field-id': 1 }] };
    const blocks = Array.from({ length: 5 }, (_, block) => Array.from({ length: 9000 }, (_one, index) => ({ n: block * 9000 + index })));
    const path = await convert(avroFile({ schema, blocks, codec: 'deflate' }));
    assert.deepEqual(
      await runDuck(`SELECT count(*), bool_and(n = file_row_number), max(n) FROM read_parquet('${path}', file_row_number = true)`),
      [['45000', 'true', '44999']],
    );
    assert.deepEqual(await runDuck(`SELECT count(*) FROM '${await convert(avroFile({ schema, blocks: [] }))}'`), [['0']]);
  });

  it('refuses by name what Parquet has no place for', async () => {
    const schema = (type: unknown): { fields: { name: string; type: unknown }[] } =>
      ({ type: 'record', name: 'table', fields: [{ name: 'c', type }] }) as { fields: { name: string; type: unknown }[] };
    await assert.rejects(convert(avroFile({ schema: schema(['null', 'int', 'string']), blocks: [] })), {
      sqlstate: '0A000',
      message: /union of several types \(column "c"\) in file "data\/x.avro" \(table s\.t\)/,
    });
    await assert.rejects(convert(avroFile({ schema: schema('nosuch'), blocks: [] })), {
      sqlstate: 'XX001',
      message: /unknown type "nosuch" \(table s\.t\)/,
    });
    await assert.rejects(convert(avroFile({ schema: schema({ type: 'int' }), blocks: [[{ c: 2 ** 31 }]] })), {
      sqlstate: 'XX001',
      message: /"c" is not of its type/,
    });
  });

  it('names file and table for any cut, and gives no other errors for any changed byte', async () => {
    const whole = avroFile({ schema: schemaOf(optional), blocks: [[row, {}], [row]], codec: 'snappy' });
    const ours = (error: unknown): boolean => {
      assert.ok(error instanceof TimelineError, String(error));
      assert.ok(error.sqlstate === 'XX001' || error.sqlstate === '0A000', error.message);
      assert.match(error.message, /data\/x\.avro.*table s\.t/);
      return true;
    };
    for (let at = 0; at < whole.length - 1; at += 61) await assert.rejects(convert(whole.subarray(0, at)), ours, `cut at ${at}`);
    const header = whole.indexOf(Buffer.alloc(16, 7));
    for (let at = 3; at < whole.length; at += 37) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 0x15;
      // Blocks have checksums; a change in the schema may give another schema.
      if (at > header) await assert.rejects(convert(changed), ours, `changed at ${at} of ${header}`);
      else await convert(changed).catch(ours);
    }
  });
});
