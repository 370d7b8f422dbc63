import assert from 'node:assert/strict';
import { join } from 'node:path';
import { EmbeddedPostgres } from '../support/embedded-postgres.js';
import { tempFolder } from '../support/temp-folder.js';
import { startTimeline, type TimelineServer } from '../support/timeline-server.js';
import { Dice } from './oracle-dice.js';
import { loadPostgres, oracleTables, writeLake } from './oracle-lake.js';
import { OraclePair, type Outcome, report } from './oracle-pair.js';
import { ORDERED, UNORDERED } from './oracle-queries.js';
import { randomQuery } from './oracle-random.js';

const RANDOM_QUERIES = Number(process.env['ORACLE_QUERIES'] ?? 1600);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York'];

describe('the engine beside PostgreSQL', function () {
  this.timeout(300_000);
  let home: Awaited<ReturnType<typeof tempFolder>>;
  let server: TimelineServer;
  let postgres: EmbeddedPostgres;
  let pair: OraclePair;

  before(async () => {
    home = await tempFolder('oracle');
    const tables = oracleTables(20240331);
    const config = await writeLake(join(home.path, 'lake'), tables);
    [server, postgres] = await Promise.all([startTimeline({ home: home.path, config }), EmbeddedPostgres.start()]);
    await loadPostgres(postgres, tables);
    pair = await OraclePair.open(server, postgres);
  });
  after(async () => {
    await pair?.client.end();
    await server?.stop();
    await postgres?.close();
    await home?.remove();
  });

  async function settle(zone: string, smallBytes: string): Promise<void> {
    await pair.set('TimeZone', zone);
    await pair.set('timeline.small_bytes', smallBytes);
  }

  it('reads what was written', async () => {
    await settle('UTC', '0');
    for (const table of ['facts', 'dims', 'links', 'none']) {
      const outcome = await pair.compare(`select * from o.${table}`);
      assert.equal(outcome.verdict, 'agreed', report(outcome));
      assert.ok(outcome.postgres.kind === 'rows' && (table === 'none') === (outcome.postgres.rows.length === 0));
    }
  });

  // In one task, and in stages with exchanges between them.
  for (const [zone, smallBytes] of [['UTC', '64MB'], ['Europe/Berlin', '0']] as const) {
    it(`hand-written questions, ${zone}, ${smallBytes === '0' ? 'stages' : 'one task'}`, async () => {
      await settle(zone, smallBytes);
      const outcomes: Outcome[] = [];
      for (const sql of UNORDERED) outcomes.push(await pair.compare(sql));
      for (const sql of ORDERED) outcomes.push(await pair.compare(sql, true));
      check(outcomes, { unsupported: 0.2, eager: 0, lazy: 0 });
    });
  }

  it(`${RANDOM_QUERIES} random questions (seed ${SEED})`, async () => {
    const outcomes: Outcome[] = [];
    for (let n = 0; n < RANDOM_QUERIES; n++) {
      if (n % 100 === 0) await settle(ZONES[(n / 100) % ZONES.length] ?? 'UTC', n % 200 === 0 ? '64MB' : '0');
      const { sql, ordered } = randomQuery(new Dice(SEED * 1_000_003 + n));
      outcomes.push(await pair.compare(sql, ordered));
    }
    check(outcomes, { unsupported: 0.05, eager: 0.01, lazy: 0.01 });
  });
});

/** No wrong answer at all; of the rest at most these shares. */
function check(outcomes: readonly Outcome[], most: { readonly unsupported: number; readonly eager: number; readonly lazy: number }): void {
  const found = (verdict: Outcome['verdict']): Outcome[] => outcomes.filter((outcome) => outcome.verdict === verdict);
  const log = process.env['ORACLE_LOG'];
  if (log !== undefined) {
    for (const outcome of outcomes) if (outcome.verdict !== 'agreed') console.log(report(outcome));
    console.log(Object.fromEntries(['agreed', 'unsupported', 'eager', 'lazy', 'different'].map((v) => [v, found(v as Outcome['verdict']).length])));
    console.log('errors on both', outcomes.filter((o) => o.verdict === 'agreed' && o.engine.kind === 'error').length, 'empty', outcomes.filter((o) => o.postgres.kind === 'rows' && o.postgres.rows.length === 0).length);
  }
  const wrong = found('different');
  assert.ok(wrong.length === 0, `${wrong.length} wrong answers\n${wrong.slice(0, 10).map(report).join('\n')}`);
  for (const verdict of ['unsupported', 'eager', 'lazy'] as const) {
    const some = found(verdict);
    assert.ok(some.length <= most[verdict] * outcomes.length, `${some.length} of ${outcomes.length} ${verdict}\n${some.slice(0, 10).map(report).join('\n')}`);
  }
}
