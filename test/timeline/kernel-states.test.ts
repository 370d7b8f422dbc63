import assert from 'node:assert/strict';
import type { TimelineDigest } from '../../planner/physical-plan.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { Interval, Value } from '../../sql/value.js';
import { openKernel } from '../../src/timeline/event-kernel.js';
import type { KernelState } from '../../src/timeline/kernel.js';
import { bruteForce } from './brute-force.js';
import { type Cell, canonical, micros, show } from './brute-values.js';
import { batchOf, grouped, interleaved, optionsOf, Rows, sortedBy } from './kernel-runs.js';
import { Random } from './random.js';
import { type RandomCase, randomCase } from './random-timeline.js';

const CASES = 4000;

/** Keys that are equal are one, however they are written. */
function texts({ spec, types }: RandomCase, columns: readonly number[], row: readonly Cell[]): string {
  return columns
    .map((column) => {
      const key = spec.keys[column];
      return key === undefined ? show(row[column]) : canonical(types.get(key)!, row[column] as Value);
    })
    .join(' | ');
}

describe('the kernel', () => {
  it(`goes on from the state of another window in ${CASES} random cases`, function () {
    this.timeout(600_000);
    const seen = { rows: 0, loaded: 0, refused: 0 };
    for (let seed = 1; seed <= CASES; seed++) {
      const random = new Random(seed + 7_000_000);
      const made = randomCase(seed + 500_000, { probes: false });
      const example: RandomCase = { ...made, spec: { ...made.spec, ties: 'apply' } };
      const { spec, types, world } = example;
      if (spec.since === undefined) continue;
      const to = Number(spec.since) - world.unit * random.below(12);
      const events = sortedBy(example, [spec.ts, ...spec.orderBy]).filter((event) => event[spec.ts] !== null);
      const isBefore = (event: (typeof events)[number]): boolean => Number(event[spec.ts]) < to;
      const first = events.filter(isBefore);
      // the saver's own window: from `to` on, or an earlier one, which some operators cannot be taken out of
      const since = random.chance(70) ? to : to - world.unit * random.below(20);
      const options = optionsOf(example);
      const saver: TimelineSpec = {
        ...options.spec,
        emit: 'spans',
        since: String(since),
        until: { kind: 'at', instant: String(to + world.unit * 1000) },
        at: undefined,
        every: undefined,
        origin: undefined,
        // what is shown is no part of the state, as long as the operators are the same
        signals: [...options.spec.signals],
      };
      const before = openKernel({ ...options, spec: saver, order: 'interleaved' });
      for (let from = 0; from < first.length; from += 3) before.push(batchOf(first.slice(from, from + 3), random, types));
      before.advance(to);
      const state = JSON.parse(JSON.stringify(before.save())) as KernelState;
      const after = openKernel({ ...options, order: 'interleaved' });
      try {
        after.load(state);
      } catch (error) {
        assert.match(String(error), /depends on its since/, `seed ${seed}`);
        assert.ok(since < to, `seed ${seed}`);
        seen.refused += 1;
        continue;
      }
      const out = new Rows();
      const rest = events.filter((event) => !isBefore(event));
      for (let from = 0; from < rest.length; from += 4) out.take(after.push(batchOf(rest.slice(from, from + 4), random, types)));
      out.take(after.finish());
      const wanted = bruteForce(example);
      const all = wanted[0]?.map((_, n) => n) ?? [];
      assert.deepEqual(
        out.rows
          .map((row) =>
            texts(
              example,
              row.map((_, n) => n),
              row,
            ),
          )
          .sort(),
        wanted.map((row) => texts(example, all, row)).sort(),
        `seed ${seed}: to ${to}, saver since ${since}\n${show(spec)}\n${events.map(show).join('\n')}`,
      );
      seen.loaded += 1;
      seen.rows += wanted.length;
    }
    assert.ok(seen.loaded > CASES / 3 && seen.rows > CASES && seen.refused > 0, JSON.stringify(seen));
  });

  it(`sums spans as GROUP BY over them does, in ${CASES} random cases`, function () {
    this.timeout(600_000);
    const seen = { groups: 0, merged: 0 };
    for (let seed = 1; seed <= CASES; seed++) {
      const random = new Random(seed + 9_000_000);
      const made = randomCase(seed + 600_000, { probes: false });
      const example: RandomCase = { ...made, spec: { ...made.spec, ties: 'apply' } };
      const { spec } = example;
      if (spec.emit !== 'spans') continue;
      const first = spec.keys.length + (spec.every === undefined ? 0 : 2);
      const groupable = [
        ...Array.from({ length: first }, (_, n) => n),
        ...spec.signals.flatMap((signal, n) => (signal.numerical ? [] : [first + 5 + n])),
      ];
      const columns = groupable.filter(() => random.chance(45));
      const sums = (['seconds', 'duration', 'count'] as const).filter(() => random.chance(70));
      const digest: TimelineDigest = { columns, sums };
      const spans = bruteForce(example);
      const groups = new Map<string, { micros: bigint; count: number }>();
      const add = (name: string, length: bigint, count: number): void => {
        const group = groups.get(name) ?? { micros: 0n, count: 0 };
        groups.set(name, { micros: group.micros + length, count: group.count + count });
      };
      for (const row of spans) add(texts(example, columns, row), micros(row[first + 2] as Interval), 1);
      const write = (name: string, group: { micros: bigint; count: number }): string =>
        show([name, ...sums.map((sum) => (sum === 'count' ? String(group.count) : String(group.micros)))]);
      const wanted = [...groups].map(([name, group]) => write(name, group)).sort();
      for (const run of [grouped, interleaved]) {
        groups.clear();
        const rows = run(example, new Random(seed), { ...optionsOf(example), digest, batchRows: 1 + random.below(5) });
        for (const row of rows) {
          const at = (sum: (typeof sums)[number]): Cell | undefined =>
            sums.includes(sum) ? row[columns.length + sums.indexOf(sum)] : undefined;
          const [seconds, duration, count] = [at('seconds'), at('duration'), at('count')];
          if (seconds !== undefined && duration !== undefined)
            assert.equal(Number(micros(duration as Interval)) / 1e6, seconds, `seed ${seed}`);
          const length =
            duration !== undefined
              ? micros(duration as Interval)
              : seconds !== undefined
                ? BigInt(Math.round((seconds as number) * 1e6))
                : 0n;
          const placed: Cell[] = [];
          columns.forEach((column, n) => {
            placed[column] = row[n] ?? null;
          });
          add(texts(example, columns, placed), length, count === undefined ? 0 : Number(count));
        }
        assert.deepEqual(
          [...groups].map(([name, group]) => write(name, group)).sort(),
          wanted,
          `seed ${seed}, ${run.name}: ${show(digest)}\n${show(spec)}\n${example.events.map(show).join('\n')}`,
        );
      }
      seen.groups += wanted.length;
      if (wanted.length < spans.length) seen.merged += 1;
    }
    assert.ok(seen.groups > CASES && seen.merged > CASES / 4, JSON.stringify(seen));
  });
});
