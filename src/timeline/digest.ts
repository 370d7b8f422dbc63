import type { TimelineDigest } from '../../planner/physical-plan.js';
import { columnsBeforeSignals } from '../../planner/timeline-parts.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';
import type { Value } from '../../sql/value.js';
import { bucketAt } from './cuts.js';
import { BOXED } from './interner.js';
import type { KeySlots } from './key-slots.js';
import type { SignalState } from './signal-state.js';
import type { SpanBatch, SpanOutput } from './span-rows.js';
import { exactKey } from './value-identity.js';

/** A table of this many bits finds groups; where it would need more, a Map does. */
const MOST_BITS = 20;
/** More groups are given out while there are events. */
const MOST_GROUPS = 65_536;
/** Values without an id of their own get one from here on. */
const FIRST_OTHER = 1 << 17;

/** One of the digest's columns but keys: a small number for each value, equal only for equal values. */
interface Part {
  readonly column: number;
  code(slot: number, start: number): number;
  value(slot: number, start: number): Value | null;
  forget?(): void;
}

/**
 * Sums of spans, by values of the digest's columns. A group is a combination of values of buckets and signals (a *tuple*) and, if the
 * digest has key columns, a key: rows of one tuple and of keys that are equal in the digest's columns may be several.
 */
export class DigestSums {
  readonly #digest: TimelineDigest;
  readonly #keys: KeySlots;
  readonly #parts: readonly Part[];
  /** By column of the digest: its part; -1: a key. */
  readonly #partOf: readonly number[];
  readonly #batchRows: number;
  readonly #required: readonly { readonly signal: SignalState; readonly value: boolean | string }[];
  readonly #single: boolean;

  /** Each part's values in order of appearance of the tuples. */
  readonly #tuples: (Value | null)[][] = [];
  readonly #codes: number[][] = [];
  readonly #bits: number[];
  #table: Int32Array | undefined;
  readonly #byText = new Map<string, number>();

  readonly #groups = new Map<number, number>();
  readonly #groupTuples: number[] = [];
  readonly #groupSlots: number[] = [];
  /** Whole microseconds, and what would not fit exactly. */
  readonly #sums: number[] = [];
  readonly #beyond = new Map<number, bigint>();
  readonly #counts: number[] = [];
  /** Groups that have rows although they may count no span. */
  readonly #rests = new Set<number>();
  #out: (Value | null)[][];
  #rows = 0;
  #most = MOST_GROUPS;

  constructor(options: {
    readonly digest: TimelineDigest;
    readonly spec: TimelineSpec;
    readonly keys: KeySlots;
    readonly edges: Float64Array | undefined;
    readonly signals: readonly SignalState[];
    readonly required: SpanOutput['required'];
    readonly batchRows: number;
  }) {
    const { digest, spec, keys, edges, signals, required } = options;
    if (spec.emit === 'points') throw internal('timeline: a digest of points');
    this.#digest = digest;
    this.#keys = keys;
    const keyCount = spec.keys.length;
    const firstSignal = columnsBeforeSignals(spec);
    this.#batchRows = options.batchRows;
    this.#single = digest.columns.every((column) => column >= keyCount);
    this.#out = this.#emptyOut();
    this.#parts = digest.columns
      .filter((column) => column >= keyCount)
      .map((column): Part => {
        if (column >= firstSignal) return signalPart(column, signals[column - firstSignal]);
        if (edges === undefined || column >= keyCount + 2) throw internal(`timeline: a digest by column ${column}`);
        return bucketPart(column, edges, column - keyCount);
      });
    this.#partOf = digest.columns.map((column) => this.#parts.findIndex((part) => part.column === column));
    this.#required = required.map(({ signal, value }) => {
      const found = signals[signal];
      if (found === undefined) throw internal(`timeline: no signal ${signal}`);
      return { signal: found, value };
    });
    this.#bits = this.#parts.map(() => 2);
    this.#makeTable();
  }

  /** The group of the span that a key opens at `start`; -1: none is asked for. */
  open(slot: number, start: number): number {
    for (const { signal, value } of this.#required) if (signal.held(slot) !== value) return -1;
    return this.#group(slot, this.#tuple(slot, start));
  }

  add(group: number, start: number, end: number): void {
    if (group < 0) return;
    const length = end - start;
    const sum = (this.#sums[group] as number) + length;
    // a difference of instants that are no safe integers is none either
    if (sum <= Number.MAX_SAFE_INTEGER && Number.isSafeInteger(start) && Number.isSafeInteger(end)) this.#sums[group] = sum;
    else this.#beyond.set(group, (this.#beyond.get(group) ?? 0n) + BigInt(end) - BigInt(start));
    this.#counts[group] = (this.#counts[group] as number) + 1;
  }

  /** The rest of a span whose beginning is counted elsewhere. */
  addRest(group: number, start: number, end: number): void {
    if (group < 0) return;
    this.add(group, start, end);
    this.#counts[group] = (this.#counts[group] as number) - 1;
    this.#rests.add(group);
  }

  /** Are there so many groups that they should be given out? */
  get crowded(): boolean {
    return this.#counts.length > this.#most || this.#tuples.length > this.#most;
  }

  /** After take: forgets which values there were. Spans that are open get new groups then. */
  forget(): void {
    this.#tuples.length = 0;
    this.#codes.length = 0;
    this.#byText.clear();
    for (const part of this.#parts) part.forget?.();
    this.#makeTable();
  }

  /** Once open spans have new groups. */
  settled(): void {
    this.#most = Math.max(MOST_GROUPS, this.#counts.length * 2, this.#tuples.length * 2);
  }

  /** The key of slot 0 is over and will be another. */
  endKey(): void {
    if (!this.#single) this.#flush();
  }

  takeFull(): SpanBatch | undefined {
    return this.#rows < this.#batchRows ? undefined : this.#takeRows();
  }

  /** The groups so far that have spans; sums begin anew. A span that is open needs a new group then. */
  take(): SpanBatch | undefined {
    this.#flush();
    return this.#takeRows();
  }

  #takeRows(): SpanBatch | undefined {
    if (this.#rows === 0) return undefined;
    const batch = { rowCount: this.#rows, columns: this.#out };
    this.#rows = 0;
    this.#out = this.#emptyOut();
    return batch;
  }

  /** Groups become rows. */
  #flush(): void {
    const { columns, sums } = this.#digest;
    for (let group = 0; group < this.#counts.length; group++) {
      const count = this.#counts[group] as number;
      if (count === 0 && !this.#rests.has(group)) continue;
      this.#rows += 1;
      const tuple = this.#tuples[this.#groupTuples[group] as number] as (Value | null)[];
      for (let n = 0; n < columns.length; n++) {
        const part = this.#partOf[n] as number;
        const value = part < 0 ? this.#keys.value(columns[n] as number, this.#groupSlots[group] as number) : (tuple[part] as Value | null);
        this.#out[n]?.push(value);
      }
      const micros = BigInt(this.#sums[group] as number) + (this.#beyond.get(group) ?? 0n);
      sums.forEach((sum, n) => {
        const value: Value =
          sum === 'micros'
            ? micros
            : sum === 'seconds'
              ? Number(micros) / 1e6
              : sum === 'duration'
                ? { months: 0, days: 0, micros }
                : BigInt(count);
        this.#out[columns.length + n]?.push(value);
      });
    }
    this.#groups.clear();
    this.#beyond.clear();
    this.#rests.clear();
    this.#groupTuples.length = 0;
    this.#groupSlots.length = 0;
    this.#sums.length = 0;
    this.#counts.length = 0;
  }

  #group(slot: number, tuple: number): number {
    if (this.#single) {
      while (this.#counts.length <= tuple) this.#addGroup(this.#counts.length, 0);
      return tuple;
    }
    const id = slot * 2 ** 28 + tuple;
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = this.#addGroup(tuple, slot);
      this.#groups.set(id, group);
    }
    return group;
  }

  #emptyOut(): (Value | null)[][] {
    return [...this.#digest.columns, ...this.#digest.sums].map(() => []);
  }

  #addGroup(tuple: number, slot: number): number {
    this.#groupTuples.push(tuple);
    this.#groupSlots.push(slot);
    this.#sums.push(0);
    return this.#counts.push(0) - 1;
  }

  #tuple(slot: number, start: number): number {
    const parts = this.#parts;
    const table = this.#table;
    if (table === undefined) return this.#tupleByText(slot, start);
    let index = 0;
    for (let n = 0; n < parts.length; n++) {
      const code = (parts[n] as Part).code(slot, start);
      const bits = this.#bits[n] as number;
      if (code >= 1 << bits) {
        this.#bits[n] = 32 - Math.clz32(code);
        this.#makeTable();
        return this.#tuple(slot, start);
      }
      index = (index << bits) | code;
    }
    const known = table[index] as number;
    if (known >= 0) return known;
    const tuple = this.#addTuple(
      parts.map((part) => part.code(slot, start)),
      slot,
      start,
    );
    table[index] = tuple;
    return tuple;
  }

  #tupleByText(slot: number, start: number): number {
    const codes = this.#parts.map((part) => part.code(slot, start));
    const text = codes.join(' ');
    let tuple = this.#byText.get(text);
    if (tuple === undefined) {
      tuple = this.#addTuple(codes, slot, start);
      this.#byText.set(text, tuple);
    }
    return tuple;
  }

  #addTuple(codes: number[], slot: number, start: number): number {
    this.#codes.push(codes);
    return this.#tuples.push(this.#parts.map((part) => part.value(slot, start))) - 1;
  }

  #makeTable(): void {
    const bits = this.#bits.reduce((sum, n) => sum + n, 0);
    if (bits > MOST_BITS) {
      this.#table = undefined;
      this.#codes.forEach((codes, tuple) => {
        this.#byText.set(codes.join(' '), tuple);
      });
      return;
    }
    const table = new Int32Array(2 ** bits).fill(-1);
    this.#codes.forEach((codes, tuple) => {
      table[codes.reduce((index, code, n) => (index << (this.#bits[n] as number)) | code, 0)] = tuple;
    });
    this.#table = table;
  }
}

function bucketPart(column: number, edges: Float64Array, edge: number): Part {
  return {
    column,
    code: (_, start) => bucketAt(edges, start),
    value: (_, start) => BigInt(edges[bucketAt(edges, start) + edge] as number),
  };
}

function signalPart(column: number, signal: SignalState | undefined): Part {
  if (signal === undefined) throw internal(`timeline: a digest by column ${column}`);
  const others = new Map<string, number>();
  const other = (value: Value | null): number => {
    const text = exactKey(value);
    const known = others.get(text) ?? others.size;
    others.set(text, known);
    return known;
  };
  const value = (slot: number): Value | null => signal.held(slot);
  const held = signal.heldCodes;
  const forget = (): void => others.clear();
  if (held === undefined) return { column, value, forget, code: (slot) => other(signal.held(slot)) };
  const { codes } = held;
  return {
    column,
    value,
    forget,
    code: (slot) => {
      const code = codes.data[slot] as number;
      return code === BOXED ? FIRST_OTHER + other(signal.held(slot)) : code;
    },
  };
}
