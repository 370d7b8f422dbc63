import assert from 'node:assert/strict';
import { explainText } from '../../planner/explain.js';
import { operatorsIn } from '../../planner/logical-plan.js';
import type { TimelineRule, TimelineRules } from '../../planner/planning.js';
import { asTimelineError } from '../../sql/errors.js';
import { Dice } from '../e2e/oracle-dice.js';
import { eventTables, randomQuestion } from './random-question.js';
import { RuleLake } from './rule-lake.js';

const QUESTIONS = Number(process.env['TIMELINE_RULE_QUERIES'] ?? 200);
const SEED = Number(process.env['TIMELINE_RULE_SEED'] ?? 11);
const RULES: readonly TimelineRule[] = ['digest', 'columns', 'lookback', 'relevance', 'key_semi_join'];

function all(mode: 'on' | 'off'): TimelineRules {
  return Object.fromEntries(RULES.map((rule) => [rule, mode]));
}

describe('timeline rules on random questions', function () {
  this.timeout(3_600_000);
  let lake: RuleLake;
  before(async () => {
    lake = await RuleLake.open(eventTables(SEED));
  });
  after(() => lake?.close());

  it('change no answer', async () => {
    const dice = new Dice(SEED);
    const fired = { digest: 0, lookback: 0, relevance: 0, keys: 0, query: 0, rows: 0, refused: 0 };
    for (let n = 0; n < QUESTIONS; n += 1) {
      const sql = randomQuestion(dice);
      const one = dice.pick(RULES);
      const rules = dice.chance(0.5) ? all('on') : { ...all('off'), [one]: 'on' as const };
      const whole = dice.chance(0.4);
      const direct = dice.chance(0.5);
      const off = await lake.plan(sql, { rules: all('off'), whole, direct }).catch(asTimelineError);
      if (off instanceof Error) {
        assert.match(off.sqlstate, /^(0A000|42703|42804|22023)$/, `${sql}\n${off.message}`);
        fired.refused += 1;
        continue;
      }
      const on = await lake.plan(sql, { rules, whole, direct });
      const expected = await lake.ask(off);
      const asked = await lake.ask(on);
      assert.deepEqual(asked.rows, expected.rows, `${n}: ${sql}\n${JSON.stringify(rules)}\n${explainText(on).join('\n')}`);
      fired.rows += expected.rows.length;
      for (const op of on.stages.flatMap((stage) => [...operatorsIn(stage.root)])) {
        if (op.kind !== 'timeline') continue;
        if (op.digest !== undefined) fired.digest += 1;
        if (op.reading?.lookback?.kind === 'found') fired.lookback += 1;
        if (op.reading?.relevant === true) fired.relevance += 1;
        if (op.reading?.keys === 'events') fired.keys += 1;
        if (op.reading?.keys === 'query') fired.query += 1;
      }
    }
    if (process.env['TIMELINE_RULE_QUERIES'] !== undefined) console.log(JSON.stringify(fired));
    assert.ok(fired.digest > QUESTIONS / 8 && fired.refused < QUESTIONS / 4 && fired.rows > QUESTIONS, JSON.stringify(fired));
  });
});
