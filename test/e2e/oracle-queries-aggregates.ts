/** Numbers of awkward sizes and scales for the statistics below. */
const NUMBERS = [
  `(values (1, 'a'), (null, 'a'), (2, 'a'), (2, 'b'), (7, 'c'), (-3, 'c'), (7, 'c'), (null, 'd')) t(x, g)`,
  `(values (9223372036854775807, 'a'), (-9223372036854775808, 'a'), (9223372036854775807, 'b'), (9223372036854775806, 'b'), (9223372036854775807, 'b'), (-9223372036854775808, 'c'), (4294967295, 'd'), (-4294967296, 'd')) t(x, g)`,
  `(values (1.50, 'a'), (2.5, 'a'), (null, 'a'), (0.000000000000000001, 'b'), (-123456789012345678.123456789012345678, 'b'), (1e30, 'c'), (-1e-30, 'c'), (12345678901234567890123456789012345678901234567890.5, 'c'), (0, 'd'), (0.00, 'd'), ('NaN', 'e'), (1, 'e'), ('Infinity', 'f'), (999999999999999999.999999999999999999, 'g'), (-999999999999999999, 'g'), (-0.5, 'h'), (0.25, 'h'), (1::numeric/3, 'i'), (2::numeric/3, 'i')) t(x, g)`,
];
const VARIANCES = ['stddev', 'stddev_samp', 'stddev_pop', 'variance', 'var_samp', 'var_pop'];
const PAIRS = [
  'corr',
  'covar_pop',
  'covar_samp',
  'regr_avgx',
  'regr_avgy',
  'regr_count',
  'regr_intercept',
  'regr_r2',
  'regr_slope',
  'regr_sxx',
  'regr_sxy',
  'regr_syy',
];

const all = (names: readonly string[], args: string, more = ''): string => names.map((name) => `${name}(${args})${more}`).join(', ');
/** The last digits of floats depend on the order of the rows, in PostgreSQL too. */
const near = (names: readonly string[], args: string, more = ''): string =>
  names.map((name) => `round((${name}(${args})${more})::numeric, 5)`).join(', ');

const EXACT: readonly string[] = [
  ...NUMBERS.flatMap((from) => [
    `select g, ${all(VARIANCES, 'x')} from ${from} group by g`,
    `select g, ${all(VARIANCES, 'x')} from ${from} where g < 'e' group by rollup(g)`,
    `select g, x, ${all(['stddev', 'var_pop'], 'x', ' over w')} from ${from} window w as (partition by g order by x rows between 1 preceding and current row)`,
    `select g, x, ${all(['variance', 'stddev_pop'], 'x', ' over w')} from ${from} window w as (partition by g order by x)`,
  ]),
  ...[
    'i4',
    'i8',
    'd2',
    'd10',
    'k',
    'd2::numeric(20,2)',
    'd2::numeric(30,18)',
    '(i8::numeric * i8) / 3',
    'i4::int2',
    'i8::numeric',
    'd2::numeric / 7',
    'd2 * d2',
    'd10 + 1',
  ].flatMap((x) => {
    const where = x === 'i4::int2' ? 'where i4 between -30000 and 30000' : '';
    return [
      `select ${all(VARIANCES, x)} from o.facts ${where}`,
      `select e, ${all(['stddev', 'var_pop'], x)}, count(*) from o.facts ${where} group by e`,
      `select e, ${all(['stddev', 'var_pop'], x, ' filter (where k > 3)')} from o.facts ${where} group by e`,
      `select id, stddev(${x}) over (partition by e order by id rows 5 preceding) from o.facts ${where}`,
    ];
  }),
  `select ${all(VARIANCES, 'i8')}, ${all(VARIANCES, 'd2')}, ${all(VARIANCES, 'f8')}, ${all(PAIRS, 'f8, f8')} from o.facts where false`,
  `select stddev(distinct i4), var_pop(distinct d2) from o.facts`,
  ...['i4', 'i8', 'i4::int2'].flatMap((x) => {
    const where = x === 'i4::int2' ? 'where i4 between -30000 and 30000' : '';
    return [
      `select e, bit_and(${x}), bit_or(${x}), bit_xor(${x}), bit_xor(distinct ${x}) filter (where k > 1) from o.facts ${where} group by e`,
      `select id, bit_and(${x}) over w, bit_xor(${x}) over w from o.facts ${where} window w as (partition by e order by id rows between 3 preceding and 1 following)`,
    ];
  }),
  ...['f8', 'f8 desc'].flatMap((order) => [
    `select percentile_cont(0.5) within group (order by ${order}), percentile_disc(0.9) within group (order by ${order}) from o.facts`,
    `select e, percentile_cont(array[0, 0.1, null, 0.5, 0.99, 1]) within group (order by ${order}), percentile_disc(array[0, 0.1, null, 0.5, 0.99, 1]) within group (order by ${order}) from o.facts group by e`,
  ]),
  ...['i4', 'i8', 'd2', 'd2::numeric', 's', 'e', 'day', 'tm', 'ts', 'tz', 'ts - tz::timestamp', 'b', 'u'].flatMap((x) => [
    `select e, percentile_disc(0.37) within group (order by ${x}), percentile_disc(array[0.1, 0.9, 1, 0]) within group (order by ${x} desc) from o.facts group by e`,
    `select e, mode() within group (order by ${x}), mode() within group (order by ${x} desc) filter (where k > 2) from o.facts group by e`,
  ]),
  'select e, mode() within group (order by f8), mode() within group (order by f8 desc), mode() within group (order by f4) from o.facts group by e',
  `select percentile_cont(0.3) within group (order by x), percentile_cont(array[0.1, 0.77]) within group (order by x desc) from (values (interval '1 month'), ('3 days 04:05:06.789'), ('-1 year'), (null), ('10 hours')) t(x)`,
  `select percentile_cont(0.3) within group (order by i4), percentile_cont(0.999) within group (order by i8) from o.facts`,
  `select percentile_cont(p) within group (order by x) from (values (1::float8), (2), (10)) t(x), (values (0.1), (0.5), (null)) u(p) group by p`,
  `select percentile_cont(1.5) within group (order by f8) from o.facts`,
  `select percentile_cont(-0.1) within group (order by f8) from o.none`.replace('o.none', 'o.facts where false'),
  `select percentile_disc(array[0.5, 2]) within group (order by f8) from o.facts`,
  `select percentile_disc(array[0.5, 2]) within group (order by f8) from o.facts where false`,
  `select percentile_disc('NaN'::float8) within group (order by f8) from o.facts`,
  `select percentile_cont(null::float8) within group (order by f8), percentile_cont(null::float8[]) within group (order by f8), percentile_cont('{}'::float8[]) within group (order by f8) from o.facts`,
  `select percentile_cont(0.5) within group (order by x) from (values ('-0'::float8), ('-0')) t(x)`,
  `select percentile_cont(array[0.25, 0.5, 0.75]) within group (order by x) from (values ('-infinity'::float8), ('infinity'), ('nan'), (0)) t(x)`,
  `select percentile_disc(0.07) within group (order by x), percentile_disc(0.29) within group (order by x), percentile_disc(0.57) within group (order by x) from generate_series(1, 100) t(x)`,
  `select percentile_disc(0.5) within group (order by x) from (values (1.50), (1.5000), (2), (1)) t(x) where x <> 1.5 or x = 2`,
  `select sum(x), avg(x) from (values (interval '1 month'), ('3 days 04:05:06.789'), ('-1 year 5 days'), (null), ('10 hours')) t(x)`,
  `select e, sum(ts - tz::timestamp), avg(ts - tz::timestamp), sum(make_interval(days => k::int)) from o.facts where ts between '1900-01-01' and '2100-01-01' and tz between '1900-01-01' and '2100-01-01' group by e`,
  `select sum(x), avg(x) from (values (interval '1 month')) t(x) where false`,
  `select sum(x) from (values (interval '178000000 years'), (interval '178000000 years')) t(x)`,
  `select id, sum(make_interval(days => k::int)) over (order by id rows 3 preceding) from o.facts`,
  `select sum(x), avg(x) from (values (1.5::float4), (null), (2.25)) t(x)`,
  `select sum(x) from (values (3e38::float4), (3e38)) t(x)`,
  `select sum(x), avg(x) from (values ('infinity'::float4), (1)) t(x)`,
  `select sum(x), avg(x) from (values ('infinity'::float4), ('-infinity'), (1)) t(x)`,
  `select sum(x) from (values ('-0'::float4), ('-0')) t(x)`,
  'select e, any_value(e), any_value(k) filter (where k = 3), any_value(d2 - d2), any_value(s order by id), any_value(m order by id) from o.facts group by e',
  ...['e', 's', 'k', 'i8', 'f8', 'f4', 'b', 'day', 'ts', 'u'].map((x) => `select k, array_agg(distinct ${x}) from o.facts group by k`),
  `select k, string_agg(distinct e, ','), string_agg(distinct s, '') from o.facts group by k`,
  'select any_value(k) from o.facts where false',
  'select string_agg(s, e order by id), string_agg(s, e order by id desc) filter (where k > 3) from o.facts',
  'select k, string_agg(s, case when id % 2 = 0 then e end order by id) from o.facts group by k',
  `select string_agg(x, y order by x) from (values ('a', '-'), (null, '+'), ('b', null), ('c', '/')) t(x, y)`,
  `select string_agg(x, y order by x), string_agg(x, '\\x2c'::bytea order by x desc), string_agg(x, null::bytea order by x) from (values ('a'::bytea, '-'::bytea), (null, '+'), ('\\x00ff', null), ('c', '/'), ('', '.')) t(x, y)`,
  `select string_agg(x, y) from (values ('a', '-')) t(x, y) where false`,
];

const FLOATS: readonly string[] = [
  `select e, ${near(VARIANCES, 'f4')} from o.facts where abs(f4) < 1e3 group by e`,
  ...['f8', 'f4', 'f8 * 1000', 'k::float8'].flatMap((x) => [
    `select e, ${near(VARIANCES, x)} from o.facts where abs(f8) < 1e3 and abs(f4) < 1e3 group by e`,
    `select ${near(VARIANCES, x)} from o.facts where abs(f8) < 1e3 and abs(f4) < 1e3`,
    `select id, ${near(VARIANCES, x, ' over w')} from o.facts where abs(f8) < 1e3 and abs(f4) < 1e3 window w as (order by id rows 4 preceding)`,
  ]),
  `select e, ${near(PAIRS, 'f8, k')} from o.facts where abs(f8) < 1e3 group by e`,
  `select e, ${near(PAIRS, 'k, f4')}, ${near(PAIRS, 'k, id')} from o.facts where abs(f4) < 1e3 group by e`,
  `select ${near(PAIRS, 'f8, k', ' filter (where id % 3 = 0)')} from o.facts where abs(f8) < 1e3`,
  `select id, ${near(PAIRS, 'f8, k', ' over w')} from o.facts where abs(f8) < 1e3 window w as (partition by e order by id rows 6 preceding)`,
  ...[
    `('NaN'::float8, 1), (1, 2), (3, 4)`,
    `('Infinity'::float8, 1), (1, 2)`,
    `(1::float8, 1), (2, 'Infinity'::float8)`,
    `('-Infinity'::float8, 1), ('Infinity', 3)`,
    `('Infinity'::float8, 1)`,
    `(5::float8, 1::float8)`,
    `(5::float8, 1::float8), (5, 2)`,
    `(5::float8, 1::float8), (6, 1)`,
    `(null::float8, 1::float8), (6, null)`,
    `(1e200::float8, 1::float8), (-1e200, 2)`,
    `(1e308::float8, 1::float8), (1e308, 2)`,
    `(1::float8, 1e200::float8), (3, -1e200)`,
    `(1e154::float8, 1e154::float8), (-1e154, -1e154), (0, 0), (1e150, 0)`,
    `(1e-200::float8, 1::float8), (2e-200, 2)`,
    `(1::float8, 2::float8), (2, 4), (3, 6.5), (4, 7)`,
    `('-0'::float8, '-0'::float8), (0, 0)`,
  ].flatMap((rows) => [
    ...[...VARIANCES.map((name) => `${name}(x)`), ...PAIRS.map((name) => `${name}(x, y)`)].map(
      (call) => `select round((${call})::numeric, 12) from (values ${rows}) t(x, y)`,
    ),
  ]),
];

export const AGGREGATES: readonly string[] = [...EXACT, ...FLOATS];
