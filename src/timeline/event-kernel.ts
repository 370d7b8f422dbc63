import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';
import { Oid, type Type, typeName } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { BatchColumns } from './batch-columns.js';
import type { Clock } from './clock.js';
import { type Cuts, cutsAfter, cutsInChunk, cutsOf } from './cuts.js';
import { Deduplicator } from './deduplicator.js';
import { DigestSums } from './digest.js';
import { inputTypeOf } from './input-types.js';
import type { EventBatch, KernelChunk, KernelOptions, KernelState, TimelineKernel } from './kernel.js';
import { KernelTables, readState, type SavedKernel, writeState } from './kernel-state.js';
import { KeyMoments, LIFE, PROBED } from './key-moments.js';
import { KeySlots, NO_SLOT } from './key-slots.js';
import { LeafColumns } from './leaf-columns.js';
import type { LeafState } from './leaf-state.js';
import { Lives } from './lives.js';
import { makeProgram, type Program } from './program.js';
import { type SpanBatch, SpanRows } from './span-rows.js';
import { damagedState } from './state-error.js';
import type { StateNode } from './state-nodes.js';
import { outputShape, stateShape } from './state-shape.js';
import { TieCheck } from './tie-check.js';

/** Rows are worth handing on together: DuckDB takes them by 2048. */
const BATCH_ROWS = 2048;

/** In place of what the spans of a saved state depend on: there are none. */
const CHUNK = 'chunk';

/** The evaluator of one TIMELINE(). */
export function openKernel(options: KernelOptions): TimelineKernel {
  return new EventKernel(options);
}

/** Finds each event's key and applies it to the key's leaves; what follows is up to the key's moments. */
class EventKernel implements TimelineKernel {
  readonly #spec: TimelineSpec;
  readonly #inputType: (id: number) => Type;
  readonly #chunk: KernelChunk | undefined;
  readonly #clock: Clock;
  readonly #cuts: Cuts;
  readonly #columns: BatchColumns;
  readonly #keys: KeySlots;
  readonly #program: Program;
  readonly #leaves: LeafColumns;
  readonly #rows: SpanRows;
  readonly #digest: DigestSums | undefined;
  readonly #dedupe: Deduplicator | undefined;
  readonly #ties: TieCheck | undefined;
  readonly #grouped: boolean;
  readonly #tables = new KernelTables();
  readonly #lives: Lives;
  readonly #moments: KeyMoments;

  #skipped = 0;
  /** Interleaved: no event may come before. */
  #floor = -Infinity;
  #advanced = -Infinity;
  /** Interleaved: the last event's time. */
  #latest = -Infinity;

  constructor(options: KernelOptions) {
    const { spec, inputTypes, horizon, order, output, digest, chunk, batchRows = BATCH_ROWS } = options;
    this.#spec = spec;
    this.#chunk = chunk;
    this.#inputType = inputTypeOf(inputTypes);
    const tsType = this.#inputType(spec.ts);
    if (tsType.oid !== Oid.timestamptz) throw internal(`timeline: ts is ${typeName(tsType)}`);
    const whole = cutsOf(spec, horizon);
    const cuts =
      chunk === undefined
        ? whole
        : chunk.sumUp === undefined
          ? cutsInChunk(whole, chunk, { points: spec.emit === 'points', continues: digest !== undefined })
          : cutsAfter(chunk.to);
    const clock: Clock = { now: 0, moment: 0, live: false, since: whole.since };
    this.#clock = clock;
    const tables = this.#tables;
    const keys = new KeySlots(spec.keys, this.#inputType);
    const program = makeProgram({
      spec,
      clock,
      inputType: this.#inputType,
      key: (n, slot) => keys.value(n, slot),
      table: tables.lasting,
      heldTable: tables.window,
      postgres: options.postgres,
      depth: chunk?.sumUp,
    });
    const { signals } = program;
    const { edges, end } = whole;
    this.#grouped = order === 'grouped';
    if (this.#grouped && chunk !== undefined) throw internal('timeline: grouped events in chunks');
    this.#cuts = cuts;
    this.#columns = new BatchColumns(this.#inputType);
    this.#keys = keys;
    this.#program = program;
    this.#leaves = new LeafColumns(program.leaves);
    this.#rows = new SpanRows({ spec, keys, edges, end, signals, output, batchRows });
    this.#digest =
      digest === undefined
        ? undefined
        : new DigestSums({ digest, spec, keys, edges, signals, required: output?.required ?? [], batchRows });
    this.#dedupe = spec.dedupe.length === 0 ? undefined : new Deduplicator(spec.dedupe, this.#inputType);
    this.#ties = spec.ties === 'error' ? new TieCheck(spec, this.#inputType) : undefined;
    this.#lives = new Lives(spec, tables.lasting);
    this.#moments = new KeyMoments({
      spec,
      clock,
      cuts,
      program,
      lives: this.#lives,
      rows: this.#rows,
      digest: this.#digest,
      tables,
      chunk,
    });
  }

  get skippedRows(): number {
    return this.#skipped;
  }

  push(batch: EventBatch): SpanBatch | undefined {
    const { rowCount } = batch;
    this.#columns.bind(batch);
    const times = this.#columns.times(this.#spec.ts);
    const slots = this.#grouped ? this.#keys.runs(this.#columns, times, rowCount) : this.#keys.find(this.#columns, rowCount);
    for (let row = 0; row < rowCount; row++) {
      if (slots[row] !== NO_SLOT && !Number.isNaN(times[row])) continue;
      slots[row] = NO_SLOT;
      this.#skipped += 1;
    }
    this.#tables.ensure(this.#keys.count);
    if (this.#cuts.nothing) return undefined;
    this.#refresh();
    this.#leaves.bind(this.#columns, rowCount);
    this.#dedupe?.bind(this.#columns);
    this.#ties?.bind(this.#columns);
    if (this.#grouped) this.#pushGrouped(slots, times, rowCount);
    else this.#pushInterleaved(slots, times, rowCount);
    if (this.#digest === undefined) return this.#rows.takeFull();
    if (!this.#digest.crowded) return this.#digest.takeFull();
    const sums = this.#digest.take();
    this.#digest.forget();
    this.#moments.regroup(this.#keys.count);
    return sums;
  }

  #refresh(): void {
    for (const leaf of this.#program.leaves) leaf.refresh();
    for (const signal of this.#program.signals) signal.refresh();
  }

  #pushInterleaved(slots: Int32Array, times: Float64Array, rowCount: number): void {
    for (let row = 0; row < rowCount; row++) {
      if (slots[row] === NO_SLOT) continue;
      const time = times[row] as number;
      if (time < this.#floor) throw internal('timeline: events do not come in time order');
      this.#floor = time;
      this.#latest = time;
    }
    this.#events({ slots, times, from: 0, to: rowCount });
  }

  #pushGrouped(slots: Int32Array, times: Float64Array, rowCount: number): void {
    for (let from = 0; from < rowCount; ) {
      // the first row ever begins a key, too
      let first = from;
      while (first < rowCount && slots[first] === NO_SLOT) first += 1;
      if (first === rowCount) return;
      if (slots[first] === 1 || this.#keys.count === 0) {
        this.#endKey();
        this.#keys.replace(this.#columns, first);
        slots[first] = 0;
      }
      let to = first + 1;
      while (to < rowCount && slots[to] !== 1) to += 1;
      this.#events({ slots, times, from: first, to });
      from = to;
    }
  }

  #endKey(): void {
    if (this.#keys.count === 0) return;
    this.#moments.finish(0);
    this.#digest?.endKey();
    this.#tables.reset(0);
    this.#dedupe?.clear();
    this.#ties?.newKey();
  }

  /** Rows with slots. All columns are looked up once: nothing grows in between. */
  #events(rows: { readonly slots: Int32Array; readonly times: Float64Array; readonly from: number; readonly to: number }): void {
    const { slots, times, from, to } = rows;
    const { since, end } = this.#cuts;
    const inclusive = this.#spec.emit === 'points';
    const leaves = this.#leaves;
    const moments = this.#moments;
    const now = moments.now.data;
    const dirty = moments.dirty.data;
    const due = moments.due.data;
    const live = moments.live.data;
    const lives = this.#lives;
    const { mortal } = lives;
    const dedupe = this.#dedupe;
    const ties = this.#ties;
    const probes = this.#spec.probe === undefined ? undefined : this.#columns.flags(this.#spec.probe);
    const ends = this.#spec.ends === undefined ? undefined : this.#columns.flags(this.#spec.ends);
    const { touch } = leaves;
    const narrow = leaves.narrow && !mortal && dedupe === undefined && ties === undefined && probes === undefined;
    for (let row = from; row < to; row++) {
      const slot = slots[row] as number;
      if (slot === NO_SLOT) continue;
      const time = times[row] as number;
      if (inclusive ? time > end : time >= end) continue;
      if (narrow && touch[row] === 0 && due[slot] !== -Infinity) continue;
      if (probes !== undefined && probes[row] === 1) {
        if (time < since) continue;
        ties?.check(slot);
        moments.probe(slot, time);
        continue;
      }
      if (dedupe !== undefined && !dedupe.isFirst(slot, row)) continue;
      ties?.see(slot, row, time);
      if (time !== now[slot]) {
        if (dirty[slot] !== 0 || (due[slot] as number) < time) moments.step(slot, time);
        now[slot] = time;
      }
      if (probes !== undefined && ((dirty[slot] as number) & PROBED) !== 0) ties?.check(slot);
      let changed = leaves.apply(slot, row, time);
      if (mortal && lives.event(slot, time, live[slot] === 1, ends !== undefined && ends[row] === 1)) changed |= LIFE;
      if (changed !== 0) dirty[slot] = (dirty[slot] as number) | changed;
    }
  }

  advance(to: number): SpanBatch | undefined {
    if (this.#grouped) throw internal('timeline: grouped events have no common time');
    this.#floor = Math.max(this.#floor, to);
    this.#advanced = Math.max(this.#advanced, to);
    for (let slot = 0; slot < this.#keys.count; slot++) this.#moments.advance(slot, to);
    if (this.#digest === undefined) return this.#rows.take();
    const batch = this.#digest.take();
    this.#moments.regroup(this.#keys.count);
    return batch;
  }

  finish(): SpanBatch | undefined {
    if (this.#grouped) {
      this.#endKey();
      this.#keys.clear();
    } else for (let slot = 0; slot < this.#keys.count; slot++) this.#moments.finish(slot);
    return this.#digest === undefined ? this.#rows.take() : this.#digest.take();
  }

  save(): KernelState {
    if (this.#grouped) throw internal('timeline: grouped events leave no state');
    if (this.#latest >= this.#advanced || this.#advanced === -Infinity) throw internal('timeline: state is saved right after advance');
    if (this.#cuts.nothing || this.#advanced > this.#cuts.end) throw internal('timeline: events were left out that a later state needs');
    const { count } = this.#keys;
    return writeState(stateShape(this.#spec, this.#program, this.#inputType), {
      to: this.#advanced,
      since: this.#clock.since,
      output: this.#chunk === undefined ? outputShape(this.#spec) : CHUNK,
      keys: this.#keys.save(),
      begun: Uint8Array.from({ length: count }, (_, slot) => (this.#moments.hasBegun(slot) ? 1 : 0)),
      lasting: this.#tables.lasting.save(count),
      window: this.#tables.window.save(count),
      dedupe: this.#dedupe?.save(),
    });
  }

  /**
   * Into a kernel without events: either with the saver's since, signals, emit, every and origin, then spans under way go on; or with a
   * `since` at or after the saver's last advance, whatever is shown of it. until, at, horizon, ties, order_by, output and digest may always
   * differ. What depends on since otherwise (fill; a duration_where inside of another stateful operator) needs, for another since, a saver
   * whose own since is not before its last advance. A chunk takes only what was summed up of the chunks before, of the same since.
   */
  load(state: KernelState): void {
    const saved = this.#restore(state);
    const { to, begun } = saved;
    if (this.#chunk !== undefined) {
      if (saved.output !== CHUNK || saved.since !== this.#clock.since || to !== this.#chunk.from)
        throw internal('timeline: the state is not of the chunks before');
      for (let slot = 0; slot < begun.length; slot++) if (begun[slot] === 1) this.#moments.resumeChunk(slot, this.#chunk);
    } else {
      const sameSpans = saved.output === outputShape(this.#spec);
      if (!sameSpans && this.#cuts.since < to) throw internal('timeline: the state is of other spans');
      if (!sameSpans && saved.since < to && (this.#spec.fill || this.#program.sinceInside))
        throw internal('timeline: the state depends on its since');
      if (sameSpans) this.#tables.window.load(saved.window, begun.length);
      for (let slot = 0; slot < begun.length; slot++) if (begun[slot] === 1) this.#moments.resume(slot, to, sameSpans);
    }
    if (this.#digest !== undefined) this.#moments.regroup(begun.length);
  }

  #restore(state: KernelState): SavedKernel {
    if (this.#grouped || this.#keys.count > 0) throw internal('timeline: state is loaded into a new interleaved kernel');
    if (state.version !== 1 || state.shape !== stateShape(this.#spec, this.#program, this.#inputType))
      throw internal('timeline: the state is of another timeline');
    const saved = readState(state);
    const count = this.#keys.load(saved.keys);
    if (saved.begun.length !== count) throw damagedState();
    this.#tables.ensure(count);
    this.#refresh();
    this.#tables.lasting.load(saved.lasting, count);
    this.#dedupe?.load(saved.dedupe);
    this.#floor = saved.to;
    this.#advanced = saved.to;
    return saved;
  }

  /** Into a kernel that sums up: only to be combined with another, and saved. */
  loadSummary(state: KernelState): this {
    const { begun, output, since } = this.#restore(state);
    if (output !== CHUNK || since !== this.#clock.since) throw internal('timeline: the state is not of such chunks');
    for (let slot = 0; slot < begun.length; slot++) if (begun[slot] === 1) this.#moments.begun(slot);
    return this;
  }

  /** As if what `later` has summed up had come after what was summed up here; gives the one that knows both. */
  followedBy(later: EventKernel): EventKernel {
    const depth = this.#chunk?.sumUp;
    if (depth === undefined || depth !== later.#chunk?.sumUp || this.#advanced >= later.#advanced)
      throw internal('timeline: what is summed up does not follow one from the other');
    if (depth === 0) this.#absorb(later);
    else later.#follow(this, depth);
    return depth === 0 ? this : later;
  }

  #absorb(later: EventKernel): void {
    for (let from = 0; from < later.#keys.count; from++) {
      if (!later.#moments.hasBegun(from)) continue;
      const slot = this.#keys.add(later.#key(from));
      this.#tables.ensure(this.#keys.count);
      this.#program.leaves.forEach((leaf, n) => {
        leaf.absorb(slot, later.#program.leaves[n] as LeafState, from);
      });
      this.#lives.absorb(slot, later.#lives, from);
      this.#moments.absorb(slot, later.#moments, from);
    }
    this.#refresh();
    this.#advanced = later.#advanced;
    this.#floor = later.#floor;
  }

  /** All but the nodes of one depth knows what was before already. */
  #follow(earlier: EventKernel, depth: number): void {
    const border = earlier.#advanced;
    earlier.#clock.now = border;
    for (let from = 0; from < earlier.#keys.count; from++) {
      if (!earlier.#moments.hasBegun(from)) continue;
      const slot = this.#keys.add(earlier.#key(from));
      this.#program.nodes.forEach((node, n) => {
        if (node.depth === depth) node.follow(slot, earlier.#program.nodes[n] as StateNode, from, border);
      });
    }
  }

  #key(slot: number): readonly Value[] {
    return this.#spec.keys.map((_, n) => this.#keys.value(n, slot) as Value);
  }
}

/** The state after two stretches of events, summed up one after the other: see chunk-summary.ts. */
export function combineStates(options: KernelOptions, earlier: KernelState, later: KernelState): KernelState {
  return new EventKernel(options).loadSummary(earlier).followedBy(new EventKernel(options).loadSummary(later)).save();
}
