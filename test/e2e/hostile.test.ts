import assert from 'node:assert/strict';
import { join } from 'node:path';
import type pg from 'pg';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { oracleTables, writeLake } from './oracle-lake.js';

const FACTS = 'o.facts';

function nested(open: string, inner: string, close: string, levels: number): string {
  return `${open.repeat(levels)}${inner}${close.repeat(levels)}`;
}

function list(count: number, item: (n: number) => string, separator = ', '): string {
  return Array.from({ length: count }, (_, n) => item(n)).join(separator);
}

/** SQLSTATEs: the statement is refused so. A text: the only value of its answer. */
const MONSTERS: readonly (readonly [name: string, sql: string, expected: RegExp | string])[] = [
  ['10,000 parentheses', `select ${nested('(', 'id', ')', 10_000)} from ${FACTS}`, /^42601/],
  ['10,000 NOTs', `select count(*) from ${FACTS} where ${'not '.repeat(10_000)} b`, /^42601/],
  ['1,500 NOTs', `select count(*) from ${FACTS} where ${'not '.repeat(1_500)} b`, /^54001/],
  ['1,000 CASEs', `select ${nested('case when id = 1 then 1 else ', '2', ' end', 1000)} from ${FACTS}`, /^54001/],
  ['1,000 function calls, each printed twice', `select ${nested('abs(', 'id', ')', 1000)} from ${FACTS}`, /^54001/],
  ['1,000 subselects in FROM', `select count(*) from ${nested('(select * from ', FACTS, ') x', 1000)}`, /^54001/],
  ['200 subselects in FROM', `select count(*) from ${nested('(select * from ', FACTS, ') x', 200)}`, '360'],
  [
    '30 subqueries in each other',
    `select count(*) from ${FACTS} where ${nested(`exists (select from ${FACTS} where `, 'true', ')', 30)}`,
    /^54001/,
  ],
  [
    '10 subqueries in each other',
    `select count(*) from ${FACTS} where ${nested(`exists (select from ${FACTS} where `, 'true', ')', 10)}`,
    '360',
  ],
  ['10,000 UNIONs', `select count(*) from (${list(10_000, () => `select id from ${FACTS}`, ' union ')}) x`, /^54001/],
  [
    'a chain of 100 CTEs',
    `with c0 as (select * from ${FACTS})${list(100, (n) => `, c${n + 1} as (select * from c${n})`, '')} select count(*) from c100`,
    '360',
  ],
  ['2,000 conjuncts', `select count(*) from ${FACTS} where ${list(2000, (n) => `id <> ${n + 10_000}`, ' and ')}`, '360'],
  ['2,000 mixed disjuncts', `select count(*) from ${FACTS} where ${list(2000, (n) => `(id = ${n} and id + ${n} > 0)`, ' or ')}`, /^\d+$/],
  [
    '40 joins',
    `select count(*) from ${list(40, (n) => `${FACTS} t${n}`)} where ${list(39, (n) => `t${n}.id = t${n + 1}.id`, ' and ')}`,
    '360',
  ],
  ['1,665 columns', `select ${list(1665, (n) => `id + ${n}`)} from ${FACTS}`, /^54011/],
  ['100,000 comments in each other', `select count(*) from ${FACTS} ${'/*'.repeat(100_000)}`, /^54001/],
  ['a NUL byte', `select count(*) from ${FACTS} where s = E'a\\000b'`, /^22021/],
];

describe('hostile statements', function () {
  this.timeout(120_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let client: pg.Client;
  let neighbour: pg.Client;

  before(async () => {
    home = await tempFolder('hostile');
    server = await startTimeline({ home: home.path, config: await writeLake(join(home.path, 'lake'), oracleTables(7)) });
    [client, neighbour] = await Promise.all([server.connect(), server.connect()]);
  });
  after(async () => {
    await Promise.all([client?.end(), neighbour?.end()]);
    await server?.stop();
    await home?.remove();
  });

  async function outcome(sql: string): Promise<string> {
    try {
      const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
      return String(rows[0]?.[0]);
    } catch (thrown) {
      const { code, message } = thrown as Error & { code?: string };
      return `${code} ${message}`;
    }
  }

  const countOf = async (session: pg.Client): Promise<number> =>
    (await session.query(`select count(*)::int as n from ${FACTS}`)).rows[0]?.n as number;

  for (const [name, sql, expected] of MONSTERS) {
    it(`${name}: answered or refused, beside another session`, async () => {
      const [seen, rows] = await Promise.all([outcome(sql), countOf(neighbour)]);
      if (typeof expected === 'string') assert.equal(seen, expected);
      else assert.match(seen.slice(0, 300), expected);
      assert.equal(rows, 360);
      assert.equal(await countOf(client), 360);
    });
  }

  it('constant queries without end keep nobody from anything, and end', async () => {
    const endless = await Promise.all([0, 1].map(() => server.connect()));
    const ends = endless.map((session) =>
      assert.rejects(session.query('select count(*) from generate_series(1, 1000000000000)'), { code: '57014' }),
    );
    assert.equal(await countOf(neighbour), 360);
    assert.equal((await client.query('select 1 as one')).rows[0]?.one, 1);
    await Promise.all(ends);
    for (const session of endless) {
      assert.equal((await session.query('select 2 as two')).rows[0]?.two, 2);
      await session.end();
    }
  });

  it('a kernel thread that DuckDB keeps busy after its time takes nothing with it', async () => {
    const busy = await server.connect();
    const sql = `select count(*) from ${FACTS} where ${list(10_000, (n) => `id <> ${n + 10_000}`, ' and ')}`;
    await busy.query("set statement_timeout = '1s'");
    for (let round = 0; round < 3; round += 1) {
      await busy.query(sql).then(
        ({ rows }) => assert.equal(rows[0].count, '360'),
        (error: Error & { code?: string }) => assert.equal(error.code, '57014', error.message),
      );
    }
    await busy.query('reset statement_timeout');
    assert.equal(await countOf(busy), 360);
    await busy.end();
    assert.equal(await countOf(neighbour), 360);
  });

  it("functions of PostgreSQL's that do not end are ended, twenty in a row", async () => {
    const busy = await server.connect();
    for (let round = 0; round < 20; round += 1) {
      await busy.query("set statement_timeout = '300ms'");
      await assert.rejects(busy.query(`select max(length(format('%1000000000s', s))) from ${FACTS}`), { code: '57014' });
    }
    await busy.query('reset statement_timeout');
    assert.equal((await busy.query(`select max(format('%3s', i4 * 0)) as zero from ${FACTS}`)).rows[0]?.zero, '  0');
    assert.equal(await countOf(neighbour), 360);
    await busy.end();
  });
});
