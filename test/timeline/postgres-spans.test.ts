import assert from 'node:assert/strict';
import { chmod } from 'node:fs/promises';
import type pg from 'pg';
import { type PostgresServer, startPostgresServer } from '../support/postgres-server.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { Random } from './random.js';
import { randomCase } from './random-timeline.js';
import { instantSql, lengthSql, valuesSource } from './timeline-sql.js';

const CASES = Number(process.env['TIMELINE_POSTGRES_CASES'] ?? 100);

const SIGNALS = ['st', 'cleared', 'fresh', 'seen', 'near', 'hits', 'total', 'touched'] as const;

interface Options {
  readonly events: string;
  readonly since: string;
  readonly until: string;
  readonly within: string;
}

function call({ events, since, until, within }: Options): string {
  return `SELECT key, started_at, ended_at, seconds, ${SIGNALS.join(', ')} FROM timeline(${events}, key => key, ts => ts, order_by => seq,
    since => ${since}, until => ${until}, st => latest(state), cleared => latest_when(flag2, state), fresh => latest(number, ${within}), seen => has_existed(flag),
    near => has_existed_within(flag2, ${within}), hits => count_so_far(flag), total => sum_so_far(number), touched => last_event_time(flag)) t ORDER BY 1, 2`;
}

/**
 * The same without timeline(): every instant at which something may change, what is so at each by correlated subqueries over the events,
 * then islands of equal tuples.
 */
function plainSql({ events, since, until, within }: Options): string {
  const last = (value: string, test: string): string =>
    `(SELECT ${value} FROM e WHERE e.key = m.key AND e.ts <= m.at AND ${test} ORDER BY e.ts DESC, e.seq DESC NULLS FIRST, e.n DESC LIMIT 1)`;
  return `WITH e AS (SELECT *, row_number() OVER () AS n FROM ${events} x WHERE key IS NOT NULL AND ts IS NOT NULL),
    m AS (SELECT DISTINCT key, at FROM (
        SELECT key, ts AS at FROM e UNION ALL SELECT key, ts + ${within} FROM e UNION ALL SELECT key, ${since}::timestamptz FROM e) q
      WHERE at >= ${since} AND at < ${until} AND at >= (SELECT min(ts) FROM e WHERE e.key = q.key)),
    states AS (SELECT key, at, lead(at, 1, ${until}::timestamptz) OVER (PARTITION BY key ORDER BY at) AS till,
        ${last('state', 'e.state IS NOT NULL')} AS st, ${last('state', 'e.flag2')} AS cleared,
        (SELECT CASE WHEN m.at < l.ts + ${within} THEN l.number END FROM (SELECT ts, number FROM e WHERE e.key = m.key AND e.ts <= m.at AND number IS NOT NULL ORDER BY ts DESC, seq DESC NULLS FIRST, n DESC LIMIT 1) l) AS fresh,
        EXISTS (SELECT 1 FROM e WHERE e.key = m.key AND e.ts <= m.at AND e.flag) AS seen,
        EXISTS (SELECT 1 FROM e WHERE e.key = m.key AND e.ts <= m.at AND m.at < e.ts + ${within} AND e.flag2) AS near,
        (SELECT count(*) FROM e WHERE e.key = m.key AND e.ts <= m.at AND e.flag) AS hits,
        (SELECT coalesce(sum(number), 0) FROM e WHERE e.key = m.key AND e.ts <= m.at) AS total,
        (SELECT max(ts) FROM e WHERE e.key = m.key AND e.ts <= m.at AND e.flag) AS touched
      FROM m),
    marked AS (SELECT *, CASE WHEN lag(at) OVER w IS NOT NULL AND ${SIGNALS.map((name) => `${name} IS NOT DISTINCT FROM lag(${name}) OVER w`).join(' AND ')} THEN 0 ELSE 1 END AS fresh_island
      FROM states WINDOW w AS (PARTITION BY key ORDER BY at)),
    islands AS (SELECT *, sum(fresh_island) OVER (PARTITION BY key ORDER BY at) AS island FROM marked)
    SELECT key, min(at), max(till), extract(epoch FROM max(till) - min(at))::float8, ${SIGNALS.map((name) => `(array_agg(${name} ORDER BY at))[1]`).join(', ')}
    FROM islands GROUP BY key, island ORDER BY 1, 2`;
}

describe('timelines beside plain SQL on PostgreSQL', function () {
  this.timeout(600_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let postgres: PostgresServer | undefined;
  let server: TimelineServer;
  let ours: pg.Client;
  let theirs: pg.Client;

  before(async function () {
    home = await tempFolder('postgres-spans');
    await chmod(home.path, 0o755);
    postgres = await startPostgresServer(`${home.path}/postgres`);
    if (postgres === undefined) return this.skip();
    theirs = await postgres.connect();
    server = await startTimeline({ home: home.path, config: JSON.stringify({ catalogs: {} }) });
    ours = await server.connect();
    await ours.query("SET TimeZone = 'UTC'");
  });
  after(async () => {
    await ours?.end();
    await theirs?.end();
    await server?.stop();
    await postgres?.stop();
    await home?.remove();
  });

  it(`gives the same spans in ${CASES} random cases`, async () => {
    let rows = 0;
    for (let seed = 1; rows < CASES * 4 || seed <= CASES; seed++) {
      const random = new Random(seed);
      const { events, types, world } = randomCase(seed + 300_000, { probes: false });
      if (world.base < -6e16 || seed > CASES * 3) {
        assert.ok(seed <= CASES * 3, `${rows} rows`);
        continue;
      }
      const from = random.below(25);
      const instant = (n: number): string => `timestamptz ${instantSql(String(world.base + world.unit * n))}`;
      const options = {
        events: valuesSource(events, types),
        since: instant(from),
        until: instant(from + 1 + random.below(40)),
        within: lengthSql(world.unit * (1 + random.below(9))),
      };
      const texts = { getTypeParser: () => (value: string) => value } as unknown as pg.CustomTypesConfig;
      const ask = async (client: pg.Client, text: string): Promise<string[]> =>
        ((await client.query({ text, rowMode: 'array', types: texts })).rows as (string | null)[][])
          .map((row) => JSON.stringify([row[0] === '-0' ? '0' : row[0]?.replace(/\.0*$/, ''), ...row.slice(1)]))
          .sort();
      const expected = await ask(theirs, plainSql(options));
      assert.deepEqual(await ask(ours, call(options)), expected, `seed ${seed}\n${call(options)}`);
      rows += expected.length;
    }
  });
});
