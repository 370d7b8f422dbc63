import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';
import { Oid, type Type, typeName } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { BatchColumns } from './batch-columns.js';
import type { Clock } from './clock.js';
import { type Cuts, cutsOf } from './cuts.js';
import { Deduplicator } from './deduplicator.js';
import { DigestSums } from './digest.js';
import type { EventBatch, KernelOptions, KernelState, TimelineKernel } from './kernel.js';
import { KernelTables, readState, writeState } from './kernel-state.js';
import { KeyMoments, LIFE, PROBED } from './key-moments.js';
import { KeySlots, NO_SLOT } from './key-slots.js';
import { LeafColumns } from './leaf-columns.js';
import type { LeafState } from './leaf-state.js';
import { Lives } from './lives.js';
import { makeProgram, type Program } from './program.js';
import { type SpanBatch, SpanRows } from './span-rows.js';
import { damagedState } from './state-error.js';
import { outputShape, stateShape } from './state-shape.js';
import { TieCheck } from './tie-check.js';

/** Rows are worth handing on together: DuckDB takes them by 2048. */
const BATCH_ROWS = 2048;

/** The evaluator of one TIMELINE(). */
export function openKernel(options: KernelOptions): TimelineKernel {
  return new EventKernel(options);
}

/** Finds each event's key and applies it to the key's leaves; what follows is up to the key's moments. */
class EventKernel implements TimelineKernel {
  readonly #spec: TimelineSpec;
  readonly #inputType: (id: number) => Type;
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
    const { spec, inputTypes, horizon, order, output, digest, batchRows = BATCH_ROWS } = options;
    this.#spec = spec;
    this.#inputType = (id: number): Type => {
      const found = inputTypes.get(id);
      if (found === undefined) throw internal(`timeline: the input has no column ${id}`);
      return found;
    };
    const tsType = this.#inputType(spec.ts);
    if (tsType.oid !== Oid.timestamptz) throw internal(`timeline: ts is ${typeName(tsType)}`);
    const cuts = cutsOf(spec, horizon);
    const clock: Clock = { now: 0, moment: 0, live: false, since: cuts.since };
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
    });
    const { signals } = program;
    const { edges, end } = cuts;
    this.#grouped = order === 'grouped';
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
    this.#moments = new KeyMoments({ spec, clock, cuts, program, lives: this.#lives, rows: this.#rows, digest: this.#digest, tables });
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
      since: this.#cuts.since,
      output: outputShape(this.#spec),
      keys: this.#keys.save(),
      begun: Uint8Array.from({ length: count }, (_, slot) => (this.#moments.hasBegun(slot) ? 1 : 0)),
      lasting: this.#tables.lasting.save(count),
      window: this.#tables.window.save(count),
      dedupe: this.#dedupe?.save(),
    });
  }

  /** As if the events that `other` has seen had come after those seen here. */
  absorb(other: EventKernel): void {
    if (this.#program.nodes.length > 0 || this.#dedupe !== undefined) throw internal('timeline: such states follow one from the other');
    for (let from = 0; from < other.#keys.count; from++) {
      if (!other.#moments.hasBegun(from)) continue;
      const slot = this.#keys.add(this.#spec.keys.map((_, n) => other.#keys.value(n, from) as Value));
      this.#tables.ensure(this.#keys.count);
      this.#program.leaves.forEach((leaf, n) => {
        leaf.absorb(slot, other.#program.leaves[n] as LeafState, from);
      });
      this.#lives.absorb(slot, other.#lives, from);
      this.#moments.absorb(slot, other.#moments, from);
    }
    this.#refresh();
    this.#advanced = Math.max(this.#advanced, other.#advanced);
    this.#floor = Math.max(this.#floor, other.#floor);
  }

  /**
   * Into a kernel without events: either with the saver's since, signals, emit, every and origin, then spans under way go on; or with a
   * `since` at or after the saver's last advance, whatever is shown of it. until, at, horizon, ties, order_by, output and digest may always
   * differ. What depends on since otherwise (fill; a duration_where inside of another stateful operator) needs, for another since, a saver
   * whose own since is not before its last advance.
   */
  load(state: KernelState): void {
    if (this.#grouped || this.#keys.count > 0) throw internal('timeline: state is loaded into a new interleaved kernel');
    if (state.version !== 1 || state.shape !== stateShape(this.#spec, this.#program, this.#inputType))
      throw internal('timeline: the state is of another timeline');
    const { to, since: saved, output, keys, begun, lasting, window, dedupe } = readState(state);
    const sameSpans = output === outputShape(this.#spec);
    if (!sameSpans && this.#cuts.since < to) throw internal('timeline: the state is of other spans');
    if (!sameSpans && saved < to && (this.#spec.fill || this.#program.sinceInside))
      throw internal('timeline: the state depends on its since');
    const count = this.#keys.load(keys);
    if (begun.length !== count) throw damagedState();
    this.#tables.ensure(count);
    this.#refresh();
    this.#tables.lasting.load(lasting, count);
    if (sameSpans) this.#tables.window.load(window, count);
    this.#dedupe?.load(dedupe);
    for (let slot = 0; slot < count; slot++) if (begun[slot] === 1) this.#moments.resume(slot, to, sameSpans);
    if (this.#digest !== undefined) this.#moments.regroup(count);
    this.#floor = to;
    this.#advanced = to;
  }
}

/** The state after two stretches of events, each summed up from nothing; see chunk-summary.ts. `spec` reads nothing before the later one's end. */
export function absorbState(options: Omit<KernelOptions, 'order'>, earlier: KernelState, later: KernelState): KernelState {
  const kernel = new EventKernel({ ...options, order: 'interleaved' });
  const other = new EventKernel({ ...options, order: 'interleaved' });
  kernel.load(earlier);
  other.load(later);
  kernel.absorb(other);
  return kernel.save();
}
