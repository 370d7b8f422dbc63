import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal, TimelineError } from '../../sql/errors.js';
import { Oid, type Type, typeName } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { BatchColumns } from './batch-columns.js';
import type { Clock } from './clock.js';
import { type Cuts, cutsOf, firstAtOrAfter } from './cuts.js';
import { Deduplicator } from './deduplicator.js';
import { DigestSums } from './digest.js';
import type { EventBatch, KernelOptions, KernelState, TimelineKernel } from './kernel.js';
import { KeySlots, NO_SLOT } from './key-slots.js';
import { LeafColumns } from './leaf-columns.js';
import type { LeafState } from './leaf-state.js';
import { ALL_BITS, makeProgram, type Program } from './program.js';
import { type Float64Slots, type Int32Slots, SlotTable, type Uint8Slots } from './slot-table.js';
import { type SpanBatch, SpanRows } from './span-rows.js';
import { damagedState } from './state-error.js';
import { outputShape, stateShape } from './state-shape.js';
import { TieCheck } from './tie-check.js';

/** Rows are worth handing on together: DuckDB takes them by 2048. */
const BATCH_ROWS = 2048;

/** Bits of `dirty` beside those of signals. */
const PROBED = 1 << 30;
const LIFE = 1 << 29;

/** The evaluator of one TIMELINE(). */
export function openKernel(options: KernelOptions): TimelineKernel {
  return new EventKernel(options);
}

/**
 * A key's time is a row of *moments*: its events, the deadlines of its operators, and the cuts at which output must be looked at (since,
 * bucket edges, points). Between two moments nothing discrete changes. At a moment all its events are applied, then liveness, operators
 * and signals are settled once, then output follows. A moment is settled only when the key's next event comes (another may come for the
 * same moment), and only if something may have changed: a leaf's value, liveness, a deadline or a cut.
 */
class EventKernel implements TimelineKernel {
  readonly #spec: TimelineSpec;
  readonly #inputType: (id: number) => Type;
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
  readonly #points: boolean;
  readonly #idle: number;
  /** Is liveness more than having begun? */
  readonly #mortal: boolean;
  /** Must moments without output be settled? */
  readonly #settleAll: boolean;
  /** Can a deadline move away without a moment? */
  readonly #rearms: boolean;

  /** State that a later window goes on from. */
  readonly #table = new SlotTable();
  readonly #lastEvent: Float64Slots;
  readonly #closed: Uint8Slots;
  /** State of this window. */
  readonly #heldTable = new SlotTable();
  /** What follows from the rest. */
  readonly #workTable = new SlotTable();
  /** The moment at hand: its events are being applied. */
  readonly #now: Float64Slots;
  /** What may have changed since the last settled moment; 0: it is settled, or nothing is to be settled. */
  readonly #dirty: Int32Slots;
  /** No deadline or cut is earlier; it may be too early. -Infinity: the key has not begun. */
  readonly #due: Float64Slots;
  readonly #nextCut: Int32Slots;
  readonly #live: Uint8Slots;
  /** Is a span open? */
  readonly #open: Uint8Slots;
  readonly #started: Float64Slots;
  readonly #group: Int32Slots;

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
    this.#cuts = cutsOf(spec, horizon);
    this.#grouped = order === 'grouped';
    this.#points = spec.emit === 'points';
    this.#idle = spec.idle === undefined ? Infinity : Number(spec.idle);
    this.#mortal = spec.idle !== undefined || spec.ends !== undefined;
    this.#clock = { now: 0, moment: 0, live: false, since: this.#cuts.since };
    this.#columns = new BatchColumns(this.#inputType);
    this.#keys = new KeySlots(spec.keys, this.#inputType);
    this.#program = makeProgram({
      spec,
      clock: this.#clock,
      inputType: this.#inputType,
      key: (n, slot) => this.#keys.value(n, slot),
      table: this.#table,
      heldTable: this.#heldTable,
      postgres: options.postgres,
    });
    this.#settleAll = this.#program.nodes.length > 0;
    this.#rearms = this.#program.timers.length > 0 || spec.idle !== undefined || this.#settleAll;
    this.#leaves = new LeafColumns(this.#program.leaves);
    const { signals } = this.#program;
    const { edges, end } = this.#cuts;
    this.#rows = new SpanRows({ spec, keys: this.#keys, edges, end, signals, output, batchRows });
    this.#digest =
      digest === undefined
        ? undefined
        : new DigestSums({ digest, spec, keys: this.#keys, edges, signals, required: output?.required ?? [], batchRows });
    this.#dedupe = spec.dedupe.length === 0 ? undefined : new Deduplicator(spec.dedupe, this.#inputType);
    this.#ties = spec.ties === 'error' ? new TieCheck(spec, this.#inputType) : undefined;
    this.#now = this.#table.float64('now', Number.NaN);
    this.#lastEvent = this.#table.float64('last event', -Infinity);
    this.#closed = this.#table.uint8('closed');
    this.#dirty = this.#workTable.int32('dirty');
    this.#due = this.#workTable.float64('due', -Infinity);
    this.#nextCut = this.#workTable.int32('next cut');
    this.#group = this.#workTable.int32('group');
    this.#live = this.#heldTable.uint8('live');
    this.#open = this.#heldTable.uint8('open');
    this.#started = this.#heldTable.float64('started', Number.NaN);
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
    this.#table.ensure(this.#keys.count);
    this.#heldTable.ensure(this.#keys.count);
    this.#workTable.ensure(this.#keys.count);
    if (this.#cuts.nothing) return undefined;
    if (!this.#grouped) this.#ensure();
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
    this.#regroup();
    return sums;
  }

  #ensure(): void {
    for (const table of [this.#table, this.#heldTable, this.#workTable]) table.ensure(this.#keys.count);
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
    this.#finishSlot(0);
    this.#digest?.endKey();
    this.#table.reset(0);
    this.#heldTable.reset(0);
    this.#workTable.reset(0);
    this.#dedupe?.clear();
    this.#ties?.newKey();
  }

  /** Rows with slots. All columns are looked up once: nothing grows in between. */
  #events(rows: { readonly slots: Int32Array; readonly times: Float64Array; readonly from: number; readonly to: number }): void {
    const { slots, times, from, to } = rows;
    const { end } = this.#cuts;
    const inclusive = this.#points;
    const leaves = this.#leaves;
    const now = this.#now.data;
    const dirty = this.#dirty.data;
    const due = this.#due.data;
    const mortal = this.#mortal;
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
        this.#probe(slot, time);
        continue;
      }
      if (dedupe !== undefined && !dedupe.isFirst(slot, row)) continue;
      ties?.see(slot, row, time);
      if (time !== now[slot]) {
        if (dirty[slot] !== 0 || (due[slot] as number) < time) this.#step(slot, time);
        now[slot] = time;
      }
      if (probes !== undefined && ((dirty[slot] as number) & PROBED) !== 0) ties?.check(slot);
      let changed = leaves.apply(slot, row, time);
      if (mortal) changed |= this.#liveOn(slot, time, ends !== undefined && ends[row] === 1);
      if (changed !== 0) dirty[slot] = (dirty[slot] as number) | changed;
    }
  }

  /** An event and the entity's life. */
  #liveOn(slot: number, time: number, ending: boolean): number {
    const closed = this.#closed.data;
    const lastEvent = this.#lastEvent.data;
    // the first event of a filled key begins what idle counts
    let changed = this.#live.data[slot] === 1 && lastEvent[slot] !== -Infinity ? 0 : LIFE;
    if (closed[slot] === 1 && lastEvent[slot] !== time) {
      closed[slot] = 0;
      changed = LIFE;
    }
    if (ending && closed[slot] === 0) {
      closed[slot] = 1;
      changed = LIFE;
    }
    lastEvent[slot] = time;
    return changed;
  }

  #probe(slot: number, time: number): void {
    if (time < this.#cuts.since) return;
    this.#ties?.check(slot);
    if (this.#due.data[slot] === -Infinity) {
      // the key's first event may still come for the same moment; points have no other use for `started`
      this.#started.data[slot] = time;
      return;
    }
    if (time !== this.#now.data[slot]) {
      this.#step(slot, time);
      this.#now.data[slot] = time;
    }
    this.#dirty.data[slot] = (this.#dirty.data[slot] as number) | PROBED;
  }

  /** Settles everything of a key before `time`. */
  #step(slot: number, time: number): void {
    if (this.#due.data[slot] === -Infinity) {
      const asked = this.#spec.probe !== undefined && this.#started.data[slot] === time ? PROBED : 0;
      this.#begin(slot, time);
      if (this.#now.data[slot] !== time) {
        this.#settleNow(slot);
        this.#run(slot, time);
      }
      this.#dirty.data[slot] = (this.#dirty.data[slot] as number) | asked;
      return;
    }
    this.#settleNow(slot);
    this.#run(slot, time);
  }

  #begin(slot: number, time: number): void {
    const { since, instants } = this.#cuts;
    const start = this.#spec.fill && time > since ? since : time;
    this.#now.data[slot] = start;
    this.#dirty.data[slot] = ALL_BITS & ~PROBED;
    const cut = firstAtOrAfter(instants, start);
    this.#nextCut.data[slot] = cut;
    this.#due.data[slot] = instants[cut] ?? Infinity;
  }

  /** The moment at hand gets no more events. */
  #settleNow(slot: number): void {
    const now = this.#now.data[slot] as number;
    if (this.#dirty.data[slot] !== 0 || (this.#due.data[slot] as number) <= now) this.#settle(slot, now);
  }

  /** Deadlines and cuts before `time`. */
  #run(slot: number, time: number): void {
    for (;;) {
      const due = this.#due.data[slot] as number;
      if (!(due < time)) return;
      if (this.#rearms) {
        this.#clock.now = this.#now.data[slot] as number;
        const next = this.#nextDue(slot, this.#live.data[slot] === 1);
        if (next > due) {
          this.#due.data[slot] = next;
          continue;
        }
      }
      this.#now.data[slot] = due;
      this.#settle(slot, due);
    }
  }

  #settle(slot: number, time: number): void {
    const clock = this.#clock;
    const { since, instants } = this.#cuts;
    let bits = this.#dirty.data[slot] as number;
    this.#dirty.data[slot] = 0;
    let isCut = this.#points && (bits & PROBED) !== 0;
    const cut = this.#nextCut.data[slot] as number;
    if (cut < instants.length && (instants[cut] as number) <= time) {
      const next = firstAtOrAfter(instants, time, cut);
      isCut ||= instants[next] === time;
      this.#nextCut.data[slot] = instants[next] === time ? next + 1 : next;
    }
    const silent = this.#points ? !isCut : time < since;
    if (silent && !this.#settleAll) {
      // whether it is, is looked at with the next output
      this.#live.data[slot] = 1;
      this.#due.data[slot] = instants[this.#nextCut.data[slot] as number] ?? Infinity;
      return;
    }
    clock.now = time;
    clock.moment += 1;
    clock.live = !this.#mortal || (this.#closed.data[slot] === 0 && time < this.#idleEnd(slot));
    this.#live.data[slot] = clock.live ? 1 : 0;
    const { nodes, timers } = this.#program;
    if (nodes.length > 0) {
      for (const node of nodes) node.settle(slot);
      bits = ALL_BITS;
    } else for (const timer of timers) if (timer.times.data[slot] === time) bits |= timer.readers;
    if (!silent) {
      if (this.#points) {
        if (clock.live && time >= since) this.#rows.point(slot, time);
      } else this.#show(slot, time, isCut, bits);
    }
    this.#due.data[slot] = this.#nextDue(slot, clock.live);
  }

  /** With `fill` a key lives from `since` to its first event although nothing has happened. */
  #idleEnd(slot: number): number {
    const last = this.#lastEvent.data[slot] as number;
    return last === -Infinity ? Infinity : last + this.#idle;
  }

  /** The earliest deadline or cut after clock.now, at which the key has been settled. */
  #nextDue(slot: number, live: boolean): number {
    const { now } = this.#clock;
    const { timers, nodes, thresholds } = this.#program;
    const cut = this.#cuts.instants[this.#nextCut.data[slot] as number] ?? Infinity;
    if (this.#points && (!this.#settleAll || (cut === Infinity && this.#spec.probe === undefined))) return cut;
    // nothing of what a dead entity's leaves do is seen until it lives again
    if (!live && !this.#settleAll) return Infinity;
    let next = cut;
    for (const timer of timers) {
      const time = timer.times.data[slot] as number;
      if (time > now && time < next) next = time;
    }
    for (const node of nodes) next = Math.min(next, node.deadline(slot));
    for (const { node, target } of thresholds) {
      const time = node.reaches(slot, target);
      if (time <= now) throw tooPrecise();
      if (time < next) next = time;
    }
    if (live && this.#mortal) {
      const idleEnd = this.#idleEnd(slot);
      if (idleEnd > now && idleEnd < next) next = idleEnd;
    }
    return next;
  }

  /** The spans of a key at a moment. */
  #show(slot: number, time: number, isCut: boolean, bits: number): void {
    const { signals } = this.#program;
    const { live } = this.#clock;
    let all = true;
    if (this.#open.data[slot] === 1) {
      if (live && !isCut && !this.#hasChanged(slot, bits)) return;
      this.#close(slot, time);
      if (!live) {
        this.#open.data[slot] = 0;
        return;
      }
      all = isCut;
    }
    if (!live) return;
    this.#open.data[slot] = 1;
    this.#started.data[slot] = time;
    for (const signal of signals) if (all || signal.alwaysHeld || (bits & signal.bit) !== 0) signal.hold(slot);
    if (this.#digest !== undefined) this.#group.data[slot] = this.#digest.open(slot, time);
  }

  #hasChanged(slot: number, bits: number): boolean {
    for (const signal of this.#program.signals) if ((bits & signal.bit) !== 0 && !signal.numerical && signal.changed(slot)) return true;
    return false;
  }

  #close(slot: number, time: number): void {
    const start = this.#started.data[slot] as number;
    if (this.#digest === undefined) this.#rows.span(slot, start, time);
    else this.#digest.add(this.#group.data[slot] as number, start, time);
  }

  advance(to: number): SpanBatch | undefined {
    if (this.#grouped) throw internal('timeline: grouped events have no common time');
    this.#floor = Math.max(this.#floor, to);
    this.#advanced = Math.max(this.#advanced, to);
    const end = this.#points ? to : Math.min(to, this.#cuts.end);
    for (let slot = 0; slot < this.#keys.count; slot++) {
      if (this.#due.data[slot] === -Infinity) continue;
      // there may be more events of the moment `to`
      if ((this.#now.data[slot] as number) >= to) continue;
      this.#settleNow(slot);
      this.#run(slot, end);
    }
    if (this.#digest === undefined) return this.#rows.take();
    const batch = this.#digest.take();
    this.#regroup();
    return batch;
  }

  #regroup(): void {
    for (let slot = 0; slot < this.#keys.count; slot++)
      if (this.#open.data[slot] === 1) this.#group.data[slot] = this.#digest?.open(slot, this.#started.data[slot] as number) ?? -1;
    this.#digest?.settled();
  }

  finish(): SpanBatch | undefined {
    if (this.#grouped) {
      this.#endKey();
      this.#keys.clear();
    } else for (let slot = 0; slot < this.#keys.count; slot++) this.#finishSlot(slot);
    return this.#digest === undefined ? this.#rows.take() : this.#digest.take();
  }

  #finishSlot(slot: number): void {
    if (this.#due.data[slot] === -Infinity) return;
    this.#settleNow(slot);
    if (this.#spec.probe === undefined) this.#run(slot, this.#points ? Infinity : this.#cuts.end);
    if (this.#open.data[slot] === 1) this.#close(slot, this.#cuts.end);
    this.#open.data[slot] = 0;
  }

  save(): KernelState {
    if (this.#grouped) throw internal('timeline: grouped events leave no state');
    if (this.#latest >= this.#advanced || this.#advanced === -Infinity) throw internal('timeline: state is saved right after advance');
    if (this.#cuts.nothing || this.#advanced > this.#cuts.end) throw internal('timeline: events were left out that a later state needs');
    const { count } = this.#keys;
    return {
      version: 1,
      shape: stateShape(this.#spec, this.#program, this.#inputType),
      data: {
        to: String(this.#advanced),
        since: String(this.#cuts.since),
        output: outputShape(this.#spec),
        keys: this.#keys.save(),
        begun: Buffer.from(Uint8Array.from({ length: count }, (_, slot) => (this.#due.data[slot] === -Infinity ? 0 : 1))).toString(
          'base64',
        ),
        states: this.#table.save(count),
        held: this.#heldTable.save(count),
        dedupe: this.#dedupe?.save() ?? null,
      },
    };
  }

  /** As if the events that `other` has seen had come after those seen here. */
  absorb(other: EventKernel): void {
    if (this.#settleAll || this.#dedupe !== undefined) throw internal('timeline: such states follow one from the other');
    for (let from = 0; from < other.#keys.count; from++) {
      if (other.#due.data[from] === -Infinity) continue;
      const slot = this.#keys.add(this.#spec.keys.map((_, n) => other.#keys.value(n, from) as Value));
      this.#ensure();
      this.#program.leaves.forEach((leaf, n) => {
        leaf.absorb(slot, other.#program.leaves[n] as LeafState, from);
      });
      this.#now.data[slot] = other.#now.data[from] as number;
      this.#lastEvent.data[slot] = other.#lastEvent.data[from] as number;
      this.#closed.data[slot] = other.#closed.data[from] as number;
      this.#due.data[slot] = Infinity;
      // whether it is, is looked at with the next output
      this.#live.data[slot] = 1;
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
    const data = state.data as Readonly<Record<string, unknown>>;
    if (typeof data !== 'object' || data === null) throw damagedState();
    const to = numberOf(data.to);
    const saved = numberOf(data.since);
    const { since, instants } = this.#cuts;
    const same = data.output === outputShape(this.#spec);
    if (!same && since < to) throw internal('timeline: the state is of other spans');
    if (!same && saved < to && (this.#spec.fill || this.#program.sinceInside)) throw internal('timeline: the state depends on its since');
    const count = this.#keys.load(data.keys);
    this.#ensure();
    this.#refresh();
    this.#table.load(data.states, count);
    if (same) this.#heldTable.load(data.held, count);
    const begun = typeof data.begun === 'string' ? Buffer.from(data.begun, 'base64') : Buffer.alloc(0);
    if (begun.length !== count) throw damagedState();
    if (this.#dedupe !== undefined) this.#dedupe.load(data.dedupe);
    const cut = firstAtOrAfter(instants, to);
    for (let slot = 0; slot < count; slot++) {
      if (begun[slot] !== 1) continue;
      this.#nextCut.data[slot] = cut;
      const now = this.#now.data[slot] as number;
      this.#clock.now = now;
      if (!same) {
        for (const duration of this.#program.durations) duration.restart(slot);
        this.#live.data[slot] = !this.#mortal || (this.#closed.data[slot] === 0 && now < this.#idleEnd(slot)) ? 1 : 0;
      }
      this.#due.data[slot] = this.#nextDue(slot, this.#live.data[slot] === 1);
    }
    if (this.#digest !== undefined) this.#regroup();
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

function numberOf(text: unknown): number {
  const number = typeof text === 'string' ? Number(text) : Number.NaN;
  if (Number.isNaN(number)) throw damagedState();
  return number;
}

/** A length that is lost when added to an instant far from 1970: time would stand still. */
function tooPrecise(): TimelineError {
  return new TimelineError({
    kind: 'data',
    sqlstate: '22008',
    message: 'timeline: an instant is too far from 1970 to be counted on to the microsecond',
  });
}
