import { internal } from '../../sql/errors.js';
import type { AggregateRequest, Handle, TablePredicate } from '../connector.js';

/** A table of log entries at one moment, with what was pushed into it: plain JSON, in plans and in workflow history. */
export interface LogsHandle {
  readonly version: 1;
  readonly schema: string;
  readonly table: string;
  /** A user's own filter, which the rows pass, too. */
  readonly raw?: string;
  /** Nanoseconds since 1970: entries from here on are not read. */
  readonly until: string;
  /** Conjuncts that the server is asked for. */
  readonly filters: readonly TablePredicate[];
  /** Rows that suffice, when no filter stands between them and the reader. */
  readonly limit?: number;
  /** Columns that are read, for estimates. */
  readonly width: number;
  /** Rows are groups with these, in place of entries. */
  readonly aggregate?: AggregateRequest;
}

export function asHandle(handle: Handle): LogsHandle {
  const candidate = handle as Partial<LogsHandle> | null | undefined;
  if (candidate?.version !== 1 || typeof candidate.until !== 'string') throw internal('not a handle of the VictoriaLogs connector');
  return candidate as LogsHandle;
}

/** One unit of reading: windows of time, ascending and disjoint. */
export interface LogsSplit {
  readonly windows: readonly LogsWindow[];
  /** Further conjuncts, which `narrow` was told of. */
  readonly filters?: readonly TablePredicate[];
}

/** From (inclusive), to (exclusive), in nanoseconds since 1970 and whole microseconds; and the entries in it, about. */
export type LogsWindow = readonly [from: string, to: string, rows: number];

export function asSplit(split: unknown): LogsSplit {
  const candidate = split as Partial<LogsSplit> | null | undefined;
  if (!Array.isArray(candidate?.windows)) throw internal('not a split of the VictoriaLogs connector');
  return candidate as LogsSplit;
}
