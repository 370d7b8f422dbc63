import assert from 'node:assert/strict';
import type { TimelineError } from '../../sql/errors.js';
import { Oid, type } from '../../sql/types.js';
import { decodeBinaryToText, encodeBinary } from '../../sql/value-binary.js';
import { formatValue, parseValue } from '../../sql/value-text.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';

/** SQL type, OID, and awkward values of it. */
const AWKWARD: readonly (readonly [name: string, oid: number, values: readonly string[]])[] = [
  ['bool', Oid.bool, ['true', 'off']],
  ['int2', Oid.int2, ['-32768', '32767', '0']],
  ['int4', Oid.int4, ['-2147483648', '2147483647']],
  ['int8', Oid.int8, ['-9223372036854775808', '9223372036854775807']],
  ['oid', Oid.oid, ['4294967295', '0']],
  [
    'float4',
    Oid.float4,
    ['NaN', 'Infinity', '-Infinity', '-0', '0.1', '1e-45', '3.4028235e38', '18280.8125', '1e6', '999999', '16777216', '1e-5'],
  ],
  [
    'float8',
    Oid.float8,
    [
      'NaN',
      'Infinity',
      '-Infinity',
      '-0',
      '0.1',
      '5e-324',
      '1.7976931348623157e308',
      '1e15',
      '999999999999999',
      '1e-5',
      '0.0001',
      '52275140362517024',
      '1e23',
      '9007199254740993',
      '2.5e-7',
      '123456.789',
    ],
  ],
  [
    'numeric',
    Oid.numeric,
    [
      '0',
      '0.00',
      '-0.5',
      '1e5',
      '1e-20',
      '12345.6700',
      '10000',
      '100000000',
      '0.0001',
      '0.00001',
      '-99999999.9999',
      'NaN',
      'Infinity',
      '-Infinity',
      '12345678901234567890123456789012345678.123456789',
      '1e400',
      '.5',
    ],
  ],
  ['text', Oid.text, ['', ' ', 'häß 🦆', 'NULL']],
  ['varchar', Oid.varchar, ['a']],
  ['bpchar', Oid.bpchar, ['a ']],
  ['name', Oid.name, ['pg_class']],
  ['"char"', Oid.char, ['x', '', '\\200']],
  ['bytea', Oid.bytea, ['', '\\x00ff10', 'abc\\000\\\\']],
  ['json', Oid.json, ['{"a" : 1}']],
  ['jsonb', Oid.jsonb, ['{"b":1, "a":[null,1.50]}', '"x"']],
  ['uuid', Oid.uuid, ['{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}', 'a0eebc999c0b4ef8bb6d6bb9bd380a11']],
  [
    'date',
    Oid.date,
    ['2024-02-29', '1969-12-31', '0001-01-01', '0001-12-31 BC', '4714-11-24 BC', '5874897-12-31', '10000-01-01', 'infinity', '-infinity'],
  ],
  ['time', Oid.time, ['00:00', '24:00:00', '23:59:59.999999', '12:30:00.5']],
  ['timetz', Oid.timetz, ['12:30:00.5+02', '00:00:00-05:30', '23:59:59.999999+15:59:59']],
  [
    'timestamp',
    Oid.timestamp,
    ['2024-02-29 12:30:00.000001', '1969-12-31 23:59:59.9', '0044-03-15 12:00:00 BC', 'infinity', '-infinity', '12345-01-01 00:00:00'],
  ],
  [
    'timestamptz',
    Oid.timestamptz,
    [
      '2024-07-01 12:00:00+00',
      '2024-01-01 00:00:00.25-03:30',
      '1880-01-01 00:00:00+00',
      '0044-03-15 12:00:00+00 BC',
      'infinity',
      '-infinity',
      '2024-10-27 00:30:00+00',
      '2024-10-27 01:30:00+00',
      '9999-07-01 00:00:00+00',
    ],
  ],
  [
    'interval',
    Oid.interval,
    [
      '0',
      '1 year 2 mons -3 days 04:05:06.789',
      '-1 year +2 days -00:00:00.000001',
      '1 mon -1 day',
      '-00:00:01',
      '100:00:00',
      '1 day',
      '-1 mon 2 days',
      'infinity',
      '-infinity',
      '178956970 years 7 mons',
      '2562047788:00:54.775807',
    ],
  ],
  ['int4[]', 1007, ['{}', '{1,NULL,-3}']],
  ['bool[]', 1000, ['{t,f,NULL}']],
  ['numeric[]', 1231, ['{1.50,NaN}']],
  ['timestamptz[]', 1185, ['{"2024-07-01 12:00:00+00"}']],
  ['text[]', 1009, ['{"a b","",NULL,"NULL","null","\\"","\\\\","{","a,b",ä,"\ta"}', '{}']],
  ['bytea[]', 1001, ['{"\\\\x00ff"}']],
  ['interval[]', 1187, ['{"1 day","01:00:00"}']],
  ['jsonb[]', 3807, ['{"{\\"a\\": 1}"}']],
  ['uuid[]', 2951, ['{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}']],
];

const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', 'Europe/Amsterdam', '<+02>-02'];

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

describe('values against PostgreSQL', () => {
  let postgres: EmbeddedPostgres;

  before(async () => {
    postgres = await EmbeddedPostgres.start();
  });

  after(() => postgres.close());

  for (const [name, oid, values] of AWKWARD) {
    it(`${name}: text and binary are PostgreSQL's`, async () => {
      await postgres.run("set timezone = 'UTC'");
      for (const value of values) {
        const sql = `select ${quoted(value)}::${name}`;
        const text = (await postgres.texts(sql))[0] ?? '';
        const binary = (await postgres.rows(sql, { binary: true }))[0]?.[0];
        const ours = parseValue(type(oid), text);
        assert.equal(formatValue(type(oid), ours, { timeZone: 'UTC' }), text, `${sql} as text`);
        assert.equal(Buffer.from(encodeBinary(type(oid), ours)).toString('hex'), binary?.toString('hex'), `${sql} as binary`);
        assert.equal(decodeBinaryToText(type(oid), binary ?? Buffer.alloc(0)), text, `${sql} from binary`);
      }
    });
  }

  it('reads what PostgreSQL reads: input spellings', async () => {
    const spellings: [string, number, string[]][] = [
      [
        'numeric',
        Oid.numeric,
        ['+5', '00012', '5.', '1.5e3', '1.55e1', '-.0e5', ' 7 ', '1e-20', '-0.00', 'nan', '-inf', '1E+3', '123.456e-2'],
      ],
      ['int4', Oid.int4, [' 12 ', '+7', '-0', '007']],
      ['float8', Oid.float8, [' 1.5 ', '.5', '5.', '1E3', 'inf', '+Infinity', 'nan']],
      ['bool', Oid.bool, ['t', 'yes', 'on', '1', 'TRUE', 'n', 'of', '0', ' fal ']],
      ['date', Oid.date, ['2024-1-2', '2024-01-02 10:00:00']],
      ['timestamp', Oid.timestamp, ['2024-01-02', '2024-01-02T03:04', '2024-01-02 03:04:05.1234567', '2024-01-02 03:04:05+09']],
      [
        'timestamptz',
        Oid.timestamptz,
        ['2024-01-02T03:04:05Z', '2024-01-02 03:04:05.5 +0530', '2024-01-02 03:04:05-08:30:15', '2024-01-01 00:00:00+00 BC'],
      ],
      ['interval', Oid.interval, ['1 week 2 hours', '5 minutes 1.5 seconds', '-2 h', '1 y 3 mon']],
      ['int4[]', 1007, ['{ 1 , 2 }', '[1:2]={3,4}', ' {} ']],
      ['text[]', 1009, ['{ a b , "c\\"d" , null }', '{a\\,b,\\N}']],
    ];
    for (const [name, oid, values] of spellings) {
      for (const value of values) {
        const expected = (await postgres.texts(`select ${quoted(value)}::${name}`))[0];
        assert.equal(formatValue(type(oid), parseValue(type(oid), value), { timeZone: 'UTC' }), expected, `${quoted(value)}::${name}`);
      }
    }
  });

  it('refuses what PostgreSQL refuses, with its SQLSTATE and words', async () => {
    const wrong: [string, number, string[]][] = [
      ['int2', Oid.int2, ['32768', 'x', '', '1.0']],
      ['int4', Oid.int4, ['2147483648', '0x', '- 1']],
      ['int8', Oid.int8, ['9223372036854775808', '9'.repeat(50)]],
      ['oid', Oid.oid, ['4294967296']],
      ['float8', Oid.float8, ['1e400', '1e-400', 'abc', '1e']],
      ['float4', Oid.float4, ['1e39', '1e-60']],
      ['numeric', Oid.numeric, ['1.2.3', 'e5', '', '--1']],
      ['bool', Oid.bool, ['maybe', 'o', '']],
      ['uuid', Oid.uuid, ['a0eebc99', 'g'.repeat(32)]],
      ['date', Oid.date, ['2023-02-29', '2024-13-01', 'x']],
      ['timestamp', Oid.timestamp, ['2024-01-01 25:00:00', '2024-01-01 00:61:00']],
      ['timestamptz', Oid.timestamptz, ['2024-01-01 00:00:00+xx', 'nope']],
      ['time', Oid.time, ['24:00:01', 'x']],
      ['interval', Oid.interval, ['1 parsec', '']],
      ['int4[]', 1007, ['{1,2', '{1,,2}', '1', '{1}x', '{a}']],
    ];
    for (const [name, oid, values] of wrong) {
      for (const value of values) {
        const theirs = await postgres.texts(`select ${quoted(value)}::${name}`).then(
          () => undefined,
          (error: Error & { code: string }) => error,
        );
        assert.ok(theirs !== undefined, `PostgreSQL takes ${quoted(value)}::${name}`);
        assert.throws(
          () => parseValue(type(oid), value),
          (error: TimelineError) => {
            assert.equal(error.sqlstate, theirs.code, `${quoted(value)}::${name}: ${error.message} / ${theirs.message}`);
            return true;
          },
          `${quoted(value)}::${name}`,
        );
      }
    }
  });

  it('writes random floats as PostgreSQL does', async () => {
    await postgres.run('select setseed(0.25)');
    for (const [name, oid] of [
      ['float8', Oid.float8],
      ['float4', Oid.float4],
    ] as const) {
      const sql = `select x::${name} from (select (random() - 0.5) * 10 ^ (random() * 40 - 20) as x from generate_series(1, 3000)
        union all select 2 ^ (20 + (random() * 40)::int) + (random() * 100000)::int * 0.125 from generate_series(1, 3000)) s`;
      for (const text of await postgres.texts(sql)) {
        assert.equal(formatValue(type(oid), parseValue(type(oid), text ?? ''), { timeZone: 'UTC' }), text);
      }
    }
  });

  for (const zone of ZONES) {
    it(`shows and reads instants in ${zone}`, async () => {
      await postgres.run(`set timezone = '${zone}'`);
      const sql = `select t from (select 'epoch'::timestamptz + (g - 1500) * interval '23 days 11:17:13.25' t from generate_series(1, 3000) g
        union all select '2024-01-01'::timestamptz + g * interval '53 minutes' from generate_series(1, 10000) g) s`;
      for (const text of await postgres.texts(sql)) {
        assert.equal(formatValue(type(Oid.timestamptz), parseValue(type(Oid.timestamptz), text ?? ''), { timeZone: zone }), text);
      }
      const local = await postgres.rows(
        `select t, t::timestamptz at time zone 'UTC' from (select timestamp '2024-01-01' + g * interval '30 minutes' t from generate_series(1, 17520) g) s`,
      );
      for (const [wall, utc] of local) {
        const ours = parseValue(type(Oid.timestamptz), String(wall), { timeZone: zone });
        assert.equal(formatValue(type(Oid.timestamptz), ours, { timeZone: 'UTC' }), `${utc}+00`, `${wall} in ${zone}`);
      }
    });
  }

  it('has no zone of its own for text without an offset', () => {
    assert.throws(
      () => parseValue(type(Oid.timestamptz), '2024-01-01 00:00:00'),
      (error: TimelineError) => error.sqlstate === '22007',
    );
  });

  it('refuses unknown zones', () => {
    assert.throws(
      () => formatValue(type(Oid.timestamptz), 0n, { timeZone: 'Mars/Olympus' }),
      (error: TimelineError) => error.sqlstate === '22023',
    );
  });

  it('refuses timestamps beyond our range instead of wrapping', () => {
    assert.throws(
      () => parseValue(type(Oid.timestamp), '294270-01-01 00:00:00'),
      (error: TimelineError) => error.sqlstate === '22008',
    );
  });
});

describe('binary parameters', () => {
  const refused = (oid: number, hex: string, sqlstate: string): void => {
    assert.throws(
      () => decodeBinaryToText(type(oid), Buffer.from(hex, 'hex')),
      (error: TimelineError) => {
        assert.equal(error.sqlstate, sqlstate, `${oid} ${hex}: ${error.message}`);
        return true;
      },
    );
  };

  it('refuses wrong lengths and shapes', () => {
    for (const oid of [
      Oid.bool,
      Oid.int2,
      Oid.int4,
      Oid.int8,
      Oid.oid,
      Oid.float4,
      Oid.float8,
      Oid.date,
      Oid.time,
      Oid.timestamp,
      Oid.timestamptz,
      Oid.interval,
      Oid.uuid,
      Oid.timetz,
      Oid.numeric,
      Oid.jsonb,
      1007,
    ]) {
      if (oid !== Oid.bool) refused(oid, '', '22P03');
      refused(oid, oid === Oid.jsonb ? '' : '0102030405', '22P03');
    }
    refused(Oid.numeric, '0001000000000000ffff', '22P03');
    refused(Oid.numeric, 'ffff000000000000', '22P03');
    refused(Oid.numeric, '0000000012340000', '22P03');
    refused(Oid.jsonb, '027b7d', 'XX000');
    refused(Oid.text, 'ff', '22021');
    refused(Oid.text, '00', '22021');
  });

  it('checks array counts before it makes anything of that size', () => {
    refused(1007, '0000000100000000000000177fffffff00000001', '22P03');
    refused(1007, '000000010000000000000017ffffffff00000001', '22P03');
    refused(1007, '0000000100000000000000170000000100000001000000047fff', '22P03');
    refused(1007, '00000001000000000000001700000001000000017fffffff', '22P03');
    refused(1007, '000000010000000000000019000000000000000100', '42804');
    refused(1007, '000000020000000000000017000000010000000100000001000000010000000400000001', '0A000');
    refused(1007, '0000000700000000000000170000000100000001', '22P03');
  });

  it('keeps the bounds of an array', () => {
    const bytes = '00000001000000000000001700000001000000050000000400000007';
    assert.equal(decodeBinaryToText(type(1007), Buffer.from(bytes, 'hex')), '[5:5]={7}');
  });

  it('says which types have no binary form', () => {
    refused(Oid.record, '', '0A000');
    refused(1033, '', '42883');
    assert.throws(
      () => encodeBinary(type(Oid.regclass), 'pg_class'),
      (error: TimelineError) => error.sqlstate === '0A000',
    );
    assert.equal(Buffer.from(encodeBinary(type(Oid.regclass), '1259')).toString('hex'), '000004eb');
    assert.equal(
      Buffer.from(encodeBinary(type(22), '1 2')).toString('hex'),
      '000000010000000000000015000000020000000000000002000100000002' + '0002',
    );
  });
});
