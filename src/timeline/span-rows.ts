import { columnsBeforeSignals } from '../../planner/timeline-parts.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { Value } from '../../sql/value.js';
import { intervalOf } from './clock.js';
import { bucketAt } from './cuts.js';
import type { KeySlots } from './key-slots.js';
import type { SignalState } from './signal-state.js';

export interface SpanBatch {
  readonly rowCount: number;
  /** In the order of TimelineOperator.fields. */
  readonly columns: (Value | null)[][];
}

/** What of the rows is used. */
export interface SpanOutput {
  /** By output column (with a digest: by its columns, then its sums): is it read? Columns that are not stay empty. */
  readonly wanted: readonly boolean[];
  /** Spans whose signal (by its place in the spec) has another value are left out, before they are added up in a digest. */
  readonly required: readonly { readonly signal: number; readonly value: boolean | string }[];
}

/** Output rows as columns: keys, [bucket_start, bucket_end], started_at, ended_at, duration, seconds, is_open | evaluated_at, signals. */
export class SpanRows {
  readonly #width: number;
  readonly #keys: KeySlots;
  readonly #keyCount: number;
  readonly #edges: Float64Array | undefined;
  readonly #end: number;
  readonly #signals: readonly SignalState[];
  readonly #wanted: readonly boolean[];
  readonly #required: SpanOutput['required'];
  readonly #batchRows: number;
  #columns: (Value | null)[][];
  #rows = 0;

  constructor(options: {
    readonly spec: TimelineSpec;
    readonly keys: KeySlots;
    readonly edges: Float64Array | undefined;
    /** Spans that end here are open. */
    readonly end: number;
    readonly signals: readonly SignalState[];
    readonly output: SpanOutput | undefined;
    readonly batchRows: number;
  }) {
    const { spec, keys, edges, end, signals, output, batchRows } = options;
    this.#keys = keys;
    this.#keyCount = spec.keys.length;
    this.#edges = edges;
    this.#end = end;
    this.#signals = signals;
    this.#batchRows = batchRows;
    this.#width = columnsBeforeSignals(spec) + signals.length;
    this.#wanted = output?.wanted ?? new Array<boolean>(this.#width).fill(true);
    this.#required = output?.required ?? [];
    this.#columns = this.#empty();
  }

  /** The span that a key had open, with the values that its signals held. */
  span(slot: number, start: number, end: number): void {
    for (const { signal, value } of this.#required) if (this.#signals[signal]?.held(slot) !== value) return;
    const wanted = this.#wanted;
    let at = this.#key(slot);
    if (this.#edges !== undefined) {
      const bucket = bucketAt(this.#edges, start);
      this.#put(at++, BigInt(this.#edges[bucket] as number));
      this.#put(at++, BigInt(this.#edges[bucket + 1] as number));
    }
    if (wanted[at] === true) this.#put(at, BigInt(start));
    if (wanted[at + 1] === true) this.#put(at + 1, BigInt(end));
    if (wanted[at + 2] === true) this.#put(at + 2, intervalOf(end - start));
    this.#put(at + 3, (end - start) / 1e6);
    this.#put(at + 4, end === this.#end);
    at += 5;
    for (const signal of this.#signals) {
      if (wanted[at] === true) this.#put(at, signal.held(slot));
      at += 1;
    }
    this.#rows += 1;
  }

  /** A key's point, with the values that its signals have now. */
  point(slot: number, instant: number): void {
    for (const { signal, value } of this.#required) if (this.#signals[signal]?.current(slot) !== value) return;
    let at = this.#key(slot);
    this.#put(at++, BigInt(instant));
    for (const signal of this.#signals) {
      if (this.#wanted[at] === true) this.#put(at, signal.current(slot));
      at += 1;
    }
    this.#rows += 1;
  }

  /** What has come together since the last time, once it is enough. */
  takeFull(): SpanBatch | undefined {
    return this.#rows < this.#batchRows ? undefined : this.take();
  }

  /** What has come together since the last time. */
  take(): SpanBatch | undefined {
    if (this.#rows === 0) return undefined;
    const batch = { rowCount: this.#rows, columns: this.#columns };
    this.#rows = 0;
    this.#columns = this.#empty();
    return batch;
  }

  #key(slot: number): number {
    for (let n = 0; n < this.#keyCount; n++) this.#put(n, this.#keys.value(n, slot));
    return this.#keyCount;
  }

  #put(column: number, value: Value | null): void {
    if (this.#wanted[column] === true) this.#columns[column]?.push(value);
  }

  #empty(): (Value | null)[][] {
    return Array.from({ length: this.#width }, () => []);
  }
}
