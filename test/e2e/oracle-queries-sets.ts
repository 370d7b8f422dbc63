/** Set operations, WITH, WITH RECURSIVE, set-returning functions, TABLESAMPLE; rows in any order. */
export const SETS_UNORDERED: readonly string[] = `
select k, generate_series(1, 2) g from o.facts where id < 30 order by k nulls first fetch first 7 rows with ties
select k from o.facts intersect select k from o.dims
select k from o.facts except select k from o.dims
select k from o.dims except select k from o.facts
select k from o.facts intersect all select k from o.dims
select k from o.facts except all select k from o.dims
select k, e from o.facts except all select k, e from o.facts where id > 100
select k, e from o.facts intersect all select k, e from o.facts where id > 100
select d2 from o.facts intersect select price from o.dims
select d2::numeric * 1.0 = 1.0, d10 from o.facts except select true, 1.000
select m from o.facts except select m from o.facts where id < 50
select m from o.facts intersect all select m from o.facts where id < 50
select ts - ts from o.facts intersect select interval '0' from o.facts
select e::char(4) from o.facts intersect select e::char(4) from o.facts where id < 10
select e::char(4) from o.facts intersect select e from o.facts
select array[k, 1] from o.facts except select array[k, 1] from o.dims
select array[s] from o.facts intersect all select array[name] from o.dims
select u, tz, b from o.facts except select u, tz, b from o.facts where k = 3
select k from o.facts union select k from o.dims intersect select b from o.links
(select k from o.facts union all select k from o.dims) except select b from o.links
select k from o.facts except (select k from o.dims except select b from o.links)
select k from o.facts except all (select k from o.dims intersect all select b from o.links)
select k::int8 from o.facts intersect select k from o.dims
select k::float8 from o.facts except select k from o.dims
select f8 + 0 from o.facts intersect select x8 from o.facts
select x8 from o.facts except select f8 from o.facts
select null from o.facts except select null from o.dims
select null, k from o.facts intersect select 1, k from o.dims
select 1 from o.none except select 2
select k from o.none intersect select k from o.facts
select k from o.facts except select k from o.none
select k from o.facts except all select k from o.none
select day from o.facts intersect select since from o.dims
select day from o.facts except select ts from o.facts
select m::text::json from o.facts intersect select m::text::json from o.facts
select count(*) from (select k from o.facts except select k from o.dims) q
select q.k, count(*) from (select k, e from o.facts intersect all select k, e from o.facts where b) q group by 1
select k, count(*) from o.facts group by k except select k, count(*) from o.facts where b group by k
select * from (select k, e from o.facts except select k, e from o.facts where b) q where k > 3 and e = 'play'
with w as (select k, count(*) n from o.facts group by k) select a.k, a.n, b.n from w a join w b on a.k = b.k + 1
with w as (select k, count(*) n from o.facts group by k) select * from w where n > (select 1)
with w as (select k, count(*) n from o.facts group by k) select k from w union all select n from w
with w as materialized (select id, k from o.facts) select * from w a join w b on a.id = b.id where a.k = 3
with w as not materialized (select k, count(*) n from o.facts group by k) select a.k from w a join w b on a.k = b.k
with a as (select k, count(*) n from o.facts group by k), b as (select * from a where n > 3), c as (select x.k, y.n from b x join b y on x.k = y.k) select * from c union all select * from c
with a as (select distinct k from o.facts), b as (select a.k from a, a x), c as (select b.k from b, b x limit 5) select count(*) from c, c x
with w as (select k, e, count(*) n from o.facts group by k, e) select k, sum(n) from w group by k union all select k, n from w where e = 'play'
with w as (with v as (select k, count(*) n from o.facts group by k) select a.n from v a join v b using (k)) select * from w union all select * from w
with recursive r as (select 1 as n union all select n + 1 from r where n < 10) select * from r, o.dims
with recursive r(n, p) as (select id, 1 from o.facts where id = 3 union all select l.a, r.p + 1 from r join o.links l on l.b = r.n % 17 where r.p < 3) select * from r
with recursive r(n) as (select k from o.dims union select l.a::int from r join o.links l on l.b = r.n) select * from r
with recursive r(n) as (select k from o.dims union select (n + 1) % 20 from r) select count(*), min(n), max(n) from r
with recursive r(n, t) as (select k, name from o.dims where k < 3 union all select n + 1, t || 'x' from r where n < 6) select * from r
with recursive r as (select id, k, 0 as depth from o.facts where id < 5 union all select f.id, f.k, depth + 1 from o.facts f join r on f.id = r.id * 2 where depth < 6) select r1.id, r2.depth from r r1 join r r2 on r1.id = r2.id
with recursive a as (select 1 as n union all select n + 1 from a where n < 5), b as (select n from a union all select n * 10 from b where n < 100) select b.n, d.k from b left join o.dims d on d.k = b.n
with recursive a(n) as (select 1::numeric union all select n * 1.5 from a where n < 5) select a.* , d.k from a, o.dims d where d.k = 3
with recursive a(n) as (select 1::numeric(10,2) union select (n + 1)::numeric(10,2) from a where n < 5) select a.* , d.k from a, o.dims d where d.k = 3
with recursive a(n) as (select 1 union all select (q.n + 1) from (select n from a where n < 20) q left join o.dims d on d.k = q.n) select count(*) from a, o.dims
with recursive a(n) as (select k from o.dims where k = 3 union all select n + 1 from a where n < (select max(k) from o.dims)) select * from a
with recursive a(n) as (select k from o.dims where k = 3 union all select n + 1 from a where n < 10 and exists (select 1 from o.dims d where d.k = a.n)) select * from a
with recursive a(n) as (select k from o.dims where k = 3 union all (with z as (select n + 1 as n from a where n < 10) select * from z)) select * from a
with recursive t(n) as (with q as (select k from o.dims where k < 5) select k from q union all select n + 1 from t where n < 8) select n, count(*) from t group by n
with recursive t(n) as (select 1 union all select n + 1 from t) select n, d.k from (select n from t limit 7) q, o.dims d where d.k = q.n
with recursive t(n) as (select k from o.dims where k = 1 union all select n + 1 from t) select n from t limit 5
select * from o.dims where k in (with recursive t(n) as (select 1 union all select n + 2 from t where n < 9) select n from t)
select k, (with recursive t(n) as (select d.k union all select n + 1 from t where n < d.k + 3) select sum(n) from t) from o.dims d
with recursive t(n) as (select 1.5 union all select n + 1 from t where n < 3) select * from t, o.dims
with recursive t(n) as (select 1 union all select n + 0.5 from t where n < 3) select * from t, o.dims
with recursive t(n) as (select k from o.dims order by 1) select * from t
with recursive t(n) as (select k from o.dims union all select count(n)::int from t) select * from t
select id, g from o.facts, generate_series(1,3) g where id < 4
select id, g from o.facts f, generate_series(1, f.k) g where id < 40
select id, g, o from o.facts f, generate_series(f.k, 1, -2) with ordinality g(g, o) where id < 40
select id, g from o.facts f left join lateral generate_series(1, f.k - 3) g on true where id < 60
select id, g from o.facts f left join lateral generate_series(1, f.k - 3) g on g > 2 where id < 60
select id, g from o.facts f join lateral generate_series(1, f.k - 3) g on g > 2 where id < 60
select count(*), sum(g) from o.none right join generate_series(1, 100000) g on true
select count(*), sum(g) from o.dims, generate_series(1, 1000000) g where o.dims.k = 3
select g from generate_series(1, 10, 0) g, o.dims
select g from o.facts f, generate_series(1, 10, f.k) g where f.k >= 0
select g from o.facts f, generate_series(9223372036854775800, 9223372036854775807, f.k + 1) g where id < 20
select g from o.facts f, generate_series(f.i8, f.i8 + 2) g where i8 < 9223372036854775805
select g from o.dims, generate_series(null, 3) g
select g from o.dims, generate_series(null::int, 3) g
select id, u from o.facts f, unnest(array[f.k, f.id, null]) u where id < 30
select id, u, v from o.facts f, unnest(array[f.k, f.id, null], array[f.s]) u(u, v) where id < 30
select id, u.* from o.facts f, rows from (unnest(array[f.k, f.id, null]), generate_series(1, 2), abs(k)) with ordinality u(a, b, c, d) where id < 30
select * from o.dims d, unnest(array[d.price, 1.5]) u
select * from o.dims d, unnest(string_to_array(d.name, 'a')) u
select id, unnest(array[k, id]) from o.facts where id < 20
select id, unnest(array[k, id]), unnest(array[s, s || 'x', 'y']), generate_series(1, k % 3) from o.facts where id < 30
select distinct unnest(array[k, 1]) from o.facts
select generate_series(1, k % 3) g, count(*) from o.facts group by g
select unnest(array[e, 'x']) g, sum(id) from o.facts group by 1 having sum(id) > 10
select generate_series(1, generate_series(1, 3)), k from o.dims
select generate_series(1, 3), generate_series(1, generate_series(1, 2)), k from o.dims
select generate_series(1, 2) + generate_series(5, 7) * k from o.dims
select generate_series(1, 0), k from o.dims
select count(*) from (select generate_series(1, 3), k from o.dims) q
select (select count(*) from generate_series(1, 3)), k from o.dims
select * from (select id, unnest(array[k, 7]) u from o.facts) q where u = 7 and id < 4
select id, g from o.facts f, generate_series(f.ts, f.ts + interval '3 months', interval '1 month') g where f.ts < '2200-01-01'
select id, g from o.facts f, generate_series(f.tz, f.tz + interval '3 days', interval '1 day') g where f.tz < '2200-01-01'
select id, g from o.facts f, generate_series(f.tz, f.tz - interval '3 hours', interval '-1 hour') g where f.tz < '2200-01-01'
select id, g from o.facts f, generate_series(f.day, f.day + 2, interval '1 day') g
select id, g from o.facts f, generate_series(f.tz, f.tz + interval '3 days', interval '1 day', 'Europe/Berlin') g where f.tz < '2200-01-01'
select d, count(f.id) from generate_series(timestamp '2024-02-27', '2024-03-03', '1 day') d left join o.facts f on f.ts::date = d::date group by d
select g from o.dims, generate_series(timestamp '2024-01-31', '2024-06-30', '1 month') g
select g from o.dims, generate_series(timestamptz '2024-03-30 02:30', '2024-04-02', '1 day') g
select g from o.dims, generate_series(timestamp '2024-01-31', '2024-06-30', '1 month -30 days') g where k = 1
select g from o.dims, generate_series(timestamp '2024-01-31', '2024-06-30', '0 days') g
select id, k, v from o.facts, jsonb_each(m) j(k, v)
select id, j.* from o.facts, jsonb_each_text(m) with ordinality j
select id, jsonb_object_keys(m) from o.facts
select id, e from o.facts, jsonb_array_elements(jsonb_build_array(k, s, m, null)) e where id < 50
select id, e from o.facts, jsonb_array_elements(('[' || coalesce(m::text, 'null') || ', 1.50, "x", null, [1, {"a":2}]]')::jsonb) e where id < 50
select id, e from o.facts, jsonb_array_elements_text(('[' || coalesce(m::text, 'null') || ', 1.50, "x", null, [1, {"a":2}]]')::jsonb) e where id < 50
select id, e from o.facts, jsonb_array_elements(m) e
select id, e from o.facts, json_array_elements(('[' || coalesce(m::text, 'null') || ', 1.50 ,"x\\\\u00e9", null,[1, {"a" :2}]]')::json) e where id < 50
select id, e from o.facts, json_array_elements_text(('[' || coalesce(m::text, 'null') || ', 1.50 ,"x\\\\n", null,[1, {"a" :2}]]')::json) e where id < 50
select id, e.* from o.facts, json_each(m::text::json) e
select id, e.* from o.facts, json_each_text(m::text::json) e
select id, json_object_keys(m::text::json) from o.facts
select id, json_object_keys('[1]'::json) from o.facts
select id, json_array_elements('{}'::json) from o.facts
select id, json_array_elements('1'::json) from o.facts
select id, jsonb_array_elements('1'::jsonb) from o.facts
select id, jsonb_object_keys('1'::jsonb) from o.facts
select id, jsonb_object_keys('[]'::jsonb) from o.facts
select id, j.key from o.facts, jsonb_each('[]'::jsonb) j
select id, j.key from o.facts, json_each('[]'::json) j
select id, j.key from o.facts, json_each('3'::json) j
select id, j.key from o.facts, jsonb_each_text('3'::jsonb) j
select id, j.key from o.facts, json_each(' { } '::json) j
select id, j from o.facts, json_array_elements(' [ ] '::json) j
select id, p from o.facts, string_to_table(s, ' ') p
select id, p from o.facts, string_to_table(s, '') p
select id, p from o.facts, string_to_table(s, null) p
select id, p from o.facts, string_to_table(s, 'a', 'b') with ordinality p
select id, p from o.facts, string_to_table(s, ',', '') p
select id, generate_subscripts(array[k, 1], 1), generate_subscripts(array[k, 1, 2], 1, true) from o.facts where id < 10
select id, generate_subscripts(array[k, 1], 2) from o.facts where id < 10
select id, n from o.facts f, now() n where n is null
select id, a from o.facts f, abs(f.k) a where id < 10
select id, a from o.facts f, lateral (select unnest(array[f.k, 2]) a) q where id < 10
select id, (select sum(u) from unnest(array[f.k, 2]) u) from o.facts f where id < 10
select id from o.facts f where 3 in (select unnest(array[f.k, 2]))
select f.id, a, b from o.facts f, generate_series(1, f.k % 3) a, generate_series(a, 3) b where id < 20
select f.id, a, l.b from o.facts f, (o.links l join lateral generate_series(1, f.k % 3) a on true) where f.id < 5 and l.a < 20
select f.id, a from o.facts f left join (o.links l join lateral generate_series(1, l.b % 3) a on true) on l.a = f.id
select f.id, count(a) from o.facts f cross join lateral generate_series(1, f.k) a group by f.id having count(a) > 10
with g as (select generate_series(1, 3) n) select * from g a, g b, o.dims d where d.k = a.n
with recursive t(n) as (select 1 union all select n + g from t, generate_series(1, 2) g where n < 4) select t.n, d.k from t, o.dims d where d.k = t.n
select k, regexp_split_to_table(s, 'a') from o.facts
select * from o.facts f, jsonb_to_recordset('[{"a":1}]') x(a int) where id < 3
select (jsonb_each(m)).key from o.facts
select jsonb_each(m) from o.facts
select case when k > 1 then generate_series(1,2) end from o.facts
select * from o.facts where generate_series(1,2) > 1
select count(*) from o.facts tablesample bernoulli (0)
select count(*) from o.facts tablesample system (100)
select count(*) from o.facts tablesample system (100) repeatable (3) where k = 3
select count(*) from o.facts tablesample bernoulli (101)
select count(*) from o.facts tablesample bernoulli (-1)
select count(*) from o.facts tablesample bernoulli ('NaN')
select count(*) from o.facts tablesample bernoulli (null)
select count(*) from o.facts tablesample bernoulli (10) repeatable (null)
select count(*) < 200 and count(*) > 20 from o.facts tablesample bernoulli (30) repeatable (7)
select count(*) < 200 and count(*) > 20 from o.facts tablesample system (10 * 3) where id > 0
select count(*) > 10 from o.facts f tablesample bernoulli (50) repeatable (1) join o.dims d on d.k = f.k
select a.n = b.n from (select count(*) n from o.facts tablesample bernoulli (50) repeatable (1)) a, (select count(*) n from o.facts tablesample bernoulli (50) repeatable (1)) b
select a.n <> b.n from (select sum(id) n from o.facts tablesample bernoulli (50) repeatable (1)) a, (select sum(id) n from o.facts tablesample bernoulli (50) repeatable (2)) b
select d.k, t.typname, t.typlen, t.typbyval from o.dims d join pg_type t on t.oid = d.k + 15
select count(*) from o.dims d, information_schema.tables t where t.table_schema = 'o' and t.table_name = 'dims'
select c.relname, a.attname, a.attnum, count(d.k) from o.dims d, pg_class c join pg_attribute a on a.attrelid = c.oid join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'o' and c.relname = 'dims' and a.attnum > 0 group by 1, 2, 3
select column_name, ordinal_position, is_nullable, (select count(*) from o.dims) from information_schema.columns where table_name = 'dims'
select t.typname from pg_type t, o.none
select d.name, t.typname from o.dims d left join pg_catalog.pg_type t on t.typname = d.name
select t.typacl, d.k from o.dims d, pg_type t where t.typname = 'int4'
select t.typinput, d.k from o.dims d, pg_type t where t.typname = 'int4'
select d.k, n.name from o.dims d join pg_timezone_names n on n.name = 'UTC'
select count(*) > 1000, max(f.k) from o.facts f, pg_proc p where f.id = 1
with t as (select typname, oid from pg_type where oid < 30) select a.typname, b.typname, d.k from t a join t b on a.oid = b.oid join o.dims d on d.k = a.oid
select d.k, d.k::oid, (-d.k)::oid from o.dims d
select d.name, t.typname from o.dims d left join pg_catalog.pg_type t on t.typname = d.name or d.name <> t.typname and t.oid = 23
select id, p from o.facts, regexp_split_to_table(s, '[ab]+') p
select id, m from o.facts, regexp_matches(s, '(.)(a)?', 'g') m
select id, m[1], m[2] from o.facts, regexp_matches(s, '(.)(a)?', 'g') with ordinality q(m, n) where n < 3
select id, regexp_matches(s, 'a(.)') from o.facts
select id, (regexp_matches(s, 'a(.)'))[1] from o.facts
select id, (regexp_match(s, 'a(.)'))[1] from o.facts
select id, g from o.facts, generate_series(d2, d2 + 1, 0.25) g where id < 40
select id, g from o.facts, generate_series(1.0, k) g where id < 40
select id, g from o.facts, generate_series(1.0, 2, 0) g where id < 40
select * from o.dims d, jsonb_to_recordset('[{"a":1,"b":"x","c":[1,2]},{"a":null,"b":{"q":1}}]') x(a int, b text, c jsonb)
select f.id, x.* from o.facts f, jsonb_to_record(f.m) x(k text, n text, zz int)
select f.id, x.* from o.facts f, jsonb_to_recordset(jsonb_build_array(f.m, f.m)) with ordinality x(k varchar(3), n text, zz int)
select f.id, x.* from o.facts f left join lateral jsonb_to_recordset(case when f.k > 5 then jsonb_build_array(f.m, f.m) end) x(k text, n text, a int) on true
select f.id, x.* from o.facts f, jsonb_to_recordset(f.m) x(a int)
select f.id, x.* from o.facts f, jsonb_to_recordset('[{"a":"zz"}]') x(a int)
select f.id, x.* from o.facts f, json_to_recordset('[{"a":"2024-02-29","b":1.50,"c":"2 days","d":[1,2,3]}]') x(a date, b numeric, c interval, d int[]) where id < 3
select id, x from o.facts, jsonb_path_query(m, '$.*') x
select id, x from o.facts, jsonb_path_query(m, '$.k ? (@ like_regex "^a")') x
select id, x.* from o.facts, rows from (regexp_split_to_table(s, ' '), unnest(array[k, 1]), jsonb_object_keys(m)) with ordinality x(a, b, c, d)
select id, x from o.facts, unnest(string_to_array(s, 'a')) x
select id, x from o.facts, unnest(regexp_split_to_array(s, 'a')) x
select id, unnest(string_to_array(s, ' ')), regexp_split_to_table(s, 'a'), generate_series(1, 2) from o.facts
select regexp_split_to_table(s, ' ') w, count(*) from o.facts group by 1
select lower(regexp_split_to_table(s, ' ')) w, count(*) from o.facts group by 1 having count(*) > 2
select * from o.dims d, pg_get_keywords() k where k.word = 'select'
select id, t from o.facts, string_to_table(s, 'a') t
select id, t.* from o.facts f, lateral (select unnest(array[f.k, 2]) a, f.s || 'x' b) t where id < 10
select id, j from o.facts, json_array_elements(('[' || coalesce(m::text, 'null') || ', 1.50 ,"x\\u00e9", null,[1, {"a" :2}]]')::json) j where id < 50
select id, j from o.facts, json_array_elements_text(('[' || coalesce(m::text, 'null') || ', 1.50 ,"x\\n", null,[1, {"a" :2}]]')::json) j where id < 50
select id, x from o.facts, unnest(array[ts, ts + interval '1 day']) x
select id, x from o.facts, unnest(array[interval '1 mon', ts - ts]) x where id < 10
select id, x from o.facts, unnest(array[d2, d10]) x where id < 10
select id, x from o.facts, unnest(array[m, '{}']) x where id < 10
select id, x from o.facts, unnest('{{1,2},{3,4}}'::int[]) x where id < 3
select id, x from o.facts, unnest(array[array[k, 1], array[2, 3]]) x where id < 3
select k, (with w as (select k, count(*) n from o.facts group by k) select sum(a.n * b.n) from w a join w b using (k)) from o.dims
select d.k, (with w as (select f.k, count(*) n from o.facts f where f.k = d.k group by f.k) select sum(a.n * b.n) from w a join w b using (k)) from o.dims d
select d.k, x.* from o.dims d, lateral (with w as (select f.k, count(*) n from o.facts f where f.k = d.k group by f.k) select a.n, b.n m from w a, w b) x
with w as (select k, count(*) n from o.facts group by k) select d.k from o.dims d where exists (select 1 from w where w.k = d.k and w.n > 20) and d.k not in (select k from w where n > 30 and k is not null)
with w as (select k, count(*) n from o.facts group by k) select d.k, (select n from w where w.k = d.k), (select max(n) from w) from o.dims d
with w as (select k, count(*) n from o.facts group by k), x as (select w.*, (select max(n) from w) mx from w) select x.k, x.mx - x.n from x where x.n < (select avg(n) from x)
with w as (select k from o.facts intersect select k from o.dims) select * from w a full join w b on a.k = b.k + 1
select d.k, x.n from o.dims d, lateral (with recursive t(n) as (select d.k union all select n + 1 from t where n < d.k + 3) select n from t) x
select d.k, x.n from o.dims d left join lateral (with recursive t(n) as (select d.k union select (n + 1) % 5 from t) select n from t where n > d.k) x on true
select d.k from o.dims d where exists (with recursive t(n) as (select 1 union all select n * 2 from t where n < 100) select 1 from t where n = d.k)
with recursive t(n) as (select 1 union all select n + 1 from t where n < 5), u(m) as (select n from t union all select m + 10 from u, t where m < 12 and t.n = 1) select * from u left join o.dims on k = m
with recursive t(id, path) as (select k, array[k] from o.dims where k < 3 union all select l.b, path || l.b from t join o.links l on l.a % 17 = t.id where array_length(path, 1) < 4 and l.b <> all(path)) select id, path from t
with recursive t(id, path) as (select k, k::text from o.dims where k < 3 union all select l.b, path || '/' || l.b from t join o.links l on l.a % 17 = t.id where length(path) < 6) select id, count(*), min(path), max(path) from t group by id
with recursive t(n) as (select 1 union all select (select max(k) from o.dims where k <= t.n + 1) from t where n < 6 and t.n < (select max(k) from o.dims)) select * from t, o.none right join o.dims on true limit 0
with recursive t(n, r) as (select k, row_number() over (order by k) from o.dims where k is not null union all select n + 1, r from t where n < 4) select n, count(*) from t group by n
with recursive t(n) as (select k from o.dims where k = 2 union all select n + 1 from t where n < 8 union all select 5) select * from t
with recursive t(n) as ((select k from o.dims union select b from o.links) union all select n + 100 from t where n < 200) select n, count(*) from t group by n
with recursive t(n) as (select k from o.dims where k = 2 union all (select n + 1 from t where n < 8 intersect select k from o.facts)) select * from t
with recursive t(n) as (select k from o.dims where k = 2 union all (select n + 1 from t where n < 8 except select 5)) select * from t
with recursive t(n) as (select 1 from o.none union all select n + 1 from t) select * from t
with recursive t(n, d) as (select 1, date '2024-02-27' from o.dims where k = 3 union all select n + 1, (d + interval '1 day')::date from t where n < 5) select * from t
with recursive t(n, x) as (select 1, null::text from o.dims where k = 3 union all select n + 1, coalesce(x, '') || n from t where n < 5) select * from t
with recursive t(n, x) as (select 1, 0.1::numeric from o.dims where k = 3 union all select n + 1, x * 1.10 from t where n < 5) select * from t
with recursive t(n, x) as (select 1, m from o.facts where id < 4 union all select n + 1, x from t where n < 3) select * from t
with recursive t(n, x) as (select 1, interval '1 mon' from o.dims where k = 3 union all select n + 1, x + '1 day' from t where n < 3) select * from t
with recursive t(n) as (select generate_series(1, 3) union all select n + 10 from t where n < 20) select t.n, d.k from t join o.dims d on d.k = t.n
with recursive w1 as (select k, count(*) c from o.facts group by k), t(n) as (select min(c) from w1 union all select t.n + 1 from t, w1 where w1.c = t.n) select * from t, (select max(c) from w1) m
select * from (select k from o.facts except select k from o.dims) a full join (select k from o.dims except all select b from o.links) b using (k)
select k from o.facts f where k in (select k from o.dims intersect select b from o.links) and id < 50
select d.k, (select count(*) from (select k from o.facts where facts.k = d.k except all select b from o.links where b = d.k) q) from o.dims d
select d.k, array(select f.id from o.facts f where f.k = d.k intersect select a from o.links order by 1) from o.dims d
select d.k, x.* from o.dims d, lateral (select id from o.facts f where f.k = d.k intersect all select a from o.links l where l.b >= d.k) x
select x from o.dims d, lateral (values (d.k), (d.k + 1)) v(x)
select d.k, v.* from o.dims d, lateral (values (d.k, 'a'), (d.k + 1, d.name)) v(x, y) where v.x > 3
select d.k, g, h from o.dims d left join lateral generate_series(1, d.k - 10) g on g > 1 left join lateral unnest(array[g, d.k]) h on h > 2
select d.k, g.* from o.dims d left join lateral (select * from generate_series(1, d.k - 10) g(n) where n > 1) g on true
select d.k, (select array_agg(g order by g desc) from generate_series(1, d.k) g) from o.dims d
select d.k, (select string_agg(p, '-' order by o) from string_to_table(d.name, '') with ordinality s(p, o)) from o.dims d
select d.k, array(select jsonb_object_keys(f.m) from o.facts f where f.id = d.k) from o.dims d
select id, (select count(*) from jsonb_each(m) where key <> 'k'), (select jsonb_object_agg(key, value) from jsonb_each(m) where key > 'l') from o.facts
select count(*) from o.facts f where exists (select 1 from jsonb_each_text(f.m) j(k, v) where v like '%a%')
select f.id, j.v from o.facts f cross join lateral jsonb_each_text(f.m) j(k, v) join o.dims d on d.name = j.v
select d.k, sum(g) over (partition by d.k order by g) from o.dims d, generate_series(1, 3) g
select id, unnest(array[row_number() over (order by id), 0]) from o.facts
select k, generate_series(1, count(*)) g from o.facts group by k
select distinct on (k) k, unnest(array[2, 1]) u from o.facts order by k, u
select k, unnest(array[sum(id), 0]) from o.facts group by rollup (k)
select k, u, count(*) from o.facts, unnest(array[e, s]) u group by grouping sets ((k), (u), ())
select unnest(array(select k from o.dims d where d.k = f.k)) from o.facts f where id < 50
select u from (select unnest(array[1, 2, 3]) u, k from o.dims) q where u = k
select count(*) from (select k, unnest(array[1, 2]) u from o.dims limit 7) q
select max(u) from (select unnest(array[k, 100]) u from o.dims) q group by u having u > 5
select * from rows from (generate_series(1, 3), unnest(array['a', 'b'])) r(a, b), o.dims d where d.k = a
with s as (select k, unnest(array[k, k + 1]) u from o.dims) select a.u, count(*) from s a join s b on a.u = b.u group by 1
with s as materialized (select * from o.facts tablesample bernoulli (50)) select count(*) from s a full join s b on a.id = b.id where a.id is null or b.id is null
select * from o.facts tablesample system (100) f where id = 3
select t.relname, d.k from o.dims d, pg_class t where t.relname = 'pg_class' and d.k = 3
select d.k from o.dims d where exists (select 1 from pg_type t where t.typname = d.name or t.oid = 23)
select n.nspname, x.c from pg_namespace n, lateral (select count(*) c from o.dims d where d.name < n.nspname) x where n.nspname in ('pg_catalog', 'information_schema')
select id, (jsonb_each(m)).key from o.facts
select id, (jsonb_each(m)).* from o.facts
select id, (jsonb_each_text(m)).value || 'x', jsonb_object_keys(m), (jsonb_each_text(m)).key from o.facts
select id, length((jsonb_each_text(m)).value) n, generate_series(1, 3) from o.facts where id < 40
select (jsonb_each_text(m)).key k, count(*) from o.facts group by 1
select (jsonb_each_text(m)).key k, count(*) from o.facts group by (jsonb_each_text(m)).key having count(*) > 3
select id, jsonb_each(m) from o.facts
select id, (regexp_matches(s, 'a(.)'))[1], (jsonb_each(m)).key from o.facts
select count(*) from (select array[1.0::numeric] from o.dims intersect select array[1.00::numeric]) q
select count(*) from (select array[interval '1 mon'] from o.dims intersect select array[interval '30 days']) q
select count(*) from (select array[d2::numeric] a from o.facts union select array[d2::numeric * 1.0] from o.facts) q
with recursive t(x) as (select 0::float8 from o.dims union select -x from t) select x = 0 from t
with recursive t(x) as (select 'NaN'::float8 from o.dims union select x from t) select x from t
with recursive t(x) as (select array[1.0] from o.dims union select array[1.00] from t) select x from t
select count(*) from (select '-0'::float8 * w from o.dims where w > 0 intersect select 0::float8) q
select count(*) from (select s from o.facts intersect select e from o.facts) q
select f4 from o.facts intersect select f8 from o.facts
select b from o.facts except all select b from o.facts where id < 300
select tm, u from o.facts intersect all select tm, u from o.facts where k < 5
select jsonb_build_array(d2) from o.facts intersect select jsonb_build_array(d2 * 1.0) from o.facts where d2 is null
`
  .trim()
  .split('\n');

/** The order of the rows is part of the answer. */
export const SETS_ORDERED: readonly string[] = `
(select k from o.facts order by k desc nulls last limit 40) except all (select k from o.dims order by k limit 5) order by 1 limit 20
(select id, k from o.facts order by id limit 20) intersect (select id, k from o.facts order by id desc limit 350) order by id offset 2
select k from o.facts intersect select k from o.dims order by k nulls first
select id, unnest(array[3, 1, 2]) u from o.facts order by id limit 50
select id, unnest(array[3, 1, 2]) u from o.facts order by id desc, u limit 50
select k, unnest(array[3, 1, 2]) u, count(*) from o.facts group by k order by k
select k, unnest(array[max(id), min(id)]) u from o.facts group by k order by k nulls first offset 3
select id, regexp_split_to_table(s, '') from o.facts order by id
select id, generate_series(1, 3) g from o.facts order by id, g desc fetch first 7 rows with ties
select id, (jsonb_each_text(m)).* from o.facts order by id limit 40
`
  .trim()
  .split('\n');
