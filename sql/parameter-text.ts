import { Oid } from './types.js';

/** Types that any text is a value of, as it stands. */
const PLAIN: ReadonlySet<number> = new Set([Oid.text, Oid.varchar, Oid.bpchar, Oid.name, Oid.unknown, Oid.json]);

const WHOLE = /^-?\d{1,19}$/;
const DAY = String.raw`\d{4}-\d\d-\d\d`;
const CLOCK = String.raw`\d\d:\d\d:\d\d(\.\d{1,6})?`;

/** The one spelling of a type's values that means the same in every session and to every reader of ours. */
const USUAL: ReadonlyMap<number, RegExp> = new Map([
  [Oid.bool, /^(t|f|true|false)$/],
  [Oid.int2, WHOLE],
  [Oid.int4, WHOLE],
  [Oid.int8, WHOLE],
  [Oid.oid, /^\d{1,10}$/],
  [Oid.float4, /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/],
  [Oid.float8, /^-?\d+(\.\d+)?([eE][-+]?\d+)?$/],
  [Oid.numeric, /^-?\d+(\.\d+)?$/],
  [Oid.uuid, /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/],
  [Oid.bytea, /^\\x([0-9a-f]{2})*$/],
  [Oid.date, new RegExp(`^${DAY}$`)],
  [Oid.time, new RegExp(`^${CLOCK}$`)],
  [Oid.timestamp, new RegExp(`^${DAY} ${CLOCK}$`)],
  [Oid.timestamptz, new RegExp(String.raw`^${DAY} ${CLOCK}[-+]\d\d(:\d\d(:\d\d)?)?$`)],
]);

/**
 * Is a parameter's text a value as it stands? Others PostgreSQL must read first: `2025-01-01` is an instant of the session's zone,
 * `tomorrow` one of its day, ` 12 ` a number.
 */
export function isUsualText(oid: number, text: string): boolean {
  return PLAIN.has(oid) || (USUAL.get(oid)?.test(text) ?? false);
}
