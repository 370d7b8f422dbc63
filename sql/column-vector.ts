import type { Value } from './value.js';

/**
 * One column of many rows as typed arrays, its PostgreSQL type known beside it.
 * codes: row i has the value dictionary[codes[i]]; equal values may have several codes.
 * numbers: of bool (0, 1), int2, int4, oid, float4, float8, date; and of int8, time, timestamp, timestamptz where every value is a safe integer.
 * values: anything, as sql/value.ts has it.
 * `valid`: 1 for rows that are not NULL; undefined: none is.
 */
export type ColumnVector =
  | {
      readonly kind: 'codes';
      readonly codes: Uint8Array | Uint16Array | Uint32Array | Int32Array;
      readonly dictionary: readonly (Value | null)[];
      readonly valid: Uint8Array | undefined;
    }
  | {
      readonly kind: 'numbers';
      readonly values: Float64Array | Int32Array | Uint8Array;
      readonly valid: Uint8Array | undefined;
    }
  | { readonly kind: 'values'; readonly values: readonly (Value | null)[] };
