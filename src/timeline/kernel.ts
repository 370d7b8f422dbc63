import type { TimelineDigest } from '../../planner/physical-plan.js';
import type { TimelineSpec } from '../../planner/timeline-spec.js';
import type { ColumnVector } from '../../sql/column-vector.js';
import type { Type } from '../../sql/types.js';
import type { Chunk } from './cuts.js';
import type { SpanBatch, SpanOutput } from './span-rows.js';
import type { PostgresCompute } from './state-fallback.js';

/** Events as columns by input field id. */
export interface EventBatch {
  readonly rowCount: number;
  readonly columns: ReadonlyMap<number, ColumnVector>;
}

export interface KernelChunk extends Chunk {
  /**
   * Nothing is shown, and the state at the end is saved: leaves and stateful nodes of less than this depth as they are, those of this depth
   * as summed up from `from` on. At 0 leaves themselves are summed up, from nothing. Undefined: the state before is known; rows are given out.
   */
  readonly sumUp: number | undefined;
}

export interface KernelOptions {
  readonly spec: TimelineSpec;
  /** Types of the input's columns by field id. */
  readonly inputTypes: ReadonlyMap<number, Type>;
  /** max(ts) of the source, microseconds; undefined: it has no rows, or the spec does not ask. */
  readonly horizon: bigint | undefined;
  /**
   * grouped: rows come key by key, each key's by (ts, tie order); one key is open at a time.
   * interleaved: rows come by ts, those of one key and ts by tie order; all keys stay open until the end.
   */
  readonly order: 'grouped' | 'interleaved';
  /** What of the rows is used; undefined: all. */
  readonly output?: SpanOutput;
  readonly digest?: TimelineDigest;
  /** PostgreSQL's functions, for expressions over states that are not written in JavaScript; absent: those are 0A000. */
  readonly postgres?: PostgresCompute;
  /** Only these events, after a state of all before them. Interleaved only. */
  readonly chunk?: KernelChunk;
  /** So many rows are given out together. */
  readonly batchRows?: number;
}

/** State of all open keys between two instants: JSON, for a file or a workflow's side channel. */
export interface KernelState {
  readonly version: 1;
  /** Hash of what of the spec the state depends on; `load` refuses another. */
  readonly shape: string;
  readonly data: unknown;
}

/**
 * Evaluates one TIMELINE(): the only implementation of its operators, for batches (push …, finish) and for live events
 * (push, advance, push, advance, …). What is given out is never taken back.
 */
export interface TimelineKernel {
  /** Gives rows now and then. Rows with a NULL key or ts are skipped and counted. */
  push(batch: EventBatch): SpanBatch | undefined;
  /** No event before `to` (microseconds) will come any more: what happens before it by itself (deadlines, bucket edges) happens now. Interleaved only. */
  advance(to: number): SpanBatch | undefined;
  /** Ends all timelines at `until`; gives the rest. */
  finish(): SpanBatch | undefined;
  readonly skippedRows: number;
  /** What a kernel with the same operators needs to go on after the last `advance`. Interleaved only. */
  save(): KernelState;
  load(state: KernelState): void;
}
