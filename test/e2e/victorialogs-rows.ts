import { encodeValue } from '../../connectors/victorialogs/encoding.js';
import { Oid, type Type, type } from '../../sql/types.js';

/** Columns of the tables that are compared, `_time` aside. */
export const COLUMNS: readonly { readonly name: string; readonly type: Type; readonly sql: string }[] = [
  { name: 'id', type: type(Oid.int8), sql: 'int8' },
  { name: 'name', type: type(Oid.text), sql: 'text' },
  { name: 'city', type: type(Oid.text), sql: 'text' },
  { name: 'score', type: type(Oid.float8), sql: 'float8' },
  { name: 'ok', type: type(Oid.bool), sql: 'bool' },
  { name: 'seen', type: type(Oid.timestamptz), sql: 'timestamptz' },
  { name: 'born', type: type(Oid.date), sql: 'date' },
];

export interface Row {
  readonly time: string;
  readonly values: Readonly<Record<string, string | null>>;
}

/** What the store keeps only where it is in our encoding. */
const AWKWARD = ['2.10', '2.1', '2.100', '10', '1e5', '-0', '5s', '2025-03-01', '1.2.3.4', '', ' ann', '0x5', '5KB', '007'];
const PLAIN = [
  'ann',
  'bob',
  "o'neil",
  'ünï',
  'null',
  '~',
  'a"b',
  'back\\slash',
  'new\nline',
  '100%',
  'a_b',
  'axb',
  'Ann',
  '😀',
  '$$x$$',
  '*',
  'a*',
];
const CITIES = ['Bern', 'Basel', 'Genève', 'Zug'];
export const ROWS = 1_200;
export const START = Date.UTC(2025, 2, 1);

/** `foreign`: without texts that the store changes, and without empty ones, which are NULL there. */
export function makeRows(encoding: 'own' | 'foreign'): readonly Row[] {
  const names = encoding === 'own' ? [...PLAIN, ...AWKWARD] : PLAIN;
  return Array.from({ length: ROWS }, (_, n): Row => {
    const time = START + n * 1_800_000;
    const lacks = (every: number): boolean => n % every === every - 1;
    const instant = new Date(time - 3_600_000).toISOString().slice(0, 19).replace('T', ' ');
    return {
      time: `${new Date(time).toISOString().slice(0, 19)}.${String((n * 7919) % 1_000_000).padStart(6, '0')}000Z`,
      values: {
        id: lacks(13) ? null : String(n % 7 === 0 ? -n * 1_000_003 : n),
        name: lacks(5) ? null : (names[(n * 31) % names.length] ?? null),
        city: CITIES[n % CITIES.length] ?? null,
        score: lacks(9) ? null : String((n - 600) / 8),
        ok: lacks(4) ? null : n % 3 === 0 ? 't' : 'f',
        seen: lacks(6) ? null : `${instant}.5+00`,
        born: lacks(8) ? null : new Date(time - 31_536_000_000).toISOString().slice(0, 10),
      },
    };
  });
}

export function document(row: Row, encoding: 'own' | 'foreign', app: string): object {
  const fields = COLUMNS.flatMap(({ name, type: of }) => {
    const value = row.values[name] ?? null;
    const text = encoding === 'own' ? encodeValue(of, value) : value;
    return typeof text === 'string' ? [[name, text]] : [];
  });
  return { _time: row.time, _msg: '-', app, ...Object.fromEntries(fields) };
}

/** As a SELECT over VALUES. */
export function valuesQuery(rows: readonly Row[]): string {
  const quoted = (text: string | null): string => (text === null ? 'NULL' : `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`);
  const lines = rows.map(({ time, values }) => `(${[time, ...COLUMNS.map(({ name }) => values[name] ?? null)].map(quoted).join(', ')})`);
  const items = COLUMNS.map(({ name, sql }) => `${name}::${sql} AS ${name}`).join(', ');
  return `SELECT _time::timestamptz AS _time, ${items} FROM (VALUES ${lines.join(',\n')}) AS v(_time, ${COLUMNS.map(({ name }) => name).join(', ')})`;
}

const PREDICATES = [
  'true',
  "name = 'ann'",
  "name <> 'ann'",
  "name IN ('ann', 'bob', '2.10', '')",
  "name NOT IN ('ann', 'null')",
  'name IS NULL',
  'name IS NOT NULL',
  "name IS DISTINCT FROM 'bob'",
  "name LIKE 'a%'",
  "name LIKE '%\\_%'",
  "name NOT LIKE '%n%'",
  "name ILIKE 'ANN'",
  "name ~ '^[a-z]+$'",
  "name > 'b' AND name <= 'o'",
  "name COLLATE \"C\" >= 'new' AND name COLLATE \"C\" < 'o''o'",
  "name = '2.10' OR name = '10'",
  "name = ''",
  'length(name) > 5',
  "city = 'Genève' AND name = 'ünï'",
  "NOT (city = 'Bern' OR name = 'ann')",
  'id = 5',
  'id < 0',
  'id BETWEEN 100 AND 200',
  'id > 9007199254740993',
  'id IS NULL AND score IS NOT NULL',
  'score < -10.125',
  'score = 0',
  'score BETWEEN 0.1 AND 12.5',
  'ok',
  'NOT ok',
  'ok IS NOT TRUE',
  "seen >= '2025-03-05 12:00+00' AND seen < '2025-03-08'",
  "born = '2024-03-10'",
  "born < '2024-03-04' OR born > '2024-03-20'",
  "_time >= '2025-03-05' AND _time < '2025-03-06'",
  '_time = (SELECT max(_time) FROM $)',
  "_time < '2025-03-02' OR _time > '2025-03-25'",
  "_time <> '2025-03-01'",
  'extract(hour FROM _time) = 3',
  '_time IS NULL',
];

/** Of a table `$`: a hundred and more. Ordered ones have no ties. */
export const QUESTIONS: readonly { readonly sql: string; readonly ordered: boolean }[] = [
  ...PREDICATES.map((where) => ({ sql: `SELECT * FROM $ WHERE ${where}`, ordered: false })),
  ...PREDICATES.map((where) => ({
    sql: `SELECT count(*), count(name), min(_time), max(id), sum(score) FROM $ WHERE ${where}`,
    ordered: false,
  })),
  ...PREDICATES.map((where) => ({ sql: `SELECT city, ok, count(*), sum(id) FROM $ WHERE ${where} GROUP BY 1, 2`, ordered: false })),
  ...PREDICATES.map((where) => ({ sql: `SELECT _time, name FROM $ WHERE ${where} ORDER BY _time DESC LIMIT 7`, ordered: true })),
  ...[
    'SELECT _time, id FROM $ ORDER BY _time',
    'SELECT _time, id FROM $ ORDER BY _time DESC',
    'SELECT _time FROM $ ORDER BY _time LIMIT 5 OFFSET 100',
    "SELECT date_trunc('day', _time) AS day, count(*) FROM $ GROUP BY 1 ORDER BY 1",
    "SELECT date_trunc('week', _time), city, count(*), min(score) FROM $ GROUP BY 1, 2 ORDER BY 1, 2",
    'SELECT DISTINCT city FROM $ ORDER BY 1',
    'SELECT name, row_number() OVER (PARTITION BY city ORDER BY _time) FROM $ ORDER BY _time LIMIT 50',
    'SELECT a._time, b.id FROM $ a JOIN $ b ON a._time = b._time WHERE a.id > 1000 ORDER BY 1',
  ].map((sql) => ({ sql, ordered: true })),
  ...[
    'SELECT count(*) FROM (SELECT 1 FROM $ LIMIT 33) q',
    'SELECT count(*) FROM (SELECT name FROM $ LIMIT 5000) q',
    "SELECT count(*) FROM (SELECT * FROM $ WHERE _time < '2025-03-03' LIMIT 10) q",
    'SELECT name, count(DISTINCT city) FROM $ GROUP BY name HAVING count(*) > 30',
    'SELECT id FROM $ WHERE city IN (SELECT city FROM $ WHERE id = 5)',
    'SELECT id FROM $ EXCEPT SELECT id FROM $ WHERE ok',
    'SELECT id, name FROM $ WHERE EXISTS (SELECT FROM (VALUES (5), (9)) v(i) WHERE v.i = id)',
    'SELECT l.city, count(*) FROM $ l JOIN lake.names n ON n.name = l.name GROUP BY 1',
    'SELECT count(*) FROM $ l LEFT JOIN lake.names n ON n.name = l.name WHERE n.name IS NULL',
    'SELECT s.city, s.name, s.started_at, s.ended_at FROM timeline($, key => city, ts => _time, name => latest(name)) s',
    "SELECT city, sum(seconds) FROM timeline($, key => city, good => latest(ok), since => '2025-03-05', until => '2025-03-10') t WHERE good GROUP BY 1",
    "SELECT * FROM timeline($, key => city, ts => _time, n => count_so_far(true), at => ARRAY['2025-03-02', '2025-03-09']::timestamptz[]) t",
  ].map((sql) => ({ sql, ordered: false })),
];
