/**
 * A value in memory, by type:
 * bool boolean · int2 int4 oid float4 float8 number · int8 bigint · numeric string (PostgreSQL's text) ·
 * text-like, uuid (lower case), json string · jsonb string (PostgreSQL's normal form) · bytea Uint8Array ·
 * date number of days since 1970-01-01, ±Infinity · timestamp, timestamptz bigint microseconds since 1970-01-01 (UTC),
 * TIMESTAMP_INFINITY for ±infinity · time bigint microseconds · interval Interval · arrays: (Value | null)[] (one dimension).
 */
export type Value = boolean | number | bigint | string | Uint8Array | Interval | readonly (Value | null)[];

export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

export const TIMESTAMP_INFINITY = 9223372036854775807n;
export const TIMESTAMP_NEGATIVE_INFINITY = -9223372036854775808n;

/** Session settings that the text form of a value depends on (DateStyle ISO, IntervalStyle postgres are fixed). */
export interface TextSettings {
  readonly timeZone: string;
}
