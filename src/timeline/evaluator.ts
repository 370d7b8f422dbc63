import type { TimelineDigest } from '../../planner/physical-plan.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal, TimelineError } from '../../sql/errors.js';
import { equality } from '../../sql/functions/state-functions.js';
import { Oid, type Type, typeName } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { bucketEdges } from './calendar.js';
import { type Clock, instantOf } from './clock.js';
import { Deduplicator } from './deduplicator.js';
import { DigestRows } from './digest-rows.js';
import { type Column, type Columns, columnOf } from './leaves.js';
import { makeProgram, type Program } from './program.js';
import { type SpanBatch, type SpanOutput, SpanRows } from './span-rows.js';
import type { PostgresCompute } from './state-fallback.js';
import { TieCheck } from './tie-check.js';

export type { SpanBatch } from './span-rows.js';

/** Rows are worth handing on together: DuckDB takes them by 2048. */
const BATCH_ROWS = 2048;

/**
 * Evaluates one TIMELINE() over events that come grouped by key and, in a key, sorted by ts and tie order: one pass, one
 * open key at a time. Rows with a NULL key or ts are skipped and counted.
 *
 * A key's time is a row of *moments*: its events, the deadlines of its operators, and the cuts at which output must be
 * looked at (since, bucket edges, points). Between two moments nothing discrete changes. At a moment all its events are
 * applied, then liveness, operators and signals are settled once, then output follows.
 */
export class TimelineEvaluator {
  readonly #spec: TimelineSpec;
  readonly #clock: Clock;
  readonly #program: Program;
  readonly #rows: Pick<SpanRows, 'span' | 'point' | 'takeFull' | 'take'>;
  readonly #dedupe: Deduplicator | undefined;
  readonly #ties: TieCheck | undefined;
  readonly #sameKey: readonly ((a: Value, b: Value) => boolean)[];
  readonly #idle: number;
  /** Spans end here and see no event from here on; points see events up to and at this instant. */
  readonly #end: number;
  readonly #points: boolean;
  /** Instants at which output is looked at, ascending. */
  readonly #cuts: Float64Array;
  readonly #edges: Float64Array | undefined;
  /** Must moments without output be settled? */
  readonly #settleAll: boolean;
  readonly #nothing: boolean;

  #skipped = 0;
  #key: (Value | null)[] | undefined;
  /** The moment at hand: its events are being applied, it has not been settled. */
  #instant = 0;
  #lastEvent = -Infinity;
  #closed = false;
  /** Has a probe row asked for the moment at hand? When did the last one ask that came before the key's first event? */
  #probed = false;
  #early = -Infinity;
  #nextCut = 0;
  #nextDeadline = Infinity;
  #open = false;
  #startedAt = 0;
  #held: (Value | null)[] = [];

  /** `output`: what of the rows is used; undefined: all. `batchRows`: so many are given out together. */
  constructor(
    spec: TimelineSpec,
    inputTypes: ReadonlyMap<number, Type>,
    horizon: bigint | undefined,
    output?: SpanOutput,
    batchRows = BATCH_ROWS,
    digest?: TimelineDigest,
    postgres?: PostgresCompute,
  ) {
    this.#spec = spec;
    const inputType = (id: number): Type => {
      const found = inputTypes.get(id);
      if (found === undefined) throw internal(`timeline: the input has no column ${id}`);
      return found;
    };
    if (inputType(spec.ts).oid !== Oid.timestamptz) throw internal(`timeline: ts is ${typeName(inputType(spec.ts))}`);
    const since = spec.since === undefined ? -Infinity : Number(spec.since);
    const until =
      spec.until.kind === 'at'
        ? Number(spec.until.instant)
        : spec.until.kind === 'horizon' && horizon !== undefined
          ? instantOf(horizon)
          : undefined;
    this.#points = spec.emit === 'points';
    this.#idle = spec.idle === undefined ? Infinity : Number(spec.idle);
    this.#edges = spec.every === undefined ? undefined : edgesOf(spec, since, until);
    this.#cuts = cutsOf({ spec, since, until, edges: this.#edges });
    const last = this.#cuts.at(-1);
    this.#end = spec.probe !== undefined ? Infinity : ((this.#points ? last : until) ?? -Infinity);
    this.#nothing = spec.probe !== undefined ? false : this.#points ? last === undefined : until === undefined || since >= until;
    this.#clock = { now: 0, live: false, start: 0, since };
    this.#program = makeProgram({ spec, clock: this.#clock, inputType, key: (n) => this.#key?.[n] ?? null, postgres });
    this.#settleAll = this.#program.nodes.length > 0;
    this.#rows = digest === undefined ? new SpanRows(spec, output, batchRows) : new DigestRows({ spec, digest, output, batchRows });
    this.#sameKey = spec.keys.map((id) => equality(inputType(id)));
    this.#dedupe = spec.dedupe.length === 0 ? undefined : new Deduplicator(spec.dedupe, inputType);
    this.#ties = spec.ties === 'error' ? new TieCheck(spec.orderBy, spec.leaves, inputType) : undefined;
  }

  /** Rows that had a NULL key or ts. */
  get skippedRows(): number {
    return this.#skipped;
  }

  /** Gives rows now and then; finish() gives the rest. */
  push(columns: Columns, rowCount: number): SpanBatch | undefined {
    const keys = this.#spec.keys.map((id) => columnOf(columns, id));
    const ts = columnOf(columns, this.#spec.ts);
    const ends = this.#spec.ends === undefined ? undefined : columnOf(columns, this.#spec.ends);
    const probe = this.#spec.probe === undefined ? undefined : columnOf(columns, this.#spec.probe);
    const { leaves } = this.#program;
    for (const leaf of leaves) leaf.bind(columns);
    this.#dedupe?.bind(columns);
    this.#ties?.bind(columns);
    for (let row = 0; row < rowCount; row++) {
      const value = ts[row];
      if (value === null || value === undefined || hasNull(keys, row)) {
        this.#skipped += 1;
        continue;
      }
      if (this.#nothing) continue;
      const time = instantOf(value as bigint);
      const first = this.#key === undefined || !this.#isOpenKey(keys, row);
      if (first) this.#finishKey();
      if (first) this.#dedupe?.newKey();
      if (first) this.#key = undefined;
      if (first) this.#early = -Infinity;
      if (probe?.[row] === true) {
        this.#probe(keys, row, time);
        continue;
      }
      if (this.#points ? time > this.#end : time >= this.#end) {
        // the key keeps its identity, so that its later rows are not taken for a new key's
        if (first) this.#ignoreKey(keys, row);
        continue;
      }
      if (first || (probe !== undefined && this.#instant === Infinity)) this.#openKey(keys, row, time);
      if (this.#dedupe !== undefined && !this.#dedupe.isFirst(row)) continue;
      this.#ties?.see(row, time);
      if (time !== this.#instant) this.#advance(time);
      for (const leaf of leaves) leaf.apply(row, time);
      if (this.#lastEvent !== time) this.#closed = false;
      this.#lastEvent = time;
      if (ends !== undefined && ends[row] === true) this.#closed = true;
    }
    return this.#rows.takeFull();
  }

  finish(): SpanBatch | undefined {
    this.#finishKey();
    this.#key = undefined;
    return this.#rows.take();
  }

  #isOpenKey(keys: readonly Column[], row: number): boolean {
    const open = this.#key;
    if (open === undefined) return false;
    for (let n = 0; n < keys.length; n++) {
      const value = keys[n]?.[row];
      const held = open[n];
      if (value === held) continue;
      if (value === null || value === undefined || held === null || held === undefined || !this.#sameKey[n]?.(value, held)) return false;
    }
    return true;
  }

  /** A point of its key is wanted at its time. A key without events until then has none. */
  #probe(keys: readonly Column[], row: number, time: number): void {
    if (this.#key === undefined) this.#ignoreKey(keys, row);
    if (this.#instant === Infinity) this.#early = time;
    else {
      if (time !== this.#instant) this.#advance(time);
      this.#probed = true;
    }
  }

  #ignoreKey(keys: readonly Column[], row: number): void {
    this.#key = keys.map((column) => column[row] ?? null);
    this.#instant = Infinity;
    this.#early = -Infinity;
  }

  #openKey(keys: readonly Column[], row: number, time: number): void {
    this.#key = keys.map((column) => column[row] ?? null);
    const { since } = this.#clock;
    const start = this.#spec.fill && time > since ? since : time;
    this.#clock.start = start;
    this.#clock.now = start;
    this.#program.reset();
    this.#ties?.newKey();
    this.#lastEvent = -Infinity;
    this.#closed = false;
    this.#open = false;
    this.#nextDeadline = Infinity;
    this.#nextCut = firstAtOrAfter(this.#cuts, start);
    this.#instant = start;
    this.#probed = this.#early === time;
  }

  /** Settles everything before `time` and makes it the moment at hand. */
  #advance(time: number): void {
    this.#settle(this.#instant);
    this.#runTo(time);
    this.#instant = time;
  }

  /** Deadlines and cuts before `time`. */
  #runTo(time: number): void {
    for (;;) {
      const cut = this.#cuts[this.#nextCut] ?? Infinity;
      if (this.#points && cut === Infinity && (this.#spec.probe === undefined || time === Infinity)) return;
      const next = Math.min(cut, this.#nextDeadline);
      if (next >= time || next === Infinity) return;
      if (next <= this.#clock.now) throw tooPrecise();
      this.#settle(next);
    }
  }

  #finishKey(): void {
    if (this.#key === undefined || this.#instant === Infinity) return;
    this.#settle(this.#instant);
    this.#runTo(this.#points ? Infinity : this.#end);
    if (this.#open) this.#closeSpan(this.#end);
  }

  #settle(time: number): void {
    const isCut = this.#probed || this.#cuts[this.#nextCut] === time;
    if (isCut) this.#nextCut += 1;
    this.#probed = false;
    const silent = this.#points ? !isCut : time < this.#clock.since;
    if (silent && !this.#settleAll) {
      this.#nextDeadline = Infinity;
      return;
    }
    const clock = this.#clock;
    clock.now = time;
    // with `fill` a key lives from `since` to its first event although nothing has happened
    const idleEnd = this.#lastEvent === -Infinity ? Infinity : this.#lastEvent + this.#idle;
    clock.live = !this.#closed && time < idleEnd;
    this.#program.settle();
    if (!silent) this.#emit(time, isCut);
    const deadline = this.#points && !this.#settleAll ? Infinity : this.#program.deadline();
    this.#nextDeadline = clock.live && idleEnd < deadline ? idleEnd : deadline;
  }

  #emit(time: number, isCut: boolean): void {
    const { signals } = this.#program;
    if (this.#points) {
      if (this.#clock.live && time >= this.#clock.since)
        this.#rows.point(
          this.#key ?? [],
          time,
          signals.map((signal) => signal.value()),
        );
      return;
    }
    if (this.#open) {
      if (this.#clock.live && !isCut && !this.#hasChanged()) return;
      this.#closeSpan(time);
    }
    if (!this.#clock.live) return;
    this.#open = true;
    this.#startedAt = time;
    this.#held = signals.map((signal) => signal.value());
  }

  #hasChanged(): boolean {
    const { signals } = this.#program;
    for (let n = 0; n < signals.length; n++) {
      const signal = signals[n];
      if (signal === undefined || signal.numerical) continue;
      const before = this.#held[n] ?? null;
      const now = signal.value();
      if (before === now) continue;
      if (before === null || now === null || !signal.same(before, now)) return true;
    }
    return false;
  }

  #closeSpan(end: number): void {
    this.#open = false;
    const bucket = this.#edges === undefined ? undefined : bucketAt(this.#edges, this.#startedAt);
    this.#rows.span({ key: this.#key ?? [], bucket, start: this.#startedAt, end, open: end === this.#end, signals: this.#held });
  }
}

function edgesOf(spec: TimelineSpec, since: number, until: number | undefined): Float64Array {
  const { every } = spec;
  if (every === undefined || until === undefined || since === -Infinity) throw internal('timeline: every without since and until');
  if (since >= until) return new Float64Array();
  return bucketEdges({
    every: { months: every.months, days: every.days, micros: Number(every.micros) },
    origin: spec.origin === undefined ? undefined : Number(spec.origin),
    timeZone: spec.timeZone,
    since,
    until,
  });
}

function cutsOf(options: {
  readonly spec: TimelineSpec;
  readonly since: number;
  readonly until: number | undefined;
  readonly edges: Float64Array | undefined;
}): Float64Array {
  const { spec, since, until = Infinity, edges } = options;
  if (spec.probe !== undefined) return new Float64Array();
  if (spec.at !== undefined) return Float64Array.from(spec.at.map(Number)).filter((instant) => instant >= since);
  if (spec.emit === 'points') {
    if (edges === undefined) throw new TimelineError({ kind: 'internal', sqlstate: 'XX000', message: 'timeline: points without instants' });
    return edges.filter((edge) => edge > since && edge <= until);
  }
  const inside = edges?.filter((edge) => edge > since && edge < until) ?? new Float64Array();
  return since === -Infinity ? inside : Float64Array.from([since, ...inside]);
}

function hasNull(columns: readonly Column[], row: number): boolean {
  for (const column of columns) if (column[row] === null || column[row] === undefined) return true;
  return false;
}

/** A length that is lost when added to an instant far from 1970: time would stand still. */
function tooPrecise(): TimelineError {
  return new TimelineError({
    kind: 'data',
    sqlstate: '22008',
    message: 'timeline: an instant is too far from 1970 to be counted on to the microsecond',
  });
}

/** Index of the first element >= value. */
function firstAtOrAfter(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function bucketAt(edges: Float64Array, instant: number): readonly [number, number] {
  let index = firstAtOrAfter(edges, instant);
  if ((edges[index] ?? Infinity) > instant) index -= 1;
  return [edges[index] as number, edges[index + 1] as number];
}
