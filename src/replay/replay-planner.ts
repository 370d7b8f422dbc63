import type { ReplayInterval, ResultWish } from './replay-record.js';
import type { SchedulerSpec } from './scheduler.js';

/** What is asked for, before it is planned: by timeline.submit() in a gateway, by a schedule's workflow in a worker. JSON. */
export interface ReplayRequest {
  readonly name: string | null;
  readonly kind: 'replay' | 'interval';
  readonly parent?: string;
  /** Its bounds are the parameters $1 and $2 (timestamptz) where the SQL has any. */
  readonly interval?: ReplayInterval;
  readonly user: string;
  readonly sql: string;
  /** Settings of the session that asked, where they are not the defaults (TimeZone, search_path, timeline.max_bytes, …). */
  readonly settings: Readonly<Record<string, string>>;
  /** `inline`, `file`, a location, or `schema.table`. */
  readonly result: string;
}

/** For hashes of requests: in one order, however they were set. */
export function sortedSettings(settings: ReplayRequest['settings']): readonly (readonly [string, string])[] {
  return Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What the text of ReplayRequest.result asks for; a table may still have no name that is one. */
export function resultKind(written: string): ResultWish['kind'] {
  const text = written.trim();
  if (text === 'inline') return 'inline';
  return text === 'file' || /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? 'file' : 'table';
}

/** A replay that is in the registry, its plan in the stage store: what its workflow needs. Under 32 KB of JSON. */
export interface PlannedReplay {
  readonly id: string;
  readonly planRef: string;
  /** SHA-256 of the plan's JSON, hexadecimal. */
  readonly planHash: string;
  readonly spec: SchedulerSpec;
  /** Of the plan's tables, `schema.table`. */
  readonly sources: readonly string[];
  readonly user: string;
  readonly sql: string;
}

export type PlanAnswer =
  | { readonly kind: 'planned'; readonly replay: PlannedReplay }
  /** A named replay with the same plan and snapshots, or the interval itself, is there: running, or completed. */
  | { readonly kind: 'exists'; readonly id: string; readonly ended: boolean };

/**
 * Parses, analyses and plans a request, pins its snapshots, writes its plan and its submission. Calling it again for the same interval gives
 * the same replay, `planned` for as long as it has not ended: whoever asked first may have died before its workflow began. The id of an
 * interval's replay is intervalReplayId(interval, parent), without the parent where it adds to a table. Errors are those of the SQL (not
 * retryable), or of catalogs and stores.
 */
export interface ReplayPlanner {
  plan(request: ReplayRequest, signal: AbortSignal): Promise<PlanAnswer>;
}
