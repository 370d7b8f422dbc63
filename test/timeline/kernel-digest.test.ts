import assert from 'node:assert/strict';
import type { TimelineDigest } from '../../planner/physical-plan.js';
import { columnsBeforeSignals } from '../../planner/timeline-parts.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { Oid, type } from '../../sql/types.js';
import type { Interval } from '../../sql/value.js';
import { openKernel } from '../../src/timeline/event-kernel.js';
import { show } from './brute-values.js';
import { grouped, interleaved, optionsOf, type Row, Rows } from './kernel-runs.js';
import { PLAIN_SPEC } from './plain-spec.js';
import { Random } from './random.js';
import { randomCase } from './random-timeline.js';

const CASES = 3000;

/** Rows of equal first `width` cells as one: with whole microseconds and a count. */
function merged(
  rows: readonly Row[],
  width: number,
  read: (row: Row) => { readonly micros: bigint; readonly count: bigint },
): readonly string[] {
  const groups = new Map<string, { micros: bigint; count: bigint }>();
  for (const row of rows) {
    const key = row
      .slice(0, width)
      .map((cell) => show(cell))
      .join(' | ');
    const { micros, count } = read(row);
    const group = groups.get(key) ?? { micros: 0n, count: 0n };
    groups.set(key, { micros: group.micros + micros, count: group.count + count });
  }
  return [...groups].map(([key, { micros, count }]) => `${key}: ${micros} in ${count}`).sort();
}

describe('digests of spans', () => {
  it(`are the sums of the spans, in ${CASES} random cases, both orders, through advances and saves`, function () {
    this.timeout(60_000);
    let compared = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const example = randomCase(seed, { probes: false });
      const { spec } = example;
      if (spec.emit === 'points' || spec.ties === 'error') continue;
      const random = new Random(seed);
      const keys = spec.keys.length;
      const first = columnsBeforeSignals(spec);
      const all = [...Array.from({ length: first - 5 }, (_, n) => n), ...spec.signals.map((_, n) => first + n)];
      const columns = all.filter(() => random.chance(60));
      const digest: TimelineDigest = { columns, sums: ['duration', 'count', 'seconds'] };
      const bool = spec.signals.findIndex((signal) => signal.type.oid === Oid.bool);
      const required = bool >= 0 && random.chance(50) ? [{ signal: bool, value: random.chance(50) }] : [];
      const options = optionsOf(example);
      // of keys that are written in several ways any is right
      if (columns.some((column) => column < keys)) continue;
      const spans = grouped(example, new Random(seed)).filter((row) =>
        required.every(({ signal, value }) => row[first + signal] === value),
      );
      const expected = merged(
        spans.map((row) => [...columns.map((column) => row[column]!), row[first - 3]!]),
        columns.length,
        (row) => ({ micros: (row.at(-1) as Interval).micros, count: 1n }),
      );
      const wanted = [...columns, 0, 0, 0].map(() => true);
      for (const run of [grouped, interleaved]) {
        const rows = run(example, new Random(seed), { ...options, digest, output: { wanted, required } });
        for (const row of rows) assert.equal(row[columns.length + 2], Number((row[columns.length] as Interval).micros) / 1e6);
        const found = merged(rows, columns.length, (row) => ({
          micros: (row[columns.length] as Interval).micros,
          count: row[columns.length + 1] as bigint,
        }));
        assert.deepEqual(found, expected, `seed ${seed}, ${run.name}`);
      }
      compared += 1;
    }
    assert.ok(compared > CASES / 5, `${compared} compared`);
  });

  const INT8 = type(Oid.int8);
  const BASE: TimelineSpec = {
    ...PLAIN_SPEC,
    keys: [1],
    ts: 2,
    until: { kind: 'at', instant: '8000000000000000' },
    leaves: [{ op: 'last_event_time', when: undefined }],
    signals: [{ name: 's', expr: { kind: 'leaf', index: 0, type: type(Oid.timestamptz) }, type: type(Oid.timestamptz), numerical: false }],
  };
  const TYPES = new Map([
    [1, INT8],
    [2, type(Oid.timestamptz)],
  ]);
  /** Keys and times of rows, 10,000 a batch. */
  function sums(
    spec: TimelineSpec,
    digest: TimelineDigest,
    rows: number,
    order: 'grouped' | 'interleaved',
    cell: (row: number) => readonly [number, number],
  ) {
    const kernel = openKernel({ spec, inputTypes: TYPES, horizon: undefined, order, digest });
    const out = new Rows();
    let largest = 0;
    for (let from = 0; from < rows; from += 10_000) {
      const cells = Array.from({ length: Math.min(10_000, rows - from) }, (_, n) => cell(from + n));
      const column = (n: 0 | 1) => ({ kind: 'numbers', values: Float64Array.from(cells, (pair) => pair[n]), valid: undefined }) as const;
      out.take(
        kernel.push({
          rowCount: cells.length,
          columns: new Map([
            [1, column(0)],
            [2, column(1)],
          ]),
        }),
      );
    }
    const last = kernel.finish();
    largest = Math.max(largest, last?.rowCount ?? 0);
    out.take(last);
    const total = (n: number): bigint => out.rows.reduce((sum, row) => sum + (row[n] as Interval).micros, 0n);
    return { rows: out.rows, last: largest, micros: total(digest.columns.length), width: digest.columns.length };
  }

  it('give out groups in between when there are many', () => {
    const found = sums(BASE, { columns: [6], sums: ['duration', 'count'] }, 200_000, 'interleaved', (row) => [row % 7, row * 3]);
    assert.equal(
      found.rows.reduce((sum, row) => sum + (row[2] as bigint), 0n),
      200_000n,
    );
    assert.ok(found.last < 150_000, `${found.last} at once`);
    // each key lives from its first event to the end
    assert.equal(found.micros, 7n * 8_000_000_000_000_000n - BigInt(3 * (0 + 1 + 2 + 3 + 4 + 5 + 6)));
    const keyed = sums(BASE, { columns: [0], sums: ['duration'] }, 200_000, 'grouped', (row) => [Math.floor(row / 2), row]);
    assert.equal(keyed.rows.length, 100_000);
    assert.ok(keyed.last < 20_000, `${keyed.last} at once`);
  });

  it('add up exactly beyond what a number holds', () => {
    const found = sums({ ...BASE, signals: [] }, { columns: [], sums: ['duration', 'seconds'] }, 5_001, 'interleaved', (row) => [row, row]);
    const exact = 5_001n * 8_000_000_000_000_000n - BigInt((5_000 * 5_001) / 2);
    assert.equal(found.rows.length, 1);
    assert.equal(found.micros, exact);
    assert.equal(found.rows[0]?.[1], Number(exact) / 1e6);
  });
});
