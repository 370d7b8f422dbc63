import assert from 'node:assert/strict';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { openKernel } from '../../src/timeline/event-kernel.js';
import type { KernelOptions, KernelState, TimelineKernel } from '../../src/timeline/kernel.js';
import { show } from './brute-values.js';
import { batchOf, interleaved, optionsOf, type Row, Rows, sortedBy } from './kernel-runs.js';
import { Random } from './random.js';
import { type RandomCase, randomCase } from './random-timeline.js';

const CASES = 6000;

const sorted = (rows: readonly Row[]): string[] => rows.map((row) => row.map((cell) => show(cell)).join(' | ')).sort();
const restored = (state: KernelState): KernelState => JSON.parse(JSON.stringify(state)) as KernelState;

interface Half {
  readonly example: RandomCase;
  readonly spec: TimelineSpec;
  readonly to: number;
}

/** Pushes the events of [from, until). */
function feed({
  example,
  random,
  kernel,
  out,
  from,
  until,
}: {
  readonly example: RandomCase;
  readonly random: Random;
  readonly kernel: TimelineKernel;
  readonly out: Rows;
  readonly from: number;
  readonly until: number;
}): void {
  const { spec, types } = example;
  const events = sortedBy(example, [spec.ts, ...spec.orderBy]).filter((event) => {
    const time = Number(event[spec.ts] ?? Number.NaN);
    return time >= from && time < until;
  });
  for (let at = 0; at < events.length; ) {
    const batch = events.slice(at, at + 1 + random.below(6));
    out.take(kernel.push(batchOf(batch, random, types)));
    at += batch.length;
  }
}

/** The state that a call with another window leaves at `to`. */
function stateOf({ example, spec, to }: Half, random: Random): KernelState {
  const options: Omit<KernelOptions, 'order'> = { ...optionsOf(example), spec };
  const kernel = openKernel({ ...options, order: 'interleaved' });
  feed({ example, random, kernel, out: new Rows(), from: -Infinity, until: to });
  kernel.advance(to);
  return restored(kernel.save());
}

describe('a state of the kernel', () => {
  it(`lets a later window go on as if all had been read, in ${CASES} random cases`, function () {
    this.timeout(120_000);
    let carried = 0;
    let refused = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const example = randomCase(seed, { probes: false });
      const { spec, events } = example;
      if (spec.since === undefined || spec.ties === 'error') continue;
      const random = new Random(seed);
      const since = Number(spec.since);
      const { unit } = example.world;
      const to = since - unit * random.below(6);
      const far = String(Math.max(since, ...events.map((event) => Number(event[spec.ts] ?? since))) + unit);
      // the saver looks at another window, or at none before `to`
      const earlier = random.chance(50) ? since : to - unit * random.below(10);
      const saver: TimelineSpec = {
        ...(JSON.parse(JSON.stringify(spec)) as TimelineSpec),
        emit: 'spans',
        since: String(earlier),
        until: { kind: 'at', instant: far },
      };
      const { at: _, every: __, origin: ___, ...plain } = saver as { -readonly [K in keyof TimelineSpec]: TimelineSpec[K] };
      if (spec.emit === 'points' && spec.signals.some((signal) => JSON.stringify(signal.expr).includes('interval_'))) continue;
      const state = stateOf({ example, spec: { ...plain, at: undefined, every: undefined, origin: undefined }, to }, random);
      const kernel = openKernel({ ...optionsOf(example), order: 'interleaved' });
      try {
        kernel.load(state);
      } catch (error) {
        assert.match(String(error), /depends on its since/, `seed ${seed}`);
        assert.ok(earlier < to, `seed ${seed}`);
        refused += 1;
        continue;
      }
      const out = new Rows();
      feed({ example, random, kernel, out, from: to, until: Infinity });
      out.take(kernel.finish());
      assert.deepEqual(
        sorted(out.rows),
        sorted(interleaved(example, new Random(seed))),
        `seed ${seed} to ${to}: ${show(spec)}\n${events.map(show).join('\n')}`,
      );
      carried += 1;
    }
    assert.ok(carried > CASES / 4 && refused > 20, `${carried} carried, ${refused} refused`);
  });

  it('is refused by a call with other operators, and when it is damaged', () => {
    const example = randomCase(1, { probes: false });
    const options = optionsOf(example);
    const spans: TimelineSpec = {
      ...options.spec,
      emit: 'spans',
      at: undefined,
      since: undefined,
      until: { kind: 'at', instant: '9000000000000000' },
      fill: false,
    };
    const kernel = openKernel({ ...options, spec: spans, order: 'interleaved' });
    kernel.advance(0);
    const state = restored(kernel.save());
    const load = (given: KernelState, spec: TimelineSpec = spans): void =>
      openKernel({ ...options, spec, order: 'interleaved' }).load(given);
    load(state);
    assert.throws(() => load(state, { ...spans, idle: '1' }), /another timeline/);
    assert.throws(
      () => load(state, { ...spans, leaves: [...spans.leaves, { op: 'last_event_time', when: undefined }] }),
      /another timeline/,
    );
    assert.throws(() => load({ ...state, data: null }), /damaged/);
    assert.throws(() => load({ ...state, data: { ...(state.data as object), keys: [['a'], ['b']] } }), /damaged/);
    assert.throws(() => load({ ...state, data: { ...(state.data as object), states: {} } }), /damaged/);
    assert.throws(() => load({ ...state, data: { ...(state.data as object), begun: 'AQ==' } }), /damaged/);
  });
});
