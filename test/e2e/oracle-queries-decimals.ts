/** Numbers of a fixed scale, computed in 18 digits, in 38 or as text: o.facts.d2 is numeric(12,2), d10 numeric(38,10), o.dims.price numeric(12,2). */
export const DECIMALS: readonly string[] = `
select id, d2 * d2, d2 * d2 * d2, d2 * d2 * d2 * d2, d2 * d10 from o.facts
select id, d2 * (1 - d2), d2 * (1 - d2) * (1 + d2), d2 * (1 - d2) * (1 + d2) - d2 from o.facts
select id, d10 * d10, d10 + d2, d10 - d2, d2 * 1.5, 1.50 * d2 * 2, d2 * 0, 0 - d2 from o.facts
select id, d2 * k, d2 * i8, k * 1.5, i8 * 1.5, i8 * i8::numeric, i8::numeric * d2 * d2, k::numeric + d2, i4::numeric * i4 from o.facts
select id, d2 * 999999999999.99, d2 * 99999999999999999999.9999, d2 * 0.0000000000000000001, d2 + 1e20, d2 * 1e-20 from o.facts
select k, sum(d2), sum(d2 * d2), sum(d2 * (1 - d2)), sum(d2 * (1 - d2) * (1 + d2)), count(*) from o.facts group by k
select k, sum(d2 * d2 * d2), sum(d2 * d2 * d2 * d2), avg(d2 * d2 * d2), avg(d2), avg(d2 * d2) from o.facts group by k
select k, sum(d10), sum(d10 * d2), sum(d10 + d2), avg(d10 * d2), avg(d10 - d2) from o.facts group by k
select k, sum(d2 * k), sum(d2 * i8), sum(i8 * 1.5), avg(i8 * 1.50), sum(i8::numeric), avg(k::numeric) from o.facts group by k
select sum(d2 * 999999999999.99), sum(d2 * 99999999999999999999.9999), sum(d2 * 1e-20), avg(d2 * 1e-20) from o.facts
select sum(d2 * d2), avg(d2 * d2), sum(d2 * d2 * d2), sum(d2 + 1) from o.facts where false
select sum(d2 * d2), avg(d2 * d2), sum(case when d2 > 0 then d2 end), sum(case when d2 > 0 then d2 * d2 else 0 end) from o.none
select k, sum(case when b then d2 else 0 end), sum(case when b then d2 * (1 - d2) else 0 end), sum(case when b then 0 else 0.000 end) from o.facts group by k
select k, sum(case when b then d2 end), avg(case when b then d2 * d2 else 1 end), sum(case when b then d2 when k > 2 then 1.5 else null end) from o.facts group by k
select id, sum(case when d2 is null then d2 * d2 else 0 end), sum(case when d2 is null then d2 * d2 else null end) from o.facts group by id
select k, sum(case when d10 > 1 then d10 else d2 end), sum(case when b then d2 * d2 * d2 else 1 end), sum(case when b then d2 * 1e30 else d2 end) from o.facts group by k
select k, sum(d2 * d2) filter (where b), avg(d2 * d2 * d2) filter (where d2 > 1), sum(case when b then d2 * 2.5 else 0 end) filter (where id > 20) from o.facts group by k
select k, b, sum(d2 * d2), avg(d2 * (1 - d2) * (1 + d2)) from o.facts group by rollup (k, b)
select id, sum(d2 * d2) over (partition by k order by id), avg(d2 * d2 * d2) over (partition by k), sum(case when b then d2 else 0 end) over (order by id) from o.facts
select sum(distinct d2), sum(distinct d2 * d2), avg(distinct d2 * 2) from o.facts
select id from o.facts where d2 > 1.5
select id from o.facts where d2 > 1.555
select id from o.facts where d2 = 1.50000
select id from o.facts where d2 * 2 > d2 + 1
select id from o.facts where d2 * d2 * d2 * d2 > 1000000000000000000000000000000000000000
select id from o.facts where d2 > 99999999999999999999
select id from o.facts where d2 < -99999999999999999999.999
select id from o.facts where d10 > d2
select id from o.facts where d10 >= 0.00000000001
select id from o.facts where k > 1.5
select id from o.facts where i8 > 1.5 and i8 * 1.5 < 1e15
select id from o.facts where d2 between 0.005 and 99.995
select id from o.facts where d2 in (1.5, 2.25, 0.000)
select id from o.facts where case when b then d2 else 0 end > 1
select f.id, d.price from o.facts f join o.dims d on f.d2 = d.price
select f.id, d.price from o.facts f join o.dims d on f.d2 * 2 = d.price * 2
select f.id, d.price from o.facts f join o.dims d on f.d10 = d.price
select k, sum(d2) from o.facts group by k having sum(d2) > 10
select k, sum(d2 * d2) from o.facts group by k having sum(d2 * d2) > (select avg(d2 * d2) from o.facts)
select id from o.facts where d2 > (select avg(d2) from o.facts)
select id from o.facts f where d2 > (select 0.2 * avg(g.d2) from o.facts g where g.k = f.k)
select id from o.facts f where d2 = (select max(g.d2) from o.facts g where g.k = f.k)
select coalesce(d2, 0) * 2, coalesce(d2, 0.0) + d2, nullif(d2, 0) * d2, greatest(d2, 1) * d2, least(d2, d10) * 2 from o.facts
select (d2 + 0.004)::numeric(12,2) * 2, round(d2 * 2.345, 1) * d2, (d2 * 2)::numeric(20,4) * (d2 / 3) from o.facts where abs(d2) < 1000
select d2 * 2, count(*) from o.facts group by d2 * 2
select distinct d2 * 2.50 from o.facts
select d2 * 2 from o.facts union select price * 2.00 from o.dims
select x, x * x, x * x * x, sum(x) over () from (select d2 * 100000000 as x from o.facts) t
select sum(x * x), avg(x * x * x) from (select d2 * 100000000 as x from o.facts) t
select sum(x * x), sum(x * x * x), sum(x * x * x * x) from (select d2 * 12345.67 as x from o.facts where abs(d2) < 1000) t
select array_agg(d2 * 2 order by id), min(d2 * d2), max(d2 * (1 - d2)), string_agg((d2 * 2)::text, ',' order by id) from o.facts
`
  .trim()
  .split('\n');
