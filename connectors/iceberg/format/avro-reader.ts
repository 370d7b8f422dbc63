import { blockDecoder } from './avro-codec.js';
import { corrupt } from './corrupt.js';

/** Longs are numbers where a number holds them exactly, else bigint. Arrays with logicalType map stay arrays of {key, value}. */
export type AvroValue = null | boolean | number | bigint | string | Uint8Array | AvroRecord | readonly AvroValue[];

export interface AvroRecord {
  readonly [field: string]: AvroValue;
}

export interface AvroField {
  readonly name: string;
  readonly type: unknown;
  readonly 'field-id'?: number;
}

export interface AvroFile {
  /** The fields of the record schema. */
  readonly fields: readonly AvroField[];
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  readonly records: readonly AvroRecord[];
}

type Decoder = (cursor: Cursor) => AvroValue;

const MAX_DEPTH = 64;
const SYNC_BYTES = 16;

/**
 * Reads an Avro object container file of records (codecs null, deflate, snappy, zstandard).
 * `skip`: ids of fields whose values are not kept. Errors: XX001 naming `file` for anything cut off or out of bounds.
 */
export async function readAvro(options: {
  readonly bytes: Uint8Array;
  readonly file: string;
  readonly skip?: ReadonlySet<number>;
}): Promise<AvroFile> {
  try {
    return await read(options.bytes, options.skip ?? new Set());
  } catch (error) {
    throw corrupt(options.file, error instanceof Error ? error.message : String(error), error);
  }
}

async function read(bytes: Uint8Array, skip: ReadonlySet<number>): Promise<AvroFile> {
  const cursor = new Cursor(bytes);
  if (Buffer.from(cursor.take(4)).toString('latin1') !== 'Obj\x01') throw new Error('it is not an Avro file');
  const metadata = new Map<string, Uint8Array>();
  for (let count = cursor.blockCount(); count > 0; count = cursor.blockCount()) {
    for (let index = 0; index < count; index++) metadata.set(cursor.text(), cursor.bytes().slice());
  }
  const sync = cursor.take(SYNC_BYTES);
  const schema = JSON.parse(new TextDecoder().decode(metadata.get('avro.schema') ?? new Uint8Array())) as AvroField & {
    fields?: readonly AvroField[];
  };
  if (schema.type !== ('record' as unknown) || !Array.isArray(schema.fields)) throw new Error('its schema is not a record');
  const decode = new Compiler(skip).compile(schema, 0);
  const unpack = await blockDecoder(new TextDecoder().decode(metadata.get('avro.codec') ?? new Uint8Array()) || 'null');
  const records: AvroRecord[] = [];
  while (!cursor.atEnd) {
    const count = cursor.int();
    const block = new Cursor(unpack(cursor.bytes()));
    if (Buffer.compare(cursor.take(SYNC_BYTES), sync) !== 0) throw new Error('a block does not end with its marker');
    if (count < 0) throw new Error('a block has a negative number of records');
    for (let index = 0; index < count; index++) {
      // A record of no bytes could repeat for ever.
      if (block.atEnd) throw new Error(`a block ends after ${index} of ${count} records`);
      records.push(decode(block) as AvroRecord);
    }
  }
  return { fields: schema.fields, metadata, records };
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Not a Buffer: its slice() would be a view that keeps the whole block alive.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  take(length: number): Uint8Array {
    if (length < 0 || length > this.left) throw new Error('it is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** A zig-zag variable-length integer: a number up to 2^53, else a bigint. */
  long(): number | bigint {
    let value = 0;
    let scale = 1;
    const start = this.#at;
    for (;;) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error('it is cut off');
      value += (byte & 0x7f) * scale;
      if ((byte & 0x80) === 0) break;
      scale *= 128;
      if (this.#at - start > 9) throw new Error('an integer has too many bytes');
    }
    if (value <= Number.MAX_SAFE_INTEGER) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    let exact = 0n;
    for (let at = this.#at - 1; at >= start; at--) exact = (exact << 7n) | BigInt((this.#bytes[at] ?? 0) & 0x7f);
    return BigInt.asIntN(64, (exact >> 1n) ^ -(exact & 1n));
  }

  int(): number {
    const value = this.long();
    if (typeof value === 'bigint') throw new Error('a length or index is out of range');
    return value;
  }

  /** The item count of the next block of an array or map; a negative one is followed by its size in bytes. */
  blockCount(): number {
    const count = this.int();
    if (count >= 0) return count;
    this.int();
    return -count;
  }

  bytes(): Uint8Array {
    return this.take(this.int());
  }

  text(): string {
    return Buffer.from(this.bytes()).toString('utf8');
  }

  float(): number {
    this.take(4);
    return this.#view.getFloat32(this.#at - 4, true);
  }

  double(): number {
    this.take(8);
    return this.#view.getFloat64(this.#at - 8, true);
  }
}

/** Turns a schema into functions once, so that a record costs no look at the schema. */
class Compiler {
  readonly #named = new Map<string, Decoder>();
  readonly #skip: ReadonlySet<number>;

  constructor(skip: ReadonlySet<number>) {
    this.#skip = skip;
  }

  compile(schema: unknown, depth: number): Decoder {
    if (depth > MAX_DEPTH) throw new Error('its schema is nested too deeply');
    if (typeof schema === 'string') return this.#simple(schema);
    if (Array.isArray(schema)) {
      const branches = schema.map((branch: unknown) => this.compile(branch, depth + 1));
      return (cursor) => {
        const branch = branches[cursor.int()];
        if (branch === undefined) throw new Error('a union has no such branch');
        return branch(cursor);
      };
    }
    if (typeof schema !== 'object' || schema === null) throw new Error('its schema is not valid');
    return this.#complex(schema as Record<string, unknown>, depth);
  }

  #simple(name: string): Decoder {
    switch (name) {
      case 'null':
        return () => null;
      case 'boolean':
        return (cursor) => cursor.take(1)[0] === 1;
      case 'int':
      case 'long':
        return (cursor) => cursor.long();
      case 'float':
        return (cursor) => cursor.float();
      case 'double':
        return (cursor) => cursor.double();
      case 'bytes':
        return (cursor) => cursor.bytes().slice();
      case 'string':
        return (cursor) => cursor.text();
      default:
        return (cursor) => {
          const named = this.#named.get(name);
          if (named === undefined) throw new Error(`its schema names an unknown type "${name}"`);
          return named(cursor);
        };
    }
  }

  #complex(schema: Record<string, unknown>, depth: number): Decoder {
    switch (schema['type']) {
      case 'record':
        return this.#name(schema, this.#record(schema, depth));
      case 'array':
        return this.#items(this.compile(schema['items'], depth + 1));
      case 'map': {
        const value = this.compile(schema['values'], depth + 1);
        return this.#items((cursor) => ({ key: cursor.text(), value: value(cursor) }));
      }
      case 'fixed': {
        const size = Number(schema['size']);
        if (!Number.isSafeInteger(size) || size < 0) throw new Error('a fixed type of its schema has no size');
        return this.#name(schema, (cursor) => cursor.take(size).slice());
      }
      case 'enum': {
        const symbols = Array.isArray(schema['symbols']) ? schema['symbols'].map(String) : [];
        return this.#name(schema, (cursor) => symbols[cursor.int()] ?? null);
      }
      default:
        return this.compile(schema['type'], depth + 1);
    }
  }

  #record(schema: Record<string, unknown>, depth: number): Decoder {
    if (!Array.isArray(schema['fields'])) throw new Error('a record of its schema has no fields');
    const fields = (schema['fields'] as AvroField[]).map((field) => ({
      name: field.name,
      decode: this.compile(field.type, depth + 1),
      keep: field['field-id'] === undefined || !this.#skip.has(field['field-id']),
    }));
    return (cursor) => {
      const record: Record<string, AvroValue> = {};
      for (const { name, decode, keep } of fields) {
        const value = decode(cursor);
        if (keep) record[name] = value;
      }
      return record;
    };
  }

  #items(item: Decoder): Decoder {
    return (cursor) => {
      const items: AvroValue[] = [];
      for (let count = cursor.blockCount(); count > 0; count = cursor.blockCount()) {
        if (count > cursor.left) throw new Error('it is cut off');
        for (let index = 0; index < count; index++) items.push(item(cursor));
      }
      return items;
    };
  }

  #name(schema: Record<string, unknown>, decoder: Decoder): Decoder {
    if (typeof schema['name'] === 'string') this.#named.set(schema['name'], decoder);
    return decoder;
  }
}
