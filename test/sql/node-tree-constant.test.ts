import assert from 'node:assert/strict';
import { readQuery } from '../../sql/node-tree.js';
import { constantText } from '../../sql/node-tree-constant.js';
import type { EmbeddedPostgres } from '../../sql/postgres.js';
import { type } from '../../sql/types.js';
import { CONTEXT, embedded } from './embedded.js';

const UTC = { ...CONTEXT, timeZone: 'UTC' };

/** Literals that the analyser turns into a Const of their type. */
const LITERALS: readonly (readonly [type: string, ...values: readonly string[]])[] = [
  ['bool', 't', 'f'],
  ['"char"', 'a', '', '\\377'],
  ['int2', '0', '-32768', '32767'],
  ['int4', '0', '-2147483648', '2147483647'],
  ['int8', '0', '-9223372036854775808', '9223372036854775807'],
  ['oid', '4294967295'],
  ['float4', '0', '-0', '1.5', '3.4028235e+38', '1e-45', 'NaN', 'Infinity', '-Infinity', '123456', '1234567', '0.0001', '0.00001'],
  ['float8', '0', '-0', '0.1', '1e15', '123456789012345', '1.7976931348623157e308', '5e-324', 'NaN', 'Infinity', '-Infinity', '1e-5'],
  [
    'numeric',
    '0',
    '0.00',
    '-0.5',
    '1',
    '10000',
    '9999.9999',
    '100000000',
    '1e10',
    '1e-10',
    '0.00001234',
    '-123456789012345678901234567890.123456789012345678901234567890',
    '1e200',
    '-1e-200',
    '1e1000',
    'NaN',
    'Infinity',
    '-Infinity',
    '0.0000',
    '1000000000000.0001',
    '4e-70',
    '12345678e60',
  ],
  ['text', '', 'a', "it's", 'back\\slash', '😀 é', '{"x"}', ' spaces ', 'a\nb', '(', '<>', '"', ':x', 'x'.repeat(300)],
  ['varchar', 'abc'],
  ['bpchar', 'ab  '],
  ['name', 'pg_class', ''],
  ['json', '{ "a" : 1 }'],
  ['bytea', '\\x', '\\x00ff5c28'],
  ['uuid', '00000000-0000-0000-0000-000000000000', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['date', '2000-01-01', '1970-01-01', '1999-12-31', '0001-01-01', '0044-03-15 BC', '5874897-12-31', 'infinity', '-infinity'],
  ['time', '00:00', '23:59:59.999999', '24:00'],
  [
    'timestamp',
    '2000-01-01',
    '1969-12-31 23:59:59.999999',
    '4713-01-01 00:00:00 BC',
    '294246-12-31 23:59:59.999999',
    'infinity',
    '-infinity',
  ],
  ['timestamptz', '2025-03-30 02:30:00+02', '1899-12-31 23:59:59.999999+00', '0044-03-15 12:00:00+00 BC', 'infinity', '-infinity'],
  [
    'interval',
    '0',
    '1 day',
    '-1 day',
    '1 year 2 mons -3 days +04:05:06.789',
    '-1 mon 1 day',
    '100 hours',
    '-00:00:00.000001',
    'infinity',
    '-infinity',
    '2147483647 days',
    '-178000000 years',
    '1 day -1 hour',
  ],
  [
    'jsonb',
    '1',
    '-0.50',
    '"x"',
    'null',
    'true',
    '[]',
    '{}',
    '[1, "a", null, false, [2, {}], {"k": [1.10]}]',
    '{"b": 1, "a": {"c": "é\\n\\"\\\\\\u0001"}, "": []}',
    `{"long": "${'y'.repeat(500)}", "n": 12345678901234567890.123}`,
    `[${Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? `"s${i}"` : i)).join(', ')}]`,
  ],
  [
    'text[]',
    '{}',
    '{a,NULL,"","null","a b","q\\"uote","b\\\\s",{x}}'.replace(',{x}', ''),
    '[0:1]={a,b}',
    '{{a,b},{c,NULL}}',
    '[2:3][-1:0]={{1,2},{3,4}}',
  ],
  ['int2[]', '{1,NULL,3}'],
  ['int4[]', '{1,2,3}', '{NULL}', '{{1,2},{3,4}}'],
  ['int8[]', '{1,NULL,9223372036854775807}'],
  ['bool[]', '{t,f,NULL,t}'],
  ['float8[]', '{1.5,NaN}'],
  ['numeric[]', '{1.50,NULL,NaN,100000}'],
  ['date[]', '{2025-01-01,NULL,infinity}'],
  ['timestamptz[]', '{"2025-01-01 00:00:00+00",NULL}'],
  ['interval[]', '{"1 day",02:00:00}'],
  ['uuid[]', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}'],
  ['jsonb[]', '{"{\\"a\\": 1}",NULL,2}'],
  ['bytea[]', '{"\\\\x00ff",NULL}'],
];

describe('constants of the analysed tree', function () {
  this.timeout(30_000);
  let postgres: EmbeddedPostgres;
  before(async () => {
    postgres = await embedded();
  });

  for (const [name, ...values] of LITERALS) {
    it(`${name} reads as PostgreSQL writes it`, async () => {
      const list = values.map((value) => `cast(E'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}' as ${name})`).join(', ');
      const expected = (await postgres.query(`select ${list}`, [], UTC)).rows[0];
      const query = readQuery(await postgres.analyse(`select ${list}`, [], UTC), postgres.names);
      const read = query.targets.map(({ expr }) => (expr.kind === 'constant' ? expr.value : expr.kind));
      assert.deepEqual(read, expected);
      assert.equal(read.length, values.length);
    });
  }

  it('reads null; of other types the text, cast', async () => {
    const query = readQuery(await postgres.analyse("select null::int, '(1,2)'::point, '[1,2)'::int4range", [], UTC), postgres.names);
    assert.deepEqual(
      query.targets.map(({ expr }) => (expr.kind === 'constant' ? expr.value : expr.kind === 'unknown_node' ? expr.what : expr.kind)),
      [null, 'cast', 'cast'],
    );
  });

  it('gives nothing for compressed or broken bytes', () => {
    assert.equal(constantText(type(25), Uint8Array.of(2 | 40, 0, 0, 0, 1)), undefined);
    assert.equal(constantText(type(25), Uint8Array.of(1, 1, 0, 0)), undefined);
  });
});
