import assert from 'node:assert/strict';
import { DIALECTS, type Dialect, translateDialect } from '../../sql/dialect.js';
import { loadParser } from '../../sql/parse.js';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';

/** Values that each engine's own documentation gives, or that follow from it. */
const VALUES: Readonly<Record<Dialect, readonly (readonly [string, string | null])[]>> = {
  mysql: [
    ['7 / 2', '3.5000'],
    ['1 / 0', null],
    ['2 / 3', '0.6667'],
    ['-7 div 2', '-3'],
    ['7 div 0', null],
    ['-7 mod 3', '-1'],
    ['7 % 0', null],
    ["ifnull(null, 'x')", 'x'],
    ['if(1 > 2, 10, 20)', '20'],
    ["concat('a', null)", null],
    ["concat('a', 'b', 'c')", 'abc'],
    ['greatest(1, null, 3)', null],
    ['least(4, 2, 3)', '2'],
    ["length('ä')", '2'],
    ["char_length('ä')", '1'],
    ["substring('Quadratically', 5, 6)", 'ratica'],
    ["replace('www.mysql.com', 'w', 'Ww')", 'WwWwWw.mysql.com'],
    ["datediff('2007-12-31 23:59:59', '2007-12-30')", '1'],
    ["dayofweek(date '2007-02-03')", '7'],
    ["weekday(date '2008-02-03')", '6'],
    ["date_format(timestamp '2009-10-04 22:23:00', '%Y-%m-%d %H:%i:%s')", '2009-10-04 22:23:00'],
    ["date_add(date '2018-12-31', interval 1 day)", '2019-01-01'],
    ["date_sub(date '2024-03-31', interval 1 month)", '2024-02-29'],
    ["timestampdiff(minute, timestamp '2003-02-01 00:00:00', timestamp '2003-05-01 12:05:55')", '128885'],
    ["year(date '1987-01-01')", '1987'],
    ['case when null <=> null then 1 else 0 end', '1'],
    ["case when not 1 = 2 then 'y' end", 'y'],
    ["trim('  bar  ')", 'bar'],
    ["'it\\'s' ", "it's"],
    ["case when 'a_b' like 'a\\_b' then 1 else 0 end", '1'],
  ],
  trino: [
    ['7 / 2', '3'],
    ['-7 / 2', '-3'],
    ['-7 % 3', '-1'],
    ["if(1 > 2, 'a')", null],
    ['greatest(1, null)', null],
    ["concat('a', null)", null],
    ["'a' || 'b'", 'ab'],
    ["substr('hello', 2, 3)", 'ell'],
    ["length('häß')", '3'],
    ["strpos('hello', 'l')", '3'],
    ["day_of_week(date '2024-01-07')", '7'],
    ["week(date '2024-12-30')", '1'],
    ["date_add('month', 1, date '2024-01-31')", '2024-02-29'],
    ["date_add('hour', 3, timestamp '2024-01-01 22:00:00')", '2024-01-02 01:00:00'],
    ["date_diff('day', date '2020-03-01', date '2020-03-02')", '1'],
    ["date_diff('second', timestamp '2020-06-01 00:00:00', timestamp '2020-06-02 00:00:00')", '86400'],
    ["date_diff('day', timestamp '2020-06-01 12:00:00', timestamp '2020-06-02 11:59:59')", '0'],
    ["date_trunc('month', date '2001-08-22')", '2001-08-01'],
    ["date_trunc('hour', timestamp '2001-08-22 03:04:05')", '2001-08-22 03:00:00'],
    ["date_format(timestamp '2001-08-22 03:04:05', '%Y/%m/%d')", '2001/08/22'],
    ["case when 'a\\b' like 'a\\b' then 1 else 0 end", '1'],
    ["case when 'a%b' like 'a#%b' escape '#' then 1 else 0 end", '1'],
    ["case when regexp_like('1a 2b', '[0-9]b') then 1 else 0 end", '1'],
    ["second(timestamp '2001-08-22 03:04:05.9')", '5'],
    ["timestamp '2024-01-01 00:00:00' + interval '2' day", '2024-01-03 00:00:00'],
    ['coalesce(null, 5)', '5'],
    ['cast(2.5 as decimal(2, 0))', '3'],
  ],
  athena: [["cast(12 as string) || 'x'", '12x']],
  bigquery: [
    ['7 / 2', '3.5'],
    ['div(7, 2)', '3'],
    ['div(-7, 2)', '-3'],
    ['mod(-7, 3)', '-1'],
    ['safe_divide(1, 0)', null],
    ['if(1 > 2, \'a\', "b")', 'b'],
    ['greatest(3, null)', null],
    ["date_add(date '2008-12-25', interval 5 day)", '2008-12-30'],
    ["date_sub(date '2008-12-25', interval 5 day)", '2008-12-20'],
    ["date_add(date '2024-01-31', interval 1 month)", '2024-02-29'],
    ["date_diff(date '2010-07-07', date '2008-12-25', day)", '559'],
    ["date_trunc(date '2008-12-25', month)", '2008-12-01'],
    ["date_trunc(date '2017-11-07', isoweek)", '2017-11-06'],
    ["timestamp_diff(timestamp '2010-07-07 10:20:00+00', timestamp '2008-12-25 15:30:00+00', hour)", '13410'],
    ["timestamp_diff(timestamp '2001-02-01 01:00:00', timestamp '2001-02-01 00:00:01', hour)", '0'],
    ["format_timestamp('%Y-%m-%dT%H:%M:%S', timestamp '2050-12-25 15:30:55+00')", '2050-12-25T15:30:55'],
    ["extract(dayofweek from date '2024-01-07')", '1'],
    ["extract(year from date '2013-12-25')", '2013'],
    ['date(2016, 12, 25)', '2016-12-25'],
    ["unix_seconds(timestamp '2008-12-25 15:30:00+00')", '1230219000'],
    ["starts_with('bar', 'b')", 't'],
    ["strpos('foo@example.com', '@')", '4'],
    ["regexp_contains('foo@example.com', '@[a-z]+')", 't'],
    ["concat('a', 'b') || 'c'", 'abc'],
    ['cast(1.5 as numeric)', '1.500000000'],
  ],
  snowflake: [
    ["iff(1 > 2, 'a', 'b')", 'b'],
    ['nvl(null, 3)', '3'],
    ['nvl2(null, 1, 2)', '2'],
    ['zeroifnull(null)', '0'],
    ["decode(null, null, 'n', 1, 'one', 'other')", 'n'],
    ["decode(2, null, 'n', 1, 'one', 'other')", 'other'],
    ['greatest(1, null)', null],
    ["datediff(year, '2010-04-09 14:39:20'::timestamp, '2013-05-08 23:39:20'::timestamp)", '3'],
    ["datediff(hour, '2013-05-08 23:39:20'::timestamp, '2013-05-09 00:00:00'::timestamp)", '1'],
    ["datediff('month', '2024-01-31'::date, '2024-02-01'::date)", '1'],
    ["datediff(day, '2024-01-01 23:59:59'::timestamp, '2024-01-02 00:00:00'::timestamp)", '1'],
    ["dateadd(month, 1, date '2024-01-31')", '2024-02-29'],
    ["charindex('an', 'banana')", '2'],
    ["contains('coffee', 'ffe')", 't'],
    ["date_trunc('week', date '2024-01-07')", '2024-01-01'],
    ["len('häß')", '3'],
    ['equal_null(null, null)', 't'],
    ["case when 'San Francisco' rlike 'San.*' then 1 else 0 end", '1'],
    ["case when 'San Francisco' rlike 'Fran' then 1 else 0 end", '0'],
    ['2.5::number', '3'],
    ["dayofweekiso(date '2024-01-07')", '7'],
  ],
};

describe("dialects: values by the engines' documentation", () => {
  let postgres: EmbeddedPostgres;
  before(async () => {
    await loadParser();
    postgres = await EmbeddedPostgres.start();
    await postgres.run("SET TimeZone = 'UTC'");
  });
  after(() => postgres.close());

  for (const dialect of DIALECTS) {
    it(dialect, async () => {
      for (const [expression, expected] of VALUES[dialect]) {
        const translated = translateDialect(`select ${expression}`, dialect);
        assert.ok(translated !== undefined);
        const found = await postgres.texts(translated.text).catch((error: Error) => [error.message]);
        assert.deepEqual(found, [expected], `${expression}\n${translated.text}`);
      }
    });
  }
});
