/** What the rules of the planner move, derive and reorder; rows in any order. */
export const PLANNING: readonly string[] = `
select ' ' as c0, 5 as c1, f.k from o.facts f left join o.links l on l.a = f.id order by 1, 2, 3 nulls first limit 20
select 7 as c0, date '2024-10-27' + 30 as c1, f.id from o.facts f left join o.links l on l.a = f.id order by 1 desc, 2, 3 limit 5
select l.a, 1 as one from o.links l left join o.dims d on d.k = l.b order by 2, 1 desc limit 9
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where d.w > 1
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where d.w > 1 or d.k is null
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where not (d.w > 1)
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where (d.w > 1) is not true
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where (d.w > 1) is unknown
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where d.name like 'a%'
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where d.k <> all (array[1, 2])
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where d.k <> all (array[]::int[])
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where coalesce(d.w, 5) > 1
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k where d.name is distinct from 'a'
select f.k, d.k from o.facts f full join o.dims d on d.k = f.k where d.k > 1
select f.k, d.k from o.facts f full join o.dims d on d.k = f.k where f.k > 1
select f.k, d.k from o.facts f full join o.dims d on d.k = f.k where f.k + d.k > 1
select f.k, d.k from o.facts f full join o.dims d on d.k = f.k and f.k > 1 where d.k < 4
select f.id, l.note from o.facts f left join o.dims d on d.k = f.k join o.links l on l.b = d.k
select f.id, l.note from o.facts f left join o.dims d on d.k = f.k left join o.links l on l.b = d.k where l.note is not null
select f.id from o.links l right join o.facts f on l.a = f.id where l.b = 1
select q.n, count(*) from (select f.id, d.name as n from o.facts f left join o.dims d on d.k = f.k) q where lower(q.n) >= 'a' group by q.n
select count(*) from o.facts f, o.dims d where (f.k = d.k and d.w > 1 and f.b) or (f.k = d.k and d.w < 5 and f.e > 'a')
select count(*) from o.facts f, o.dims d where (f.k = d.k and d.w > 1) or (f.k = d.k and f.b)
select count(*) from o.facts f, o.dims d where (f.k = 1 and d.k = 2) or (f.k = 2 and d.k = 1)
select count(*) from o.facts where (k = 1 and b) or k = 1
select count(*) from o.facts where (k = 1 and b) or (k = 1 and b is null)
select count(*) from o.dims d, o.links l, o.facts f where f.k = d.k and l.b = d.k
select count(*) from o.dims d, o.links l, o.facts f where f.k = d.k and l.b = d.k and l.b = f.k and f.k > 1
select count(*) from o.dims d, o.links l, o.facts f where f.k = d.k and l.a = f.id and d.k = l.b
select d.name, l.note, f.id from o.dims d, o.links l, o.facts f where f.k = d.k and l.a = f.id
select count(*) from o.dims a, o.dims b, o.dims c, o.facts f where a.k = b.k and b.k = c.k and c.k = f.k and a.name <> c.name
select count(*) from o.dims a, o.dims b, o.links l where a.k = l.b
select count(*) from o.dims a join o.dims b on a.k = b.k, o.links l left join o.facts f on f.id = l.a where l.b = a.k and f.k = b.k
select count(*) from o.facts f join o.dims d on f.k = d.k where d.k in (1, 2, null)
select count(*) from o.facts f left join o.dims d on f.k = d.k where f.k between 1 and 3
select f.id from o.facts f join o.facts g on f.tz = g.tz where f.tz >= '2024-01-01' and g.tz < '2025-01-01'
select f.id from o.facts f join o.facts g on f.s = g.s where f.s > 'a' and g.s < 'b'
select f.id from o.facts f join o.facts g on f.x8 = g.x8 where f.x8 > 0
select count(*) from o.facts where k > 5 and k < 3
select count(*) from o.facts where k = 1 and k = 2
select count(*), max(k) from o.facts where k = null
select k from o.facts where k >= 2 and k > 1 and 5 > k and k <= 5
select count(*) from o.facts f join o.dims d on f.k = d.k where f.k = 1 and d.k > 1
select count(*) from o.facts where date_trunc('day', tz) = '2024-03-31'
select count(*) from o.facts where date_trunc('month', tz) >= '2024-03-01'
select count(*) from o.facts where date_trunc('month', ts) < '2024-03-15'
select count(*) from o.facts where tz::date between '2024-01-01' and '2024-12-31'
select count(*) from o.facts where ts::date in ('2024-02-29', '2024-03-31')
select count(*) from o.facts where extract(year from tz) = 2024 and extract(month from tz) = 3
select count(*) from o.facts where extract(year from ts) > 1999.5
select count(*) from o.facts where tz + interval '1 day' > '2024-03-31'
select count(*) from o.facts where tz - interval '1 month' < '2024-03-01'
select count(*) from o.facts where ts + interval '90 minutes' <= '2024-03-31 02:30'
select count(*) from o.facts where tz at time zone 'America/New_York' >= '2024-03-10 02:30'
select count(*) from o.facts where date_trunc('hour', tz at time zone 'Europe/Berlin') = '2024-10-27 02:00'
select k, count(*), sum(k) from (select k from o.facts union all select k from o.dims union all select b from o.links) u group by k
select count(distinct k), avg(k) from (select k from o.facts union all select k from o.dims) u
select u.k, d.name from (select k from o.facts union all select b from o.links) u join o.dims d on d.k = u.k
select u.k, d.name from (select k from o.facts union all select b from o.links) u left join o.dims d on d.k = u.k where u.k > 1
select k, row_number() over (partition by k order by k) from (select k from o.facts union all select b from o.links) u where k < 3
select k, n from (select k, count(*) over (partition by k) as n from o.facts) q where k = 1
select k, e, n from (select k, e, count(*) as n from o.facts group by grouping sets ((k, e), (k))) q where k = 1
select k, e, n from (select k, e, count(*) as n from o.facts group by grouping sets ((k, e), (e), ())) q where k is null
select k, e, n from (select k, e, count(*) as n from o.facts group by rollup (k, e)) q where k = 1
select count(*) from (select f.id from o.facts f left join o.dims d on d.k = f.k limit 7) q
select count(*) from (select 1 from o.facts, o.dims limit 9) q
select count(*) from (select 1 from o.facts, o.none limit 9) q
select count(*) from (select f.id from o.links l right join o.facts f on l.a = f.id offset 3 limit 7) q
`
  .trim()
  .split('\n');

/** Those whose order counts. */
export const PLANNING_ORDERED: readonly string[] = `
select f.id, d.name from o.facts f left join o.dims d on d.k = f.k order by f.id, d.name, d.w, d.price limit 9
select f.id from o.facts f left join o.dims d on d.k = f.k order by f.id desc limit 9 offset 2
select id from (select id from o.facts union all select a from o.links) u order by id nulls first limit 12
select id, l.note from o.facts f left join o.links l on l.a = f.id where f.k = 1 order by id, note limit 5
`
  .trim()
  .split('\n');
