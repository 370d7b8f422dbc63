import type { SchemaElement } from 'hyparquet';
import type { Datum } from '../format/datum.js';
import type { IcebergType } from '../format/schema.js';

/**
 * How a column lies in a Parquet file, as far as values of the Iceberg type can be told from its bytes: `scale` turns a stored integer into
 * the type's unit (milliseconds into microseconds). Undefined: nothing is concluded from statistics of such a column.
 */
export type Encoding =
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly bytes: 4 | 8; readonly scale: bigint }
  | { readonly kind: 'float'; readonly bytes: 4 | 8 }
  /** Unsigned byte order. */
  | { readonly kind: 'bytes' }
  /** A signed number, big end first. `length`: of every value, or undefined. */
  | { readonly kind: 'decimal'; readonly length: number | undefined };

export function encodingOf(element: SchemaElement, type: IcebergType): Encoding | undefined {
  switch (type.kind) {
    case 'primitive':
      return primitive(element, type.name);
    case 'decimal':
      return decimal(element, type.scale);
    case 'fixed':
      return element.type === 'FIXED_LEN_BYTE_ARRAY' && element.type_length === type.length && isPlain(element)
        ? { kind: 'bytes' }
        : undefined;
    case 'struct':
    case 'list':
    case 'map':
    case 'other':
      return undefined;
  }
}

type Name = Extract<IcebergType, { kind: 'primitive' }>['name'];

function primitive(element: SchemaElement, name: Name): Encoding | undefined {
  const { type: physical, logical_type: logical, converted_type: converted } = element;
  const time = (kind: 'TIME' | 'TIMESTAMP'): Encoding | undefined => {
    const unit = logical?.type === kind ? logical.unit : logical !== undefined ? undefined : converted?.replace(`${kind}_`, '');
    if (unit === 'MICROS' && physical === 'INT64') return { kind: 'integer', bytes: 8, scale: 1n };
    if (unit === 'MILLIS') return physical === 'INT64' ? { kind: 'integer', bytes: 8, scale: 1000n } : millisOfDay(physical);
    return undefined;
  };
  switch (name) {
    case 'boolean':
      return physical === 'BOOLEAN' ? { kind: 'boolean' } : undefined;
    case 'int':
    case 'long':
      return isSignedInteger(element) ? integer(physical) : undefined;
    case 'float':
      return physical === 'FLOAT' ? { kind: 'float', bytes: 4 } : undefined;
    case 'double':
      return physical === 'FLOAT' ? { kind: 'float', bytes: 4 } : physical === 'DOUBLE' ? { kind: 'float', bytes: 8 } : undefined;
    case 'date':
      return physical === 'INT32' && (logical?.type ?? converted) === 'DATE' ? { kind: 'integer', bytes: 4, scale: 1n } : undefined;
    case 'time':
      return time('TIME');
    case 'timestamp':
    case 'timestamptz': {
      // With the other kind of zone what is read is for the reader to say.
      if (logical?.type === 'TIMESTAMP' && logical.isAdjustedToUTC !== (name === 'timestamptz')) return undefined;
      return physical === 'INT64' ? time('TIMESTAMP') : undefined;
    }
    case 'string':
    case 'binary':
      return physical === 'BYTE_ARRAY' && (isPlain(element) || isText(element)) ? { kind: 'bytes' } : undefined;
    case 'uuid':
      return physical === 'FIXED_LEN_BYTE_ARRAY' && element.type_length === 16 && (isPlain(element) || logical?.type === 'UUID')
        ? { kind: 'bytes' }
        : undefined;
    default:
      return undefined;
  }
}

function millisOfDay(physical: SchemaElement['type']): Encoding | undefined {
  return physical === 'INT32' ? { kind: 'integer', bytes: 4, scale: 1000n } : undefined;
}

function integer(physical: SchemaElement['type']): Encoding | undefined {
  if (physical === 'INT32') return { kind: 'integer', bytes: 4, scale: 1n };
  return physical === 'INT64' ? { kind: 'integer', bytes: 8, scale: 1n } : undefined;
}

function isSignedInteger({ logical_type: logical, converted_type: converted }: SchemaElement): boolean {
  if (logical !== undefined) return logical.type === 'INTEGER' && logical.isSigned;
  return converted === undefined || /^INT_(8|16|32|64)$/.test(converted);
}

function isPlain({ logical_type: logical, converted_type: converted }: SchemaElement): boolean {
  return logical === undefined && converted === undefined;
}

function isText({ logical_type: logical, converted_type: converted }: SchemaElement): boolean {
  return (logical?.type ?? converted) === 'STRING' || (logical === undefined && converted === 'UTF8');
}

function decimal(element: SchemaElement, scale: number): Encoding | undefined {
  const { logical_type: logical, converted_type: converted, type: physical } = element;
  if (logical !== undefined ? logical.type !== 'DECIMAL' : converted !== 'DECIMAL') return undefined;
  const own = logical?.type === 'DECIMAL' ? logical.scale : (element.scale ?? 0);
  if (own !== scale) return undefined;
  if (physical === 'FIXED_LEN_BYTE_ARRAY') return { kind: 'decimal', length: element.type_length };
  return physical === 'BYTE_ARRAY' ? { kind: 'decimal', length: undefined } : integer(physical);
}

/** A bound of a chunk or page. Undefined: none that can be used. */
export function readBound(encoding: Encoding, bytes: Uint8Array | undefined): Datum | undefined {
  if (bytes === undefined) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (encoding.kind) {
    case 'boolean':
      return bytes.length === 1 ? BigInt(bytes[0] === 0 ? 0 : 1) : undefined;
    case 'integer':
      if (bytes.length !== encoding.bytes) return undefined;
      return (encoding.bytes === 4 ? BigInt(view.getInt32(0, true)) : view.getBigInt64(0, true)) * encoding.scale;
    case 'float': {
      if (bytes.length !== encoding.bytes) return undefined;
      const value = encoding.bytes === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
      return Number.isNaN(value) ? undefined : value;
    }
    case 'bytes':
      return bytes;
    case 'decimal': {
      if (bytes.length === 0 || bytes.length > 32 || (encoding.length !== undefined && bytes.length !== encoding.length)) return undefined;
      return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
    }
  }
}

/** Every form that the value may have in the file, in Parquet's plain encoding, as bloom filters hash it. Undefined: not certain. */
export function plainForms(encoding: Encoding, value: Datum): readonly Uint8Array[] | undefined {
  switch (encoding.kind) {
    case 'integer': {
      if (typeof value !== 'bigint') return undefined;
      // A file in coarser units, or of a narrower type, cannot hold it.
      if (value % encoding.scale !== 0n) return [];
      const stored = value / encoding.scale;
      if (BigInt.asIntN(encoding.bytes * 8, stored) !== stored) return [];
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigInt64(0, stored, true);
      return [bytes.subarray(0, encoding.bytes)];
    }
    case 'float': {
      if (typeof value !== 'number' || Number.isNaN(value)) return undefined;
      return (value === 0 ? [0, -0] : [value]).map((number) => {
        const bytes = new Uint8Array(encoding.bytes);
        const view = new DataView(bytes.buffer);
        if (encoding.bytes === 4) view.setFloat32(0, number, true);
        else view.setFloat64(0, number, true);
        return bytes;
      });
    }
    case 'bytes':
      return value instanceof Uint8Array ? [value] : undefined;
    case 'decimal': {
      const { length } = encoding;
      if (typeof value !== 'bigint' || length === undefined) return undefined;
      if (BigInt.asIntN(length * 8, value) !== value) return [];
      const digits = BigInt.asUintN(length * 8, value).toString(16);
      return [Buffer.from(digits.padStart(length * 2, '0'), 'hex')];
    }
    case 'boolean':
      return undefined;
  }
}
