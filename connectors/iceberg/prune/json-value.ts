import { scaledDecimal } from '../../../sql/comparison.js';
import { ExactNumber, type Json } from '../format/exact-json.js';
import type { IcebergType, PrimitiveName } from '../format/schema.js';
import { dateDays, timeMicros, timestampMicros } from './constant.js';

/** What a manifest's partition tuple would hold: as Avro gives it, but decimals as their unscaled value. */
export type PartitionValue = boolean | number | bigint | string | Uint8Array;

/** Iceberg's JSON form of a single value. Undefined: not one of the type. */
export function valueOfJson(type: IcebergType, json: Json): PartitionValue | undefined {
  switch (type.kind) {
    case 'primitive':
      return primitiveOfJson(type.name, json);
    case 'decimal': {
      const scaled = typeof json === 'string' ? scaledDecimal(json, type.scale) : undefined;
      return scaled?.exact === true ? scaled.floor : undefined;
    }
    case 'fixed': {
      const bytes = bytesOfHex(json);
      return bytes?.length === type.length ? bytes : undefined;
    }
    default:
      return undefined;
  }
}

function primitiveOfJson(name: PrimitiveName, json: Json): PartitionValue | undefined {
  switch (name) {
    case 'boolean':
      return typeof json === 'boolean' ? json : undefined;
    case 'int':
    case 'long':
      return integerOf(json);
    case 'float':
    case 'double':
      return floatOf(json);
    case 'string':
      return typeof json === 'string' ? json : undefined;
    case 'binary':
      return bytesOfHex(json);
    case 'uuid':
      return typeof json === 'string' && /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i.test(json)
        ? Buffer.from(json.replaceAll('-', ''), 'hex')
        : undefined;
    case 'date':
      // Some servers give a day as its number.
      return typeof json === 'string' ? dateDays(json) : integerOf(json);
    case 'time':
      return typeof json === 'string' ? timeMicros(json) : undefined;
    case 'timestamp':
    case 'timestamptz':
      return typeof json === 'string' ? timestampMicros(json) : undefined;
    case 'timestamp_ns':
    case 'timestamptz_ns':
      return typeof json === 'string' ? timestampNanos(json) : undefined;
  }
}

function integerOf(json: Json): number | bigint | undefined {
  if (typeof json === 'bigint') return BigInt.asIntN(64, json) === json ? json : undefined;
  return typeof json === 'number' && Number.isSafeInteger(json) ? json : undefined;
}

function floatOf(json: Json): number | undefined {
  if (json instanceof ExactNumber) return Number(json.text);
  if (typeof json === 'number' || typeof json === 'bigint') return Number(json);
  return json === 'NaN' || json === 'Infinity' || json === '-Infinity' ? Number(json) : undefined;
}

function timestampNanos(text: string): bigint | undefined {
  const match = /^([^.]*\.\d{6})(\d{1,3})([^\d.].*)?$/.exec(text);
  const micros = timestampMicros(match === null ? text : `${match[1]}${match[3] ?? ''}`);
  return micros === undefined ? undefined : micros * 1000n + BigInt((match?.[2] ?? '').padEnd(3, '0'));
}

export function bytesOfHex(json: Json | undefined): Uint8Array | undefined {
  return typeof json === 'string' && /^(?:[\da-f]{2})*$/i.test(json) ? Buffer.from(json, 'hex') : undefined;
}
