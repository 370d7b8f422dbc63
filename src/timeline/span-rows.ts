import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { Value } from '../../sql/value.js';
import { intervalOf } from './clock.js';

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

/** A span as the evaluator ends it; instants in microseconds. */
export interface Span {
  readonly key: readonly (Value | null)[];
  readonly bucket: readonly [start: number, end: number] | undefined;
  readonly start: number;
  readonly end: number;
  readonly open: boolean;
  readonly signals: readonly (Value | null)[];
}

/** Output rows as columns: keys, [bucket_start, bucket_end], started_at, ended_at, duration, seconds, is_open | evaluated_at, signals. */
export class SpanRows {
  readonly #width: number;
  readonly #keys: number;
  readonly #wanted: readonly boolean[];
  readonly #required: SpanOutput['required'];
  #columns: (Value | null)[][];
  #rows = 0;

  constructor(
    spec: TimelineSpec,
    output: SpanOutput | undefined,
    private readonly batchRows: number,
  ) {
    this.#keys = spec.keys.length;
    const fixed = spec.emit === 'points' ? 1 : spec.every === undefined ? 5 : 7;
    this.#width = this.#keys + fixed + spec.signals.length;
    this.#wanted = output?.wanted ?? new Array<boolean>(this.#width).fill(true);
    this.#required = output?.required ?? [];
    this.#columns = this.#empty();
  }

  span(row: Span): void {
    const { start, end } = row;
    if (!this.#passes(row.signals)) return;
    const wanted = this.#wanted;
    let at = this.#key(row.key);
    if (row.bucket !== undefined) {
      this.#put(at++, BigInt(row.bucket[0]));
      this.#put(at++, BigInt(row.bucket[1]));
    }
    if (wanted[at] === true) this.#put(at, BigInt(start));
    if (wanted[at + 1] === true) this.#put(at + 1, BigInt(end));
    if (wanted[at + 2] === true) this.#put(at + 2, intervalOf(end - start));
    this.#put(at + 3, (end - start) / 1e6);
    this.#put(at + 4, row.open);
    at += 5;
    this.#finish(at, row.signals);
  }

  point(key: readonly (Value | null)[], instant: number, signals: readonly (Value | null)[]): void {
    if (!this.#passes(signals)) return;
    let at = this.#key(key);
    this.#put(at++, BigInt(instant));
    this.#finish(at, signals);
  }

  /** What has come together since the last time, once it is enough. */
  takeFull(): SpanBatch | undefined {
    return this.#rows < this.batchRows ? undefined : this.take();
  }

  /** What has come together since the last time. */
  take(): SpanBatch | undefined {
    if (this.#rows === 0) return undefined;
    const batch = { rowCount: this.#rows, columns: this.#columns };
    this.#rows = 0;
    this.#columns = this.#empty();
    return batch;
  }

  #key(key: readonly (Value | null)[]): number {
    for (let n = 0; n < this.#keys; n++) this.#put(n, key[n] ?? null);
    return this.#keys;
  }

  #finish(from: number, signals: readonly (Value | null)[]): void {
    for (let n = 0; n < signals.length; n++) this.#put(from + n, signals[n] ?? null);
    this.#rows += 1;
  }

  #passes(signals: readonly (Value | null)[]): boolean {
    for (const { signal, value } of this.#required) if (signals[signal] !== value) return false;
    return true;
  }

  #put(column: number, value: Value | null): void {
    if (this.#wanted[column] === true) this.#columns[column]?.push(value);
  }

  #empty(): (Value | null)[][] {
    return Array.from({ length: this.#width }, () => []);
  }
}
