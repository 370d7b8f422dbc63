import type { IcebergType } from './schema.js';

/**
 * A value to compare, by type: boolean (0, 1), int, long, date, time, timestamps (those of nanoseconds in these) and decimals (unscaled) bigint; float, double number;
 * string (UTF-8), uuid, fixed, binary bytes.
 */
export type Datum = bigint | number | Uint8Array;

/** Order of two data of one kind; bytes compare unsigned, which for UTF-8 is the order of code points. */
export function compareData(a: Datum, b: Datum): number {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

export function isNaNDatum(datum: Datum): boolean {
  return typeof datum === 'number' && Number.isNaN(datum);
}

/**
 * Iceberg's single-value serialisation (bounds in manifests and manifest lists). Decoded by length, since a column promoted from int
 * or float keeps its old files' 4-byte bounds. Undefined: not a value of the type.
 */
export function decodeBound(type: IcebergType, bytes: Uint8Array): Datum | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (type.kind) {
    case 'primitive':
      switch (type.name) {
        case 'boolean':
          return bytes.length === 1 ? (bytes[0] === 0 ? 0n : 1n) : undefined;
        case 'int':
        case 'long':
        case 'date':
        case 'time':
        case 'timestamptz':
          return bytes.length === 4 ? BigInt(view.getInt32(0, true)) : bytes.length === 8 ? view.getBigInt64(0, true) : undefined;
        case 'timestamp':
          // Of a column promoted from date: days.
          if (bytes.length === 4) return BigInt(view.getInt32(0, true)) * 86_400_000_000n;
          return bytes.length === 8 ? view.getBigInt64(0, true) : undefined;
        case 'timestamp_ns':
        case 'timestamptz_ns':
          if (bytes.length === 4) return BigInt(view.getInt32(0, true)) * 86_400_000_000_000n;
          return bytes.length === 8 ? view.getBigInt64(0, true) : undefined;
        case 'float':
        case 'double':
          return bytes.length === 4 ? view.getFloat32(0, true) : bytes.length === 8 ? view.getFloat64(0, true) : undefined;
        case 'uuid':
          return bytes.length === 16 ? bytes : undefined;
        case 'string':
        case 'binary':
          return bytes;
      }
      return undefined;
    case 'decimal':
      return bytes.length > 0 && bytes.length <= 32 ? bigEndian(bytes) : undefined;
    case 'fixed':
      return bytes;
    case 'struct':
    case 'list':
    case 'map':
    case 'other':
      return undefined;
  }
}

/** A partition value as Avro gave it. Undefined: not of the type (then nothing is concluded from it). */
export function partitionDatum(type: IcebergType, value: unknown): Datum | undefined {
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'string') return new TextEncoder().encode(value);
  if (value instanceof Uint8Array) return type.kind === 'decimal' ? bigEndian(value) : value;
  const floating = type.kind === 'primitive' && (type.name === 'float' || type.name === 'double');
  if (typeof value === 'number') return floating ? value : Number.isInteger(value) ? BigInt(value) : undefined;
  return typeof value === 'bigint' && !floating ? value : undefined;
}

function bigEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return BigInt.asIntN(bytes.length * 8, value);
}
