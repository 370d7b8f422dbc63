import assert from 'node:assert/strict';
import { explainText } from '../../planner/explain.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import type { Operator, PhysicalPlan } from '../../planner/physical-plan.js';
import type { OracleTable } from '../e2e/oracle-lake.js';
import { RuleLake } from './rule-lake.js';

const FILES = 40;

/** 40 files of an hour and three keys each, in the one of 07:00 a fatal error. */
function hours(): OracleTable {
  const rows = Array.from({ length: 12 }, (_, minute) =>
    Array.from({ length: FILES }, (__, hour): (string | null)[] => [
      `s${hour * 3 + (minute % 3)}`,
      new Date(Date.UTC(2025, 2, 1, hour, minute)).toISOString(),
      minute % 2 === 0 ? 'play' : 'buffer',
      hour === 7 && minute === 4 ? 'fatal' : hour % 2 === 0 && minute === 5 ? 'minor' : null,
    ]),
  ).flat();
  const columns = ['session string text', 'ts timestamptz timestamptz', 'state string text', 'error string text'].map((one) => {
    const [name = '', iceberg = '', postgres = ''] = one.split(' ');
    return { name, iceberg, postgres };
  });
  return { name: 'hours', columns, rows, files: FILES };
}

describe('timeline rules where statistics decide', function () {
  this.timeout(120_000);
  let lake: RuleLake;
  before(async () => {
    lake = await RuleLake.open([hours()]);
  });
  after(() => lake?.close());

  const call = (rest: string): string => `timeline(hours, key => session, ts => ts, state => latest(state), ${rest}) t`;
  const ops = (plan: PhysicalPlan): readonly Operator[] => plan.stages.flatMap((stage) => [...operatorsIn(stage.root)]);
  const semiJoins = (plan: PhysicalPlan): number => ops(plan).filter((op) => op.kind === 'join').length;

  it('keys are found first where few files can hold what the filter needs, and only their files are read', async () => {
    const sql = `SELECT session, sum(seconds) FROM ${call("broken => has_existed(error = 'fatal')")} WHERE broken AND state = 'play' GROUP BY 1`;
    const plan = await lake.plan(sql, { rules: {} });
    assert.equal(semiJoins(plan), 1, explainText(plan).join('\n'));
    assert.match(explainText(plan).join('\n'), /Keys: only those with an event that the filter above needs, found first/);
    const asked = await lake.ask(plan);
    assert.deepEqual(asked.rows, (await lake.ask(await lake.plan(sql, { rules: { key_semi_join: 'off' } }))).rows);
    assert.equal(asked.rows.length, 1);
    const skipped = asked.summary.stages.reduce((sum, stage) => sum + (stage.skipped?.files ?? 0), 0);
    assert.ok(skipped >= FILES - 4, `${skipped} files`);
  });

  it('but not where many files can', async () => {
    const sql = `SELECT session, sum(seconds) FROM ${call("broken => has_existed(error = 'minor')")} WHERE broken GROUP BY 1`;
    const plan = await lake.plan(sql, { rules: {} });
    assert.equal(semiJoins(plan), 0);
    assert.ok(ops(plan).some((op) => op.kind === 'timeline' && op.direct === true && op.reading?.keys === undefined));
    assert.equal((await lake.ask(plan)).rows.length, FILES / 2);
  });

  it('a notice tells that the state at since costs more than the window, and EXPLAIN why', async () => {
    const since = "since => '2025-03-02 12:00Z', until => '2025-03-02 16:00Z'";
    const [notice, ...others] = (await lake.plan(`SELECT * FROM ${call(since)}`, { rules: {}, carry: 'off' })).notices;
    assert.match(notice ?? '', /the state at "since" comes from all earlier events, about 432 rows for 48 rows from then on/);
    assert.deepEqual(others, []);
    assert.match(
      explainText(await lake.plan(`SELECT * FROM ${call(since)}`, { rules: {}, carry: 'off' })).join('\n'),
      /Lookback: unbounded \(latest\(state(#\d+)?\)\): 432 rows before, 48 rows from then on/,
    );
    const quiet = [
      call("since => '2025-03-01 10:00Z', until => '2025-03-02 16:00Z'"),
      call(`${since}, lookback => INTERVAL '1 h'`),
      call(`${since}, lookback => 'none'`),
      `timeline(hours, key => session, ts => ts, late => has_existed_within(state = 'play', INTERVAL '10 min'), ${since}, idle => INTERVAL '1 h') t`,
      call("until => '2025-03-02 16:00Z'"),
    ];
    assert.deepEqual((await lake.plan(`SELECT * FROM ${call(since)}`, { rules: {}, carry: 'on' })).notices, []);
    for (const from of quiet) assert.deepEqual((await lake.plan(`SELECT * FROM ${from}`, { rules: {}, carry: 'off' })).notices, [], from);
  });
});
