/** Window functions, grouping sets, DISTINCT ON and WITH TIES over o.facts, o.dims, o.links, o.none; rows in any order. */
export const WINDOWS: readonly string[] = `
select id, row_number() over (order by id) from o.facts
select id, row_number() over (order by id desc), count(*) over () from o.facts
select k, rank() over (order by k), dense_rank() over (order by k), percent_rank() over (order by k), cume_dist() over (order by k) from o.facts
select k, rank() over (order by k desc nulls last), dense_rank() over (order by k nulls first) from o.facts
select id, e, k, row_number() over (partition by e order by k nulls first, id) from o.facts
select id, ntile(1) over (order by id), ntile(4) over (order by id), ntile(7) over (partition by e order by id), ntile(1000000) over (order by id) from o.facts
select id, ntile(null) over (order by id) from o.facts
select ntile(0) over (order by id) from o.facts
select ntile(-3) over (order by id) from o.facts
select ntile(0) over (order by id) from o.none
select id, lag(s) over (order by id), lead(s) over (order by id), lag(s, 2) over (order by id), lead(s, 3, 'none') over (order by id) from o.facts
select id, lag(k, k) over (order by id), lead(k, k, -1) over (order by id), lag(k, null) over (order by id), lag(k, 0, 5) over (order by id), lag(k, -2, 7) over (order by id) from o.facts
select id, lag(d10) over (order by id), lag(d2, 1, 0.5) over (order by id), lag(d2, 1, d10) over (order by id), lead(d10, 1, 7) over (order by id) from o.facts
select id, lag(x8) over (order by id), lag(f4, 1, 0.5) over (order by id), lag(tz) over (order by id), lag(ts, 3) over (order by id), lag(day) over (order by id), lag(tm) over (order by id) from o.facts
select id, lag(b) over (order by id), lag(u) over (order by id), lag(m) over (order by id), lead(m, 1, '{"a": 1}') over (partition by e order by id) from o.facts
select id, first_value(s) over (order by id), last_value(s) over (order by id), nth_value(s, 2) over (order by id), nth_value(s, 1000000) over (order by id) from o.facts
select id, first_value(k) over (partition by e order by id desc), last_value(k) over (partition by e order by id rows between unbounded preceding and unbounded following) from o.facts
select id, nth_value(k, 3) over (partition by e order by id rows between 1 preceding and 2 following), nth_value(d10, 2) over (order by id groups 1 preceding) from o.facts
select nth_value(s, 0) over (order by id) from o.facts
select nth_value(s, -1) over (order by id) from o.facts
select nth_value(s, 0) over (order by id) from o.none
select id, nth_value(s, null) over (order by id) from o.facts
select id, nth_value(s, abs(k) + 1) over (order by id) from o.facts where k > -100
select id, sum(k) over (order by id), sum(k) over (partition by e order by id), sum(k) over (partition by e), avg(k) over (order by id), count(k) over (order by id), count(*) over (order by id) from o.facts
select id, sum(i8) over (order by id), avg(i8) over (order by id), min(i8) over (order by id), max(i8) over (order by id) from o.facts
select id, sum(i4) over (order by id rows between 2 preceding and 1 following), avg(i4) over (order by id rows between 3 preceding and 1 preceding), count(i4) over (order by id rows between 5 following and 7 following) from o.facts
select id, sum(d2) over (order by id), avg(d2) over (order by id), min(d2) over (order by id), max(d2) over (partition by e order by id) from o.facts
select id, sum(d10) over (order by id), avg(d10) over (order by id) from o.facts
select id, sum(d10) over (order by id rows between 1 preceding and 1 following), avg(d10) over (partition by e order by id rows 2 preceding), min(d10) over (order by id rows 3 preceding), max(d10) over (order by id rows 3 preceding) from o.facts
select id, min(s) over (order by id), max(s) over (order by id), min(tz) over (order by id), max(ts) over (partition by e order by id), min(day) over (order by id), max(tm) over (order by id) from o.facts
select id, min(x8) over (order by id), max(x8) over (order by id), min(x8) over (order by id rows 2 preceding), max(f4) over (order by id rows 2 preceding) from o.facts
select id, bool_and(b) over (order by id rows 2 preceding), bool_or(b) over (order by id rows 2 preceding), every(b) over (partition by e order by id) from o.facts
select id, min(u) over (order by id rows 2 preceding), max(u) over (partition by e) from o.facts
select id, string_agg(s, '|') over (order by id rows 3 preceding), array_agg(k) over (order by id rows between 1 preceding and 1 following), array_agg(s) over (partition by e order by id rows 2 preceding) from o.facts
select id, array_agg(d10) over (order by id rows 2 preceding), array_agg(d2) over (order by id rows between 2 following and 3 following) from o.facts
select id, count(*) filter (where b) over (order by id), sum(k) filter (where k > 2) over (partition by e order by id), array_agg(id) filter (where b) over (order by id rows 4 preceding) from o.facts
select id, sum(100 / k) filter (where k <> 0) over (order by id), sum(d10) filter (where b) over (order by id rows 3 preceding), string_agg(s, ',') filter (where s <> '') over (order by id rows 3 preceding) from o.facts
select id, sum(k) over (order by id rows between unbounded preceding and 1 preceding), sum(k) over (order by id rows between 1 following and unbounded following), sum(k) over (order by id rows between current row and unbounded following) from o.facts
select id, sum(k) over (order by id rows between 3 following and 1 following), count(*) over (order by id rows between 1 preceding and 3 preceding), array_agg(id) over (order by id rows between 1 preceding and 3 preceding) from o.facts
select id, sum(k) over (order by id rows 9223372036854775807 preceding), count(*) over (order by id rows between 9223372036854775807 preceding and 9223372036854775807 following), count(*) over (order by id rows between 9223372036854775807 following and unbounded following) from o.facts
select id, count(*) over (order by id groups between 9223372036854775807 preceding and 9223372036854775807 following), count(*) over (order by id groups between 9223372036854775806 following and 9223372036854775807 following) from o.facts
select k, count(*) over (order by k), sum(id) over (order by k), count(*) over (order by k range current row), count(*) over (order by k groups 1 preceding), sum(id) over (order by k groups between 1 preceding and 1 following) from o.facts
select k, sum(id) over (order by k groups between 2 following and 3 following), sum(id) over (order by k desc groups between unbounded preceding and 1 preceding), sum(id) over (order by k groups 0 preceding) from o.facts
select id, sum(id) over (order by id rows between 2 preceding and 2 following exclude current row), count(*) over (order by id rows between current row and current row exclude current row) from o.facts
select id, k, sum(id) over (partition by e order by k groups between 1 preceding and 1 following exclude group), sum(id) over (partition by e order by k groups between 1 preceding and 1 following exclude ties), sum(id) over (partition by e order by k range unbounded preceding exclude current row) from o.facts
select id, sum(id) over (order by k range between unbounded preceding and unbounded following exclude group), sum(id) over (order by k range between unbounded preceding and unbounded following exclude ties), sum(id) over (order by k exclude no others) from o.facts
select id, first_value(id) over (order by id rows between 1 preceding and 1 following exclude current row), last_value(id) over (order by id rows between 1 preceding and 1 following exclude current row), nth_value(id, 2) over (order by id rows between 1 preceding and 1 following exclude current row) from o.facts
select id, first_value(id) over (order by id rows between current row and current row exclude current row), min(id) over (partition by k order by id rows between 1 preceding and 1 following exclude group) from o.facts
select id, array_agg(id) over (order by id rows between 1 preceding and 1 following exclude current row), string_agg(s, ',') over (order by id rows between 1 preceding and 1 following exclude ties) from o.facts
select k, count(*) over (order by k range between 1 preceding and 1 following), sum(id) over (order by k desc range between 1 preceding and 2 following), sum(id) over (order by k nulls first range between 2 preceding and 1 preceding) from o.facts
select k, count(*) over (order by k range between unbounded preceding and 1 following), count(*) over (order by k nulls first range between unbounded preceding and 1 preceding), count(*) over (order by k desc range between 1 following and unbounded following), count(*) over (order by k desc nulls last range between 3 preceding and unbounded following) from o.facts
select i8, count(*) over (order by i8 range between 1 preceding and 9223372036854775807 following), sum(id) over (order by i8 range between 100::int8 preceding and 100::int2 following) from o.facts
select i4, count(*) over (order by i4 range between 9223372036854775807 preceding and 1 following), count(*) over (partition by e order by i4 range 2147483647 preceding), count(*) over (order by i4 range between 0 preceding and 0 following) from o.facts
select k, count(*) over (order by k range -1 preceding) from o.facts
select k, count(*) over (order by k range between unbounded preceding and -1 following) from o.facts
select k, count(*) over (order by k range -1 preceding) from o.none
select k, row_number() over (order by k, id range unbounded preceding) from o.facts
select count(*) over (order by k rows -1 preceding) from o.facts
select count(*) over (order by k rows -1 preceding) from o.none
select row_number() over (order by id rows between unbounded preceding and -1 following) from o.facts
select count(*) over (order by k groups between unbounded preceding and -1 following) from o.facts
select count(*) over (order by k rows null preceding) from o.facts
select count(*) over (order by k groups between null preceding and current row) from o.facts
select count(*) over (order by k range between unbounded preceding and null::int following) from o.facts
select x8, count(*) over (order by x8 range between 1 preceding and 1 following), count(*) over (order by x8 desc range between 0.5 preceding and 1e300 following), count(*) over (order by x8 nulls first range between 1e308 preceding and 1e308 following) from o.facts
select x8, count(*) over (order by x8 range between 'NaN' preceding and 1 following) from o.facts
select x8, count(*) over (order by x8 range -0.5 preceding) from o.facts
select f4, count(*) over (order by f4 range between 0.1 preceding and 0.1 following), count(*) over (order by f4 desc range between 1 following and 100 following) from o.facts
select d2, count(*) over (order by d2 range between 1 preceding and 1 following), count(*) over (order by d2 desc range between 0.005 preceding and 100.125 following), count(*) over (order by d2 nulls first range 99999999999 preceding) from o.facts
select d2, count(*) over (order by d2 range -0.5 preceding) from o.facts
select d2, count(*) over (order by d2 range 'NaN' preceding) from o.facts
select id, d10, count(*) over (order by d10 range between 1 preceding and 1 following), count(*) over (order by d10 desc range between 0.000001 preceding and 10.5 following) from o.facts where abs(d10) < 1000000000
select d10 / 3, count(*) over (order by round(d10 / 3, 5) range between 1 preceding and 1.00001 following) from o.facts where abs(d10) < 1000000000
select x8::numeric, count(*) over (order by x8::numeric range between 1 preceding and 1 following), count(*) over (order by x8::numeric desc nulls last range between 0 preceding and 10 following) from o.facts where abs(x8) < 1e17 and abs(x8) > 1e-10 or x8 in ('NaN', 'Infinity', '-Infinity')
select day, count(*) over (order by day range between interval '1 day' preceding and interval '1 day' following), count(*) over (order by day desc range between interval '1 month' preceding and interval '0' following), count(*) over (order by day range between interval '1 year 3 days' preceding and current row) from o.facts
select day, count(*) over (partition by e order by day nulls first range between interval '2 days' following and interval '40 days' following) from o.facts
select ts, count(*) over (order by ts range between interval '1 hour' preceding and interval '1 hour' following), count(*) over (order by ts desc range between interval '1 month' preceding and interval '1 month' following), count(*) over (order by ts range between unbounded preceding and interval '90 minutes' following) from o.facts
select tz, count(*) over (order by tz range between interval '1 hour' preceding and interval '1 hour' following), count(*) over (order by tz range between interval '1 day' preceding and interval '1 day' following), count(*) over (order by tz desc range between interval '1 month' preceding and interval '25 hours' following) from o.facts
select tz, sum(id) over (partition by e order by tz range between interval '1 day' preceding and interval '12 hours' preceding), sum(id) over (order by tz range between interval '1 month 1 day 1 hour' preceding and interval '1 day' preceding) from o.facts
select tz, count(*) over (order by tz range interval '-1 day' preceding) from o.facts
select tm, count(*) over (order by tm range between interval '1 hour' preceding and interval '30 minutes' following), count(*) over (order by tm desc range between interval '1 day 1 hour' preceding and current row) from o.facts
select tm, count(*) over (order by tm range interval '-1 hour' preceding) from o.facts
select iv, count(*) over (order by iv range between interval '1 day' preceding and interval '1 month' following) from (select (tz - timestamptz '2024-03-31 00:00+00') as iv from o.facts) q
select ts, min(ts) over (order by ts range between interval '1 month' preceding and interval '1 month' preceding), max(ts) over (order by ts range between interval '1 month' following and interval '1 month 1 day' following) from o.facts
select t, array_agg(t) over (order by t range between interval '1 day' preceding and interval '1 day' preceding), count(*) over (order by t range between interval '1 day' preceding and interval '0' preceding), count(*) over (order by t desc range interval '1 day' preceding) from (select timestamptz '2024-03-30 00:00+00' + b * interval '17 minutes' as t from o.links where b is not null) q
select t, count(*) over (order by t range between interval '1 month' preceding and interval '1 day' preceding), count(*) over (order by t desc range interval '1 month' preceding) from (select timestamp '2024-03-28 12:00' + id * interval '5 hours' as t from o.facts) q
select id, sum(id) over (partition by d10 order by id), count(*) over (partition by x8), count(*) over (partition by s), count(*) over (partition by m), count(*) over (partition by u) from o.facts
select id, count(*) over (partition by tz - ts::timestamptz), count(*) over (partition by b, e), count(*) over (partition by day, k), count(*) over (partition by d2) from o.facts
select id, rank() over (order by d10), rank() over (order by x8), rank() over (order by s), rank() over (order by m), rank() over (order by u), rank() over (order by b desc) from o.facts
select id, rank() over (order by tz - timestamptz '2024-01-01' desc), rank() over (order by tz desc nulls last), rank() over (order by day, tm, s), dense_rank() over (partition by e order by m desc nulls last) from o.facts
select id, sum(k) over w, avg(k) over w, row_number() over w from o.facts window w as (partition by e order by id)
select id, sum(k) over (w rows between unbounded preceding and unbounded following), sum(k) over (w order by id), count(*) over w2 from o.facts window w as (partition by e), w2 as (w order by id desc)
select id, sum(k) over (w rows 2 preceding) from o.facts window w as (partition by b order by id)
select id, k + row_number() over (order by id) * 2, case when lag(k) over (order by id) < k then 'up' else 'down' end from o.facts
select id, k - lag(k) over (partition by e order by id) as delta, coalesce(lag(k) over (order by id), -1) from o.facts
select id, k::numeric / sum(abs(k) + 1) over (partition by e) from o.facts
select id from o.facts order by row_number() over (order by id desc) limit 10
select e, count(*), rank() over (order by count(*) desc), sum(count(*)) over (), sum(sum(id)) over (order by e) from o.facts group by e
select e, k, sum(id), sum(sum(id)) over (partition by e order by k), count(*) over (partition by e), first_value(k) over (partition by e order by sum(id) desc, k) from o.facts group by e, k
select e, count(*), row_number() over (order by count(*), e) from o.facts group by e having count(*) > 10
select e, avg(d10), avg(avg(d10)) over (order by e), lag(max(s)) over (order by e) from o.facts group by e
select sum(count(*)) over () from o.facts
select count(*) over () from o.none
select sum(k) over (order by id), row_number() over () from o.none
select count(*), count(*) over () from o.none
select distinct count(*) over (partition by k) from o.facts
select distinct e, rank() over (partition by e order by k) from o.facts where k < 5
select * from (select id, k, row_number() over (partition by k order by id) as n from o.facts) q where n <= 2
select k, n from (select k, id, row_number() over (partition by k order by id desc) n from o.facts) q where n = 1 and k > 3
select q.e, sum(q.n) from (select e, rank() over (partition by e order by k, id) n from o.facts) q group by q.e
select f.id, d.name, row_number() over (partition by d.name order by f.id), sum(f.k) over (partition by d.k order by f.id) from o.facts f join o.dims d on f.k = d.k
select id, n from (select id, sum(k) over (order by id) n from o.facts) q where id > 50 and n > 0
select id, row_number() over (partition by k % 3 order by -id), sum(k * 2 + 1) over (order by id + 0), lag(upper(s)) over (order by id) from o.facts
select id, sum(k) over (order by id rows (1 + 1) preceding), sum(k) over (order by id rows between length('abc') preceding and current row) from o.facts
select id, count(*) over (order by 1), count(*) over (partition by 1), count(*) over (partition by 'a', e order by 'b'), row_number() over (partition by null order by id) from o.facts
select id, count(*) over (partition by null::int order by id), sum(1) over (order by id), sum(0.5) over (order by id), max('x') over (), count(null) over () from o.facts
select id, count(*) over (order by 1 range between 1 preceding and current row), sum(id) over (order by 1 groups 1 preceding) from o.facts
select id, sum(k) over (rows 2 preceding) is not null, count(*) over (range current row), count(*) over (range between unbounded preceding and unbounded following) from o.facts
select id, row_number() over (order by id) + row_number() over (order by id), row_number() over (order by id, k) from o.facts
select id, sum(id) over (order by id), sum(id) over (order by id desc), sum(id) over (partition by e order by id), sum(id) over (partition by k order by id), sum(id) over (partition by b order by id desc) from o.facts
select id, sum(rn) over (order by id) from (select id, row_number() over (order by id) rn from o.facts) q
select * from o.facts where id in (1, 2) and false
select id, lead(id) over (order by id) from (select id from o.facts union all select a from o.links where a > 100000) q
select count(distinct k) over () from o.facts
select array_agg(k order by id) over () from o.facts
select row_number() filter (where b) over () from o.facts
select row_number() from o.facts
select id from o.facts where row_number() over () = 1
select sum(f8) over (order by id rows 0 preceding), avg(x8) over (order by id rows 0 preceding) from o.facts where x8 <> 0
select id, (select count(*) from o.dims d where d.k = f.k) + row_number() over (order by id) from o.facts f
select id, rank() over (order by (select max(name) from o.dims d where d.k = f.k), id) from o.facts f
select (select max(n) from (select row_number() over (order by a) n from o.links l where l.b = d.k) q) from o.dims d
select d.k, x.* from o.dims d, lateral (select note, count(*) from o.links l where l.b = d.k group by rollup (note)) x
select d.k, x.* from o.dims d, lateral (select distinct on (b) b, a from o.links l where l.b = d.k order by b, a, note) x
select id in (select row_number() over (order by k, name) from o.dims) from o.facts
select e, (select max(w) from o.dims where name = e), grouping(e) from o.facts group by rollup (e)
select id, stddev(i4) over (order by id rows 3 preceding), json_agg(k) over (order by id rows 1 preceding) from o.facts
select d.k, x.* from o.dims d, lateral (select a from o.links l where l.b = d.k order by a fetch first 1 row with ties) x
select id, sum(x8) over (order by id rows 1 preceding) from o.facts where abs(x8) < 1e300 or x8 in ('NaN', 'Infinity', '-Infinity')
`
  .trim()
  .split('\n');

export const GROUPING_SETS: readonly string[] = `
select d.k, x.* from o.dims d cross join lateral (select b, count(*), grouping(b) from o.facts f where f.k = d.k group by rollup (b)) x where d.w > 0
select d.k, x.* from o.dims d cross join lateral (select count(*) from o.facts f where f.k = d.k and f.id < 0 group by grouping sets ((), ())) x
select d.k, x.* from o.dims d cross join lateral (select b, e, count(*), grouping(b, e), coalesce(max(id), -1) from o.facts f where f.k = d.k and d.w > 3 group by cube (b, e)) x
select d.k, (select count(*) + grouping(b) from o.facts f where f.k = d.k and f.id < 0 group by rollup (b)) from o.dims d
select d.k, x.* from o.dims d cross join lateral (select d.k + 0 kk, b, count(*) c from o.facts f where f.k = d.k group by rollup (b, d.k + 0)) x
select d.k, x.* from o.dims d cross join lateral (select b, count(*) c, sum(count(*)) over () from o.facts f where f.k = d.k group by rollup (b)) x
select d.k, x.* from o.dims d cross join lateral (select b, d2, sum(d2) c from o.facts f where f.k = d.k and id < 99 group by grouping sets ((b, d2), (d2)) having sum(d2) > 0) x
select e, k, count(*) from o.facts group by rollup (e, k)
select e, k, count(*), sum(id), grouping(e), grouping(k), grouping(e, k), grouping(k, e) from o.facts group by cube (e, k)
select e, k, count(*) from o.facts group by grouping sets ((e), (k), ())
select e, k, b, count(*), grouping(e, k, b) from o.facts group by grouping sets ((e, k), (b), (e), (e), ())
select e, b, count(*) from o.facts group by e, rollup (b)
select e, b, k, count(*) from o.facts group by e, grouping sets ((b), (k, b), ())
select e, b, count(*) from o.facts group by rollup (e), rollup (b)
select e, b, count(*) from o.facts group by distinct rollup (e, b), rollup (e)
select e, b, count(*) from o.facts group by rollup (e, b), rollup (e)
select e, b, k, count(*) from o.facts group by cube ((e, b), k)
select e, b, k, count(*) from o.facts group by rollup (e, (b, k))
select e, k, count(*) from o.facts group by grouping sets (rollup (e, k), cube (k), ())
select e, k, count(*) from o.facts group by grouping sets (grouping sets ((e), (e, k)), (k))
select count(*) from o.facts group by ()
select count(*), sum(id) from o.none group by ()
select count(*), sum(id) from o.none group by grouping sets ((), ())
select count(*) from o.facts group by grouping sets ((), ())
select k, count(*), sum(id), max(s) from o.none group by rollup (k)
select k, s, count(*), grouping(k, s) from o.none group by cube (k, s)
select k, count(*) from o.none group by grouping sets ((k))
select k, count(*) from o.none group by grouping sets ((k), (), ())
select k from o.facts group by rollup (k)
select 1 from o.facts group by rollup (k)
select 1 from o.none group by rollup (k)
select d10, count(*), grouping(d10) from o.facts group by rollup (d10)
select d2, d10, count(*) from o.facts group by cube (d2, d10)
select x8 + 0, count(*), grouping(x8 + 0) from o.facts group by rollup (x8 + 0)
select x8 + 0, f4, count(*) from o.facts group by cube (x8 + 0, f4)
select m, e, count(*), grouping(m) from o.facts group by cube (m, e)
select s, count(*), min(d10) from o.facts group by rollup (s)
select tz - ts::timestamptz, count(*) from o.facts group by rollup (tz - ts::timestamptz)
select day, b, count(*) from o.facts group by cube (day, b)
select k % 3, e, count(*), sum(k) from o.facts group by rollup (k % 3, e)
select k % 3 + 1, count(*) from o.facts group by rollup (k % 3)
select coalesce(e, 'all'), coalesce(k::text, 'any'), count(*) from o.facts group by rollup (e, k)
select case when grouping(e) = 1 then 'total' else e end, count(*) from o.facts group by rollup (e)
select e, k, count(*) from o.facts group by rollup (e, k) having grouping(k) = 1
select e, k, count(*) from o.facts group by cube (e, k) having count(*) > 5 and grouping(e, k) in (0, 3)
select e, k, count(*) from o.facts group by rollup (e, k) having e is null
select e, count(*) from o.facts where e is null group by rollup (e)
select e, count(distinct k), sum(distinct d2), count(distinct s) filter (where b) from o.facts group by rollup (e)
select e, b, array_agg(id order by id), string_agg(s, '|' order by id) from o.facts where id < 60 group by cube (e, b)
select e, avg(k), avg(d10), sum(d2), avg(i8), min(x8), max(f4), bool_and(b) from o.facts group by rollup (e)
select e, k, sum(f8 * 0), max(tz), min(u) from o.facts group by rollup (e, k)
select e, b, count(*) filter (where k > 3), sum(id) filter (where not b) from o.facts group by grouping sets ((e), (b), ())
select e, k, count(*), rank() over (partition by grouping(e, k) order by count(*) desc, e, k) from o.facts group by rollup (e, k)
select e, sum(count(*)) over (partition by grouping(e)), grouping(e) from o.facts group by rollup (e)
select e, count(*), grouping(e) from o.facts group by e
select distinct grouping(e, k) from o.facts group by cube (e, k)
select q.e, sum(q.n) from (select e, k, count(*) n from o.facts group by cube (e, k)) q where q.k is null group by q.e
select q.* from (select e, k, count(*) n, grouping(e) g from o.facts group by cube (e, k)) q where q.e = 'play'
select q.* from (select e, k, count(*) n from o.facts group by cube (e, k)) q where q.k = 3
select d.name, f.e, count(*), sum(f.d2) from o.facts f join o.dims d on d.k = f.k group by rollup (d.name, f.e)
select e, e, count(*) from o.facts group by rollup (e, e)
select e as a, e as b, count(*) from o.facts group by grouping sets ((e), (e), ())
select k + 1, k, count(*) from o.facts group by cube (k + 1, k)
select k from o.facts group by rollup (e)
select grouping(k) from o.facts group by rollup (e)
select e, 1 as one, count(*) from o.facts group by rollup (e, 2)
select null::int, count(*) from o.facts group by rollup (1)
select e, b, k, s is null, count(*) from o.facts group by cube (e, b, k, s is null)
select count(*) from (select e, k, b, day, s from o.facts group by cube (e, k, b, day, s)) q
`
  .trim()
  .split('\n');

/** Rows in the order of the query. */
export const CHOSEN_ROWS: readonly string[] = `
select distinct on (k) k, id from o.facts order by k, id
select distinct on (k) k, id, s from o.facts order by k desc nulls last, id desc
select distinct on (e, b) e, b, id from o.facts order by e, b, id
select distinct on (b, e) e, b, id from o.facts order by e, b nulls first, id desc
select distinct on (k % 3) id, k from o.facts order by k % 3, id
select distinct on (d10) id, d10 from o.facts order by d10, id
select distinct on (x8) id, x8 from o.facts order by x8, id
select distinct on (m) m, id from o.facts order by m, id
select distinct on (e) id from o.facts order by e, k desc nulls last, id limit 3
select distinct on (k) id from o.facts order by k, id limit 5 offset 2
select distinct on (k) k from o.facts order by k
select distinct on (e) e, count(*), k from o.facts group by e, k order by e, count(*) desc, k
select distinct on (e) e, row_number() over (partition by e order by id desc), id from o.facts order by e, id
select distinct on (e) e, count(*) from o.facts group by rollup (e) order by e, 2
select distinct on (k) k, id from o.none order by k, id
select distinct on (k) id from o.facts order by id
select distinct on (1) k, id from o.facts order by k, id
select q.id from (select distinct on (k) k, id from o.facts order by k, id) q where q.k > 3 order by q.id
select distinct on (f.e, d.name) f.e, d.name, f.id from o.facts f left join o.dims d on d.k = f.k order by f.e, d.name, f.id
select k from o.facts order by k fetch first 5 rows with ties
select k from o.facts order by k desc nulls last fetch first 1 row with ties
select k from o.facts order by k fetch first 0 rows with ties
select k from o.facts order by k fetch first 1000000 rows with ties
select k from o.facts order by k offset 3 rows fetch next 2 rows with ties
select k from o.facts order by k desc offset 30 fetch first 4 rows with ties
select e, k from o.facts order by e, k nulls first fetch first 7 rows with ties
select d10 + 0.0 from o.facts order by d10 + 0.0 fetch first 3 rows with ties
select e, count(*) from o.facts group by e order by count(*) desc, e fetch first 2 rows with ties
select distinct k from o.facts order by k fetch first 2 rows with ties
select k from o.none order by k fetch first 2 rows with ties
select k from o.facts order by k offset 1000000 fetch first 3 rows with ties
select k from o.facts fetch first 3 rows with ties
select k from o.facts order by k fetch first -1 rows with ties
select k from o.facts order by k fetch first null rows with ties
select id from o.facts order by id limit null
select id from o.facts order by id limit -1
select id from o.facts order by id offset -1
select id from o.facts order by id limit 2 + 3 offset length('ab')
select id, sum(k) over (order by id) from o.facts order by id limit 10
select id, rank() over (order by k) r from o.facts order by r desc, id limit 10
select e, k, count(*) from o.facts group by cube (e, k) order by e nulls first, k, 3, grouping(e, k)
select e, k, count(*) from o.facts group by rollup (e, k) order by grouping(e), e, grouping(k), k limit 20
select id, lag(id) over (order by id) from o.facts order by 2 nulls first limit 5
select id from o.facts order by sum(k) over (order by id) desc nulls last, id limit 10
select id from o.facts order by id limit (select count(*) from o.dims) offset (select 3)
select id from o.facts order by id limit (select null::int8)
select k from o.facts order by k fetch first (select 2) rows with ties
select k from o.facts order by k fetch first (select 0) rows with ties
select id from o.facts order by id limit (select -1 from o.dims limit 1)
select id from o.facts order by id offset (select -1 from o.dims limit 1)
select id from o.facts order by id offset (select max(k) from o.dims)
select k from o.facts order by k offset (select 5) fetch first (select 2) rows with ties
select e from o.facts group by e order by rank() over (order by count(*) desc), e
`
  .trim()
  .split('\n');
