import type { TimelineDigest } from '../../planner/physical-plan.js';
import { columnsBeforeSignals } from '../../planner/timeline-parts.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import { internal } from '../../sql/errors.js';
import type { Value } from '../../sql/value.js';
import { intervalOf } from './clock.js';
import type { Span, SpanBatch, SpanOutput } from './span-rows.js';

/** Sums are given out before a number could no longer hold their microseconds exactly. */
const MOST_MICROS = 2 ** 52;

interface Sums {
  readonly kept: readonly (Value | null)[];
  micros: number;
  spans: number;
}

interface DigestOptions {
  readonly spec: TimelineSpec;
  readonly digest: TimelineDigest;
  readonly output: SpanOutput | undefined;
  readonly batchRows: number;
}

/** Spans added up by the values of the digest's columns; so many different ones at a time as make a batch. */
export class DigestRows {
  readonly #options: DigestOptions;
  /** Of a span, the value of each of the digest's columns. */
  readonly #read: readonly ((span: Span) => Value | null)[];
  readonly #required: SpanOutput['required'];
  readonly #full: SpanBatch[] = [];
  #sums = new Map<string, Sums>();

  constructor(options: DigestOptions) {
    this.#options = options;
    this.#read = options.digest.columns.map((column) => reader(column, options.spec));
    this.#required = options.output?.required ?? [];
  }

  span(span: Span): void {
    for (const { signal, value } of this.#required) if (span.signals[signal] !== value) return;
    const kept = this.#read.map((read) => read(span));
    const text = kept.map(textOf).join('');
    let sums = this.#sums.get(text);
    if (sums === undefined) {
      if (this.#sums.size >= this.#options.batchRows) this.#flush();
      sums = { kept, micros: 0, spans: 0 };
      this.#sums.set(text, sums);
    }
    sums.micros += span.end - span.start;
    sums.spans += 1;
    if (sums.micros > MOST_MICROS) this.#flush();
  }

  point(): never {
    throw internal('timeline: a digest of points');
  }

  takeFull(): SpanBatch | undefined {
    const [first, ...rest] = this.#full.splice(0);
    if (first === undefined) return undefined;
    return {
      rowCount: rest.reduce((sum, batch) => sum + batch.rowCount, first.rowCount),
      columns: first.columns.map((column, n) => column.concat(...rest.map((batch) => batch.columns[n] ?? []))),
    };
  }

  take(): SpanBatch | undefined {
    this.#flush();
    return this.takeFull();
  }

  #flush(): void {
    if (this.#sums.size === 0) return;
    const rows = [...this.#sums.values()];
    this.#sums = new Map();
    const { digest, output } = this.#options;
    const all = [
      ...digest.columns.map((_, n) => rows.map(({ kept }) => kept[n] ?? null)),
      ...digest.sums.map((sum) => rows.map((row) => sumOf(sum, row))),
    ];
    this.#full.push({ rowCount: rows.length, columns: all.map((column, n) => (output?.wanted[n] === false ? [] : column)) });
  }
}

function sumOf(sum: TimelineDigest['sums'][number], { micros, spans }: Sums): Value {
  switch (sum) {
    case 'seconds':
      return micros / 1e6;
    case 'duration':
      return intervalOf(micros);
    case 'count':
      return BigInt(spans);
  }
}

function reader(column: number, spec: TimelineSpec): (span: Span) => Value | null {
  const keys = spec.keys.length;
  const first = columnsBeforeSignals(spec);
  if (column < keys) return (span) => span.key[column] ?? null;
  if (column >= first) return (span) => span.signals[column - first] ?? null;
  const edge = column - keys;
  if (spec.every === undefined || edge > 1) throw internal(`timeline: column ${column} in a digest`);
  return (span) => (span.bucket === undefined ? null : BigInt(span.bucket[edge as 0 | 1]));
}

/** A text for each value, another one for each other value, none the beginning of another one. */
function textOf(value: Value | null): string {
  if (value === null) return 'n;';
  switch (typeof value) {
    case 'string':
      return `s${value.length}:${value}`;
    case 'number':
      return Object.is(value, -0) ? '-0;' : `${value};`;
    case 'bigint':
      return `${value};`;
    case 'boolean':
      return value ? 't;' : 'f;';
    default:
      break;
  }
  if (value instanceof Uint8Array) return `b${value.length}:${value.join()};`;
  if ('micros' in value) return `i${value.months}/${value.days}/${value.micros};`;
  return `a${value.length}:${value.map(textOf).join('')}`;
}
