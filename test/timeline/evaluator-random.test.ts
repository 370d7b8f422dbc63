import assert from 'node:assert/strict';
import { TimelineError } from '../../sql/errors.js';
import type { Value } from '../../sql/value.js';
import { TimelineEvaluator } from '../../src/timeline/evaluator.js';
import { bruteForce, type Event, Tied } from './brute-force.js';
import { canonical, order, show } from './brute-values.js';
import { Random } from './random.js';
import { Coverage, LEAST } from './random-coverage.js';
import { type RandomCase, randomCase } from './random-timeline.js';

const CASES = 20_000;
/** Beside the fixed seeds; its number is in the name of the test. */
const FRESH = 2000;

type Rows = readonly (readonly (Value | null)[])[];
type Answer = Rows | 'ties';

/** Key by key and in time order, as feeds bring them to a kernel. */
function sorted({ spec, events, types }: RandomCase): readonly Event[] {
  const compare = (a: Event, b: Event, id: number): number => {
    const [x, y] = [a[id] ?? null, b[id] ?? null];
    return x === null || y === null ? Number(x === null) - Number(y === null) : order(types.get(id)!, x, y);
  };
  const ids = [...spec.keys, spec.ts, ...spec.orderBy];
  return [...events].sort((a, b) => ids.map((id) => compare(a, b, id)).find((sign) => sign !== 0) ?? 0);
}

/** The evaluator's rows, its input cut into batches at random. */
function evaluate(example: RandomCase, random: Random): Answer {
  const { spec, types, horizon } = example;
  const events = sorted(example);
  const evaluator = new TimelineEvaluator(JSON.parse(JSON.stringify(spec)), types, horizon === undefined ? undefined : BigInt(horizon));
  const rows: (Value | null)[][] = [];
  const take = (batch: ReturnType<TimelineEvaluator['push']>): void => {
    if (batch === undefined) return;
    for (let n = 0; n < batch.rowCount; n++) rows.push(batch.columns.map((column) => column[n]!));
  };
  try {
    for (let from = 0; from < events.length; ) {
      const batch = events.slice(from, from + 1 + random.below(6));
      take(evaluator.push(new Map([...types.keys()].map((id) => [id, batch.map((event) => event[id] ?? null)])), batch.length));
      from += batch.length;
    }
    take(evaluator.finish());
  } catch (error) {
    if (error instanceof TimelineError && error.sqlstate === '21000') return 'ties';
    throw error;
  }
  return rows;
}

function define(example: RandomCase): Answer {
  try {
    return bruteForce(example);
  } catch (error) {
    if (error instanceof Tied) return 'ties';
    throw error;
  }
}

/** Rows by key and time, each as text: of a key that is written in several ways, any will do. */
function normal({ spec, types }: RandomCase, answer: Answer): readonly string[] {
  if (answer === 'ties') return ['ties'];
  const keys = spec.keys.map((id) => types.get(id)!);
  return answer
    .map((row) => ({ key: keys.map((of, n) => canonical(of, row[n]!)), rest: row.slice(keys.length).map((cell) => show(cell)) }))
    .map(({ key, rest }, n) => ({ text: [...key, ...rest].join(' | '), group: key.join('\0'), n }))
    .sort((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : a.n - b.n))
    .map(({ text }) => text);
}

function check(seed: number, coverage: Coverage): number {
  const example = randomCase(seed, { probes: false });
  const expected = define(example);
  const text = (): string => `seed ${seed}: ${show(example.spec)}\n${example.events.map(show).join('\n')}`;
  let actual: Answer;
  try {
    actual = evaluate(example, new Random(seed));
  } catch (error) {
    throw new Error(`${text()}`, { cause: error });
  }
  const [found, wanted] = [normal(example, actual), normal(example, expected)];
  if (found.join('\n') !== wanted.join('\n')) assert.deepEqual(found, wanted, text());
  if (expected !== 'ties') coverage.add(example, expected);
  return expected === 'ties' ? 0 : expected.length;
}

describe('the evaluator against brute force', () => {
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
      const { spec, types, horizon } = example;
      const events = sorted(example);
      const evaluator = new TimelineEvaluator({ ...spec, ties: 'apply' }, types, horizon === undefined ? undefined : BigInt(horizon));
      evaluator.push(new Map([...types.keys()].map((id) => [id, events.map((event) => event[id] ?? null)])), events.length);
      evaluator.finish();
      assert.equal(evaluator.skippedRows, events.filter((event) => [...spec.keys, spec.ts].some((id) => event[id] === null)).length);
      skipped += evaluator.skippedRows;
    }
    assert.ok(skipped > 0);
  });
});
