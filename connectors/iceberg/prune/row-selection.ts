import type { PruningStep } from '../../connector.js';
import type { RowRun } from '../read/opened-file.js';

/** What of one Parquet file is to be read. */
export interface RowSelection {
  /** Positions of row groups, ascending. */
  readonly groups: readonly number[];
  /** Rows that pages leave, ascending and inside of the groups; absent: all rows of the groups. */
  readonly ranges?: readonly RowRun[];
  /** `row groups`, `row groups by bloom filter`, `pages`. */
  readonly steps: readonly PruningStep[];
}
