import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { readQuery } from '../../sql/node-tree.js';
import { readNodeTree } from '../../sql/node-tree-reader.js';
import type { EmbeddedPostgres } from '../../sql/postgres.js';
import type { Query } from '../../sql/query.js';
import { Oid, type } from '../../sql/types.js';
import { CONTEXT, embedded } from './embedded.js';

/** Read whole: no node unknown. */
const READ: readonly string[] = [
  'select * from events',
  'select e.* from lake.events as e',
  'select 1',
  'select \'x\' as "Odd \\ (name) {"',
  'select',
  'select stream_id s, s.version from events s',
  'select * from events where ok',
  'select * from events where not ok and (score > 1 or amount <= 2.5) and seq is not null',
  "select * from events where event_type in ('a', 'b')",
  "select * from events where event_type like 'a%' and event_type !~~* 'B_'",
  'select * from events where version between 1 and 10',
  "select * from events where tags[1] = 'x'",
  "select * from events where payload ->> 'k' = 'v' and payload @> '{\"a\": 1}'",
  'select count(*), count(ok), count(distinct event_type) from events',
  'select event_type, sum(amount) filter (where ok), avg(score), min(seq), max(occurred_at) from events group by event_type having count(*) > 1',
  "select date_trunc('day', occurred_at) as day, count(*) from events group by 1 order by 1 desc nulls last limit 10 offset 5",
  "select string_agg(event_type, ',' order by occurred_at desc, version), array_agg(version order by version) from events",
  'select percentile_cont(0.5) within group (order by score) from events',
  'select distinct event_type from events',
  'select distinct on (stream_id) stream_id, version from events order by stream_id, version desc',
  'select e.version, a.name from events e join accounts a on a.id = e.stream_id',
  'select * from events e left join accounts a on a.id = e.stream_id and a.balance > 0 where a.id is null',
  'select * from events e full join accounts a on a.id = e.stream_id',
  'select * from (select stream_id as id, version from events) e full join accounts a using (id)',
  'select * from events natural join (select stream_id from events) x',
  'select * from events e right join accounts a on true cross join orders',
  'select * from events e, accounts a where e.stream_id = a.id',
  'select * from (events e join accounts a on a.id = e.stream_id) left join orders o on o.account_id = a.id',
  'select * from (select stream_id, count(*) as n from events group by 1) x where n > 1',
  'with x as (select * from events) select x.version from x',
  'with x as materialized (select 1 as a), y as not materialized (select a + 1 as b from x) select * from x, y',
  'with recursive r(n) as (select 1 union all select n + 1 from r where n < 5) select * from r',
  'select version from events union all select id from orders',
  'select version from events union select id from orders intersect select 3 except all select 4 order by 1 limit 2',
  "values (1, 'a'), (2, null)",
  "select * from (values (1, 'a'), (2, 'b')) as v(n, s)",
  'table accounts',
  "select case when ok then 1 else 0 end, case event_type when 'a' then 1 when 'b' then 2 end from events",
  "select coalesce(recorded_at, occurred_at), nullif(event_type, ''), greatest(score, 1), least(seq, 2) from events",
  'select ok is true, ok is not false, ok is unknown, seq is distinct from 1, seq is not distinct from null from events',
  'select seq::text, event_type::int, amount::int, score::numeric(10,2), stream_id::varchar(5), ok::int from events',
  "select amount + 1, -score, seq * 2.5, version / 2, occurred_at + interval '1 day', occurred_at - recorded_at, event_date - 1 from events",
  "select extract(hour from occurred_at), occurred_at at time zone 'UTC', occurred_at::date, to_char(occurred_at, 'YYYY') from events",
  'select now(), current_timestamp, current_date, localtimestamp(3), current_user, session_user',
  "select upper(event_type) || '-' || seq, length(event_type), substring(event_type, 1, 2), concat(event_type, seq, ok), format('%s', seq) from events",
  "select array[seq, 1], array_length(tags, 1), seq = any (array[1, 2]), 'a' = any (tags) from events",
  'select make_interval(days => seq), make_interval(hours => 1, mins => 2) from events',
  'select exists (select from accounts a where a.id = e.stream_id) from events e',
  'select * from events where stream_id in (select id from accounts)',
  'select * from events where stream_id not in (select id from accounts)',
  'select (select max(version) from events x where x.stream_id = e.stream_id), array(select id from accounts) from events e',
  'select * from accounts a, lateral (select * from events e where e.stream_id = a.id limit 1) l',
  'select * from generate_series(1, 10) as g(i)',
  'select unnest(tags) from events',
  'select * from events tablesample bernoulli (10)',
  'select $1 + version, $2::text from events where occurred_at > $3 limit $4',
  'select version, row_number() over (partition by stream_id order by version) from events',
  'select e from events e',
  'select ctid from events',
  'select event_type, grouping(event_type) from events group by rollup (event_type)',
  'select * from events order by amount using <',
  'select event_type collate "C" from events',
  'select 1 fetch first 3 rows with ties'.replace('1 fetch', '1 as a order by a fetch'),
  'select pg_catalog.lower(event_type) from events',
  'select a.name, sum(case when e.ok then e.amount end) from events e join accounts a on a.id = e.stream_id group by a.name order by 2 desc nulls last, a.name',
  "select (payload ->> 'n')::numeric, payload -> 'a' -> 0, payload ? 'k', jsonb_typeof(payload) from events",
  "select amount::text::numeric, (tags || 'x'::text)[1], tags::varchar[] from events",
  'select row(1, 2)',
  'select (1, seq) < (2, 3) from events',
  'select tags[1:2] from events',
  'select concat(variadic tags) from events',
  'select array[seq]::numeric[]::int[] from events',
  'select array[[seq], [1]] from events',
  "select json_object('a': seq) from events",
];

const UNKNOWN: Readonly<Record<string, string>> = {
  'select event_type collate "en_US" < \'b\' from events': 'COLLATE',
};

const REFUSED: Readonly<Record<string, string>> = {
  'select * from events order by event_type using ~<~': 'ORDER BY … USING ~<~ is not supported yet',
  "select * from json_table('[1]'::jsonb, '$[*]' columns (a int path '$')) t": 'XMLTABLE or JSON_TABLE is not supported yet',
  'with recursive r(n) as (select 1 union all select n + 1 from r) search depth first by n set o select * from r':
    'SEARCH in WITH RECURSIVE is not supported yet',
};

function unknownNodes(value: unknown, found: string[] = []): string[] {
  if (typeof value !== 'object' || value === null) return found;
  const node = value as { readonly kind?: unknown; readonly what?: unknown };
  if (node.kind === 'unknown_node') found.push(String(node.what));
  for (const child of Object.values(value)) unknownNodes(child, found);
  return found;
}

describe('the analysed tree', function () {
  this.timeout(30_000);
  let postgres: EmbeddedPostgres;
  before(async () => {
    postgres = await embedded();
  });
  const read = async (text: string): Promise<Query> => {
    const { parameterTypes } = await postgres.describe(text, [], CONTEXT);
    return readQuery(await postgres.analyse(text, parameterTypes, CONTEXT), postgres.names);
  };

  it('is read whole for ordinary SELECTs, as plain data, with the names that Describe gives', async () => {
    for (const text of READ) {
      const query = await read(text);
      assert.deepEqual(unknownNodes(query), [], text);
      assert.deepEqual(JSON.parse(JSON.stringify(query)), JSON.parse(JSON.stringify(query)), text);
      const described = await postgres.describe(text, [], CONTEXT);
      assert.deepEqual(
        query.targets.filter((target) => !target.junk).map((target) => target.name),
        (described.columns ?? []).map((column) => column.name),
        text,
      );
    }
    assert.ok(READ.length >= 60, String(READ.length));
  });

  for (const [text, what] of Object.entries(UNKNOWN)) {
    it(`names what it does not read: ${what}`, async () => assert.deepEqual([...new Set(unknownNodes(await read(text)))], [what]));
  }

  for (const [text, message] of Object.entries(REFUSED)) {
    it(`refuses: ${message}`, async () => {
      await assert.rejects(
        read(text),
        (error) => error instanceof TimelineError && error.sqlstate === '0A000' && error.message === message,
      );
    });
  }

  it('resolves columns, casts and functions', async () => {
    const query = await read(
      "select e.amount + 1 as a from lake.events e where e.seq > $1 and date_trunc('day', e.occurred_at) = '2025-01-01'",
    );
    const varOf = (column: number, oid: number, typmod = -1) => ({ kind: 'var', level: 0, range: 1, column, type: { oid, typmod } });
    assert.deepEqual(query.ranges, [
      {
        kind: 'table',
        relid: postgres.relationId('lake', 'events'),
        schema: 'lake',
        name: 'events',
        alias: 'e',
        sample: undefined,
        columns: [
          'stream_id',
          'version',
          'event_id',
          'event_type',
          'occurred_at',
          'recorded_at',
          'event_date',
          'payload',
          'tags',
          'amount',
          'score',
          'ok',
          'raw',
          'seq',
        ],
      },
    ]);
    assert.deepEqual(query.targets, [
      {
        name: 'a',
        ref: 0,
        junk: false,
        expr: {
          kind: 'call',
          fn: 'numeric_add(numeric,numeric)',
          operator: '+',
          volatility: 'immutable',
          type: type(Oid.numeric),
          args: [
            varOf(10, Oid.numeric, 1179654),
            // Nothing is folded yet.
            {
              kind: 'call',
              fn: 'numeric(int4)',
              isCast: true,
              volatility: 'immutable',
              type: type(Oid.numeric),
              args: [{ kind: 'constant', type: type(Oid.int4), value: '1' }],
            },
          ],
        },
      },
    ]);
    assert.deepEqual(query.where, {
      kind: 'and',
      args: [
        {
          kind: 'call',
          fn: 'int4gt(int4,int4)',
          operator: '>',
          volatility: 'immutable',
          type: type(Oid.bool),
          args: [varOf(14, Oid.int4), { kind: 'parameter', number: 1, type: type(Oid.int4) }],
        },
        {
          kind: 'call',
          fn: 'timestamptz_eq(timestamptz,timestamptz)',
          operator: '=',
          volatility: 'immutable',
          type: type(Oid.bool),
          args: [
            {
              kind: 'call',
              fn: 'date_trunc(text,timestamptz)',
              volatility: 'stable',
              type: type(Oid.timestamptz),
              args: [{ kind: 'constant', type: type(Oid.text), value: 'day' }, varOf(5, Oid.timestamptz)],
            },
            // The session's time zone is Berlin.
            { kind: 'constant', type: type(Oid.timestamptz), value: '2024-12-31 23:00:00+00' },
          ],
        },
      ],
    });
  });

  it('gives the arguments that were left to their defaults, in order', async () => {
    const { targets } = await read('select make_interval(mins => seq, years => 1) from events');
    const call = targets[0]?.expr;
    assert.ok(call?.kind === 'call');
    assert.equal(call.fn, 'make_interval(int4,int4,int4,int4,int4,int4,float8)');
    assert.deepEqual(
      call.args.map((arg) => (arg.kind === 'constant' ? arg.value : arg.kind)),
      ['1', '0', '0', '0', '0', 'var', 'call'],
    );
    // The default is 0.0, cast to float8.
    assert.ok(call.args[6]?.kind === 'call' && call.args[6].fn === 'float8(numeric)');
  });

  it('tells aggregates, their order and filters', async () => {
    const { targets, groupBy, orderBy, ranges, hasAggregates } = await read(
      "select event_type, string_agg(stream_id, ',' order by version desc) filter (where ok), count(*) from events group by event_type order by 3 desc, event_type",
    );
    const aggregate = targets[1]?.expr;
    assert.ok(aggregate?.kind === 'aggregate');
    assert.deepEqual(
      [aggregate.fn, aggregate.args.length, aggregate.orderBy.length, aggregate.orderBy[0]?.descending, aggregate.filter?.kind],
      ['string_agg(text,text)', 2, 1, true, 'var'],
    );
    assert.deepEqual(targets[2]?.expr.kind === 'aggregate' && [targets[2].expr.fn, targets[2].expr.star], ['count()', true]);
    assert.equal(hasAggregates, true);
    assert.equal(ranges[1]?.kind, 'group');
    assert.deepEqual(groupBy, [targets[0]?.ref]);
    assert.deepEqual(orderBy, [
      { ref: targets[2]?.ref, descending: true, nullsFirst: true },
      { ref: targets[0]?.ref, descending: false, nullsFirst: false },
    ]);
  });

  it('tells joins, set operations, CTEs and subqueries apart', async () => {
    const join = await read('select * from events e left join accounts a on a.id = e.stream_id');
    assert.deepEqual(
      join.from.map((item) => item.kind === 'join' && [item.type, item.left, item.right, item.range, item.on?.kind]),
      [['left', { kind: 'range', range: 1 }, { kind: 'range', range: 2 }, 3, 'call']],
    );
    const merged = await read('select id from (select stream_id as id from events) e full join accounts a using (id)');
    const range = merged.ranges.find((entry) => entry.kind === 'join');
    assert.ok(range?.kind === 'join');
    assert.equal(range.aliasVars[0]?.kind, 'coalesce');
    const union = await read('select 1 union all select 2 except select 3');
    assert.ok(union.setOperation?.kind === 'set' && union.setOperation.left.kind === 'set');
    assert.deepEqual(
      [union.setOperation.op, union.setOperation.all, union.setOperation.left.op, union.setOperation.left.all],
      ['except', false, 'union', true],
    );
    const recursive = await read('with recursive r(n) as (select 1 union select n + 1 from r) select * from r');
    assert.deepEqual(
      recursive.ctes.map((cte) => [cte.name, cte.recursive, cte.materialized]),
      [['r', true, 'default']],
    );
    const sublink = (await read('select * from events where (version, seq) in (select id, 1 from orders)')).where;
    assert.ok(sublink?.kind === 'sublink');
    assert.deepEqual([sublink.link, sublink.test?.kind, sublink.query.targets.length], ['any', 'and', 2]);
  });

  it("keeps TIMELINE's operators as calls", async () => {
    const text =
      "select timeline_ops.latest(event_type), timeline_ops.latest(amount, interval '1 hour'), timeline_ops.latest_when(ok, seq), timeline_ops.has_existed_within(ok, interval '1 min'), " +
      'timeline_ops.sum_so_far(seq), timeline_ops.sum_so_far(version), timeline_ops.sum_so_far(score), timeline_ops.last_event_time(), timeline_ops.duration_in_state(event_type) from events';
    const { targets } = await read(text);
    assert.deepEqual(
      targets.map(({ expr }) => expr.kind === 'call' && [expr.fn.replace(/^timeline_ops\./, ''), expr.type.oid]),
      [
        ['latest(anyelement)', Oid.text],
        ['latest(anyelement,interval)', Oid.numeric],
        ['latest_when(bool,anyelement)', Oid.int4],
        ['has_existed_within(bool,interval)', Oid.bool],
        ['sum_so_far(int4)', Oid.int8],
        ['sum_so_far(int8)', Oid.numeric],
        ['sum_so_far(float8)', Oid.float8],
        ['last_event_time()', Oid.timestamptz],
        ['duration_in_state(anyelement)', Oid.interval],
      ],
    );
  });

  it('of a statement that is nested too deeply is refused, and the next one is read', async () => {
    const deep = `select ${'1+'.repeat(4000)}1 from events`;
    await assert.rejects(read(deep), (error) => error instanceof TimelineError && error.sqlstate === '54001');
    assert.equal((await read('select 1')).targets.length, 1);
  });

  it('that is no tree is an internal error', () => {
    for (const text of ['', '(', '{QUERY', '{QUERY :a}', '({QUERY :a 1})) x', '{QUERY a}', '()', '({FOO})']) {
      assert.throws(
        () => readQuery(text, postgres.names),
        (error) => error instanceof TimelineError && error.sqlstate === 'XX000',
        text,
      );
    }
    assert.deepEqual(readNodeTree('("a\\ b" "" a\\ b 4 [ 1 -1 0 0 ] <> (b 1 2))'), [
      'a b',
      '',
      'a b',
      Uint8Array.of(1, 255, 0, 0),
      null,
      ['b', '1', '2'],
    ]);
  });
});
