import assert from 'node:assert/strict';
import type { Value } from '../../sql/value.js';
import { TimelineEvaluator } from '../../src/timeline/evaluator.js';
import { bruteForce, show } from './brute-force.js';
import { COLUMNS, Random, type RandomCase, randomCase } from './random-timeline.js';

const CASES = 3000;

/** The evaluator's rows, its input cut into batches at random. */
function evaluate({ spec, events, horizon }: RandomCase, random: Random): (Value | null)[][] {
  const evaluator = new TimelineEvaluator(JSON.parse(JSON.stringify(spec)), COLUMNS, horizon === undefined ? undefined : BigInt(horizon));
  const rows: (Value | null)[][] = [];
  const take = (batch: ReturnType<TimelineEvaluator['push']>): void => {
    if (batch === undefined) return;
    for (let n = 0; n < batch.rowCount; n++) rows.push(batch.columns.map((column) => column[n]!));
  };
  for (let from = 0; from < events.length; ) {
    const batch = events.slice(from, from + 1 + random.below(6));
    take(evaluator.push(new Map([...COLUMNS.keys()].map((id) => [id, batch.map((event) => event[id] ?? null)])), batch.length));
    from += batch.length;
  }
  take(evaluator.finish());
  return rows;
}

describe('the evaluator against brute force', () => {
  it(`gives the rows of the definitions in ${CASES} random cases`, function () {
    this.timeout(120_000);
    const seen = { rows: 0, spans: 0, points: 0, skipped: 0 };
    for (let seed = 1; seed <= CASES; seed++) {
      const example = randomCase(seed);
      const expected = bruteForce(example.spec, example.events, example.horizon).map(show);
      const actual = evaluate(example, new Random(seed)).map(show);
      assert.deepEqual(
        actual,
        expected,
        `seed ${seed}: ${show(example.spec as never)}\n${example.events.map((event) => show(event as never)).join('\n')}`,
      );
      seen.rows += actual.length;
      seen[example.spec.emit] += 1;
    }
    // a generator that makes only empty answers would prove nothing
    assert.ok(seen.rows > CASES * 2 && seen.points > 500 && seen.spans > 1000, JSON.stringify(seen));
  });

  it('counts the rows that it skips', () => {
    let skipped = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const { spec, events, horizon } = randomCase(seed);
      const evaluator = new TimelineEvaluator(spec, COLUMNS, horizon === undefined ? undefined : BigInt(horizon));
      evaluator.push(new Map([...COLUMNS.keys()].map((id) => [id, events.map((event) => event[id] ?? null)])), events.length);
      evaluator.finish();
      assert.equal(evaluator.skippedRows, events.filter((event) => event[1] === null || event[2] === null).length);
      skipped += evaluator.skippedRows;
    }
    assert.ok(skipped > 0);
  });
});
