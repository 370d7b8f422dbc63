import assert from 'node:assert/strict';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';

const EVENTS =
  "(SELECT * FROM (VALUES ('a', timestamptz '2025-01-01 00:00Z', 'play', 1), ('a', '2025-01-01 01:00Z', 'stop', 2), ('b', '2025-01-01 00:30Z', 'play', 1)) v(stream_id, event_time, state, version))";
const T = `timeline(${EVENTS}, key => stream_id, ts => event_time, `;

/** A statement with parameters, and the same with literals in their place. */
const CASES: readonly (readonly [
  sql: string,
  values: readonly (string | number | boolean | null | readonly string[])[],
  literals: readonly string[],
])[] = [
  [
    `SELECT * FROM ${T} s => latest(state), since => $1, until => $2) t`,
    ['2025-01-01', '2025-01-01 02:00'],
    ["'2025-01-01'", "'2025-01-01 02:00'"],
  ],
  [`SELECT * FROM ${T} s => latest(state), at => $1) t`, ['2025-01-01 01:30'], ["'2025-01-01 01:30'"]],
  [`SELECT * FROM ${T} s => latest(state), at => $1) t`, [null], ['NULL::timestamptz']],
  [
    `SELECT * FROM ${T} s => latest(state), at => ARRAY[$1, $2]) t`,
    ['2025-01-01 01:30', 'Jan 1 2025 02:00 PM'],
    ["'2025-01-01 01:30'", "'2025-01-01 14:00'"],
  ],
  [
    `SELECT * FROM ${T} s => latest(state), at => $1::timestamptz[]) t`,
    [['2025-01-01 01:30', '2025-01-02']],
    ["ARRAY['2025-01-01 01:30', '2025-01-02']"],
  ],
  [
    `SELECT * FROM ${T} s => latest(state), since => $1, until => $2, every => $3, origin => $4, timezone => $5, lookback => $6, idle => $7, fill => $8) t`,
    ['2025-01-01 00:10', '2025-01-01 04:00', '45 min', '2025-01-01 00:05', 'Asia/Kolkata', '1 day', '1:30', true],
    ["'2025-01-01 00:10'", "'2025-01-01 04:00'", "'45 min'", "'2025-01-01 00:05'", "'Asia/Kolkata'", "'1 day'", "'1:30'", 'true'],
  ],
  [
    `SELECT * FROM ${T} s => latest(state, $1), h => has_existed_within(state = $2, $3), d => duration_where(latest(state) = $2) >= $4, ends => state = $5, until => $6) t WHERE stream_id = $7`,
    ['20 min', 'play', '15 min', '10 min', 'stop', '2025-01-02', 'a'],
    ["interval '20 min'", "'play'", "interval '15 min'", "interval '10 min'", "'stop'", "'2025-01-02'", "'a'"],
  ],
  [
    `SELECT * FROM ${T} stream => $1, since => $2, until => $3, max_events => $4) t`,
    ['a*', '2025-01-01', '2025-01-02', 1],
    ["'a*'", "'2025-01-01'", "'2025-01-02'", '1'],
  ],
  [`SELECT * FROM read_until(${EVENTS}, $1, $2, max_events => $3) t`, ['a', '2025-01-01 01:30', 5], ["'a'", "'2025-01-01 01:30'", '5']],
  [
    `SELECT * FROM read_range(${EVENTS}, $1, $2, $3, bounds => '[)') t`,
    ['*', '2025-01-01', '2025-01-01 01:30'],
    ["'*'", "'2025-01-01'", "'2025-01-01 01:30'"],
  ],
  [`SELECT * FROM version_at(${EVENTS}, stream => $1, at => $2) t`, ['*', '2025-01-01 01:20'], ["'*'", "'2025-01-01 01:20'"]],
  [
    `SELECT o.t, x.s FROM (SELECT $1::timestamptz AS t) o, LATERAL ${T} s => latest(state), at => o.t + $2) x WHERE x.stream_id = $3`,
    ['2025-01-01', '1 hour 20 min', 'a'],
    ["'2025-01-01'", "interval '1 hour 20 min'", "'a'"],
  ],
  [`SELECT count(*) FROM ${EVENTS} e WHERE event_time >= $1 AND version = $2`, ['2025-01-01 01:30', ' 1 '], ["'2025-01-01 01:30'", '1']],
];

/** Texts of parameters are read as PostgreSQL reads them when it binds: an instant without an offset is one of the session's zone. */
describe('parameters of timeline() and the replay functions', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;

  before(async () => {
    home = await tempFolder('timeline-parameters');
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: {} }) });
    client = await server.connect();
  });
  after(async () => {
    await client?.end();
    await server?.stop();
    await home?.remove();
  });

  const types = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig;
  for (const zone of ['UTC', 'America/New_York']) {
    for (const [sql, values, literals] of CASES) {
      it(`${zone}: ${sql.replaceAll(EVENTS, 'events')}`, async () => {
        await client.query(`SET TimeZone = '${zone}'`);
        const written = literals.reduceRight((text, literal, n) => text.replaceAll(`$${n + 1}`, literal), sql);
        const expected = await client.query({ text: written, rowMode: 'array', types });
        const bound = await client.query({ text: sql, values: [...values], rowMode: 'array', types });
        const named = await client.query({
          name: `${zone} ${sql}`.slice(0, 40) + values.length + sql.length,
          text: sql,
          values: [...values],
          rowMode: 'array',
          types,
        });
        const shape = (result: pg.QueryArrayResult) => [result.fields.map(({ name, dataTypeID }) => [name, dataTypeID]), result.rows];
        assert.deepEqual(shape(bound as pg.QueryArrayResult), shape(expected as pg.QueryArrayResult));
        assert.deepEqual(shape(named as pg.QueryArrayResult), shape(expected as pg.QueryArrayResult));
      });
    }
  }

  it('is an error where PostgreSQL cannot read it', async () => {
    const wrong: readonly (readonly [string, string, string])[] = [
      [`SELECT * FROM ${T} s => latest(state), until => $1) t`, 'never', '22007'],
      [`SELECT * FROM ${T} s => latest(state), until => '2025-01-02', idle => $1) t`, 'long', '22007'],
      [`SELECT * FROM ${T} s => latest(state), until => '2025-01-02', idle => $1) t`, '-1 s', '22023'],
      [`SELECT * FROM ${T} s => latest(state), until => '2025-01-02', timezone => $1) t`, 'Mars/One', '22023'],
      [`SELECT * FROM ${T} max_events => $1) t`, '0', '22023'],
    ];
    for (const [text, value, code] of wrong) {
      await assert.rejects(client.query(text, [value]), (thrown: { code?: string }) => thrown.code === code, `${value} in ${text}`);
    }
  });
});
