import type { Datum } from './datum.js';
import { murmur3 } from './murmur3.js';
import type { IcebergType, Transform } from './schema.js';

const MICROS = { hour: 3_600_000_000n, day: 86_400_000_000n } as const;

/** The partition value of a column value; undefined where the transform is not defined for the type (nothing is concluded then). */
export function applyTransform(transform: Transform, type: IcebergType, value: Datum): Datum | undefined {
  switch (transform.kind) {
    case 'identity':
      return value;
    case 'bucket':
      return bucket(transform.width, type, value);
    case 'truncate':
      return truncate(transform.width, type, value);
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
      return typeof value === 'bigint' ? timeUnit(transform.kind, type, value) : undefined;
    case 'void':
    case 'unknown':
      return undefined;
  }
}

/** Does a <= b imply T(a) <= T(b)? */
export function keepsOrder(transform: Transform): boolean {
  return transform.kind !== 'bucket' && transform.kind !== 'void' && transform.kind !== 'unknown';
}

/** The type of the partition values. */
export function resultType(transform: Transform, source: IcebergType): IcebergType {
  switch (transform.kind) {
    case 'bucket':
    case 'year':
    case 'month':
    case 'day':
    case 'hour':
      return { kind: 'primitive', name: 'int' };
    case 'identity':
    case 'truncate':
    case 'void':
    case 'unknown':
      return source;
  }
}

function bucket(width: number, type: IcebergType, value: Datum): bigint | undefined {
  const bytes = hashedBytes(type, value);
  return bytes === undefined ? undefined : BigInt((murmur3(bytes) & 0x7fffffff) % width);
}

function hashedBytes(type: IcebergType, value: Datum): Uint8Array | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== 'bigint') return undefined;
  if (type.kind === 'decimal') return minimalBigEndian(value);
  if (type.kind !== 'primitive' || type.name === 'boolean' || type.name.endsWith('_ns')) return undefined;
  // Integers of every width, dates and times hash as a 64-bit integer, so that promotion keeps the bucket.
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, value, true);
  return bytes;
}

function minimalBigEndian(value: bigint): Uint8Array {
  let length = 1;
  while (BigInt.asIntN(length * 8, value) !== value) length++;
  return Uint8Array.from({ length }, (_, index) => Number((value >> BigInt(8 * (length - 1 - index))) & 0xffn));
}

function truncate(width: number, type: IcebergType, value: Datum): Datum | undefined {
  if (typeof value === 'bigint') return value - floorMod(value, BigInt(width));
  if (!(value instanceof Uint8Array)) return undefined;
  if (type.kind === 'primitive' && type.name === 'string') return truncateUtf8(value, width);
  return value.subarray(0, width);
}

/** The first `width` code points. */
export function truncateUtf8(bytes: Uint8Array, width: number): Uint8Array {
  let points = 0;
  for (let at = 0; at < bytes.length; at++) {
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80 && points++ === width) return bytes.subarray(0, at);
  }
  return bytes;
}

function timeUnit(unit: 'year' | 'month' | 'day' | 'hour', type: IcebergType, value: bigint): bigint | undefined {
  if (type.kind !== 'primitive') return undefined;
  const isDate = type.name === 'date';
  if (!isDate && type.name !== 'timestamp' && type.name !== 'timestamptz') return undefined;
  if (unit === 'hour') return isDate ? undefined : floorDiv(value, MICROS.hour);
  const days = isDate ? value : floorDiv(value, MICROS.day);
  if (unit === 'day') return days;
  const date = new Date(Number(days) * 86_400_000);
  const year = date.getUTCFullYear();
  // Dates outside of JavaScript's range.
  if (Number.isNaN(year)) return undefined;
  return BigInt(unit === 'year' ? year - 1970 : (year - 1970) * 12 + date.getUTCMonth());
}

function floorDiv(a: bigint, b: bigint): bigint {
  return (a - floorMod(a, b)) / b;
}

function floorMod(a: bigint, b: bigint): bigint {
  const rest = a % b;
  return rest < 0n ? rest + b : rest;
}
