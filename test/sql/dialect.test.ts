import assert from 'node:assert/strict';
import { DIALECTS, type Dialect, splitDialect, translateDialect } from '../../sql/dialect.js';
import { TimelineError } from '../../sql/errors.js';
import { loadParser } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { type Bool, evaluate, printed, randomPredicate, seeded } from './dialect-predicates.js';

/** As written there, as PostgreSQL has it. */
const CARRIED: Readonly<Record<Dialect, readonly (readonly [string, string])[]>> = {
  mysql: [
    ['select `a`, "s" from `t` limit 5, 10', "SELECT a, 's' FROM t LIMIT 10 OFFSET 5"],
    ['select user, `order` as x from t # note\n', 'SELECT "user", "order" AS x FROM t'],
    ["select 'it\\'s', 'a''b', 'tab\\t' from t", "SELECT 'it''s', 'a''b', 'tab\t' FROM t"],
    ['select a from t order by a, b desc', 'SELECT a FROM t ORDER BY a NULLS FIRST, b DESC NULLS LAST'],
    ['select a from t where not a = 1 or b = 2 && c <=> d', 'SELECT a FROM t WHERE NOT a = 1 OR b = 2 AND c IS NOT DISTINCT FROM d'],
    ['select a / b from t', 'SELECT round(CAST(int8(a) AS numeric) / nullif(int8(b), 0), 4) FROM t'],
    ['select a div b, a mod 3 from t', 'SELECT (int8(a) / nullif(int8(b), 0)), a % nullif(3, 0) FROM t'],
    ['select a, count(*) from t group by a with rollup', 'SELECT a, count(*) FROM t GROUP BY ROLLUP (a)'],
    ['select date_format(d, "%Y-%m-%dT%H:%i") from t', `SELECT to_char(d, 'YYYY-MM-DD"T"HH24:MI') FROM t`],
    ['select * from t where x = ? and y = ?', 'SELECT * FROM t WHERE x = $1 AND y = $2'],
    ['select a, sum(b) as s from t group by a having s > 1', 'SELECT a, sum(b) AS s FROM t GROUP BY a HAVING (sum(b)) > 1'],
    ['select * from a join b', 'SELECT * FROM a CROSS JOIN b'],
  ],
  trino: [
    ['select "a", if(b > 1, 2, 3) from s.t offset 2 limit 3', 'SELECT a, CASE WHEN b > 1 THEN 2 ELSE 3 END FROM s.t LIMIT 3 OFFSET 2'],
    ['select a from t order by a desc, b', 'SELECT a FROM t ORDER BY a DESC NULLS LAST, b'],
    [
      "select date_add('day', -7, ts), date_diff('hour', a, b) from t",
      "SELECT ((ts) + INTERVAL '-7 day'), CAST(trunc(numeric_div(extract(epoch FROM (b) - (a)), 3600)) AS bigint) FROM t",
    ],
    ['select x from t cross join unnest(arr) as u(x)', 'SELECT x FROM t CROSS JOIN unnest(arr) AS u(x)'],
    ["select * from t where a like 'x\\_%'", "SELECT * FROM t WHERE a LIKE 'x\\\\_%'"],
    ['select avg(x) over (partition by a order by b) from t', 'SELECT avg(float8(x)) OVER (PARTITION BY a ORDER BY b) FROM t'],
    ["select timestamp '2024-01-01 00:00:00 UTC'", "SELECT TIMESTAMPTZ '2024-01-01 00:00:00 UTC'"],
    ['select greatest(a, b) from t', 'SELECT CASE WHEN (a) IS NOT NULL AND (b) IS NOT NULL THEN greatest(a, b) END FROM t'],
    ["select listagg(a, ',') within group (order by b) from t", "SELECT string_agg(a, ',' ORDER BY b) FROM t"],
    ['select try_cast(a as varchar) from t', 'SELECT CAST(a AS varchar) FROM t'],
    ['select count_if(a > 1) over () from t', 'SELECT count(*) FILTER (WHERE a > 1) OVER () FROM t'],
  ],
  athena: [['select cast(a as string) from t', 'SELECT CAST(a AS text) FROM t']],
  bigquery: [
    ['select `a`, "s" from `p.d.t`', "SELECT a, 's' FROM p.d.t"],
    ['select a / b * c from t', 'SELECT float8(a) / float8(b) * c FROM t'],
    ['select x from t, unnest(arr) as x', 'SELECT x FROM t, unnest(arr) AS x(x)'],
    ["select format_timestamp('%F %T', ts) from t", "SELECT to_char(ts, 'YYYY-MM-DD HH24:MI:SS') FROM t"],
    ['select date_trunc(d, month) from t', "SELECT CAST(date_trunc('month', CAST(date_pli(d, 0) AS timestamp)) AS date) FROM t"],
    ['select cast(a as int64), cast(b as string) from t', 'SELECT CAST(a AS bigint), CAST(b AS text) FROM t'],
    ['select arr[safe_offset(0)] from t', 'SELECT (arr)[1] FROM t'],
    ['select 1.5', "SELECT CAST('1.5' AS double precision)"],
    [
      'select a, row_number() over (partition by a order by b) as rn from t qualify rn = 1 order by a',
      'SELECT qualified.a, qualified.rn FROM (SELECT a, row_number() OVER (PARTITION BY a ORDER BY b NULLS FIRST) AS rn, ' +
        '((row_number() OVER (PARTITION BY a ORDER BY b NULLS FIRST)) = 1) AS qualify_condition FROM t) AS qualified ' +
        'WHERE qualified.qualify_condition ORDER BY a NULLS FIRST',
    ],
  ],
  snowflake: [
    ['select A, "B" from T', 'SELECT a, b FROM t'],
    [
      'select iff(a, b, c), nvl(a, b), a::varchar from t',
      'SELECT CASE WHEN a THEN b ELSE c END, coalesce(a, b), CAST(a AS varchar) FROM t',
    ],
    ['select dateadd(month, 2, d) from t // note', "SELECT ((d) + INTERVAL '2 month') FROM t"],
    ['select datediff(day, a, b) from t', 'SELECT date_mi(CAST(b AS date), CAST(a AS date)) FROM t'],
    ['select a from t minus select b from u', 'SELECT a FROM t EXCEPT SELECT b FROM u'],
    ["select a from t where b ilike 'x%'", "SELECT a FROM t WHERE b ILIKE 'x%'"],
    ['select decode(a, 1, 2, 3) from t', 'SELECT CASE WHEN (a) IS NOT DISTINCT FROM (1) THEN 2 ELSE 3 END FROM t'],
  ],
};

/** Refused, with what the message names. */
const REFUSED: Readonly<Record<Dialect, readonly (readonly [string, RegExp])[]>> = {
  mysql: [
    ['select a = b from t', /truth value/],
    ['select a / b + 1 from t', /keeps digits/],
    ['select coalesce(a / b, 0) from t', /keeps digits/],
    ['select * from t where a / b > 1', /keeps digits/],
    ['select a || b from t', /\|\| of MySQL/],
    ['select a | b from t', /operator \|/],
    ['select a xor b from t', /XOR/],
    ['select * from t where a = b = c', /comparison of a comparison/],
    ['select * from t where a = b is null', /comparison of a comparison/],
    ['select * from t where a = b like c', /comparison of a comparison/],
    ['select * from t partition (p0)', /PARTITION/],
    ['select * from t use index (i)', /USE/],
    ['select -a as a from t order by a + 1', /output column/],
    ['select std(a) from t', /function std/],
    ['select cast(a as unsigned) from t', /type unsigned/],
    ['select substr(a, -1) from t', /substr of MySQL/],
    ['select /*+ MAX_EXECUTION_TIME(1) */ 1', /hint/],
    ["select a regexp '(?i)x' from t", /regular expression/],
    ["select '\\0'", /escape/],
    ["select 'a' 'b'", /several parts/],
  ],
  trino: [
    ['select approx_distinct(a) from t', /approximation/],
    ['select try_cast(a as bigint) from t', /try_cast/],
    ["select ts at time zone 'UTC' from t", /AT TIME ZONE/],
    ['select arr[1] from t', /\[ of Trino/],
    ['select map_keys(m) from t', /function map_keys/],
    ['select filter(a, x -> x > 1) from t', /function filter/],
    ['select a from t tablesample bernoulli (10)', /TABLESAMPLE/],
    ["select date_format(a, '%M') from t", /%M/],
    ['select trim(a) from t', /function trim/],
    ['select a from t fetch first 1 row with ties', /WITH TIES/],
    ['select substr(a, b) from t', /substr/],
  ],
  athena: [['select max_by(a, b) from t', /max_by/]],
  bigquery: [
    ["select 'a' || b + 1", /arithmetic/],
    ['select * except (a) from t', /\* EXCEPT/],
    ['select * from t qualify row_number() over (order by a) = 1', /QUALIFY over \*/],
    ['select arr[0] from t', /subscript/],
    ['select date_trunc(d, week) from t', /Sunday/],
    ['select safe_cast(a as int64) from t', /safe_cast/],
    ['select string_agg(a limit 3) from t', /LIMIT/],
    ['select * from a, b right join c on true', /comma/],
    ['select r"x"', /string after/],
  ],
  snowflake: [
    ['select a, "a" from t', /two cases/],
    ['select b:c from t', /: of Snowflake/],
    ['select first_value(a) over (order by b) from t', /frame/],
    ['select a from t at (timestamp => 1)', /AT after/],
    ['select $$x$$', /\$\$/],
  ],
};

describe('dialects', () => {
  before(loadParser);

  for (const dialect of DIALECTS) {
    it(`${dialect}: everyday queries become PostgreSQL's`, () => {
      for (const [source, expected] of CARRIED[dialect]) assert.equal(translateDialect(source, dialect)?.text, expected, source);
    });

    it(`${dialect}: what means something else is refused by name`, () => {
      for (const [source, expected] of REFUSED[dialect]) {
        assert.throws(
          () => translateDialect(source, dialect),
          (error: unknown) => {
            assert.ok(error instanceof TimelineError, `${source}: ${String(error)}`);
            assert.equal(error.sqlstate, '0A000', `${source}: ${error.message}`);
            assert.match(error.message, expected, source);
            return true;
          },
        );
      }
    });
  }

  it('lists the columns of a table where a star needs it', () => {
    const columnsOf = (path: readonly string[]): readonly string[] | undefined => (path.join('.') === 's.t' ? ['a', 'b', 'c'] : undefined);
    const text = (source: string): string | undefined => translateDialect(source, 'bigquery', columnsOf)?.text;
    assert.equal(text('select * except (b) from s.t as x where b > 1'), 'SELECT a, c FROM s.t AS x WHERE b > 1');
    assert.equal(
      text('select * from s.t qualify row_number() over (partition by a order by b) = 1'),
      'SELECT qualified.a, qualified.b, qualified.c FROM (SELECT a, b, c, (row_number() OVER (PARTITION BY a ORDER BY b NULLS FIRST) = 1) ' +
        'AS qualify_condition FROM s.t) AS qualified WHERE qualified.qualify_condition',
    );
    for (const source of ['select * except (b) from s.t, u', 'select * except (b) from u', 'select * except (b) from s.t join u on true'])
      assert.throws(() => text(source), /\* EXCEPT/, source);
    assert.throws(() => translateDialect('with t as (select 1) select * except (b) from t', 'bigquery', () => ['b']), /\* EXCEPT/);
    assert.equal(text('select * from s.t except distinct select 1, 2, 3'), 'SELECT * FROM s.t EXCEPT SELECT 1, 2, 3');
  });

  it('leaves statements that are no queries as they are', () => {
    for (const text of ["SET timeline.dialect = 'postgres'", 'SHOW TimeZone', 'BEGIN', ''])
      assert.equal(translateDialect(text, 'mysql'), undefined);
  });

  it('maps positions back', () => {
    const source = 'select `ä`, ifnull(nope, 1) from t';
    const translated = translateDialect(source, 'mysql');
    const at = (translated?.text.indexOf('nope') ?? 0) + 1;
    assert.equal(translated?.mapPosition(at), source.indexOf('nope') + 1);
  });

  it('splits statements by the quotes of the dialect', () => {
    assert.deepEqual(splitDialect('select "a;b", `c;d`;; select 2 -- x;y\n', 'mysql'), [
      { text: 'select "a;b", `c;d`', offset: 0 },
      { text: 'select 2', offset: 22 },
    ]);
  });

  it('is not broken by deep or broken texts', () => {
    for (const dialect of DIALECTS) {
      for (const text of [
        `select ${'('.repeat(20_000)}`,
        `select ${'not '.repeat(20_000)} a`,
        `select ${'-'.repeat(1)}${' -'.repeat(20_000)}1`,
        "select 'x",
        'select (',
        'select a from',
        'with x',
      ]) {
        assert.throws(
          () => translateDialect(text, dialect),
          (error: unknown) => error instanceof TimelineError && ['42601', '54001', '0A000'].includes(error.sqlstate),
        );
      }
    }
  });
});

describe('dialects: precedence', () => {
  let postgres: EmbeddedPostgres;
  before(async () => {
    await loadParser();
    postgres = await EmbeddedPostgres.start();
  });
  after(() => postgres.close());

  const values: readonly (number | null)[] = [null, -2, 0, 1, 3];
  const rows = values.flatMap((a) => values.flatMap((b) => values.map((c) => ({ a, b, c }))));

  for (const dialect of DIALECTS) {
    it(`${dialect}: random predicates mean what the dialect's own precedence makes of them`, async () => {
      const dice = seeded(20_261_121 + dialect.length);
      for (let n = 0; n < 150; n += 1) {
        const predicate: Bool = randomPredicate(dice, 4);
        const text = printed(predicate, dialect, dice);
        const translated = translateDialect(`select case when ${text} then 1 when not (${text}) then 0 end as r from t`, dialect);
        assert.ok(translated !== undefined);
        const list = rows.map(({ a, b, c }, at) => `(${at}, ${a ?? 'NULL::int'}, ${b ?? 'NULL::int'}, ${c ?? 'NULL::int'})`).join(', ');
        const found = await postgres.texts(
          `WITH t (n, a, b, c) AS (VALUES ${list}) SELECT r FROM (${translated.text.replace(' FROM t', ', n FROM t')}) AS x ORDER BY n`,
        );
        const expected = rows.map((row) => {
          const value = evaluate(predicate, row);
          return value === null ? null : value ? '1' : '0';
        });
        assert.deepEqual(found, expected, `${text}\n${translated.text}`);
      }
    }).timeout(120_000);
  }
});
