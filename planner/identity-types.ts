import { Oid, type Type } from '../sql/types.js';

const IDENTICAL: ReadonlySet<number> = new Set([
  ...[Oid.bool, Oid.int2, Oid.int4, Oid.int8, Oid.oid, Oid.date, Oid.time, Oid.timestamp, Oid.timestamptz],
  ...[Oid.uuid, Oid.text, Oid.varchar, Oid.name, Oid.bytea],
]);

/** Are equal values the same in every respect? 1.0 and 1.00, 0 and -0, 'a ' and 'a' of char(n), 24:00 and 1 day are equal, and not the same. */
export function isIdentityType(type: Type): boolean {
  return IDENTICAL.has(type.oid);
}
