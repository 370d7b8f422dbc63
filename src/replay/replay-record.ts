import type { PinnedSnapshot } from '../../planner/physical-plan.js';
import type { ErrorDetails } from '../../sql/errors.js';
import type { RunFigures } from './stage-clock.js';

/**
 * What the object store knows of a submitted replay, in two JSON objects that are each written once: `ReplaySubmission` before its
 * workflow starts, `ReplayEnd` when it is over. So any gateway can tell of it, without Temporal and after its history is gone.
 */
export interface ReplaySubmission {
  readonly version: 1;
  /** Names the workflow and the folder in the stage store; see isReplayId. */
  readonly id: string;
  /** As the user named it; null: not at all. */
  readonly name: string | null;
  /** `replay`: timeline.submit(); `interval`: one interval of a schedule; `backfill`: many intervals of one, it has no plan of its own. */
  readonly kind: 'replay' | 'interval' | 'backfill';
  /** The backfill that started it. */
  readonly parent?: string;
  readonly interval?: ReplayInterval;
  readonly user: string;
  readonly sql: string;
  readonly parameters: readonly (string | null)[];
  /** Milliseconds since 1970. */
  readonly submittedAt: number;
  /** Of the result; empty for a backfill. */
  readonly columns: readonly ReplayColumn[];
  readonly snapshots: readonly PinnedSnapshot[];
  /** Tasks by stage, in the plan's order; of a backfill one stage, whose tasks are its intervals. */
  readonly stages: readonly { readonly id: number; readonly tasks: number }[];
  readonly result: ResultWish;
  /** What has to be equal for a result to be used again (a hash over name, user, plan and snapshots); null: never. */
  readonly reuse: string | null;
}

/** Ids name folders and files. */
export function isReplayId(text: string): boolean {
  return /^[\w.-]{1,200}$/.test(text) && !/^\.+$/.test(text);
}

export interface ReplayInterval {
  readonly schedule: string;
  /** Microseconds since 1970 as text: [from, until). */
  readonly from: string;
  readonly until: string;
}

export interface ReplayColumn {
  readonly name: string;
  readonly oid: number;
  readonly typmod: number;
}

/** Where rows shall go. */
export type ResultWish =
  /** They stay in the stage store, as the files of the last stage; a file is made of them where they are many. */
  | { readonly kind: 'inline' }
  /** Normal form, `file:///…` or `s3://…`. */
  | { readonly kind: 'file'; readonly location: string }
  | { readonly kind: 'table'; readonly schema: string; readonly table: string };

/** Where rows are. */
export type ResultPlace =
  | { readonly kind: 'inline'; readonly bytes: number }
  | { readonly kind: 'file'; readonly location: string; readonly bytes: number }
  | {
      readonly kind: 'table';
      readonly schema: string;
      readonly table: string;
      readonly snapshot: string | null;
      readonly repeated: boolean;
    };

export interface ReplayEnd {
  readonly version: 1;
  readonly id: string;
  readonly state: 'completed' | 'failed' | 'cancelled';
  readonly endedAt: number;
  /** Of the result, written ones included. */
  readonly rows: number;
  readonly figures?: RunFigures;
  /** Of a completed one. */
  readonly place?: ResultPlace;
  readonly error?: ErrorDetails;
}
