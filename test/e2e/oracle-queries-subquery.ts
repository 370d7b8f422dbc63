/** Subqueries everywhere, LATERAL, semi and anti joins: over keys with NULLs, duplicates and gaps; rows in any order. */
export const SUBQUERIES: readonly string[] = `
with w as not materialized (select id, random() r from o.facts) select count(*) from w a join w b on a.id = b.id and a.r = b.r
with w as not materialized (select id, k from o.facts) select count(*) from w a join w b on a.id = b.id and a.k = b.k
select count(distinct r) from (select (select random() from o.dims d limit 1) r from o.facts) x
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k)
select id from o.facts f where not exists (select 1 from o.dims d where d.k = f.k)
select id from o.facts f where exists (select from o.dims d where d.k = f.k and d.w > 5)
select id from o.facts where exists (select 1 from o.dims)
select id from o.facts where exists (select 1 from o.none)
select id from o.facts where not exists (select 1 from o.none)
select id from o.facts f where exists (select 1 from o.none n where n.k = f.k)
select id from o.facts f where exists (select count(*) from o.dims d where d.k = f.k)
select id from o.facts f where not exists (select count(*) from o.dims d where d.k = f.k)
select id from o.facts f where exists (select sum(w) from o.dims d where d.k = f.k having sum(w) > 3)
select id from o.facts f where exists (select d.k, count(*) from o.dims d where d.k = f.k group by d.k)
select id from o.facts f where exists (select d.k from o.dims d where d.k = f.k group by d.k having count(*) > 1)
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k offset 1)
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k limit 1 offset 1)
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k limit 0)
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k order by w limit 3)
select id from o.facts f where exists (select distinct w from o.dims d where d.k = f.k)
select id from o.facts f where exists (select 1 / 0 from o.dims d where d.k = f.k)
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k union all select 1 from o.links l where l.b = f.k)
select id from o.facts f where exists (select 1 from o.dims d where d.k < f.k and d.w > f.f8)
select id from o.facts f where exists (select 1 from o.dims d join o.links l on l.b = d.k where l.a = f.id)
select id from o.facts f where exists (select 1 from o.dims d, o.links l where l.b = d.k and l.a = f.id and d.w > f.f8)
select id from o.facts f where exists (select 1 from o.dims d where f.k = 3)
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k) and exists (select 1 from o.links l where l.a = f.id)
select id from o.facts f where exists (select 1 from o.dims d where d.k = f.k) or exists (select 1 from o.links l where l.a = f.id)
select id from o.facts f where (exists (select 1 from o.dims d where d.k = f.k)) is not true
select id, exists (select 1 from o.dims d where d.k = f.k) from o.facts f
select id, not exists (select 1 from o.dims d where d.k = f.k), exists (select 1 from o.none) from o.facts f
select count(*) from o.facts f where exists (select 1 from o.links l where l.a = f.id and exists (select 1 from o.dims d where d.k = l.b and d.k = f.k))
select count(*) from o.facts f where exists (select 1 from o.links l where l.a = f.id and not exists (select 1 from o.dims d where d.k = l.b and d.w > f.f8))
select id from o.facts where k in (select k from o.dims)
select id from o.facts where k not in (select k from o.dims)
select id from o.facts where k not in (select k from o.dims where k is not null)
select id from o.facts where k in (select k from o.none)
select id from o.facts where k not in (select k from o.none)
select id, k in (select k from o.dims) from o.facts
select id, k not in (select k from o.dims) from o.facts
select id, k not in (select k from o.dims where k is not null) from o.facts
select id, k in (select k from o.none), k not in (select k from o.none) from o.facts
select id, null in (select k from o.dims), null in (select k from o.none) from o.facts where id < 4
select id from o.facts where (k in (select k from o.dims)) is null
select id from o.facts where not (k in (select k from o.dims where w > 3))
select id from o.facts where k + 1 in (select k - 1 from o.dims)
select id from o.facts where id in (select a from o.links) and k in (select b from o.links)
select id from o.facts where id in (select a from o.links where b in (select k from o.dims where w > 2))
select id from o.facts f where k in (select d.k from o.dims d where d.w > f.f8)
select id from o.facts f where k not in (select d.k from o.dims d where d.w > f.f8 and d.k is not null)
select id, k in (select d.k from o.dims d where d.w > f.f8) from o.facts f
select id, k not in (select d.k from o.dims d where d.w > f.f8) from o.facts f
select id from o.facts where i4 in (select i8 from o.facts where k = 3)
select id from o.facts where k in (select count(*) from o.dims group by k)
select id from o.facts where k in (select max(k) from o.dims group by since)
select id from o.facts where k in (select k from o.dims order by w limit 3)
select id from o.facts where k in (select k from o.dims group by k having count(*) > 1)
select id from o.facts where k in (select distinct k from o.dims)
select id from o.facts where k in (select k from o.dims union select b from o.links)
select id from o.facts where k in (values (1), (2), (null))
select id from o.facts where k not in (values (1), (2), (null))
select id from o.facts where s in (select name from o.dims)
select id from o.facts where s not in (select name from o.dims)
select id, s in (select name from o.dims) from o.facts
select id from o.facts where d2 in (select price from o.dims)
select id, d2 in (select price from o.dims), d2 not in (select price from o.dims) from o.facts
select id from o.facts where d10 in (select w::numeric from o.dims)
select id, d10 in (select w::numeric from o.dims) from o.facts
select id from o.facts where d10 in (select d2 from o.facts where d2 is not null)
select id, d2 in (select d10 from o.facts) from o.facts
select id from o.facts where d10::numeric * 1.00 in (select d2::numeric + 0.000 from o.facts)
select id from o.facts where x8 in (select x8 from o.facts where id % 3 = 0)
select id, x8 in (select x8 + 0 from o.facts where id % 3 = 0 and x8 is not null) from o.facts
select id from o.facts where f4 in (select f4 from o.facts where id % 7 = 0)
select id from o.facts where f8 in (select w from o.dims)
select id from o.facts where day in (select since from o.dims)
select id from o.facts where ts in (select since from o.dims)
select id from o.facts where tz in (select at from o.links)
select id from o.facts where u in (select u from o.facts where k = 3)
select id from o.facts where b in (select b from o.facts where k = 3)
select id from o.facts where m in (select m from o.facts where k = 3)
select id, m in (select m from o.facts where k = 3 and m is not null) from o.facts
select id from o.facts where (interval '1 day' * k) in (select interval '24 hours' * k from o.dims)
select id, (interval '1 day' * k) in (select interval '24 hours' * k from o.dims where k is not null) from o.facts
select id from o.facts where s::char(8) in (select name::char(5) from o.dims)
select id, s::char(8) in (select (name || '  ')::char(12) from o.dims) from o.facts
select id from o.facts where (k, e) in (select k, e from o.facts where id % 10 = 0)
select id, (k, e) in (select k, e from o.facts where id % 10 = 0) from o.facts
select id, (k, e) not in (select k, e from o.facts where id % 10 = 0) from o.facts
select id from o.facts where (k, e) not in (select k, e from o.facts where id % 10 = 0 and k is not null and e is not null)
select id, (k, f8) in (select d.k, d.w from o.dims d) from o.facts
select id, (k, f8) not in (select d.k, d.w from o.dims d where d.k > 3) from o.facts
select id, (k, null::int) in (select k, k from o.dims) from o.facts
select id, k = any (select k from o.dims), k <> any (select k from o.dims), k < any (select k from o.dims), k >= any (select k from o.dims) from o.facts
select id, k = all (select k from o.dims), k <> all (select k from o.dims), k < all (select k from o.dims), k >= all (select k from o.dims) from o.facts
select id, k = any (select k from o.none), k < any (select k from o.none), k = all (select k from o.none), k <> all (select k from o.none) from o.facts
select id, null = any (select k from o.none), null::int = all (select k from o.none), null::int < all (select k from o.dims) from o.facts where id < 3
select id from o.facts where k > all (select k from o.dims where k is not null and k < 5)
select id from o.facts where k > all (select k from o.dims where k < 5)
select id from o.facts where k > any (select k from o.dims where k > 5)
select id from o.facts where f8 < some (select w from o.dims where w > 3)
select id, d2 > all (select price from o.dims where price < 3), d2 <= any (select price from o.dims where price < 0) from o.facts
select id, s > all (select name from o.dims where name < 'b'), s like any (select '%' || name from o.dims where name <> '') from o.facts
select id, x8 > all (select x8 from o.facts where x8 < 3), x8 <= any (select x8 from o.facts where x8 > 1e300) from o.facts
select id, k <> all (select d.k from o.dims d where d.w > f.f8) from o.facts f
select id, k < all (select d.k from o.dims d where d.w > f.f8), k > any (select d.k from o.dims d where d.w < f.f8) from o.facts f
select id from o.facts f where k >= all (select g.k from o.facts g where g.e = f.e)
select id from o.facts f where k >= all (select g.k from o.facts g where g.e = f.e and g.k is not null)
select id, (select max(w) from o.dims) from o.facts
select id, (select w from o.none n join o.dims d on d.k = n.k) from o.facts
select id, (select k from o.none) from o.facts
select id, (select k from o.dims) from o.facts
select id, (select d.k from o.dims d where d.k = f.k) from o.facts f
select id, (select d.k from o.dims d where d.k = f.k limit 1) from o.facts f
select id, (select distinct d.k from o.dims d where d.k = f.k) from o.facts f
select id, case when id < 0 then (select k from o.dims) end from o.facts
select id, case when k < 0 then (select d.k from o.dims d where d.w > f.f8) else f.k end from o.facts f
select id, coalesce(f.id, (select d.k from o.dims d)) from o.facts f
select id from o.none n where k = (select d.k from o.dims d)
select (select k from o.dims) from o.none
select id, (select count(*) from o.dims d where d.k = f.k) from o.facts f
select id, (select count(d.w) from o.dims d where d.k = f.k), (select sum(d.w) from o.dims d where d.k = f.k), (select max(name) from o.dims d where d.k = f.k) from o.facts f
select id, (select count(*) from o.dims d where d.k > f.k) from o.facts f
select id, (select sum(price) from o.dims d where d.k > f.k), (select avg(price) from o.dims d where d.k > f.k) from o.facts f
select id, (select avg(d10) from o.facts g where g.k = f.k) from o.facts f
select id, (select f.k + max(d.k) from o.dims d where d.w < f.f8) from o.facts f
select id, (select string_agg(name, ',' order by name, w) from o.dims d where d.k = f.k) from o.facts f
select id, (select name from o.dims d where d.k = f.k order by w desc nulls last, name limit 1) from o.facts f
select id, (select name from o.dims d where d.k = f.k order by w desc nulls last, name limit 1 offset 1) from o.facts f
select id, (select v from (values (1), (2)) x(v) where v = f.k) from o.facts f
select id, (select max(v) from (values (f.k), (f.id::int), (null)) x(v)) from o.facts f
select id, (select f.k), (select f.k + 1 where f.k > 3), (select f.s from o.dims limit 1) from o.facts f
select id, (select (select max(d.w) from o.dims d where d.k = l.b and d.k < f.k) from o.links l where l.a = f.id limit 1) from o.facts f where id not in (select a from o.links group by a having count(*) > 1)
select id, (select max((select max(d.w) from o.dims d where d.k = l.b and d.k < f.k)) from o.links l where l.a = f.id) from o.facts f
select id, (select sum((select count(*) from o.dims d where d.k = l.b)) from o.links l where l.a = f.id) from o.facts f
select id from o.facts f where f8 > (select avg(w) from o.dims)
select id from o.facts f where f8 > (select avg(w) from o.dims d where d.k = f.k)
select id from o.facts f where f8 = (select max(f8) from o.facts g where g.e = f.e)
select id from o.facts f where k = (select k from o.dims)
select id from o.facts f where k = (select d.k from o.dims d where d.k = f.k)
select id from o.facts f where k = (select k from o.none)
select id from o.facts f where (k, e) = (select k, e from o.facts where id = 7)
select id, (k, e) = (select k, e from o.facts where id = 7), (k, e) <> (select k, e from o.facts where id = 7), (k, e) = (select k, s from o.none) from o.facts
select id, (k, e) = (select k, e from o.facts) from o.facts
select id, (k, id) < (select k, id from o.facts where id = 7) from o.facts
select id, (k, id) >= (select k, id from o.facts where id = 7) from o.facts
select id, (k, id) < all (select k, id from o.facts where id < 7), (k, id) > any (select k, id from o.facts where id < 9) from o.facts
select id, (k, s) <= any (select g.k, g.s from o.facts g where g.e = f.e and g.id < 50) from o.facts f
select e, count(*) from o.facts group by e having count(*) > (select count(*) from o.dims)
select e, count(*) from o.facts f group by e having exists (select 1 from o.facts g where g.e = f.e and g.k > 11)
select e, count(*) from o.facts f group by e having count(*) > (select count(*) from o.facts g where g.e > f.e)
select k, count(*), (select max(name) from o.dims d where d.k = f.k) from o.facts f group by k
select k, sum(id), (select count(*) from o.dims d where d.k = f.k and d.w < sum(f.id)) from o.facts f group by k
select k, (select count(*) from o.dims d where d.k < count(f.id)) from o.facts f group by k
select k, (select sum(f.id)) from o.facts f group by k
select (select sum(f.id)) from o.facts f
select (select sum(f.id) from o.dims d limit 1) from o.facts f
select (select (select max(f.id) + count(d.k) from o.dims d)) from o.facts f
select k, (select max(d.w) + sum(f.id) from o.dims d where d.k = f.k) from o.facts f group by k
select k from o.facts f group by k having sum(id) > (select sum(f.id) / 2 + max(d.k) from o.dims d)
select k from o.facts f group by k having (select sum(f.id) > 100)
select (select k from o.dims d where d.k = max(f.k) limit 1) from o.facts f
select (select count(*) from o.dims d where d.k in (select g.k from o.facts g where g.id < max(f.k))) from o.facts f
select sum((select max(d.w) from o.dims d where d.k = f.k)) from o.facts f
select e, sum((select count(*) from o.dims d where d.k = f.k)), max((select max(name) from o.dims d where d.k = f.k)) from o.facts f group by e
select e, count(*) filter (where exists (select 1 from o.dims d where d.k = f.k)), sum(id) filter (where k in (select k from o.dims)) from o.facts f group by e
select e, sum(d10) filter (where k not in (select d.k from o.dims d where d.k is not null)) from o.facts f group by e
select e, sum(d10 * (select count(*) from o.dims d where d.k = f.k)) from o.facts f group by e
select e, avg((select max(d.price) from o.dims d where d.k = f.k)) from o.facts f group by e
select count(distinct (select max(d.w) from o.dims d where d.k = f.k)) from o.facts f
select e, string_agg(s, ',' order by (select count(*) from o.dims d where d.k = f.k), id) from o.facts f where s <> '' group by e
select (select max(d.w) from o.dims d where d.k = f.k) as m, count(*) from o.facts f group by 1
select exists (select 1 from o.dims d where d.k = f.k) as m, count(*) from o.facts f group by m
select distinct (select max(d.w) from o.dims d where d.k = f.k) from o.facts f
select id, case (select count(*) from o.dims d where d.k = f.k) when 0 then 'none' when 1 then 'one' else 'many' end from o.facts f
select id, case when exists (select 1 from o.dims d where d.k = f.k) then (select max(name) from o.dims d where d.k = f.k) else e end from o.facts f
select id, coalesce((select max(name) from o.dims d where d.k = f.k), e, '?') from o.facts f
select id, nullif((select count(*) from o.dims d where d.k = f.k), 0), greatest((select max(w) from o.dims), f8) from o.facts f
select id, (select max(w) from o.dims) is null, (select k from o.none) is distinct from k from o.facts
select id, k in (1, (select max(k) from o.dims), null) from o.facts
select id, abs((select min(d.k) - 100 from o.dims d where d.k >= f.k)) from o.facts f
select id, f.s || (select count(*) from o.dims d where d.k = f.k) from o.facts f
select array(select name from o.dims where name is not null order by name, w)
select id, array(select name from o.dims d where d.k = f.k order by w desc nulls last, name) from o.facts f
select id, array(select d.k from o.dims d where d.w > f.f8 order by d.k) from o.facts f
select id, array(select k from o.none), array(select k from o.none n where n.k = f.k) from o.facts f
select id, array(select price from o.dims d where d.k = f.k order by price) from o.facts f
select id, array(select d.k from o.dims d order by w, d.k limit 3) from o.facts f
select id, array(select distinct d.k from o.dims d where d.k > f.k order by d.k) from o.facts f
select id, array(select max(w) from o.dims d where d.k > f.k group by d.k order by d.k) from o.facts f
select * from (values ((select max(k) from o.dims)), ((select min(k) from o.dims)), (null)) v(x)
select v.x, (select count(*) from o.facts f where f.k = v.x) from (values (1), (2), (null), (99)) v(x)
select (select max(k) from o.dims) + 1, (select count(*) from o.none)
select (select count(*) from o.facts where k = x) from (select k as x from o.dims) q
select f.id, d.w from o.facts f join o.dims d on d.k = f.k and exists (select 1 from o.links l where l.a = f.id)
select f.id, d.w from o.facts f join o.dims d on d.k = f.k and d.w > (select avg(w) from o.dims)
select f.id, d.w from o.facts f join o.dims d on d.k = f.k and exists (select 1 from o.links l where l.a = f.id and l.b = d.k)
select f.id, d.w from o.facts f left join o.dims d on d.k = f.k and exists (select 1 from o.links l where l.a = f.id)
select f.id, d.w from o.facts f left join o.dims d on d.k = f.k and d.k in (select b from o.links)
select f.id, d.w from o.facts f left join o.dims d on d.k = f.k and d.w > (select avg(w) from o.dims)
select f.id, d.w from o.facts f left join o.dims d on d.k = f.k and exists (select 1 from o.links l where l.a = f.id and l.b = d.k)
select f.id, d.w from o.dims d right join o.facts f on d.k = f.k and exists (select 1 from o.links l where l.a = f.id and l.b = d.k)
select f.id, d.w from o.facts f full join o.dims d on d.k = f.k and d.k in (select b from o.links)
select f.id from o.facts f where f.k in (select d.k from o.dims d left join o.links l on l.b = d.k and l.a = f.id where l.a is null)
select id, (select count(l.a) from o.dims d left join o.links l on l.b = d.k and d.w > f.f8) from o.facts f
select id, (select count(l.a) from o.dims d right join o.links l on l.b = d.k and l.a > f.id) from o.facts f
select id, (select count(l.a) from o.dims d left join o.links l on l.b = d.k and l.a + d.k > f.id and exists (select 1 from o.dims e where e.k = d.k and e.w > f.f8)) from o.facts f
select id, (select count(l.a) from o.dims d left join lateral (select * from o.links l where l.b = d.k and l.a > f.id) l on l.a > d.k + f.k) from o.facts f
with q as (select k from o.dims where w > 3) select id from o.facts where k in (select k from q)
with q as (select k from o.dims where w > 3) select id, (select count(*) from q where q.k = f.k) from o.facts f
with q as (select k, count(*) as n from o.dims group by k) select id, (select max(n) from q where q.k = f.k), k in (select k from q) from o.facts f
select id, (with q as (select d.k, d.w from o.dims d where d.k = f.k) select max(q.w) from q) from o.facts f
select id, (with q as (select d.k, d.w from o.dims d where d.k < f.k), r as (select max(w) as w from q) select r.w + count(*) from q, r group by r.w) from o.facts f
with q as (select f.k, (select count(*) from o.dims d where d.k = f.k) as n from o.facts f) select n, count(*) from q group by n
with a as (with b as (select k from o.dims) select k from b where k in (select k from b where k > 3)) select id from o.facts where k in (select k from a)
select id, (select max(x) from (select d.w as x from o.dims d where d.k = f.k union all select f.f8 union select d.k from o.dims d where d.k > f.k) q) from o.facts f
select id, (select count(*) from (select d.k from o.dims d where d.k = f.k union select l.b from o.links l where l.a = f.id) q) from o.facts f
select id from o.facts f where k in (select d.k from o.dims d where d.k = f.k union all select f.k + 1)
select id from o.facts where k > 3 union all select k from o.dims d where exists (select 1 from o.facts f where f.k = d.k)
select q.k, q.n from (select k, (select count(*) from o.facts f where f.k = d.k) as n from o.dims d) q where q.n > 10
select q.k from (select k, exists (select 1 from o.facts f where f.k = d.k) as n from o.dims d) q where q.n
select q.n, count(*) from (select k, (select count(*) from o.facts f where f.k = d.k) as n from o.dims d) q group by q.n having q.n > 2
select q.k, q.n + q.n from (select k, (select count(*) from o.facts f where f.k = d.k) as n from o.dims d) q where q.n * 2 > q.n
select * from (select k from o.dims union all select b from o.links) q where exists (select 1 from o.facts f where f.k = q.k)
select * from (select k from o.dims union select b from o.links) q where q.k not in (select f.k from o.facts f where f.k is not null)
select f.id, q.* from o.facts f, lateral (select d.name, d.w from o.dims d where d.k = f.k) q
select f.id, q.* from o.facts f cross join lateral (select d.name, d.w from o.dims d where d.k = f.k order by d.w desc nulls last, d.name limit 2) q
select f.id, q.* from o.facts f left join lateral (select d.name, d.w from o.dims d where d.k = f.k order by d.w desc nulls last, d.name limit 2) q on true
select f.id, q.* from o.facts f left join lateral (select d.name, d.w from o.dims d where d.k = f.k) q on q.w > f.f8
select f.id, q.* from o.facts f join lateral (select d.name, d.w from o.dims d where d.k = f.k) q on q.w > f.f8
select f.id, q.n from o.facts f, lateral (select count(*) as n from o.dims d where d.k = f.k) q where q.n > 1
select f.id, q.n, r.m from o.facts f, lateral (select count(*) as n from o.dims d where d.k = f.k) q, lateral (select q.n + f.k as m where q.n > 0) r
select f.id, v.x from o.facts f, lateral (values (f.k), (f.k + 1), (null)) v(x) where f.id < 20
select f.id, v.x, v.y from o.facts f cross join lateral (values (1, f.k), (2, f.i4)) v(x, y)
select f.id, max(v.y) from o.facts f cross join lateral (values (1, f.k), (2, f.i4)) v(x, y) group by f.id
select f.id, q.n from o.facts f join lateral (select count(*) as n from o.links l where l.a = f.id) q on q.n > 0
select f.id, q.a from o.facts f left join lateral (select l.a from o.links l where l.a = f.id and exists (select 1 from o.dims d where d.k = l.b and d.k = f.k)) q on true
select f.id, x.z from o.facts f join (o.links l cross join lateral (select d.name as z from o.dims d where d.k = l.b) x) on l.a = f.id
select f.id, q.z from o.facts f, o.links l, lateral (select f.k + l.b + coalesce(max(d.k), 0) as z from o.dims d where d.k between f.k and l.b) q where l.a = f.id
select f.id, q.k from o.facts f, lateral (select d.k from o.dims d where d.k = f.k union select f.i4) q
select d.k, (select max(q.x) from (select f.id + d.k as x from o.facts f where f.k = d.k) q) from o.dims d
select d.k, (select q.n from o.links l, lateral (select count(*) as n from o.facts f where f.id = l.a and f.k = d.k) q where l.b = d.k order by q.n desc limit 1) from o.dims d
select count(*) from o.facts f where f.k = (select max(g.k) from o.facts g where g.e = f.e) and f.f8 > (select avg(w) from o.dims d where d.k = f.k)
select f.e, sum(f.f8) from o.facts f where f.k < (select 0.5 * avg(g.k) from o.facts g where g.e = f.e) group by f.e
select e, count(*) from o.facts f where id in (select a from o.links l where l.b in (select k from o.dims d where name like 'a%' or name is null) and l.a > (select 0.5 * sum(f2.k) from o.facts f2 where f2.id = l.a and f2.e = f.e)) group by e
select e, count(*) from o.facts f1 where exists (select 1 from o.facts f2 where f2.k = f1.k and f2.id <> f1.id) and not exists (select 1 from o.facts f3 where f3.k = f1.k and f3.id <> f1.id and f3.f8 > f1.f8) group by e
select substring(s from 1 for 1) as c, count(*), sum(f8) from (select s, f8 from o.facts f where f8 > (select avg(f8) from o.facts where f8 > 0) and not exists (select 1 from o.links l where l.a = f.id)) q group by c
select k, id, total from (select f.k, f.id, q.total from o.facts f join (select k, sum(f8) as total from o.facts group by k) q on q.k = f.k) z where total = (select max(total) from (select sum(f8) as total from o.facts group by k) y)
select f.id from o.facts f where f.id in (select a from o.links group by a having count(*) > 1) and f.k is not null
select e, k, count(distinct id) from o.facts f where k not in (select d.k from o.dims d where d.name like '%a%' and d.k is not null) and e <> 'play' group by e, k
select id from o.facts where k in (select k from o.dims where k in (select b from o.links where a in (select id from o.facts where e = 'play')))
select id from o.facts f where k = any (select d.k from o.dims d where d.name = any (select l.note from o.links l where l.a = f.id))
select id from o.facts f where id in (select f.id from o.dims)
select id from o.facts f where f.k in (select f.k)
select id from o.facts f where exists (select f.k) and exists (select 1 where f.k > 3)
select id, (select count(*) from o.facts) - (select count(k) from o.facts), (select count(*) from o.none where k = f.k) from o.facts f
select count(*), (select count(*) from o.dims) from o.facts
select id, x from (select id, (select max(k) from o.dims) as x from o.facts) q where x > 3 and id < 10
select id from o.facts f where (select count(*) from o.dims d where d.k = f.k) = (select count(*) from o.links l where l.b = f.k)
select id from o.facts f where (select true from o.dims d where d.k = f.k limit 1)
select id from o.facts f where (select max(d.k) from o.dims d where d.w > f.f8) between (select min(k) from o.dims) and f.k + 3
select bool_or(k in (select k from o.dims)), bool_and(exists (select 1 from o.dims d where d.k = f.k)) from o.facts f
select count(*) from o.facts f where row(f.k) in (select d.k from o.dims d)
select id from (select id, k from o.facts order by id desc) q where k in (select k from o.dims where w > 2)
select * from (select k, count(*) as n from o.facts group by k) q where n = (select max(n) from (select count(*) as n from o.facts group by k) r)
`
  .trim()
  .split('\n');

/** The same, where the order of rows is asked for. */
export const SUBQUERIES_ORDERED: readonly string[] = `
select id from o.facts f order by (select count(*) from o.dims d where d.k = f.k), id
select id from o.facts f order by exists (select 1 from o.dims d where d.k = f.k) desc, id limit 10
select e, count(*) from o.facts f group by e order by (select max(g.k) from o.facts g where g.e = f.e), count(*), e
select k, sum(id) from o.facts f group by k order by (select sum(f.id) + count(*) from o.dims d where d.k = f.k), k nulls first
select id, (select max(name) from o.dims d where d.k = f.k) as m from o.facts f order by m desc nulls last, id limit 20 offset 5
select id from o.facts f where k in (select k from o.dims) order by id limit 7
select id from o.facts f where not exists (select 1 from o.dims d where d.k = f.k) order by f8 desc nulls last, id limit 9
select f.id, q.name from o.facts f left join lateral (select d.name from o.dims d where d.k = f.k order by d.w, d.name limit 1) q on true order by f.id
select distinct (select max(d.w) from o.dims d where d.k = f.k) as w from o.facts f order by w nulls first
select id from o.facts order by (select max(w) from o.dims), id desc limit 5
`
  .trim()
  .split('\n');
