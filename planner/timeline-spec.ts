import type { Expr } from '../sql/expression.js';
import type { Type } from '../sql/types.js';

/**
 * What one TIMELINE() call computes, with every option resolved to a constant: the contract between the
 * planner and src/timeline. Plain JSON; instants are microseconds since 1970-01-01 UTC as decimal text,
 * lengths microseconds as decimal text. Columns are field ids of the operator's input.
 */
export interface TimelineSpec {
  readonly emit: 'spans' | 'points';
  readonly keys: readonly number[];
  /** timestamptz column. */
  readonly ts: number;
  /** Tie-break inside equal ts, ascending, NULLS LAST; then the input's own order. */
  readonly orderBy: readonly number[];
  readonly dedupe: readonly number[];
  readonly ties: 'apply' | 'error';
  readonly since: string | undefined;
  readonly until: { readonly kind: 'at'; readonly instant: string } | { readonly kind: 'horizon' } | { readonly kind: 'none' };
  /** Sorted, without repeats. */
  readonly at: readonly string[] | undefined;
  readonly every: { readonly months: number; readonly days: number; readonly micros: string } | undefined;
  readonly origin: string | undefined;
  readonly timeZone: string;
  readonly idle: string | undefined;
  /** Boolean column: the row ends the entity's timeline. */
  readonly ends: number | undefined;
  readonly fill: boolean;
  /**
   * Boolean input column: the row is no event, it asks for a point of its key at its time (after all events of that instant). Then `emit` is
   * 'points' and there is neither `at` nor `every`. A NULL counts as false.
   */
  readonly probe?: number;
  readonly leaves: readonly TimelineLeaf[];
  readonly signals: readonly { readonly name: string; readonly expr: StateExpr; readonly type: Type; readonly numerical: boolean }[];
}

/** State updated by events. `value` and `when` are input columns (row expressions are computed below the operator). */
export type TimelineLeaf =
  | { readonly op: 'latest'; readonly value: number; readonly type: Type; readonly ttl: string | undefined }
  | { readonly op: 'latest_when'; readonly when: number; readonly value: number; readonly type: Type }
  | { readonly op: 'has_existed'; readonly when: number }
  | { readonly op: 'has_existed_within'; readonly when: number; readonly within: string }
  | { readonly op: 'count_so_far'; readonly when: number }
  | { readonly op: 'sum_so_far'; readonly value: number; readonly type: Type }
  | { readonly op: 'last_event_time'; readonly when: number | undefined };

/** An expression over states: leaves, keys, earlier signals, and stateful operators over such expressions. */
export type StateExpr = Expr<StateLeaf>;

export type StateLeaf =
  | { readonly kind: 'leaf'; readonly index: number; readonly type: Type }
  | { readonly kind: 'key'; readonly index: number; readonly type: Type }
  | { readonly kind: 'signal'; readonly index: number; readonly type: Type }
  | { readonly kind: 'case_arg'; readonly type: Type }
  | {
      readonly kind: 'state_op';
      readonly op: 'has_existed' | 'duration_where' | 'duration_in_state';
      readonly arg: StateExpr;
      readonly type: Type;
    }
  | { readonly kind: 'state_op'; readonly op: 'has_existed_within'; readonly arg: StateExpr; readonly within: string; readonly type: Type };
