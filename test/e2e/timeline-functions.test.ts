import assert from 'node:assert/strict';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

/** Expressions over one state, `$` in their place, by the state's type; and values at the edges of it. */
const CASES: Readonly<Record<string, { readonly values: readonly string[]; readonly exprs: readonly string[] }>> = {
  text: {
    values: ["'play'", "''", "' 12 '", "'7'", "'ÄÖß'", "'a%_b'", "'x''y'", "E'tab\\tnew\\nline'", "'😀é'", "'[null]'", 'NULL'],
    exprs: [
      'upper($)',
      'lower($)',
      'initcap($)',
      'length($)',
      'octet_length($)',
      'left($, 2)',
      'right($, -1)',
      "$ || '-' || $",
      "concat($, 1, NULL, 'z')",
      "concat_ws(',', $, $)",
      "replace($, 'a', 'bb')",
      "$ LIKE 'p%'",
      "$ NOT ILIKE '%A%'",
      "$ ~ '^[a-z]+$'",
      "regexp_replace($, '[aeiou]', '*', 'g')",
      'substr($, 2, 2)',
      "split_part($, 'a', 1)",
      "strpos($, 'a')",
      'reverse($)',
      "lpad($, 6, '.')",
      'trim($)',
      'md5($)',
      "coalesce(nullif($, 'play'), 'none')",
      "greatest($, 'm')",
      "least($, 'm', NULL)",
      "CASE $ WHEN 'play' THEN 1 WHEN '' THEN 2 ELSE 3 END",
      "CASE WHEN $ ~ '^ *[0-9]+ *$' THEN $::int + 1 END",
      "$ IN ('play', '7')",
      "$ = ANY (ARRAY['play', NULL])",
      '$::varchar(2)',
      '$::bpchar(3)::text',
      'ARRAY[$, $]',
      "(ARRAY[$, 'q'])[1]",
      'to_json($)::text',
      'quote_literal($)',
      "format('%s|%L', $, $)",
      '$ IS DISTINCT FROM NULL',
      '$ COLLATE "C" < \'m\'',
      "string_to_array($, 'a')",
      "encode(convert_to($, 'UTF8'), 'hex')",
      'ROW($, 1)::text',
    ],
  },
  int4: {
    values: ['0', '1', '-1', '7', '2147483647', "'-2147483648'", 'NULL'],
    exprs: [
      '$::bigint + 1',
      '$::bigint * $',
      '$ / 3',
      '$ % 3',
      '-($::bigint)',
      'abs($::bigint)',
      '$::text',
      '$::numeric / 3',
      'round($::numeric / 7, 3)',
      '$::float8 / 7',
      'sqrt(abs($::float8))',
      'power(2, $ % 10)',
      '$ # 5',
      '$ & 6',
      '$ << 1',
      'sign($)',
      'to_hex($)',
      '$ BETWEEN 0 AND 10',
      'greatest($, 3)',
      '$::bool',
      'chr(65 + abs($ % 26))',
      'make_interval(days => $ % 100)',
      'width_bucket($, 0, 10, 5)',
      "to_char($, 'S999,999,999,999')",
    ],
  },
  numeric: {
    values: ['0', '1.50', '-2.345', '1e20', '0.0000001', '99999999999999999999.99', "'NaN'", 'NULL'],
    exprs: [
      '$ + 1.10',
      '$ * 3.3',
      '$ / 7',
      '$ - 0.001',
      'mod($, 0.7)',
      'round($, 2)',
      'trunc($, 1)',
      'ceil($)',
      'floor($)',
      'round($, 3)::text',
      '$::float8',
      '$::text',
      'abs($)',
      'scale($)',
      'trim_scale($)',
      '-$',
      'greatest($, 1.5)',
      '$ > 1',
      'nullif($, 1.5)',
    ],
  },
  float8: {
    values: ['0', "'-0'", '1.5', '-2.25', '1e300', "'Infinity'", "'-Infinity'", "'NaN'", 'NULL'],
    exprs: [
      '$ + 1',
      '$ * 0.5',
      '$::text',
      'round($)',
      'abs($)',
      '-$',
      'floor($)',
      'sign($)',
      '$ >= 1',
      'greatest($, 0)',
      '$ = $',
      'degrees($ * 1e-10)',
    ],
  },
  timestamptz: {
    values: [
      "'2025-03-09 06:59:59.999999Z'",
      "'2025-03-30 01:00Z'",
      "'1969-12-31 23:59:59.5Z'",
      "'2025-11-02 05:30Z'",
      "'2024-02-29 12:00Z'",
      'NULL',
    ],
    exprs: [
      "date_trunc('day', $)",
      "date_trunc('month', $)",
      "date_trunc('week', $)",
      'extract(epoch FROM $)',
      'extract(hour FROM $)',
      "date_part('dow', $)",
      "date_part('doy', $)",
      "$ + interval '1 day'",
      "$ + interval '1 month -3 hours'",
      "$ - timestamptz '2025-01-01 00:00Z'",
      '$::date',
      '$::timestamp',
      '$::text',
      "to_char($, 'YYYY-MM-DD HH24:MI:SS.US TZ')",
      "age($, '2020-05-05')",
      "$ AT TIME ZONE 'Asia/Tokyo'",
      "date_bin('15 min', $, '2020-01-01 00:00Z')",
      "$ > '2025-01-01'",
      '$::time',
    ],
  },
  interval: {
    values: ["'0'", "'1 mon 2 days 03:04:05.678'", "'-1 year'", "'25:00:00'", "'-00:00:00.000001'", 'NULL'],
    exprs: [
      '$ * 2',
      '$ * 1.5',
      '$ / 3',
      '-$',
      '$::text',
      'extract(epoch FROM $)',
      'justify_hours($)',
      'justify_interval($)',
      "$ > '1 day'",
      "$ + '1 day'",
      "date_part('hour', $)",
    ],
  },
  jsonb: {
    values: ['\'{"a": 1, "b": ["x", null]}\'', "'[]'", '\'"s"\'', "'null'", "'1.50'", 'NULL'],
    exprs: [
      "$ ->> 'a'",
      "$ -> 'b' -> 0",
      "$ #>> '{b,0}'",
      'jsonb_typeof($)',
      "$ ? 'a'",
      '$ @> \'{"a": 1}\'',
      '$::text',
      "($ ->> 'a')::int + 1",
      "jsonb_build_object('v', $)",
      '$ || \'{"z": 0}\'',
    ],
  },
  date: {
    values: ["'2024-02-29'", "'0001-01-01'", "'9999-12-31'", 'NULL'],
    exprs: [
      '$ + 1',
      "$ - date '2020-01-01'",
      'extract(year FROM $)',
      '$::text',
      "to_char($, 'Day')",
      "$ + interval '1 month'",
      "date_trunc('year', $)",
    ],
  },
  bool: {
    values: ['true', 'false', 'NULL'],
    exprs: ['NOT $', '$ IS TRUE', '$::text', '$::int', '$ AND NULL', 'coalesce($, false)', 'CASE WHEN $ THEN 1 ELSE 0 END'],
  },
  'int4[]': {
    values: ["'{1,2,NULL}'", "'{}'", 'NULL'],
    exprs: [
      'cardinality($)',
      'array_append($, 9)',
      '$::text',
      '2 = ANY ($)',
      "array_to_string($, ',', '-')",
      'array_position($, 2)',
      '$ && ARRAY[1]',
      '($)[2]',
      '($)[1:1]',
      'array_dims($)',
    ],
  },
};

describe('expressions over states', function () {
  this.timeout(240_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('timeline-functions');
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: {} }) });
    client = await server.connect();
    await client.query("SET TimeZone = 'America/New_York'");
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  for (const [type, { values, exprs }] of Object.entries(CASES)) {
    it(`are PostgreSQL's, of ${type}`, async () => {
      const rows = values.map((value, n) => `(${n}, ${value}::${type})`).join(', ');
      const source = `(SELECT n, timestamptz '2025-01-01 00:00Z' AS t, v FROM (VALUES ${rows}) x(n, v))`;
      // One query at a time finds the expression that is wrong; all types are right before anything runs.
      const signals = exprs.map((expr, n) => `s${n} => ${expr.replaceAll('$', 'latest(v)')}`);
      const expected = exprs.map((expr, n) => `(${expr.replaceAll('$', 'v')}) AS s${n}`);
      for (let from = 0; from < exprs.length; from += 60) {
        const part = <T>(all: readonly T[]): string => all.slice(from, from + 60).join(', ');
        const text = (sql: string) => ({
          text: sql,
          rowMode: 'array' as const,
          types: { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig,
        });
        const states = await client.query<(string | null)[]>(
          text(`SELECT t.* FROM timeline(${source}, key => n, ts => t, ${part(signals)}, at => '2025-01-02') t ORDER BY n`),
        );
        // NULL counts as no value for latest(), so every key has one row
        const plain = await client.query<(string | null)[]>(text(`SELECT ${part(expected)} FROM ${source} x ORDER BY n`));
        assert.equal(states.rows.length, values.length);
        assert.deepEqual(
          states.fields.slice(2).map((field) => field.dataTypeID),
          plain.fields.map((field) => field.dataTypeID),
        );
        states.rows.forEach((row, n) => {
          row.slice(2).forEach((value, i) => {
            assert.equal(value, plain.rows[n]?.[i], `${exprs[from + i]} of ${values[n]}`);
          });
        });
      }
    });
  }

  it("are of the timeline's zone, and split spans where their own value changes", async () => {
    const source =
      "(VALUES ('a', timestamptz '2025-01-01 00:00Z', 'Play'), ('a', '2025-01-01 03:00Z', 'PLAY'), ('a', '2025-01-01 06:00Z', 'stop'))";
    const { rows } = await client.query({
      text: `SELECT started_at::text, low, day FROM timeline(${source}, key => column1, ts => column2, low => lower(latest(column3)),
        day => date_trunc('day', last_event_time())::date::text, until => '2025-01-02', timezone => 'UTC') t`,
      rowMode: 'array',
    });
    assert.deepEqual(rows, [
      ['2024-12-31 19:00:00-05', 'play', '2025-01-01'],
      ['2025-01-01 01:00:00-05', 'stop', '2025-01-01'],
    ]);
  });

  const errors: readonly (readonly [sqlstate: string, signal: string])[] = [
    ['22P02', 's => latest(column3)::int'],
    ['22012', 's => 1 / (length(latest(column3)) - 4)'],
    ['0A000', 's => random() < 0.5 AND latest(column3) IS NULL'],
    ['0A000', 's => generate_series(1, length(latest(column3)))'],
    ['0A000', 's => latest(column3) = (SELECT 1::text)'],
    ['0A000', "s => pg_read_file(latest(column3)) = 'x'"],
    ['0A000', 's => count_so_far(has_existed(column3 IS NULL))'],
    ['0A000', 's => sum_so_far(duration_where(latest(column3) IS NULL))'],
    ['0A000', 's => last_event_time(latest(column3) IS NULL)'],
    ['0A000', 's => latest(latest(column3))'],
  ];
  for (const [sqlstate, signal] of errors) {
    it(`${sqlstate}: ${signal}`, async () => {
      const source = "(VALUES ('a', timestamptz '2025-01-01 00:00Z', 'play'))";
      await assert.rejects(
        client.query(`SELECT * FROM timeline(${source}, key => column1, ts => column2, ${signal}, until => '2025-01-02') t`),
        (thrown: { code?: string }) => {
          assert.equal(thrown.code, sqlstate);
          return true;
        },
      );
    });
  }
});
