import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import { openKernel } from '../../src/timeline/event-kernel.js';
import { cases } from '../support/cases.js';
import { show } from './brute-values.js';
import { batchOf, grouped, interleaved, optionsOf, sortedBy } from './kernel-runs.js';
import { Random } from './random.js';
import { type Answer, define, normal, type Rows } from './random-answers.js';
import { Coverage, LEAST } from './random-coverage.js';
import { randomCase } from './random-timeline.js';

const CASES = cases('TIMELINE_EVALUATOR_CASES', { usual: 6000, full: 20_000 });
/** Beside the fixed seeds; its number is in the name of the test. */
const FRESH = 2000;

function evaluate(run: () => Rows): Answer {
  try {
    return run();
  } catch (error) {
    if (error instanceof TimelineError && error.sqlstate === '21000') return 'ties';
    throw error;
  }
}

function check(seed: number, coverage: Coverage): number {
  const example = randomCase(seed);
  const expected = define(example);
  const wanted = normal(example, expected);
  for (const run of [grouped, interleaved]) {
    const text = (): string => `seed ${seed}, ${run.name}: ${show(example.spec)}\n${example.events.map(show).join('\n')}`;
    let actual: Answer;
    try {
      actual = evaluate(() => run(example, new Random(seed)));
    } catch (error) {
      throw new Error(`${text()}`, { cause: error });
    }
    const found = normal(example, actual);
    if (found.join('\n') !== wanted.join('\n')) assert.deepEqual(found, wanted, text());
  }
  if (expected !== 'ties') coverage.add(example, expected);
  return expected === 'ties' ? 0 : expected.length;
}

describe('the kernel against brute force', () => {
  it(`gives the rows of the definitions in ${CASES} random cases`, function () {
    this.timeout(600_000);
    const coverage = new Coverage();
    let rows = 0;
    for (let seed = 1; seed <= CASES; seed++) rows += check(seed, coverage);
    // a generator that makes only empty answers would prove nothing
    assert.ok(rows > CASES * 3, `${rows} rows`);
    for (const [percent, features] of LEAST)
      for (const feature of features)
        assert.ok(coverage.count(feature) >= (CASES * percent) / 100, `${feature} is thin: ${coverage.count(feature)}\n${coverage}`);
  });

  const start = 1_000_000 + Math.floor(Math.random() * 2 ** 30);
  it(`and in ${FRESH} others from seed ${start} on`, function () {
    this.timeout(600_000);
    for (let seed = start; seed < start + FRESH; seed++) check(seed, new Coverage());
  });

  it('counts the rows that it skips', () => {
    let skipped = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const example = randomCase(seed, { probes: false });
      const { spec, types, events } = example;
      const options = optionsOf(example);
      const kernel = openKernel({ ...options, spec: { ...options.spec, ties: 'apply' }, order: 'grouped' });
      kernel.push(batchOf(sortedBy(example, [...spec.keys, spec.ts, ...spec.orderBy]), new Random(seed), types));
      kernel.finish();
      assert.equal(kernel.skippedRows, events.filter((event) => [...spec.keys, spec.ts].some((id) => event[id] === null)).length);
      skipped += kernel.skippedRows;
    }
    assert.ok(skipped > 0);
  });
});
