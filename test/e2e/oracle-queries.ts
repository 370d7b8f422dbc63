/** Questions an analyst would ask of o.facts, o.dims, o.links, o.none; rows in any order. */
export const UNORDERED: readonly string[] = `
select * from o.facts
select * from o.dims
select * from o.none
select count(*), count(k), count(distinct k) from o.facts
select count(*) from o.none
select sum(id), min(s), max(f8), avg(d2), bool_and(id > 0), array_agg(id), string_agg(s, ',') from o.none
select k, sum(id) from o.none group by k
select 1 from o.none having count(*) = 0
select k, count(*) from o.facts group by k
select k, count(*) from o.facts group by k having count(*) > 30
select e, k, count(*), sum(id), min(s), max(s), avg(f8) from o.facts group by e, k
select sum(f8), avg(f8), min(f8), max(f8) from o.facts
select sum(d2), avg(d2), min(d2), max(d2) from o.facts
select sum(d10), avg(d10), min(d10), max(d10) from o.facts
select k, sum(d10), avg(d10) from o.facts group by k
select sum(i4), avg(i4), sum(i8), avg(i8) from o.facts
select k, sum(i8), avg(i8), sum(i4), avg(i4) from o.facts group by k
select min(x8), max(x8), min(f4), max(f4) from o.facts
select k, min(x8), max(x8) from o.facts group by k
select x8 + 0, count(*) from o.facts group by x8 + 0
select distinct x8 + 0 from o.facts where x8 = 0
select f4, count(*) from o.facts group by f4
select distinct s from o.facts
select distinct k, e from o.facts
select distinct d2, d10 from o.facts
select distinct m from o.facts
select count(distinct s), count(distinct x8), count(distinct d2), count(distinct d10), count(distinct u), count(distinct ts), count(distinct m) from o.facts
select e, count(distinct k), sum(distinct k), avg(distinct k) from o.facts group by e
select e, sum(distinct d2), avg(distinct d2) from o.facts group by e
select e, count(*) filter (where b), sum(id) filter (where not b), max(s) filter (where k > 5), avg(f8) filter (where k is null) from o.facts group by e
select e, count(distinct s) filter (where b is not true) from o.facts group by e
select e, bool_and(b), bool_or(b), every(b) from o.facts group by e
select bool_and(b), bool_or(b) from o.facts where b is null
select min(day), max(day), min(ts), max(ts), min(tz), max(tz), min(tm), max(tm) from o.facts
select e, string_agg(s, '|' order by id) from o.facts where s <> '' group by e
select e, string_agg(distinct s, '|' order by s) from o.facts group by e
select e, array_agg(id order by id desc) from o.facts where id < 60 group by e
select e, array_agg(s order by id) from o.facts where id < 60 group by e
select e, array_agg(d2 order by id) from o.facts where id < 40 group by e
select array_agg(distinct k order by k) from o.facts
select min(u), max(u) from o.facts
select k / 4, count(*) from o.facts group by k / 4
select k % 3, count(*) from o.facts group by 1
select id, -k, k + 1, k - 1, k * 2, k / 2, k % 2, -k / 2, -k % 5, abs(-k) from o.facts
select id, i8 / 3, i8 % 7, i8 / -3 from o.facts where i8 > -9223372036854775808
select id, f8 + 1, f8 - 0.5, f8 * 2, f8 / 4, -f8, abs(f8), round(f8), ceil(f8), floor(f8), trunc(f8), sign(f8) from o.facts
select id, x8, -x8, abs(x8), x8 is null from o.facts
select id, round(x8), floor(x8), ceil(x8), trunc(x8), sign(x8) from o.facts
select id, x8 = 0, x8 < 0, x8 > 1e300, x8 = 'NaN', x8 >= 'Infinity', x8 <> x8, x8 = x8, x8 < 'NaN' from o.facts
select id, f4, f4 = 0.1, f4 = 0.1::float4, f4::float8, f4::text from o.facts
select id, d2 + d10, d2 - d10, d2 * 2, d2 / 3, d2 * d2, -d2, abs(d2) from o.facts
select id, round(d2, 1), round(d2), trunc(d2, 1), ceil(d2), floor(d2), sign(d2), d2 % 3 from o.facts
select id, round(d10, 3), round(d10, -2), trunc(d10), ceil(d10), floor(d10), d10 % 0.7 from o.facts
select id, d10 / 7, d2 / nullif(d10, 0) from o.facts
select id, d2::int8, d10::text, d2::float8, d2::numeric(10,1) from o.facts where abs(d2) < 1000000
select id, d2 = 1.1, d2 = 1.10, d2 > d10, d2 = d10, d10 < 0 from o.facts
select id, k::numeric / 3, k::float8 / 3, k::text || 'x', (k || 'x') from o.facts
select id, f8::int4, f8::int8, f8::numeric, f8::text from o.facts
select id, x8::text, x8::numeric from o.facts where x8 between -1e20 and 1e20
select id, b::int, b::text, not b, b and k > 3, b or k > 3 from o.facts
select id, case when k > 5 then 'big' when k > 2 then 'mid' else s end from o.facts
select id, case k when 1 then 'one' when 2 then 'two' end, case e when 'play' then 1 when 'pause' then 2 else null end from o.facts
select id, coalesce(k, -1), coalesce(s, e, 'none'), nullif(e, 'play'), nullif(k, 3), greatest(k, 5), least(k, i4), greatest(s, e), least(d2, d10) from o.facts
select id, greatest(x8, f8), least(x8, f8), greatest(ts, '2020-01-01'), least(day, '2020-01-01') from o.facts
select id, lower(s), upper(s), length(s), reverse(s), octet_length(s), char_length(s) from o.facts
select id, substr(s, 2), substring(s from 2 for 2), left(s, 2), right(s, 2), left(s, -1), right(s, -1), substr(s, 0, 2), substr(s, -1, 3) from o.facts
select id, trim(s), ltrim(s), rtrim(s), btrim(s, 'a'), replace(s, 'a', 'bb'), position('b' in s), strpos(s, ''), split_part(s, ' ', 1), split_part(s, ',', -1) from o.facts
select id, s || e, s || k, concat(s, k, b), concat_ws('-', s, e, k), lpad(s, 5, '*'), rpad(s, 3), repeat(s, 2), md5(s), starts_with(s, 'a'), initcap(e) from o.facts
select id, s like 'a%', s like '%_e%', s like '_', s not like '%b%', s ilike 'A%', s like 'x\\%y', s like 'x_y', s ~ '^[a-z]+$', s !~ 'b', s like '%' from o.facts
select id, s = 'abc', s < 'b', s > 'Z', s >= 'é', s between 'a' and 'b', s in ('a', 'abc', null), s not in ('a', 'b') from o.facts
select id, s collate "C" < 'b' from o.facts
select id, ascii(s), chr(k + 65), translate(s, 'ab', 'xy'), regexp_replace(s, '[aeiou]', '#', 'g') from o.facts where k is not null
select id, day + 1, day - 1, day - date '2024-01-01', day + interval '1 month', day - interval '1 day' from o.facts
select id, extract(year from day), extract(month from day), extract(day from day), extract(dow from day), extract(isodow from day), extract(doy from day), extract(week from day), extract(quarter from day), extract(isoyear from day), extract(epoch from day) from o.facts
select id, date_trunc('month', day), date_trunc('week', ts), date_trunc('quarter', ts), date_trunc('year', tz), date_trunc('day', tz), date_trunc('hour', tz), date_trunc('minute', ts), date_trunc('second', ts), date_trunc('decade', ts) from o.facts
select id, date_trunc('milliseconds', ts), date_trunc('week', tz), date_trunc('month', tz), date_trunc('day', tz, 'Asia/Tokyo') from o.facts
select id, extract(hour from tz), extract(minute from tz), extract(second from tz), extract(epoch from tz), extract(milliseconds from ts), extract(microseconds from ts), extract(dow from tz), extract(epoch from ts) from o.facts
select id, date_part('hour', tz), date_part('epoch', tz), date_part('second', ts), date_part('year', day) from o.facts
select id, ts + interval '1 month', ts - interval '1 day 2 hours', ts + interval '1 year 1 month 1 day 1.5 s', tz + interval '1 day', tz + interval '24 hours', tz - interval '1 month' from o.facts where ts > '1900-01-01' and tz > '1900-01-01'
select id, ts - timestamp '2024-01-01', tz - timestamptz '2024-01-01 00:00+00', ts - ts from o.facts
select id, tz at time zone 'Europe/Berlin', ts at time zone 'Europe/Berlin', tz at time zone 'America/New_York', ts at time zone 'America/New_York', tz at time zone 'UTC' from o.facts
select id, tz::date, tz::timestamp, ts::timestamptz, ts::date, day::timestamp, day::timestamptz, ts::time, tz::text, ts::text, day::text from o.facts
select id, tz < '2024-03-31 01:00+00', ts < tz, day = ts::date, day < ts, day <= tz, tz >= date '2024-03-31', tz = ts from o.facts
select id, tz between '2024-03-01' and '2024-04-01' from o.facts where false
select id, to_char(tz, 'YYYY-MM-DD HH24:MI:SS'), to_char(ts, 'YYYY-MM-DD') from o.facts where ts > '1900-01-01' and tz > '1900-01-01'
select id, to_char(ts, 'Mon DD, YYYY'), to_char(tz, 'Dy HH12:MI AM') from o.facts
select id, date_bin('15 minutes', ts, '2000-01-01'), date_bin('1 day', tz, '2001-01-01 00:00+00') from o.facts
select id, age(ts, '2020-01-01'), age(tz) is null from o.facts
select date_trunc('month', tz) as month, count(*), sum(k) from o.facts group by 1
select tz::date, count(*) from o.facts group by 1
select date_trunc('hour', tz), e, count(*) from o.facts group by 1, 2 having count(*) > 1
select extract(hour from tz) as h, count(*) from o.facts group by 1
select id, tm, tm > '12:00', tm::text, extract(hour from tm) from o.facts
select id, m, m->'k', m->>'k', m->>'ключ', m->>'a b', m->'n', m ? 'k', m->>'missing' is null from o.facts
select m->>'k', count(*) from o.facts group by 1
select id, m = '{}'::jsonb, m @> '{"k": "a"}' from o.facts
select id, jsonb_typeof(m), jsonb_typeof(m->'k') from o.facts
select id from o.facts where (m->>'n') ~ '^-?[0-9]+$' and (m->>'n')::int > 0
select id, u, u::text, u > '00000000-0000-4000-8000-000000000020' from o.facts
select id, u = '00000000-0000-4000-8000-000000000007' from o.facts
select id, k is distinct from i4, k is not distinct from null, s is null, b is true, b is not false, b is unknown from o.facts
select id from o.facts where k = 3
select id from o.facts where k <> 3
select id from o.facts where not (k = 3)
select id from o.facts where k in (1, 2, 3)
select id from o.facts where k not in (1, 2, 3)
select id from o.facts where k not in (1, null)
select id from o.facts where k = any(array[1, 2]) or k <> all(array[1, 2, 3])
select id from o.facts where k between 3 and 5 or k between symmetric 9 and 7
select id from o.facts where b
select id from o.facts where not b
select id from o.facts where b is null and k > 2 and (s is null or s <> '')
select id from o.facts where k > 2 and not (s = 'a' or e = 'play') or b
select id from o.facts where (k, id) > (5, 100)
select id from o.facts where (k, e) = (3, 'play')
select id from o.facts where d2 in (1, 2.5, 12.34)
select id from o.facts where i8 = 9007199254740993
select id from o.facts where i8 > 9007199254740992
select id from o.facts where i8::float8 = 9007199254740992
select id from o.facts where d10 = 999999999999999999.9999999999
select id from o.facts where f8 = 2.5 or f8 = 2.5::numeric
select id from o.facts where x8 > 1e308 or x8 < -1e307
select id from o.facts where k = 2.0
select id from o.facts where k > 2.5
select id from o.facts where k = '3'
select id from o.facts where tz = '2024-03-31 01:00:00+00'
select id from o.facts where tz >= '2024-03-31' and tz < '2024-04-01'
select id from o.facts where day in ('2024-02-29', '1969-12-31')
select id from o.facts where ts::date = '2024-03-31'
select id from o.facts where date_trunc('day', tz) = '2024-10-27'
select id from o.facts where lower(s) = 'äpfel' or upper(e) = 'PLAY'
select id from o.facts where length(s) > 4 and k is not null
select id from o.facts where 'play' = e and 3 < k
select id from o.facts where null
select id from o.facts where true
select id from o.facts where 1 = 0
select id from o.facts where k = k
select f.id, d.name from o.facts f join o.dims d on f.k = d.k
select f.id, d.name from o.facts f left join o.dims d on f.k = d.k
select f.id, d.name from o.facts f right join o.dims d on f.k = d.k
select f.id, d.name from o.facts f full join o.dims d on f.k = d.k
select f.id, d.name from o.facts f left join o.dims d on f.k = d.k and d.w > 3
select f.id, d.name from o.facts f left join o.dims d on f.k = d.k where d.w > 3
select f.id, d.name from o.facts f left join o.dims d on f.k = d.k where d.k is null
select f.id, l.note, d.name from o.facts f join o.links l on l.a = f.id left join o.dims d on d.k = l.b
select count(*) from o.facts f cross join o.dims d
select count(*) from o.facts f, o.dims d where f.k = d.k and f.id > 50
select f.id, d.k from o.facts f join o.dims d on f.k < d.k and f.id < 20
select a.id, c.id from o.facts a join o.facts c on a.s = c.s and a.id < c.id
select a.id, c.id from o.facts a join o.facts c on a.k = c.k and a.e = c.e where a.id < 30
select k, id, name from o.facts join o.dims using (k)
select * from o.dims natural join o.dims x
select f.k, count(*), sum(d.w), count(d.name) from o.facts f left join o.dims d on d.k = f.k group by f.k
select d.name, count(l.a), max(l.at) from o.dims d left join o.links l on l.b = d.k group by d.name
select f.id from o.facts f join o.dims d on f.d2 = d.price
select f.id, d.w from o.facts f join o.dims d on f.f8 = d.w
select f.id, d.since from o.facts f join o.dims d on f.day = d.since
select f.id from o.facts f join o.dims d on f.k = d.w
select f.id from o.facts f join o.links l on f.tz = l.at
select f.id, n.id from o.facts f left join o.none n on n.id = f.id
select count(*) from o.none n full join o.dims d on n.k = d.k
select id from o.facts where k in (select k from o.dims)
select id from o.facts where k not in (select k from o.dims where k is not null)
select id from o.facts where k not in (select k from o.dims)
select id from o.facts f where exists (select 1 from o.links l where l.a = f.id)
select id from o.facts f where not exists (select 1 from o.links l where l.a = f.id and l.b > 5)
select id, (select max(w) from o.dims) from o.facts
select id, (select count(*) from o.links l where l.a = f.id) from o.facts f
select id from o.facts where f8 > (select avg(f8) from o.facts)
select id, row_number() over (partition by k order by id) from o.facts
select id, sum(id) over (order by id) from o.facts
select s.k, s.n from (select k, count(*) as n from o.facts group by k) s where s.n > 20
select avg(n) from (select e, count(*) as n from o.facts group by e) q
select x.a, x.c from (select id as a, k as c from o.facts where k > 3) x where x.c < 6 or x.a = 10
with t as (select k, sum(id) as total from o.facts group by k) select t.k, t.total, d.name from t join o.dims d on d.k = t.k
with t as (select * from o.facts where b), w as (select k, count(*) n from t group by k) select * from w where n > 2 union all select null, count(*) from t
select k from o.facts union all select k from o.dims
select k from o.facts union select k from o.dims
select k from o.facts intersect select k from o.dims
select k from o.facts except select k from o.dims
select k, 'f' from o.facts union all select w::int, name from o.dims union all select 1, 'x'
select d2 from o.facts union all select d10 from o.facts
select d2 from o.facts union select w::numeric from o.dims
select k, e, count(*) from o.facts group by rollup (k, e)
select e, count(*) from o.facts group by grouping sets ((e), ())
select v.x, count(*) from o.facts f join (values (1, 'a'), (2, 'b'), (null, 'c')) v(x, y) on v.x = f.k group by v.x
select e, percentile_cont(0.5) within group (order by f8) from o.facts group by e
select round(stddev(f8)::numeric, 9), variance(k) from o.facts
select count(*), count(*) * 100.0 / sum(count(*)) over () from o.facts group by e
select sum(k) / count(*), sum(k)::numeric / count(*), avg(k)::numeric(10, 2), round(avg(k), 3) from o.facts
select e, sum(case when b then 1 else 0 end), sum(case when b then f8 end), avg(case when k > 3 then d2 end) from o.facts group by e
select sum(k * 1.5), sum(d2 * k), sum(d2 / 3), avg(d2 * d10) from o.facts where abs(d2) < 1e6 and abs(d10) < 1e6
select max(length(s)), min(lower(s)), max(s || e) from o.facts
select count(*) from (select distinct k, e, b from o.facts) q
select 1 + 1, 'a' || 'b', null, now() is not null from o.facts where id < 3
select current_date = now()::date, current_timestamp = now() from o.facts where id = 1
select interval '1 day' * k, k * interval '90 minutes', interval '1 hour' / 2, interval '1 month' + interval '1 day' from o.facts
select id, (tz - '2024-01-01 00:00+00') / 2, extract(epoch from (tz - '2024-01-01 00:00+00')), justify_hours(tz - tz) from o.facts
select id, e::varchar(3), s::char(4), 'x'::bpchar = 'x  ' from o.facts
select e::varchar(3), count(*) from o.facts group by 1
select id, array[k, 1, null], (array[k, i4])[1], array_length(array[k], 1) from o.facts where id < 20
select id, row(k, s) is null from o.facts
select f.* from o.facts f where f.id = 7
select f from o.dims f
select id as "Weird Name", k "ключ" from o.facts where id < 4
select id, s from o.facts where s = '' or s = ' ' or s = e'line\\nbreak'
select mod(k, 3), div(d2, 7), power(f8, 2), sqrt(abs(f8)), exp(1.0), ln(2.0), pi() from o.facts
select width_bucket(f8, 0, 10, 5), log(100.0) from o.facts
select id, k & 3, k | 8, k # 1, ~k, k << 2, k >> 1 from o.facts
select id, to_timestamp(id), to_timestamp(1.5), make_date(2024, 2, 29), make_interval(days => k) from o.facts
select id, isfinite(ts), overlay(s placing 'X' from 2), quote_literal(s), to_hex(id), random() < 2 from o.facts
`
  .trim()
  .split('\n');

/** The order of the rows is part of the answer. */
export const ORDERED: readonly string[] = `
select id from o.facts order by id
select id, k from o.facts order by k, id
select id, k from o.facts order by k desc, id desc
select id, k from o.facts order by k nulls first, id
select id, k from o.facts order by k desc nulls last, id limit 20
select id, s from o.facts order by s, id
select id, s from o.facts order by s desc, id limit 30 offset 10
select id, x8 from o.facts order by x8, id
select id, x8 from o.facts order by x8 desc, id
select id, d10 from o.facts order by d10, id
select id, d2 from o.facts order by d2 desc nulls last, id
select id, tz from o.facts order by tz, id
select id, day from o.facts order by day desc, id
select id, b from o.facts order by b, id
select id, u from o.facts order by u, id
select id, m->>'k' from o.facts order by m->>'k', id
select id from o.facts order by lower(s), length(s) desc, id
select id, -k as n from o.facts order by n, id limit 5
select id, f8 from o.facts order by abs(f8), id limit 50
select id from o.facts order by k is null, k, id
select id from o.facts order by 1 limit 0
select id from o.facts order by 1 limit all offset 350
select id from o.facts order by id offset 1000
select k, count(*) from o.facts group by k order by count(*) desc, k
select k, count(*) as n from o.facts group by k order by n, k limit 3
select e, sum(d2) from o.facts group by e order by sum(d2) nulls first, e
select distinct k from o.facts order by k
select distinct s from o.facts order by s desc limit 10
select distinct on (k) k, id from o.facts order by k, id desc
select * from (select id, k from o.facts order by id desc limit 10) q order by k, id
select id from (select id from o.facts order by id limit 50) q where id % 2 = 0 order by id
select f.id, d.name from o.facts f join o.dims d on d.k = f.k order by f.id, d.name, d.w, d.since limit 40
select k from o.facts union all select k from o.dims order by 1
(select id from o.facts order by id limit 3) union all (select id from o.facts order by id desc limit 3) order by 1
select id, ts - timestamp '2024-01-01' as gap from o.facts order by gap, id
select id, case when b then k else -k end as v from o.facts order by v desc nulls last, id
select e from o.facts group by e order by max(id)
with t as (select k, max(tz) as last from o.facts group by k) select * from t order by last desc nulls last, k
`
  .trim()
  .split('\n');
