import { encodeValue } from '../../connectors/victorialogs/encoding.js';
import { Oid, type Type, type } from '../../sql/types.js';

/** A row of the table that predicates are tried on: PostgreSQL's text forms, by column. */
export type LogsTestRow = Readonly<Record<string, string | null>>;

export const COLUMNS: Readonly<Record<string, Type>> = {
  t: type(Oid.text),
  v: type(Oid.varchar),
  i2: type(Oid.int2),
  i4: type(Oid.int4),
  i8: type(Oid.int8),
  f4: type(Oid.float4),
  f8: type(Oid.float8),
  b: type(Oid.bool),
  u: type(Oid.uuid),
  d: type(Oid.date),
  ts: type(Oid.timestamp),
  tz: type(Oid.timestamptz),
  tm: type(Oid.time),
  // numeric(12,3)
  n: type(Oid.numeric, ((12 << 16) | 3) + 4),
  by: type(Oid.bytea),
};

const NUMBERS = [
  '1',
  '2.10',
  '2.1',
  '2.100',
  '3.00',
  '-0',
  '-0.0',
  '0',
  '1e5',
  '0x5',
  '007',
  '+5',
  '.5',
  '5.',
  'Inf',
  'nan',
  '9007199254740993',
  '18446744073709551615',
  '1_000',
];
const UNITS = [
  '5s',
  '5KB',
  '1h30m',
  '10.0.0.1',
  '192.168.0.255',
  '10.0.0.0/8',
  '2025-03-01',
  '2025-03-01T10:00:00Z',
  '2025-03-01T10:00:00.123Z',
  '12:00',
  'now',
];
const WORDS = [
  'error',
  'Error',
  'ERROR',
  'error x',
  'x error',
  'warn',
  'null',
  'NULL',
  'true',
  'straße',
  'STRASSE',
  'été',
  'ÉTÉ',
  '\u0130x',
  '\u212aelvin',
  'kelvin',
  'Kelvin',
  '\u017fs',
  'ss',
  'İı',
  'ab',
  'abc',
  'ABC',
  'a_c',
  'a%c',
];
const ODD = [
  '',
  ' ',
  '  ',
  '\t',
  '\n',
  'a\nb',
  '"',
  '""',
  "'",
  '`',
  '\\',
  '\\n',
  'a\\b',
  '~',
  '~x',
  '*',
  'a*',
  '%',
  '_',
  '|',
  ' | fields x',
  '#',
  '# x',
  '(',
  ')',
  'in(',
  ':',
  ':=',
  'not',
  '!',
  '-',
  '{a="b"}',
  '\u2028',
  '\ufffd',
  '\x7f',
  '\x01',
  '\u{1f600}',
  'e\u0301',
  '\u{10ffff}',
  '\ue000',
  '<b>',
  '[',
  ']',
  '^',
  '$',
  '.',
  '.*',
  'x'.repeat(3000),
  `${'long '.repeat(900)}end`,
];

/** Every text that is of interest. */
export const TEXTS: readonly string[] = [...NUMBERS, ...UNITS, ...WORDS, ...ODD];

/** In each stream the texts are of one kind, so that the store gives their blocks each of its encodings. */
const FAMILIES: readonly ((n: number) => string)[] = [
  (n) => pick(TEXTS, n * 7),
  (n) => String(n * 3),
  (n) => String(n * 331),
  (n) => String(n * 9973),
  (n) => String(n * 2 ** 40),
  (n) => String(-n * 31 + 100),
  (n) => pick(['2.10', '2.1', '2.100', '3.00', '0.6', '-1.5', '0.25', '-0', '40.50', '7.125', '12.5', '1000.001', '-2.10', '3.30'], n),
  (n) => `10.${n % 5}.0.${n % 250}`,
  (n) => `2025-03-${String((n % 28) + 1).padStart(2, '0')}T10:00:${String(n % 60).padStart(2, '0')}.${String(n).padStart(3, '0')}Z`,
  (n) => pick(['a', 'b', '', 'abc'], n),
  () => 'always',
  (n) => pick(NUMBERS, n),
  (n) => pick(WORDS, n),
  (n) => `${pick(ODD, n)}${pick(WORDS, n * 3)}`,
];

const INTEGERS: readonly ((n: number) => bigint)[] = [
  (n) => BigInt(n % 200),
  (n) => BigInt(n * 331),
  (n) => BigInt(n * 331 - 5000),
  (n) => BigInt(n) * 50_000_017n,
  (n) => 2n ** 53n + BigInt(n) - 20n,
  (n) => -(2n ** 53n) - BigInt(n) + 20n,
  (n) => 2n ** 63n - 1n - BigInt(n),
  (n) => -(2n ** 63n) + BigInt(n),
  (n) => BigInt(n % 3) - 1n,
];

export const FLOATS = [
  '0',
  '-0',
  '0.6',
  '-2.1',
  '0.1',
  '0.30000000000000004',
  '0.3',
  '1',
  '2',
  '10',
  '1e+20',
  '1e+300',
  '-1e+300',
  '5e-324',
  '1.7976931348623157e+308',
  '9.007199254740992e+15',
  '1e-07',
  '123456.789',
  '-1',
  '100',
  '1000000',
];

export function documentsOf(rows: readonly LogsTestRow[]): Record<string, string>[] {
  return rows.map((row) => {
    const document: Record<string, string> = { _time: row['at_ns'] ?? '', _msg: '-', s: row['stream'] ?? '', id: row['id'] ?? '' };
    for (const [name, columnType] of Object.entries(COLUMNS)) {
      const text = encodeValue(columnType, row[name] ?? null);
      if (typeof text === 'string') document[name] = text;
    }
    return document;
  });
}

/** Rows with the text forms that PostgreSQL gives them; `at_ns` is what `_time` is to be, `at` the microsecond it is in. */
export function testRows(perStream: number): LogsTestRow[] {
  const rows: LogsTestRow[] = [];
  for (const [stream, family] of FAMILIES.entries()) {
    for (let n = 0; n < perStream; n++) {
      const id = rows.length;
      const integer = (INTEGERS[stream % INTEGERS.length] as (n: number) => bigint)(n);
      const float = pick(FLOATS, n + stream);
      const nanos =
        1_740_823_200_000_000_000n + BigInt(n % 7) * 1_000_000_000n + BigInt(n % 5) * 1000n + BigInt([0, 1, 500, 999][n % 4] as number);
      const row: Record<string, string | null> = {
        id: String(id),
        // Empty values keep the store from its other encodings.
        stream: n % 3 === 0 ? `${stream} with NULLs` : String(stream),
        at_ns: nanoText(nanos),
        at: `${nanoText(nanos).slice(0, 26).replace('T', ' ')}+00`,
        t: family(n),
        v: family(n + 1),
        i2: String(BigInt.asIntN(16, integer)),
        i4: String(BigInt.asIntN(32, integer)),
        i8: String(integer),
        f4: pick(['0', '0.1', '-2.5', '1e+10', '3', '1.6777216e+07', '1e-05'], n),
        f8: stream % 2 === 0 ? float : String(n * 0.1),
        b: n % 2 === 0 ? 't' : 'f',
        u: `${String(n % 40).padStart(8, '0')}-aaaa-4bbb-8ccc-ddddeeee${String(stream).padStart(4, '0')}`,
        d: `20${String(20 + (n % 7))}-0${(n % 9) + 1}-1${n % 9}`,
        ts: `2025-03-0${(n % 9) + 1} 10:00:0${n % 10}${n % 3 === 0 ? '' : `.${n % 9 || 1}`}`,
        tz: `2025-03-0${(n % 9) + 1} 1${n % 3}:00:00${n % 3 === 0 ? '' : `.00000${(n % 9) + 1}`}+00`,
        tm: `0${n % 9}:30:00`,
        n: `${n % 11 === 0 ? '-' : ''}${n % 37}.${String((n * 125) % 1000).padStart(3, '0')}`,
        by: `\\x${Buffer.from(family(n).slice(0, 9)).toString('hex')}`,
      };
      if (row['n'] === '-0.000') row['n'] = '0.000';
      if (n % 3 === 0) for (const [at, name] of Object.keys(COLUMNS).entries()) if ((n / 3 + at) % 4 === 0) row[name] = null;
      rows.push(row);
    }
  }
  return rows;
}

function nanoText(nanos: bigint): string {
  const seconds = nanos / 1_000_000_000n;
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`;
}

function pick<T>(list: readonly T[], n: number): T {
  return list[n % list.length] as T;
}
