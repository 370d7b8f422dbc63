import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { TimelineError } from '../../sql/errors.js';
import { firstAtOrAfter } from './ascending.js';
import { type Clock, justBefore } from './clock.js';
import type { Cuts } from './cuts.js';
import type { DigestSums } from './digest.js';
import type { KernelChunk } from './kernel.js';
import type { KernelTables } from './kernel-state.js';
import type { Lives } from './lives.js';
import { ALL_BITS, type Program } from './program.js';
import type { Float64Slots, Int32Slots, Uint8Slots } from './slot-table.js';
import type { SpanRows } from './span-rows.js';

/** Bits of `dirty` beside those of signals: a row asks for a point; liveness. */
export const PROBED = 1 << 30;
export const LIFE = 1 << 29;

/**
 * A key's time is a row of *moments*: its events, the deadlines of its operators, and the cuts at which output must be looked at (since,
 * bucket edges, points). Between two moments nothing discrete changes. At a moment all its events are applied, then liveness, operators
 * and signals are settled once, then output follows. A moment is settled only when the key's next event comes (another may come for the
 * same moment), and only if something may have changed: a leaf's value, liveness, a deadline or a cut.
 */
export class KeyMoments {
  readonly #spec: TimelineSpec;
  readonly #clock: Clock;
  readonly #cuts: Cuts;
  readonly #program: Program;
  readonly #lives: Lives;
  readonly #rows: SpanRows;
  readonly #digest: DigestSums | undefined;
  readonly #points: boolean;
  /** Must moments without output be settled? */
  readonly #settleAll: boolean;
  /** Can a deadline move away without a moment? */
  readonly #rearms: boolean;

  /** The moment at hand: its events are being applied. */
  readonly now: Float64Slots;
  /** What may have changed since the last settled moment; 0: it is settled, or nothing is to be settled. */
  readonly dirty: Int32Slots;
  /** No deadline or cut is earlier; it may be too early. -Infinity: the key has not begun. */
  readonly due: Float64Slots;
  readonly live: Uint8Slots;
  readonly #nextCut: Int32Slots;
  /** Is a span open, since when, and in which group of the digest? */
  readonly #open: Uint8Slots;
  readonly #started: Float64Slots;
  readonly #group: Int32Slots;
  /** Of a chunk's digest: did the open span begin before the chunk? */
  readonly #continued: Uint8Slots | undefined;

  constructor(options: {
    readonly spec: TimelineSpec;
    readonly clock: Clock;
    readonly cuts: Cuts;
    readonly program: Program;
    readonly lives: Lives;
    readonly rows: SpanRows;
    readonly digest: DigestSums | undefined;
    readonly tables: KernelTables;
    readonly chunk: KernelChunk | undefined;
  }) {
    const { spec, program, tables } = options;
    this.#spec = spec;
    this.#clock = options.clock;
    this.#cuts = options.cuts;
    this.#program = program;
    this.#lives = options.lives;
    this.#rows = options.rows;
    this.#digest = options.digest;
    this.#points = spec.emit === 'points';
    this.#settleAll = program.nodes.length > 0;
    this.#rearms = program.timers.length > 0 || spec.idle !== undefined || this.#settleAll;
    this.now = tables.lasting.float64('now', Number.NaN);
    this.dirty = tables.work.int32('dirty');
    this.due = tables.work.float64('due', -Infinity);
    this.#nextCut = tables.work.int32('next cut');
    this.#group = tables.work.int32('group');
    this.live = tables.window.uint8('live');
    this.#open = tables.window.uint8('open');
    this.#started = tables.window.float64('started', Number.NaN);
    this.#continued = options.chunk === undefined || options.digest === undefined ? undefined : tables.work.uint8('continued');
  }

  hasBegun(slot: number): boolean {
    return this.due.data[slot] !== -Infinity;
  }

  /** Settles everything of a key before `time`. */
  step(slot: number, time: number): void {
    if (this.due.data[slot] === -Infinity) {
      const asked = this.#spec.probe !== undefined && this.#started.data[slot] === time ? PROBED : 0;
      this.#begin(slot, time);
      if (this.now.data[slot] !== time) {
        this.#settleNow(slot);
        this.#run(slot, time);
      }
      this.dirty.data[slot] = (this.dirty.data[slot] as number) | asked;
      return;
    }
    this.#settleNow(slot);
    this.#run(slot, time);
  }

  /** A row asks for the key's point at `time`. */
  probe(slot: number, time: number): void {
    if (this.due.data[slot] === -Infinity) {
      // the key's first event may still come for the same moment; points have no other use for `started`
      this.#started.data[slot] = time;
      return;
    }
    if (time !== this.now.data[slot]) {
      this.step(slot, time);
      this.now.data[slot] = time;
    }
    this.dirty.data[slot] = (this.dirty.data[slot] as number) | PROBED;
  }

  /** There are no more events before `to`; there may be some at `to`. */
  advance(slot: number, to: number): void {
    if (this.due.data[slot] === -Infinity || (this.now.data[slot] as number) >= to) return;
    this.#settleNow(slot);
    this.#run(slot, this.#points ? to : Math.min(to, this.#cuts.end));
  }

  /** The key has no more events. */
  finish(slot: number): void {
    if (this.due.data[slot] === -Infinity) return;
    this.#settleNow(slot);
    if (this.#spec.probe === undefined) this.#run(slot, this.#points ? Infinity : this.#cuts.end);
    if (this.#open.data[slot] === 1) this.#close(slot, this.#cuts.end);
    this.#open.data[slot] = 0;
  }

  /** Open spans get their groups of a digest that has begun anew. */
  regroup(count: number): void {
    for (let slot = 0; slot < count; slot++)
      if (this.#open.data[slot] === 1) this.#group.data[slot] = this.#digest?.open(slot, this.#started.data[slot] as number) ?? -1;
    this.#digest?.settled();
  }

  /** After a state was loaded that knows all before `to`, of the same spans or of others. */
  resume(slot: number, to: number, sameSpans: boolean): void {
    const now = this.now.data[slot] as number;
    this.#nextCut.data[slot] = firstAtOrAfter(this.#cuts.instants, to);
    this.#clock.now = now;
    if (!sameSpans) {
      for (const duration of this.#program.durations) duration.restart(slot);
      this.live.data[slot] = this.#lives.isLive(slot, now) ? 1 : 0;
    }
    this.due.data[slot] = this.#nextDue(slot, this.live.data[slot] === 1);
  }

  /** The key has begun in a state that is loaded only to be saved again. */
  begun(slot: number): void {
    this.due.data[slot] = Infinity;
  }

  /** After a state was loaded that knows all before the chunk. */
  resumeChunk(slot: number, { from, sumUp }: KernelChunk): void {
    this.resume(slot, from, true);
    if (sumUp !== undefined) {
      for (const node of this.#program.nodes) if (node.depth === sumUp) node.beginAnew(slot);
      // to be settled with the events of that moment
      this.now.data[slot] = from;
      this.dirty.data[slot] = ALL_BITS & ~PROBED;
      return;
    }
    this.live.data[slot] = this.#lives.isLive(slot, this.now.data[slot] as number) ? 1 : 0;
    const { since, instants, nothing } = this.#cuts;
    if (this.#continued !== undefined && !nothing && since === from && instants[this.#nextCut.data[slot] as number] !== from)
      this.#continue(slot, from);
    else {
      this.#clock.now = this.now.data[slot] as number;
      this.due.data[slot] = this.#nextDue(slot, this.live.data[slot] === 1);
    }
  }

  /** The span that is open before `from` goes on. */
  #continue(slot: number, from: number): void {
    const clock = this.#clock;
    const before = justBefore(from);
    clock.now = before;
    clock.moment += 1;
    clock.live = this.#lives.isLive(slot, before);
    this.now.data[slot] = before;
    this.live.data[slot] = clock.live ? 1 : 0;
    if (clock.live && this.#continued !== undefined) {
      for (const signal of this.#program.signals) signal.hold(slot);
      this.#open.data[slot] = 1;
      this.#started.data[slot] = from;
      this.#continued.data[slot] = 1;
    }
    this.due.data[slot] = this.#nextDue(slot, clock.live);
  }

  /** As if what `other` has settled of a slot of its own had come after what was settled here: for saving only. */
  absorb(slot: number, other: KeyMoments, from: number): void {
    this.now.data[slot] = other.now.data[from] as number;
    this.due.data[slot] = Infinity;
    // whether it is, is looked at with the next output
    this.live.data[slot] = 1;
  }

  #begin(slot: number, time: number): void {
    const { since, instants } = this.#cuts;
    const start = this.#spec.fill && time > since ? since : time;
    this.now.data[slot] = start;
    this.dirty.data[slot] = ALL_BITS & ~PROBED;
    const cut = firstAtOrAfter(instants, start);
    this.#nextCut.data[slot] = cut;
    this.due.data[slot] = instants[cut] ?? Infinity;
  }

  /** The moment at hand gets no more events. */
  #settleNow(slot: number): void {
    const now = this.now.data[slot] as number;
    if (this.dirty.data[slot] !== 0 || (this.due.data[slot] as number) <= now) this.#settle(slot, now);
  }

  /** Deadlines and cuts before `time`. */
  #run(slot: number, time: number): void {
    for (;;) {
      const due = this.due.data[slot] as number;
      if (!(due < time)) return;
      if (this.#rearms) {
        this.#clock.now = this.now.data[slot] as number;
        const next = this.#nextDue(slot, this.live.data[slot] === 1);
        if (next > due) {
          this.due.data[slot] = next;
          continue;
        }
      }
      this.now.data[slot] = due;
      this.#settle(slot, due);
    }
  }

  #settle(slot: number, time: number): void {
    const clock = this.#clock;
    const { since, instants } = this.#cuts;
    let bits = this.dirty.data[slot] as number;
    this.dirty.data[slot] = 0;
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
      this.live.data[slot] = 1;
      this.due.data[slot] = instants[this.#nextCut.data[slot] as number] ?? Infinity;
      return;
    }
    clock.now = time;
    clock.moment += 1;
    clock.live = this.#lives.isLive(slot, time);
    this.live.data[slot] = clock.live ? 1 : 0;
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
    this.due.data[slot] = this.#nextDue(slot, clock.live);
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
    if (live && this.#lives.mortal) {
      const idleEnd = this.#lives.idleEnd(slot);
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
    else if (this.#continued !== undefined && this.#continued.data[slot] === 1) {
      this.#continued.data[slot] = 0;
      this.#digest.addRest(this.#group.data[slot] as number, start, time);
    } else this.#digest.add(this.#group.data[slot] as number, start, time);
  }
}

/** A length that is lost when added to an instant far from 1970: time would stand still. */
function tooPrecise(): TimelineError {
  return new TimelineError({
    kind: 'data',
    sqlstate: '22008',
    message: 'timeline: an instant is too far from 1970 to be counted on to the microsecond',
  });
}
