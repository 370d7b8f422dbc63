import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { internal } from '../../../sql/errors.js';

/** The part of Avro that Iceberg's manifests need. Extra attributes (field-id, logicalType, …) go into the file's schema as they are. */
export type AvroType =
  | 'null'
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'bytes'
  | 'string'
  | AvroOptional
  | AvroRecord
  | AvroArray
  | AvroFixed
  | AvroAnnotated;
/** Always a union with null first: all that Iceberg uses. */
export type AvroOptional = readonly ['null', AvroType];
export interface AvroRecord {
  readonly type: 'record';
  readonly name: string;
  readonly fields: readonly AvroField[];
}
export interface AvroArray {
  readonly type: 'array';
  readonly items: AvroType;
  readonly 'element-id'?: number;
  readonly logicalType?: string;
}
/** So many bytes; a decimal is one with its digits. */
export interface AvroFixed {
  readonly type: 'fixed';
  readonly name: string;
  readonly size: number;
  readonly logicalType?: string;
  readonly precision?: number;
  readonly scale?: number;
}
/** A primitive with a logical type, as {type: int, logicalType: date}. */
export interface AvroAnnotated {
  readonly type: 'boolean' | 'int' | 'long' | 'bytes' | 'string';
  readonly logicalType: string;
  readonly 'adjust-to-utc'?: boolean;
}
export interface AvroField {
  readonly name: string;
  readonly type: AvroType;
  readonly 'field-id'?: number;
  readonly default?: null;
  /** The field's name in Iceberg, where Avro does not allow it. */
  readonly 'iceberg-field-name'?: string;
}

export type AvroValue = null | boolean | number | bigint | string | Uint8Array | readonly AvroValue[] | AvroStruct;
export interface AvroStruct {
  readonly [field: string]: AvroValue;
}

const SYNC_BYTES = 16;
const MAGIC = Buffer.from([0x4f, 0x62, 0x6a, 0x01]);
/** Records per block: blocks are what readers inflate at once. */
const BLOCK_RECORDS = 4096;

/** An Avro object container file, deflated. */
export function writeAvroFile(options: {
  readonly schema: AvroRecord;
  readonly records: readonly AvroStruct[];
  readonly metadata: Readonly<Record<string, string>>;
}): Uint8Array {
  const { schema, records, metadata } = options;
  const sync = randomBytes(SYNC_BYTES);
  const head = new ByteSink();
  head.raw(MAGIC);
  const entries = Object.entries({ ...metadata, 'avro.schema': JSON.stringify(schema), 'avro.codec': 'deflate' });
  head.long(entries.length);
  for (const [key, value] of entries) {
    head.bytes(Buffer.from(key));
    head.bytes(Buffer.from(value));
  }
  head.long(0);
  head.raw(sync);
  for (let from = 0; from < records.length; from += BLOCK_RECORDS) {
    const block = records.slice(from, from + BLOCK_RECORDS);
    const body = new ByteSink();
    for (const record of block) writeValue(body, schema, record, schema.name);
    head.long(block.length);
    head.bytes(deflateRawSync(body.take()));
    head.raw(sync);
  }
  return head.take();
}

function writeValue(sink: ByteSink, type: AvroType, value: AvroValue | undefined, path: string): void {
  if (isOptional(type)) {
    const present = value !== null && value !== undefined;
    sink.long(present ? 1 : 0);
    if (present) writeValue(sink, type[1], value, path);
    return;
  }
  const kind = typeof type === 'string' ? type : type.type;
  switch (kind) {
    case 'null':
      return;
    case 'boolean':
      if (typeof value === 'boolean') {
        sink.raw(Buffer.from([value ? 1 : 0]));
        return;
      }
      break;
    case 'int':
    case 'long':
      if (typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))) {
        sink.long(value);
        return;
      }
      break;
    case 'float':
    case 'double':
      if (typeof value === 'number') {
        sink.float(value, kind);
        return;
      }
      break;
    case 'bytes':
      if (value instanceof Uint8Array) {
        sink.bytes(value);
        return;
      }
      break;
    case 'fixed':
      if (value instanceof Uint8Array && value.length === (type as AvroFixed).size) {
        sink.raw(value);
        return;
      }
      break;
    case 'string':
      if (typeof value === 'string') {
        sink.bytes(Buffer.from(value));
        return;
      }
      break;
    case 'array':
      if (Array.isArray(value)) {
        writeArray(sink, type as AvroArray, value, path);
        return;
      }
      break;
    case 'record':
      if (isStruct(value)) {
        for (const field of (type as AvroRecord).fields) writeValue(sink, field.type, value[field.name], `${path}.${field.name}`);
        return;
      }
      break;
  }
  throw internal(`Avro: ${path} takes a ${kind}, not ${value === null || value === undefined ? 'null' : typeof value}`);
}

function writeArray(sink: ByteSink, type: AvroArray, values: readonly AvroValue[], path: string): void {
  if (values.length > 0) {
    sink.long(values.length);
    for (const value of values) writeValue(sink, type.items, value, `${path}[]`);
  }
  sink.long(0);
}

function isOptional(type: AvroType): type is AvroOptional {
  return Array.isArray(type);
}

function isStruct(value: AvroValue | undefined): value is AvroStruct {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

class ByteSink {
  private buffer = Buffer.allocUnsafe(1 << 12);
  private length = 0;

  /** Zigzag varint, as Avro writes int and long. */
  long(value: number | bigint): void {
    const wide = BigInt(value);
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
    this.reserve(10);
    while (rest > 0x7fn) {
      this.buffer[this.length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.buffer[this.length++] = Number(rest);
  }

  float(value: number, kind: 'float' | 'double'): void {
    this.reserve(8);
    this.length = kind === 'float' ? this.buffer.writeFloatLE(value, this.length) : this.buffer.writeDoubleLE(value, this.length);
  }

  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.raw(value);
  }

  raw(value: Uint8Array): void {
    this.reserve(value.length);
    this.buffer.set(value, this.length);
    this.length += value.length;
  }

  take(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + more));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }
}
