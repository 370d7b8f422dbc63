import type { Question } from './asked.js';

/** Wider than what goes with a workflow's arguments (32 KB). */
const LONG_LIST = Array.from({ length: 3000 }, (_, n) => `'${n % 7 === 0 ? `text ${n}` : n}'`).join(', ');
const WIDE = Array.from({ length: 250 }, (_, n) => `id + ${n} as w${n}`).join(', ');

const UNORDERED: readonly string[] = [
  `select k, count(*) from o.facts where s not in (${LONG_LIST}) group by k`,
  `select ${WIDE} from o.facts where k = 3`,
  `select e, (select count(*) from o.dims d where d.k = f.k), exists (select 1 from o.links l where l.a = f.id) from o.facts f`,
  `select id from o.facts f where k in (select b from o.links where note <> '') and not exists (select 1 from o.dims d where d.k = f.k and d.w < 0)`,
  `select id from o.facts where k not in (select k from o.dims where k is not null)`,
  `with m as materialized (select k, count(*) as n from o.facts group by k) select a.k, a.n, b.n from m a join m b on a.k = b.k + 1`,
  `with recursive c as (select k, 1 as depth from o.dims where k is not null union select l.b, c.depth + 1 from c join o.links l on l.a = c.k where c.depth < 4) select depth, count(*) from c group by depth`,
  `with recursive c(n) as (values (1) union all select n + 1 from c where n < 50) select n, (select count(*) from o.facts where k = n) from c`,
  `select id, row_number() over (partition by k order by id), sum(i4::int8) over (partition by e order by id rows between 2 preceding and 1 following) from o.facts`,
  `select id, rank() over (order by k nulls first, e), lag(s) over (partition by e order by id) from o.facts`,
  `select g.n, count(f.id) from generate_series(0, 12) as g(n) left join o.facts f on f.k = g.n group by g.n`,
  `select f.id, u.part from o.facts f cross join lateral unnest(string_to_array(f.s, ' ')) as u(part)`,
  `select d.k, x.id from o.dims d cross join lateral (select id from o.facts f where f.k = d.k order by id limit 2) x`,
  `select k, e, grouping(k, e), count(*), sum(d2) from o.facts group by grouping sets ((k, e), (k), ())`,
  `select e, b, count(*) from o.facts group by cube (e, b)`,
  `select k from o.facts intersect all select b from o.links`,
  `(select k, e from o.facts except select k, 'play' from o.dims) union select b, note from o.links`,
  `select e, count(distinct k), percentile_cont(0.5) within group (order by f8), string_agg(s, ',' order by id) from o.facts group by e`,
  `select f.k, count(*) from o.facts f full join o.links l on f.id = l.a group by f.k`,
];
const ORDERED: readonly string[] = [
  `select distinct on (k) k, id, s from o.facts order by k, id desc`,
  `select e, count(*) from o.facts group by e order by 2 desc, 1 fetch first 2 rows with ties`,
  `select id, s from o.facts order by s nulls first, id limit 20 offset 5`,
  `select k, count(*) as n, rank() over (order by count(*) desc, k) from o.facts group by k order by n desc, k`,
];

/** One question for each shape that a plan can have, over tables of several splits. */
export const SHAPES: readonly Question[] = [
  ...UNORDERED.map((sql) => ({ sql, ordered: false })),
  ...ORDERED.map((sql) => ({ sql, ordered: true })),
];

/** Some stages that are soon done, then one that takes seconds; 46 million rows are made in it. */
export const SLOW = `with recursive up(n) as (select min(id) from o.facts union all select n + 1 from up where n < 12),
shared_part as materialized (select k, count(*) as n, max(id) as top from o.facts where s not in (${LONG_LIST}) or s is null group by k),
slow_part as (
  select a.e, sum((a.id * b.id + c.id) % 7) as total
  from o.facts a join o.facts b on a.id + b.id > 0 join o.facts c on a.id + b.id + c.id > 0
  where a.k in (select k from o.dims) or a.k is null or a.k >= 0
  group by a.e)
select slow_part.e, total, (select sum(n) from up), (select count(*) from shared_part x join shared_part y on x.k = y.k),
  rank() over (order by total, slow_part.e)
from slow_part where exists (select 1 from o.facts f where f.e is not distinct from slow_part.e) order by total, 1`;
