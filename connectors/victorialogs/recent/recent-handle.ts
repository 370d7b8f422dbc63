import { internal } from '../../../sql/errors.js';
import type { Handle } from '../../connector.js';

/** Rows of some writers, by number: plain JSON, in plans. */
export interface RecentHandle {
  readonly version: 1;
  readonly kind: 'recent';
  /** As users name the table. */
  readonly schema: string;
  readonly table: string;
  readonly identity: string;
  readonly writers: readonly {
    readonly writer: string;
    /** Exclusive; absent: from the first on. */
    readonly after?: string;
    /** Inclusive. */
    readonly upTo: string;
    /** So many there are at least. */
    readonly rows: number;
  }[];
}

export function asRecentHandle(handle: Handle): RecentHandle {
  const candidate = handle as Partial<RecentHandle> | null | undefined;
  if (candidate?.version !== 1 || candidate.kind !== 'recent') throw internal('not a handle of rows on their way into a table');
  return candidate as RecentHandle;
}
