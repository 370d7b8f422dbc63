import assert from 'node:assert/strict';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

const E = "(VALUES ('a', timestamptz '2025-01-01 00:00Z', 'x', 1))";
/** A source, key and time; what follows is up to the case. */
const T = `timeline(${E}, key => column1, ts => column2, `;
const R = `(SELECT column1 AS stream_id, column2 AS event_time, column4 AS version FROM ${E} v)`;
const MANY = (n: number): string => Array.from({ length: n }, (_, i) => `s${i} => latest(column4)`).join(', ');
const DEEP = (n: number): string => `${'('.repeat(n)}latest(column4)${' + 1)'.repeat(n)}`;

/** SQL after `SELECT * FROM` with a `^` before the place that the error must point at, its SQLSTATE, and words of its message or hint. */
const CASES: readonly (readonly [sql: string, sqlstate: string, words: RegExp])[] = [
  // sections 1 and 2: the call
  ['^timeline() t', '42601', /first argument/],
  ['timeline(^1) t', '42601', /first argument/],
  ['timeline(^nowhere, key => k, ts => t, s => latest(x)) t', '42P01', /"nowhere" does not exist/],
  [`^timeline(${E}, ts => column2, s => latest(column3)) t`, '42601', /needs the option "key"/],
  [`^timeline(${E}, key => column1, s => latest(column3)) t`, '42601', /needs the option "ts"/],
  [`timeline(${E}, key => ^nope, ts => column2, s => latest(column3)) t`, '42703', /"nope" does not exist/],
  [`timeline(${E}, key => column1, ts => ^column3, s => latest(column3)) t`, '42804', /"ts" must be a timestamp, not text/],
  [`timeline(${E}, key => ^column1 || 'x', ts => column2, s => latest(column3)) t`, '42601', /"key" must be a column/],
  [`${T}^keey => column3) t`, '42703', /"key"/],
  [`${T}s => latest(column3), ^utnil => '2025-01-02') t`, '42703', /"until"/],
  [`${T}s => latest(column3), ^tl_new => latest(column3)) t`, '42703', /not an option/],
  [`${T}s => latest(column3), ^s => latest(column4)) t`, '42601', /more than once/],
  [`${T}s => latest(column3), since => '2025-01-01', ^since => '2025-01-01') t`, '42601', /more than once/],
  [`${T}^latest(column3)) t`, '42601', /name => value/],
  [`${T}${MANY(64)}, ^last => latest(column4)) t`, '54000', /64 signals/],
  [`${T}^started_at => latest(column3)) t`, '42601', /another output column/],
  [`${T}s => ^column3 = 'x' AND latest(column4) = 1) t`, '42703', /wrap it in latest\(column3\)/],
  [`${T}s => ^later = 1, later => latest(column4)) t`, '42703', /before it is declared/],
  [`${T}s => latest(^colunm3)) t`, '42703', /"column3"/],
  [`${T}s => latest(column4), h => has_existed(^column3 = 'x' AND s = 1)) t`, '42703', /latest\(column3\)/],
  [`${T}s => ^latest(DISTINCT column3)) t`, '42601', /plain arguments/],
  [`${T}s => ^latest(column3, '1 s', 2)) t`, '42883', /1 to 2 arguments/],
  [`${T}s => ^has_existed(column3)) t`, '42883', /function has_existed\(text\) does not exist/],
  [`${T}s => ^has_existed(latest(column3))) t`, '42883', /function has_existed\(text\) does not exist/],
  [`${T}s => ^sum_so_far(column3)) t`, '42883', /function sum_so_far\(text\)/],
  [`${T}s => ^duration_where(latest(column3))) t`, '42883', /function duration_where\(text\)/],
  [`${T}s => latest(column3) ^+ 1) t`, '42883', /operator does not exist: text \+ integer/],
  [`${T}s => ^foo(latest(column3))) t`, '42883', /function foo\(text\)/],
  [`${T}s => count_so_far(^latest(column3) = 'x')) t`, '0A000', /count_so_far over a state/],
  // the option table, row by row
  [`${T}s => latest(column3), ties => ^'maybe') t`, '22023', /'apply', 'error'/],
  [`${T}s => latest(column3), order_by => ^1) t`, '42601', /"order_by" must be a column/],
  [`${T}s => latest(column3), dedupe => ^nope) t`, '42703', /"nope"/],
  [`${T}s => latest(column3), since => ^'2025-01-03', until => '2025-01-02') t`, '22023', /later than "until"/],
  [`${T}s => latest(column3), since => ^5) t`, '42804', /"since" must be timestamp with time zone, not integer/],
  [`${T}s => latest(column3), until => ^interval '1 day') t`, '42804', /"until" must be timestamp with time zone, not interval/],
  [`${T}s => latest(column3), until => ^'soon') t`, '22007', /soon/],
  [`${T}s => latest(column3), at => ^5) t`, '42804', /"at" must be timestamp with time zone or an array of it, not integer/],
  [`${T}s => latest(column3), ^at => '2025-01-02', until => '2025-01-02') t`, '42601', /"at" and "until"/],
  [`${T}s => latest(column3), ^at => '2025-01-02', every => '1 h', since => '2025-01-01') t`, '42601', /"at" and "every"/],
  [`${T}s => latest(column3), at => ^'infinity') t`, '22008', /finite/],
  [`${T}s => latest(column3), ^every => '1 h', until => '2025-01-02') t`, '42601', /"since" and "until"/],
  [`${T}s => latest(column3), every => ^'0', since => '2025-01-01', until => '2025-01-02') t`, '22023', /greater than 0/],
  [`${T}s => latest(column3), every => ^'1 day 1 h', since => '2025-01-01', until => '2025-01-02') t`, '0A000', /mixes/],
  [
    `${T}s => latest(column3), every => ^true, since => '2025-01-01', until => '2025-01-02') t`,
    '42804',
    /"every" must be interval, not boolean/,
  ],
  [`${T}s => latest(column3), ^origin => '2025-01-01') t`, '42601', /needs "every"/],
  [`${T}s => latest(column3), timezone => ^'Mars/One') t`, '22023', /Mars/],
  [`${T}s => latest(column3), timezone => ^5) t`, '42804', /"timezone" must be text, not integer/],
  [`${T}s => latest(column3), ^lookback => '1 h') t`, '42601', /needs "since" or "at"/],
  [`${T}s => latest(column3), lookback => ^'-1 h', since => '2025-01-01') t`, '22023', /negative/],
  [`${T}s => latest(column3), idle => ^'0') t`, '22023', /greater than 0/],
  [`${T}s => latest(column3), idle => ^5) t`, '42804', /"idle" must be interval, not integer/],
  [`${T}s => latest(column3), ends => ^column3) t`, '42804', /"ends" must be boolean, not text/],
  [`${T}s => latest(column3), ^fill => true) t`, '42601', /needs "since"/],
  [`${T}s => latest(column3), fill => ^5, since => '2025-01-01') t`, '42804', /"fill" must be boolean, not integer/],
  [`${T}s => latest(column3), emit => ^'lines') t`, '22023', /'spans', 'points', 'events'/],
  [`${T}s => latest(column3), ^emit => 'points') t`, '42601', /needs "at" or "every"/],
  [`${T}s => latest(column3), ^emit => 'spans', at => '2025-01-02') t`, '42601', /excludes "at"/],
  [`${T}s => latest(column3), ^emit => 'events') t`, '42601', /excludes signals/],
  [`${T}s => latest(column3), ^as_of => 1) t`, '0A000', /no table by name/],
  [`${T}s => latest(column3), ^max_events => 1) t`, '42601', /for replays/],
  [`${T}max_events => ^0) t`, '22023', /greater than 0/],
  [`${T}max_events => ^2 - 2) t`, '22023', /greater than 0/],
  [`${T}direction => ^'up') t`, '22023', /'forward', 'backward'/],
  [`${T}^idle => '1 h') t`, '42601', /needs signals/],
  // section 4
  [`${T}d => duration_where(latest(column3) = 'x') > '1 s', until => '2025-01-02') t`, '0A000', /other than by >= or </],
  // section 7
  [`^read_until(${R}, 'a') t`, '42601', /needs the argument "until"/],
  [`read_until(${R}, 'a', ^'soon') t`, '22007', /soon/],
  [`read_until(${R}, 'a', '2025-01-02', ^bounds => '[]') t`, '42703', /not an option/],
  [`read_until(${R}, 'a', '2025-01-02', max_events => ^-1) t`, '22023', /greater than 0/],
  [`read_range(${R}, 'a', ^'2025-01-02', '2025-01-01') t`, '22023', /"from" must not be later than "to"/],
  [`read_range(${R}, 'a', '2025-01-01', '2025-01-02', bounds => ^'[[') t`, '22023', /\(\]/],
  [`read_until(${R}, 'none*', '2025-01-02', missing => 'error') t`, '42704', /no stream matches "none\*"/],
  [`^version_at(${E}, 'a', '2025-01-02') t`, '42703', /no column for the stream/],
];

describe('errors of timeline() and the replay functions', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('timeline-errors');
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: {} }) });
    client = await server.connect();
    await client.query("SET TimeZone = 'UTC'");
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  for (const [marked, sqlstate, words] of CASES) {
    // letters outside of ASCII and of the BMP before the place: positions count characters
    const sql = `SELECT '😀é', * FROM ${marked}`;
    it(`${sqlstate}: ${marked.replaceAll(E, 'e').slice(0, 150)}`, async () => {
      const text = sql.replace('^', '');
      for (const extended of [false, true]) {
        await assert.rejects(
          extended ? client.query({ text, queryMode: 'extended' } as pg.QueryConfig) : client.query(text),
          (thrown: unknown) => {
            const error = thrown as { code?: string; message: string; hint?: string; position?: string };
            assert.equal(error.code, sqlstate, error.message);
            assert.match(`${error.message} ${error.hint ?? ''}`, words);
            assert.doesNotMatch(`${error.message} ${error.hint ?? ''}`, /timeline_ops|~[sg]/);
            if (sql.includes('^')) {
              const place = Number(error.position ?? 0) - 1;
              assert.equal([...text].slice(place).join(''), sql.slice(sql.indexOf('^') + 1));
            }
            return true;
          },
        );
      }
    });
  }

  it('none for 64 signals, and for expressions that are 50 deep', async () => {
    const { rows, fields } = await client.query({ text: `SELECT * FROM ${T}${MANY(64)}, at => '2025-01-02') t`, rowMode: 'array' });
    assert.equal(fields.length, 66);
    assert.equal(rows[0]?.[65], 1);
    const deep = await client.query(`SELECT s FROM ${T}s => ${DEEP(50)}, at => '2025-01-02') t`);
    assert.deepEqual(deep.rows, [{ s: 51 }]);
    const chain = Array.from({ length: 50 }, (_, i) => `s${i + 1} => s${i} + 1`).join(', ');
    const chained = await client.query(`SELECT s50 FROM ${T}s0 => latest(column4), ${chain}, at => '2025-01-02') t`);
    assert.deepEqual(chained.rows, [{ s50: 51 }]);
  });
});
