import assert from 'node:assert/strict';
import { explainText } from '../../planner/explain.js';
import { formatTimestampTz } from '../../sql/value-time.js';
import { Dice } from '../e2e/oracle-dice.js';
import { cases } from '../support/cases.js';
import { GroupingConnector, type Row } from './grouping-connector.js';
import { PlannedQueries } from './planned-queries.js';
import { temporaryFolder } from './support.js';

const QUESTIONS = cases('AGGREGATE_QUERIES', { usual: 150, full: 2000 });
const SEED = Number(process.env['AGGREGATE_SEED'] ?? 11);
const ZONES = ['UTC', 'Etc/GMT-5', 'Etc/GMT+3', 'Europe/Paris'];

/** Aggregates that a connector computes in windows, put together by the engine, beside the engine's own over the same rows. */
describe('aggregates of a connector', function () {
  this.timeout(300_000);
  const folder = temporaryFolder();
  const dice = new Dice(SEED);
  const connector = new GroupingConnector(windows(dice));
  let queries: PlannedQueries;

  before(async () => {
    queries = await PlannedQueries.open(connector, folder);
  });

  after(async () => {
    await queries?.close();
  });

  it(`are the engine's own, in ${QUESTIONS} random queries`, async () => {
    const did = { pushed: 0, rows: 0 };
    for (let n = 0; n < QUESTIONS; n += 1) {
      const sql = randomQuery(dice);
      const timeZone = dice.pick(ZONES);
      const smallBytes = dice.pick([0, 2 ** 20]);
      const plan = await queries.plan(sql, { aggregates: 'on', timeZone, smallBytes });
      const text = explainText(plan).join('\n');
      const right = await queries.rows(await queries.plan(sql, { aggregates: 'off', timeZone, smallBytes }));
      const before = connector.grouped;
      assert.deepEqual(await queries.rows(plan), right, `${sql}\n${timeZone}\n${text}`);
      const pushed = text.includes('Pushed aggregate');
      assert.equal(connector.grouped > before, pushed, text);
      did.pushed += pushed ? 1 : 0;
      did.rows += right.length;
    }
    assert.ok(did.pushed > QUESTIONS / 2 && did.rows > QUESTIONS, JSON.stringify(did));
  });

  it('are not asked for where a filter is left, or a value is no column', async () => {
    for (const sql of [
      "select count(*) from logs where host = 'a'",
      'select count(*) from logs where status + 1 = 2',
      'select sum(status + 1) from logs',
      'select string_agg(level, $$,$$) from logs',
      'select count(*) from (select * from logs limit 3) as x',
      "select count(*) filter (where host = 'a') from logs",
      'select count(distinct level), count(*) from logs',
      'select host, count(*) from logs group by host',
    ]) {
      const plan = await queries.plan(sql, { aggregates: 'on', timeZone: 'UTC', smallBytes: 0 });
      assert.doesNotMatch(explainText(plan).join('\n'), /Pushed aggregate/, sql);
    }
  });
});

function windows(dice: Dice): readonly (readonly Row[])[] {
  const or = (value: string): string | null => (dice.chance(0.15) ? null : value);
  const start = BigInt(Date.UTC(2023, 11, 20)) * 1000n;
  const row = (): Row => ({
    // around New Year, with microseconds, and on both sides of a change of clocks
    ts: or(
      formatTimestampTz(
        start +
          BigInt(dice.whole(0, 20)) * 86_400_000_000n * BigInt(dice.pick([1, 1, 5])) +
          BigInt(dice.whole(0, 86_399)) * 1_000_000n +
          BigInt(dice.whole(0, 999_999)),
        'UTC',
      ),
    ),
    level: or(dice.pick(['', 'info', 'Info', 'error', '1.0', '1.00', 'ä'])),
    host: or(dice.pick(['a', 'b'])),
    status: or(String(dice.pick([-1, 0, 200, 404, 500, 2147483647, -2147483648]))),
    bytes: or(String(dice.pick([0n, -5n, 2n ** 53n + 1n, 9223372036854775807n, -9223372036854775808n]))),
    ok: or(dice.pick(['t', 'f'])),
  });
  return [37, 0, 1, 60, 13].map((rows) => Array.from({ length: rows }, row));
}

const KEYS = [
  'level',
  'status',
  'ok',
  'ts',
  'lower(level)',
  'coalesce(status, 0) % 3',
  "date_trunc('day', ts)",
  "date_trunc('week', ts)",
  "date_trunc('month', ts, 'UTC')",
  "date_trunc('year', ts AT TIME ZONE 'Etc/GMT-14')",
  "date_trunc('hour', ts, 'Etc/GMT+12')",
  'ts::date',
  'host',
];

const CALLS = [
  'count(*)',
  'count(level)',
  'count(1)',
  'count(ts)',
  'min(ts)',
  'max(ts)',
  'min(status)',
  'max(bytes)',
  'min(level)',
  'sum(status)',
  'sum(bytes)',
  'avg(status)',
  'avg(bytes)',
  'avg(status) - 1',
];

const FILTERS = [
  'status > 100',
  'status < -5 and level is not null',
  "level = 'info'",
  "level <> ''",
  'bytes is null',
  'bytes > 9007199254740992',
  'status = 77',
  "host = 'a'",
];

function randomQuery(dice: Dice): string {
  const where = dice.chance(0.4) ? ` where ${dice.pick(FILTERS)}` : '';
  const from = dice.chance(0.2) ? '(select ts, level, host, status, bytes, ok from logs) as logs' : 'logs';
  const keys = dice.sample(KEYS, dice.whole(0, 2));
  if (keys.length > 0 && dice.chance(0.1)) return `select distinct ${keys.join(', ')} from ${from}${where}`;
  if (dice.chance(0.1)) {
    const distinct = dice.sample(['level', 'status', 'ok', 'bytes'], 2).map((column) => `count(distinct ${column})`);
    return `select ${[...keys, ...distinct].join(', ')} from ${from}${where}${groupBy(keys)}`;
  }
  const calls = dice.sample(CALLS, dice.whole(keys.length === 0 ? 1 : 0, 4)).map((call) => {
    const filtered = dice.chance(0.2) && !call.includes(' - ');
    return filtered ? `${call} filter (where ${dice.pick(FILTERS.slice(0, 7))})` : call;
  });
  const sets = keys.length === 2 && dice.chance(0.3) ? ` group by ${dice.pick(['rollup', 'cube'])} (${keys.join(', ')})` : groupBy(keys);
  const having = calls.length > 0 && dice.chance(0.2) ? ' having count(*) > 2' : '';
  return `select ${[...keys, ...calls].join(', ')} from ${from}${where}${sets}${having}`;
}

function groupBy(keys: readonly string[]): string {
  return keys.length === 0 ? '' : ` group by ${keys.join(', ')}`;
}
