import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { Value } from '../../sql/value.js';
import { intervalOf } from './clock.js';

export interface SpanBatch {
  readonly rowCount: number;
  /** In the order of TimelineOperator.fields. */
  readonly columns: (Value | null)[][];
}

/** Output rows as columns: keys, [bucket_start, bucket_end], started_at, ended_at, duration, seconds, is_open | evaluated_at, signals. */
export class SpanRows {
  readonly #width: number;
  readonly #keys: number;
  #columns: (Value | null)[][];
  #rows = 0;

  constructor(spec: TimelineSpec) {
    this.#keys = spec.keys.length;
    const fixed = spec.emit === 'points' ? 1 : spec.every === undefined ? 5 : 7;
    this.#width = this.#keys + fixed + spec.signals.length;
    this.#columns = this.#empty();
  }

  span(row: {
    readonly key: readonly (Value | null)[];
    readonly bucket: readonly [start: number, end: number] | undefined;
    readonly start: number;
    readonly end: number;
    readonly open: boolean;
    readonly signals: readonly (Value | null)[];
  }): void {
    const { start, end } = row;
    let at = this.#key(row.key);
    if (row.bucket !== undefined) {
      this.#put(at++, BigInt(row.bucket[0]));
      this.#put(at++, BigInt(row.bucket[1]));
    }
    this.#put(at++, BigInt(start));
    this.#put(at++, BigInt(end));
    this.#put(at++, intervalOf(end - start));
    this.#put(at++, (end - start) / 1e6);
    this.#put(at++, row.open);
    this.#finish(at, row.signals);
  }

  point(key: readonly (Value | null)[], instant: number, signals: readonly (Value | null)[]): void {
    let at = this.#key(key);
    this.#put(at++, BigInt(instant));
    this.#finish(at, signals);
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

  #put(column: number, value: Value | null): void {
    this.#columns[column]?.push(value);
  }

  #empty(): (Value | null)[][] {
    return Array.from({ length: this.#width }, () => []);
  }
}
