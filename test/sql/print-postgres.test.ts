import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import type { Expr } from '../../sql/expression.js';
import { readQuery } from '../../sql/node-tree.js';
import type { EmbeddedPostgres } from '../../sql/postgres.js';
import { Oid, type } from '../../sql/types.js';
import { CONTEXT, embedded } from './embedded.js';

/** Analysed, printed from the tree, computed: as PostgreSQL computes the text itself. */
const EXPRESSIONS: readonly string[] = [
  '1 + 2 * 3 - 4 / 3',
  '-(-5)',
  '7 % 3',
  '2 ^ 10',
  '1.50 * 2',
  "'a' || 'b' || 1::text",
  "upper('é') || lower('ÀB')",
  "'abc' like 'a%' and not 'b' ~ '^a'",
  "date '2025-03-30' + 1",
  "timestamptz '2025-03-30 01:30:00+00'",
  "date_trunc('day', timestamptz '2025-03-30 23:30:00+00')",
  "timestamptz '2025-03-30 01:00:00+01' + interval '1 day'",
  "'2025-01-01'::timestamptz",
  "timestamptz '2025-06-01' at time zone 'America/New_York'",
  'make_interval(days => 3, secs => 1.5)',
  'make_interval(1, 2)',
  "interval '1 mon' * 1.5",
  "extract(epoch from timestamptz '2025-01-01 00:00+00')",
  "to_char(timestamptz '2025-07-01 12:00+00', 'YYYY-MM-DD HH24:MI TZ')",
  "age(date '2025-03-01', date '2024-02-29')",
  "case when 1 > 2 then 'a' when 2 > 1 then 'b' else 'c' end",
  "case 3 when 1 then 'x' when 3 then 'y' end",
  "case 2 when 1 then 'x' end",
  'coalesce(null, null::int, 5)',
  'nullif(3, 3)',
  "nullif('a', 'b')",
  'greatest(1, 3.5, 2)',
  "least('b', 'a')",
  "1 = any ('{1,2}'::int[])",
  '3 <> all (array[1, 2])',
  '5 in (1, 2, null)',
  "'x' not in ('a', 'b')",
  '1 is distinct from null',
  'null is not distinct from null',
  '(1 > 2) is not true',
  '(null::bool) is unknown',
  'array[1, 2, 3]',
  '(array[10, 20, 30])[2]',
  "array['a', null]::varchar[]",
  "'{\"a\": {\"b\": [1, 2]}}'::jsonb -> 'a' ->> 'b'",
  "jsonb_extract_path_text('{\"a\": {\"b\": 1}}'::jsonb, 'a', 'b')",
  "('{\"a\": [1,2]}'::jsonb)['a'][1]",
  "concat('a', 1, null, true)",
  "format('%s-%s', 1, 'x')",
  "concat_ws(',', 'a', null, 'b')",
  'num_nulls(1, null)',
  '12345.678::numeric(10, 1)',
  "'abcdef'::varchar(3)",
  "'ab'::char(4) || '|'",
  '1234.5::int',
  "'12'::text::int",
  '12::text',
  'true::text',
  "('a' || 'b')::varchar",
  "'5'::bpchar = '5 '::bpchar",
  "'\\xdead'::bytea || '\\xbeef'",
  "length('\\xdead'::bytea)",
  "substring('Thomas' from '...$')",
  "substring('Thomas' from 2 for 3)",
  "position('m' in 'Thomas')",
  "trim(both 'x' from 'xaxx')",
  "overlay('abc' placing 'Z' from 2)",
  "left('abc', -1)",
  "(timestamptz '2025-01-01 00:00+00', interval '1 day') overlaps (timestamptz '2025-01-01 12:00+00', interval '1 day')",
  "date '2025-01-01' between '2024-12-31' and '2025-01-02'",
  "array[timestamptz '2025-01-01 00:00+01']",
  'round(2.5), round(2.5::float8)',
  '\'a\'::"char"',
  "'infinity'::timestamptz",
  "-'1 day'::interval",
  "timestamp '2025-03-30 02:30' at time zone 'Europe/Berlin'",
  "current_setting('TimeZone')",
  "md5('x')",
  'array_length(array[1,2], 1)',
  "string_to_array('a,b', ',')",
  '1::bool',
  "'a' collate \"C\" < 'b'",
  '(1, 2) < (1, 3)',
  "'x'::text::name",
  '0.1::float4::float8',
];

describe('expressions printed for the embedded Postgres', function () {
  this.timeout(30_000);
  let postgres: EmbeddedPostgres;
  before(async () => {
    postgres = await embedded();
  });

  it('mean what was written', async () => {
    const differences: unknown[] = [];
    const unread: string[] = [];
    for (const text of EXPRESSIONS) {
      const query = readQuery(await postgres.analyse(`select ${text}`, [], CONTEXT), postgres.names);
      const exprs = query.targets.map((target) => target.expr);
      if (JSON.stringify(exprs).includes('unknown_node')) {
        unread.push(text);
        continue;
      }
      const values = await postgres.evaluate(exprs as Expr<never>[], CONTEXT);
      // In UTC, for a comparison with the text form: only the written form depends on the zone, not the value.
      const written = `with v as materialized (select ${text}) select timeline_ops.write_in_utc(), v.* from v`;
      const [, ...expected] = (await postgres.query(written, [], CONTEXT)).rows[0] ?? [];
      const got = values.map((value) => (value instanceof TimelineError ? value.message : value.value));
      if (JSON.stringify(got) !== JSON.stringify(expected)) differences.push({ text, got, expected });
    }
    assert.deepEqual(differences, []);
    assert.deepEqual(unread, []);
  });

  it('are computed in the time zone of the session and given in UTC', async () => {
    const query = readQuery(
      await postgres.analyse(
        "select date_trunc('day', timestamptz '2025-07-01 23:00:00+00'), '2025-07-01'::timestamptz, timestamptz '2025-07-01 12:00'",
        [],
        CONTEXT,
      ),
      postgres.names,
    );
    const values = await postgres.evaluate(query.targets.map((target) => target.expr) as Expr<never>[], CONTEXT);
    assert.deepEqual(
      values.map((value) => (value instanceof TimelineError ? value : value.value)),
      ['2025-07-01 22:00:00+00', '2025-06-30 22:00:00+00', '2025-07-01 10:00:00+00'],
    );
  });

  it('tell which of them fails, and how', async () => {
    const query = readQuery(await postgres.analyse("select 1/1, 1/0, 'x'::text::int, null::text", [], CONTEXT), postgres.names);
    const values = await postgres.evaluate(query.targets.map((target) => target.expr) as Expr<never>[], CONTEXT);
    assert.deepEqual(
      values.map((value) => (value instanceof TimelineError ? value.sqlstate : value.value)),
      ['1', '22012', '22P02', null],
    );
    assert.deepEqual(await postgres.evaluate([], CONTEXT), []);
  });

  it('come in any number', async () => {
    const exprs = Array.from({ length: 1200 }, (_, i): Expr<never> => ({ kind: 'constant', type: type(Oid.int4), value: String(i) }));
    assert.deepEqual(await postgres.evaluate(exprs, CONTEXT), exprs);
  });

  it('cannot reach what the user may not', async () => {
    const query = readQuery(
      await postgres.analyse("select pg_sleep(1)::text, set_config('role', 'timeline_system', false)", [], CONTEXT),
      postgres.names,
    );
    const values = await postgres.evaluate(query.targets.map((target) => target.expr) as Expr<never>[], CONTEXT);
    assert.deepEqual(
      values.map((value) => value instanceof TimelineError && value.sqlstate),
      ['42501', '42501'],
    );
  });
});
