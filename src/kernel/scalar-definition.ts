import type { Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';

/** A function written in JavaScript that DuckDB calls; types are OIDs of PostgreSQL. */
export interface ScalarDefinition {
  readonly name: string;
  readonly parameters: readonly number[];
  readonly result: number;
  /** Computes one row; a NULL argument gives NULL without a call. */
  readonly compute: (args: readonly Value[]) => Value | null;
}

export const plainType = (oid: number): Type => ({ oid, typmod: -1 });
