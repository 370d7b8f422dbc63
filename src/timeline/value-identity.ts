import { numericKey, readNumeric } from '../../sql/functions/numeric.js';
import { intervalSpan } from '../../sql/functions/state-functions.js';
import { ELEMENT_OF, Oid, type Type } from '../../sql/types.js';
import type { Interval, Value } from '../../sql/value.js';

/** A value under which a Map finds exactly the values that are equal in a type as `equality` has it: 1.0 = 1.00, 'a' = 'a ' in char(n), -0 = 0, NaN = NaN. */
export function equalityKey(type: Type): (value: Value) => string | number {
  switch (type.oid) {
    case Oid.numeric:
      return (value) => numericKey(readNumeric(value as string));
    case Oid.interval:
      return (value) => String(intervalSpan(value));
    case Oid.bpchar:
      return (value) => (value as string).replace(/ +$/, '');
    default: {
      const element = ELEMENT_OF.get(type.oid);
      if (element === undefined) return scalarKey;
      const key = equalityKey({ oid: element, typmod: -1 });
      return (value) => (value as readonly (Value | null)[]).map((item) => (item === null ? '-' : framed(String(key(item))))).join('');
    }
  }
}

/** Are equal values of the type always the same value? */
export function equalIsSame(type: Type): boolean {
  switch (type.oid) {
    case Oid.numeric:
    case Oid.interval:
    case Oid.bpchar:
    case Oid.float4:
    case Oid.float8:
      return false;
    default:
      return !ELEMENT_OF.has(type.oid);
  }
}

function scalarKey(value: Value): string | number {
  switch (typeof value) {
    case 'string':
    case 'number':
      // a Map takes -0 for 0, but a text made of it must be one, too
      return value === 0 ? 0 : value;
    case 'bigint': {
      const number = Number(value);
      return Number.isSafeInteger(number) ? number : String(value);
    }
    case 'boolean':
      return value ? 1 : 0;
    default:
      return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : exactKey(value);
  }
}

function framed(text: string): string {
  return `${text.length}:${text}`;
}

/** Text that tells values of one type apart that show differently, equal or not: 1.0 and 1.00, -0 and 0. */
export function exactKey(value: Value | null): string {
  if (value === null) return '-';
  switch (typeof value) {
    case 'string':
      return framed(value);
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value);
    case 'bigint':
    case 'boolean':
      return String(value);
    default: {
      if (value instanceof Uint8Array) return framed(Buffer.from(value).toString('latin1'));
      if (Array.isArray(value)) return `[${(value as readonly (Value | null)[]).map(exactKey).join(',')}]`;
      const { months, days, micros } = value as Interval;
      return `${months},${days},${micros}`;
    }
  }
}
