import { intField, structField, type ThriftStruct } from './thrift.js';

/** What a leaf's values mean, by its logical type or else the older converted type. */
export type Annotation =
  | { readonly kind: 'none' | 'text' | 'date' | 'uuid' | 'other' }
  | { readonly kind: 'time' | 'timestamp'; readonly unit: TimeUnit; readonly utc: boolean }
  | { readonly kind: 'integer'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'decimal'; readonly scale: number };

export type TimeUnit = 'ms' | 'us' | 'ns';

const LOGICAL = { string: 1, enum: 4, decimal: 5, date: 6, time: 7, timestamp: 8, integer: 10, json: 12, uuid: 14 } as const;
const CONVERTED = { utf8: 0, enum: 4, decimal: 5, date: 6, json: 19 } as const;
const UNITS: readonly TimeUnit[] = ['ms', 'us', 'ns'];
const OTHER: Annotation = { kind: 'other' };

/** Of an element of the schema. */
export function annotationOf(element: ThriftStruct): Annotation {
  const logical = structField(element, 10);
  if (logical !== undefined) return byLogicalType(logical);
  const converted = intField(element, 6);
  return converted === undefined ? { kind: 'none' } : byConvertedType(converted, intField(element, 7) ?? 0);
}

function byLogicalType(logical: ThriftStruct): Annotation {
  const is = (id: number): ThriftStruct | undefined => structField(logical, id);
  if (is(LOGICAL.string) ?? is(LOGICAL.enum) ?? is(LOGICAL.json)) return { kind: 'text' };
  if (is(LOGICAL.date)) return { kind: 'date' };
  if (is(LOGICAL.uuid)) return { kind: 'uuid' };
  const decimal = is(LOGICAL.decimal);
  if (decimal !== undefined) return { kind: 'decimal', scale: intField(decimal, 1) ?? 0 };
  const integer = is(LOGICAL.integer);
  if (integer !== undefined) return { kind: 'integer', bits: intField(integer, 1) ?? 0, signed: integer.get(2) === true };
  const [time, timestamp] = [is(LOGICAL.time), is(LOGICAL.timestamp)];
  const clock = time ?? timestamp;
  if (clock === undefined) return OTHER;
  const unit = UNITS.find((_, i) => structField(structField(clock, 2), i + 1) !== undefined);
  return unit === undefined ? OTHER : { kind: time === undefined ? 'timestamp' : 'time', unit, utc: clock.get(1) === true };
}

function byConvertedType(converted: number, scale: number): Annotation {
  switch (converted) {
    case CONVERTED.utf8:
    case CONVERTED.enum:
    case CONVERTED.json:
      return { kind: 'text' };
    case CONVERTED.decimal:
      return { kind: 'decimal', scale };
    case CONVERTED.date:
      return { kind: 'date' };
    case 7:
    case 8:
      return { kind: 'time', unit: converted === 7 ? 'ms' : 'us', utc: false };
    case 9:
    case 10:
      return { kind: 'timestamp', unit: converted === 9 ? 'ms' : 'us', utc: false };
    default:
      // UINT_8 … UINT_64, INT_8 … INT_64.
      if (converted < 11 || converted > 18) return OTHER;
      return { kind: 'integer', bits: 8 << ((converted - 11) % 4), signed: converted >= 15 };
  }
}
