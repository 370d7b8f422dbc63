import assert from 'node:assert/strict';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { chainedBy, combineSummaries, joinSpans, summarizeChunk } from '../../src/timeline/chunk-summary.js';
import { openKernel } from '../../src/timeline/event-kernel.js';
import type { KernelState } from '../../src/timeline/kernel.js';
import type { Event } from './brute-force.js';
import { show } from './brute-values.js';
import { batchOf, grouped, optionsOf, type Row, Rows, sortedBy } from './kernel-runs.js';
import { Random } from './random.js';
import { type RandomCase, randomCase } from './random-timeline.js';

const CASES = 9000;

interface Chunk {
  readonly from: number;
  readonly to: number;
  readonly events: readonly Event[];
}

/** The case's time in up to six pieces; some are empty. */
function chunksOf(example: RandomCase, until: number, random: Random): readonly Chunk[] {
  const { spec, world } = example;
  const events = sortedBy(example, [spec.ts, ...spec.orderBy]).filter((event) => event[spec.ts] !== null);
  const borders = Array.from({ length: random.below(6) }, () => world.base + world.unit * random.below(world.span)).filter(
    (t) => t < until,
  );
  const edges = [-Infinity, ...new Set(borders.sort((a, b) => a - b)), until];
  return edges.slice(1).map((to, n) => ({
    from: edges[n]!,
    to,
    events: events.filter((event) => Number(event[spec.ts]) >= edges[n]! && Number(event[spec.ts]) < to),
  }));
}

function inBatches(events: readonly Event[], random: Random, push: (batch: readonly Event[]) => void): void {
  for (let at = 0; at < events.length; ) {
    const batch = events.slice(at, at + 1 + random.below(6));
    push(batch);
    at += batch.length;
  }
}

function twoPhases(example: RandomCase, chunks: readonly Chunk[], random: Random): readonly (readonly Row[])[] {
  const options = optionsOf(example);
  const { types } = example;
  const summaries = chunks.map(({ events, to }): KernelState => {
    const summary = summarizeChunk(options, to);
    inBatches(events, random, (batch) => summary.push(batchOf(batch, random, types)));
    return JSON.parse(JSON.stringify(summary.finish())) as KernelState;
  });
  /** Of chunks from..to-1, split anywhere. */
  const combined = (from: number, to: number): KernelState => {
    if (to - from === 1) return summaries[from]!;
    const middle = from + 1 + random.below(to - from - 1);
    return combineSummaries(options, combined(from, middle), combined(middle, to), chunks[to - 1]!.to);
  };
  return chunks.map(({ from, to, events }, n) => {
    const since = Math.max(from, Number(options.spec.since ?? -Infinity));
    const spec: TimelineSpec = {
      ...options.spec,
      since: since === -Infinity ? undefined : String(since),
      ...(options.spec.at === undefined
        ? { until: { kind: 'at', instant: String(to) } }
        : { at: options.spec.at.filter((at) => Number(at) >= from && Number(at) < to) }),
    };
    if (since >= to) return [];
    const kernel = openKernel({ ...options, spec, order: 'interleaved' });
    if (n > 0) kernel.load(combined(0, n));
    const out = new Rows();
    inBatches(events, random, (batch) => out.take(kernel.push(batchOf(batch, random, types))));
    out.take(kernel.finish());
    return out.rows;
  });
}

const sorted = (rows: readonly (readonly Row[number][])[]): string[] => rows.map((row) => row.map((cell) => show(cell)).join(' | ')).sort();

describe('chunks in two phases', () => {
  it(`give the rows of one pass in ${CASES} random cases`, function () {
    this.timeout(120_000);
    let compared = 0;
    let many = 0;
    for (let seed = 1; seed <= CASES; seed++) {
      const example = randomCase(seed, { probes: false });
      const { spec, horizon, world } = example;
      if (chainedBy(spec) !== undefined || spec.ties === 'error' || (spec.emit === 'points' && spec.at === undefined)) continue;
      const random = new Random(seed);
      const until =
        spec.at !== undefined
          ? Math.max(horizon ?? 0, ...spec.at.map(Number)) + world.unit
          : Number(spec.until.kind === 'at' ? spec.until.instant : horizon);
      if (!Number.isFinite(until) || until <= Number(spec.since ?? -Infinity)) continue;
      const chunks = chunksOf(example, until, random);
      const rows = twoPhases(example, chunks, random);
      // a window's end is open, a chunk's is not
      const started = spec.keys.length + (spec.every === undefined ? 0 : 2);
      const found =
        spec.at !== undefined
          ? rows.flat()
          : joinSpans(optionsOf(example), rows).map((row) => row.with(started + 4, row[started + 1] === BigInt(until)));
      const expected = grouped(example, random);
      assert.deepEqual(
        sorted(found),
        sorted(expected),
        `seed ${seed}, ${chunks.map(({ to }) => to)}: ${show(spec)}\n${example.events.map(show).join('\n')}`,
      );
      compared += 1;
      if (chunks.length > 3 && expected.length > 3) many += 1;
    }
    assert.ok(compared > CASES / 15 && many > CASES / 100, `${compared} compared, ${many} of many`);
  });

  it('are refused where a chunk needs the one before', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const example = randomCase(seed, { probes: false });
      if (chainedBy(example.spec) !== undefined) assert.throws(() => summarizeChunk(optionsOf(example), 0), /chained by/);
    }
  });
});
