import assert from 'node:assert/strict';
import type { TimelineDigest } from '../../planner/physical-plan.js';
import { columnsBeforeSignals } from '../../planner/timeline-parts.js';
import type { Interval } from '../../sql/value.js';
import { chainedBy, combineSummaries, joinSpans, openChunk, summarizeChunk, summaryPhases } from '../../src/timeline/chunk-summary.js';
import type { Chunk } from '../../src/timeline/cuts.js';
import type { KernelState } from '../../src/timeline/kernel.js';
import { equalIsSame } from '../../src/timeline/value-identity.js';
import type { Event } from './brute-force.js';
import { show } from './brute-values.js';
import { batchOf, grouped, interleaved, optionsOf, type Row, Rows, sortedBy } from './kernel-runs.js';
import { Random } from './random.js';
import { type RandomCase, randomCase } from './random-timeline.js';

const CASES = 2500;

type Piece = Chunk & { readonly events: readonly Event[] };

/** A case that can be taken apart: what chains chunks to one another is left out of most. */
function exampleOf(seed: number, random: Random): RandomCase {
  const example = randomCase(seed, { probes: false });
  if (random.chance(3)) return example;
  return { ...example, spec: { ...example.spec, ties: 'apply', dedupe: [], fill: false } };
}

/** The case's time in up to six pieces; some are empty. */
function piecesOf(example: RandomCase, random: Random): readonly Piece[] {
  const { spec, world } = example;
  const events = sortedBy(example, [spec.ts, ...spec.orderBy]).filter((event) => event[spec.ts] !== null);
  const { base, unit, span } = world;
  const since = Number(spec.since ?? base);
  const until = spec.until.kind === 'at' ? Number(spec.until.instant) : base + unit * span;
  // most within the window; some at an event, some between two instants at which anything can happen
  const borders = Array.from({ length: 1 + random.below(5) }, () => {
    if (random.chance(25)) return Number(random.pick(events)?.[spec.ts] ?? base);
    if (random.chance(15)) return base + Math.floor((unit * random.below(span * 2)) / 2);
    return since + unit * random.below(Math.max(1, Math.round((until - since) / unit)));
  });
  const edges = [-Infinity, ...new Set(borders.sort((a, b) => a - b)), Infinity];
  return edges.slice(1).map((to, n) => {
    const from = edges[n]!;
    return { from, to, events: events.filter((event) => Number(event[spec.ts]) >= from && Number(event[spec.ts]) < to) };
  });
}

function inBatches(events: readonly Event[], random: Random, push: (batch: readonly Event[]) => void): void {
  for (let at = 0; at < events.length; ) {
    const batch = events.slice(at, at + 1 + random.below(6));
    push(batch);
    at += batch.length;
  }
}

/** Rows of each piece, worked out from summaries of those before. */
function inPhases(example: RandomCase, random: Random, digest: TimelineDigest | undefined): readonly (readonly Row[])[] {
  const options = { ...optionsOf(example), ...(digest === undefined ? {} : { digest }) };
  const { types } = example;
  const pieces = piecesOf(example, random);
  let before: readonly (KernelState | undefined)[] = pieces.map(() => undefined);
  for (let phase = 0; phase < summaryPhases(options.spec); phase++) {
    const known = before;
    const summaries = pieces.slice(0, -1).map(({ events, ...chunk }, n): KernelState => {
      const summary = summarizeChunk(options, { chunk, phase, before: known[n] });
      inBatches(events, random, (batch) => summary.push(batchOf(batch, random, types)));
      return JSON.parse(JSON.stringify(summary.finish())) as KernelState;
    });
    /** Of pieces from..to-1, split anywhere. */
    const combined = (from: number, to: number): KernelState => {
      if (to - from === 1) return summaries[from]!;
      const middle = from + 1 + random.below(to - from - 1);
      return combineSummaries(options, phase, combined(from, middle), combined(middle, to));
    };
    before = pieces.map((_, n) => (n === 0 ? undefined : combined(0, n)));
  }
  return pieces.map(({ events, ...chunk }, n) => {
    const kernel = openChunk(options, chunk, before[n]);
    const out = new Rows();
    inBatches(events, random, (batch) => out.take(kernel.push(batchOf(batch, random, types))));
    out.take(kernel.finish());
    return out.rows;
  });
}

const sorted = (rows: readonly (readonly Row[number][])[]): string[] => rows.map((row) => row.map((cell) => show(cell)).join(' | ')).sort();

/** Rows of a digest of duration and count, added up by its columns. */
function added(rows: readonly Row[]): readonly string[] {
  const groups = new Map<string, { micros: bigint; count: bigint }>();
  for (const row of rows) {
    const key = sorted([row.slice(0, -2)])[0]!;
    const { micros, count } = groups.get(key) ?? { micros: 0n, count: 0n };
    groups.set(key, { micros: micros + (row.at(-2) as Interval).micros, count: count + (row.at(-1) as bigint) });
  }
  return [...groups].map(([key, { micros, count }]) => `${key}: ${micros} in ${count}`).sort();
}

/** By buckets and signals that split spans; neither keys nor values that are written in several ways: of those any is right. */
function randomDigest({ spec }: RandomCase, random: Random): TimelineDigest {
  const first = columnsBeforeSignals(spec);
  const signals = spec.signals.flatMap(({ numerical, type }, n) => (numerical || !equalIsSame(type) ? [] : [first + n]));
  const buckets = Array.from({ length: first - 5 - spec.keys.length }, (_, n) => spec.keys.length + n);
  return { columns: [...buckets, ...signals].filter(() => random.chance(60)), sums: ['duration', 'count'] };
}

describe('chunks in phases', () => {
  it(`give the rows of one pass, and of one that is saved and goes on, in ${CASES} random cases`, function () {
    this.timeout(180_000);
    let compared = 0;
    let digests = 0;
    const rich: number[] = [];
    for (let seed = 1; seed <= CASES; seed++) {
      const random = new Random(seed);
      const example = exampleOf(seed, random);
      const { spec } = example;
      if (chainedBy(spec) !== undefined || spec.ties === 'error') continue;
      const text = `seed ${seed}: ${show(spec)}\n${example.events.map(show).join('\n')}`;
      const expected = grouped(example, new Random(seed));
      assert.deepEqual(sorted(interleaved(example, new Random(seed))), sorted(expected), text);
      const rows = inPhases(example, random, undefined);
      const found = spec.emit === 'points' ? rows.flat() : joinSpans(optionsOf(example), rows);
      assert.deepEqual(sorted(found), sorted(expected), text);
      compared += 1;
      if (rows.filter((some) => some.length > 0).length > 1) rich[summaryPhases(spec)] = (rich[summaryPhases(spec)] ?? 0) + 1;
      if (spec.emit === 'points') continue;
      const digest = randomDigest(example, random);
      const whole = grouped(example, new Random(seed), { ...optionsOf(example), digest });
      assert.deepEqual(added(inPhases(example, random, digest).flat()), added(whole), `digest by ${digest.columns}, ${text}`);
      digests += 1;
    }
    assert.ok(compared > CASES * 0.8 && digests > CASES / 2, `${compared} compared, ${digests} digests`);
    const atLeast = [0, CASES / 10, CASES / 6, CASES / 12, CASES / 100];
    assert.ok(
      atLeast.every((count, phases) => (rich[phases] ?? 0) >= count),
      `${rich} with rows in several chunks, by phases`,
    );
  });

  it('are refused where a chunk needs the one before', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const example = randomCase(seed, { probes: false });
      if (chainedBy(example.spec) !== undefined)
        assert.throws(() => openChunk(optionsOf(example), { from: -Infinity, to: Infinity }, undefined), /chained by/);
    }
  });
});
