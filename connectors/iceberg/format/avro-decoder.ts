import type { AvroCursor } from './avro-cursor.js';

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

/** Fields of a record that are decoded, by field id; what is not named, or has no id, is passed over without being made a value. */
export type AvroSelection = ReadonlyMap<number, AvroPick>;

export type AvroPick =
  | { readonly kind: 'whole' }
  | { readonly kind: 'fields'; readonly fields: AvroSelection }
  /** Of a map by integer, which Avro has as an array of {key, value}: only the items with these keys. */
  | { readonly kind: 'keys'; readonly keys: ReadonlySet<number> };

export type Decoder = (cursor: AvroCursor) => AvroValue;
export type Skipper = (cursor: AvroCursor) => void;
type Schema = Readonly<Record<string, unknown>>;

const MAX_DEPTH = 64;
const WHOLE: AvroPick = { kind: 'whole' };

/** Turns a schema into functions once, so that a record costs no look at the schema. Throws plain errors for one that is not valid. */
export class AvroCompiler {
  readonly #named = new Map<string, Schema>();
  readonly #decoders = new Map<string, Decoder>();
  readonly #skippers = new Map<string, Skipper>();

  constructor(schema: unknown) {
    this.#collect(schema, 0);
  }

  decoder(schema: unknown, pick: AvroPick = WHOLE, depth = 0): Decoder {
    if (depth > MAX_DEPTH) throw new Error('its schema is nested too deeply');
    if (typeof schema === 'string') return this.#simple(schema);
    if (Array.isArray(schema)) {
      const branches = schema.map((branch: unknown) => this.decoder(branch, pick, depth + 1));
      return (cursor) => branchOf(branches, cursor)(cursor);
    }
    if (!isObject(schema)) throw new Error('its schema is not valid');
    switch (schema['type']) {
      case 'record':
        return this.#record(schema, pick, depth);
      case 'array':
        return pick.kind === 'keys'
          ? this.#picked(schema['items'], pick.keys, depth)
          : items(this.decoder(schema['items'], WHOLE, depth + 1));
      case 'map': {
        const value = this.decoder(schema['values'], WHOLE, depth + 1);
        return items((cursor) => ({ key: cursor.text(), value: value(cursor) }));
      }
      case 'fixed': {
        const size = sizeOf(schema);
        return (cursor) => cursor.take(size).slice();
      }
      case 'enum': {
        const symbols = Array.isArray(schema['symbols']) ? schema['symbols'].map(String) : [];
        return (cursor) => symbols[cursor.int()] ?? null;
      }
      default:
        return this.decoder(schema['type'], pick, depth + 1);
    }
  }

  skipper(schema: unknown, depth = 0): Skipper {
    if (depth > MAX_DEPTH) throw new Error('its schema is nested too deeply');
    if (typeof schema === 'string') return this.#simpleSkipper(schema);
    if (Array.isArray(schema)) {
      const branches = schema.map((branch: unknown) => this.skipper(branch, depth + 1));
      return (cursor) => branchOf(branches, cursor)(cursor);
    }
    if (!isObject(schema)) throw new Error('its schema is not valid');
    switch (schema['type']) {
      case 'record': {
        const fields = fieldsOf(schema).map((field) => this.skipper(field.type, depth + 1));
        return (cursor) => {
          // A type that holds another one twice, and so on, is endless in no bytes.
          cursor.countValue();
          for (const field of fields) field(cursor);
        };
      }
      case 'array': {
        const item = this.skipper(schema['items'], depth + 1);
        const pair = pairOf(schema['items']);
        if (pair === 'longs') return (cursor) => cursor.skipLongPairs();
        if (pair === 'long and bytes') return (cursor) => cursor.skipLongAndBytes();
        return (cursor) => cursor.skipItems(item);
      }
      case 'map': {
        const value = this.skipper(schema['values'], depth + 1);
        return (cursor) =>
          cursor.skipItems(() => {
            cursor.skip(cursor.int());
            value(cursor);
          });
      }
      case 'fixed': {
        const size = sizeOf(schema);
        return (cursor) => cursor.skip(size);
      }
      case 'enum':
        return (cursor) => cursor.skipLong();
      default:
        return this.skipper(schema['type'], depth + 1);
    }
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
        // A type may name itself: its decoder is made when the first value comes.
        return (cursor) => this.#once(this.#decoders, name, (schema) => this.decoder(schema))(cursor);
    }
  }

  #simpleSkipper(name: string): Skipper {
    switch (name) {
      case 'null':
        return () => undefined;
      case 'boolean':
        return (cursor) => cursor.skip(1);
      case 'int':
      case 'long':
        return (cursor) => cursor.skipLong();
      case 'float':
        return (cursor) => cursor.skip(4);
      case 'double':
        return (cursor) => cursor.skip(8);
      case 'bytes':
      case 'string':
        return (cursor) => cursor.skip(cursor.int());
      default:
        return (cursor) => this.#once(this.#skippers, name, (schema) => this.skipper(schema))(cursor);
    }
  }

  #once<F>(made: Map<string, F>, name: string, make: (schema: Schema) => F): F {
    let known = made.get(name);
    if (known === undefined) {
      const schema = this.#named.get(name);
      if (schema === undefined) throw new Error(`its schema names an unknown type "${name}"`);
      known = make(schema);
      made.set(name, known);
    }
    return known;
  }

  #record(schema: Schema, pick: AvroPick, depth: number): Decoder {
    const steps = fieldsOf(schema).map((field) => {
      const id = field['field-id'];
      const picked = pick.kind === 'fields' ? (id === undefined ? undefined : pick.fields.get(id)) : WHOLE;
      return picked === undefined
        ? { name: undefined, run: this.skipper(field.type, depth + 1) }
        : { name: field.name, run: this.decoder(field.type, picked, depth + 1) };
    });
    return (cursor) => {
      cursor.countValue();
      const record: Record<string, AvroValue> = {};
      for (const { name, run } of steps) {
        const value = run(cursor);
        if (name !== undefined) record[name] = value as AvroValue;
      }
      return record;
    };
  }

  #picked(item: unknown, keys: ReadonlySet<number>, depth: number): Decoder {
    const fields = isObject(item) && item['type'] === 'record' ? fieldsOf(item) : [];
    const [key, value] = fields;
    if (key?.name !== 'key' || (key.type !== 'int' && key.type !== 'long') || value?.name !== 'value' || fields.length !== 2)
      return items(this.decoder(item, WHOLE, depth + 1));
    const decode = this.decoder(value.type, WHOLE, depth + 2);
    const skip = this.skipper(value.type, depth + 2);
    return (cursor) => {
      const kept: AvroValue[] = [];
      for (let count = cursor.blockCount(); count > 0; count = cursor.blockCount()) {
        if (count > cursor.left) throw new Error('it is cut off');
        for (let index = 0; index < count; index++) {
          const id = cursor.int();
          if (keys.has(id)) kept.push({ key: id, value: decode(cursor) });
          else skip(cursor);
        }
      }
      return kept;
    };
  }

  #collect(schema: unknown, depth: number): void {
    if (depth > MAX_DEPTH) throw new Error('its schema is nested too deeply');
    if (Array.isArray(schema)) for (const branch of schema) this.#collect(branch, depth + 1);
    if (!isObject(schema)) return;
    const { type, name } = schema;
    if (typeof name === 'string' && (type === 'record' || type === 'fixed' || type === 'enum')) this.#named.set(name, schema);
    if (type === 'record') for (const field of fieldsOf(schema)) this.#collect(field.type, depth + 1);
    else if (type === 'array') this.#collect(schema['items'], depth + 1);
    else if (type === 'map') this.#collect(schema['values'], depth + 1);
    else this.#collect(type, depth + 1);
  }
}

/** Items of the maps by integer in manifests, which are passed over most. */
function pairOf(item: unknown): 'longs' | 'long and bytes' | undefined {
  if (!isObject(item) || item['type'] !== 'record') return undefined;
  const [key, value, ...more] = fieldsOf(item).map(({ type }) => type);
  if ((key !== 'int' && key !== 'long') || more.length > 0) return undefined;
  if (value === 'int' || value === 'long') return 'longs';
  return value === 'bytes' || value === 'string' ? 'long and bytes' : undefined;
}

function items(item: Decoder): Decoder {
  return (cursor) => {
    const values: AvroValue[] = [];
    for (let count = cursor.blockCount(); count > 0; count = cursor.blockCount()) {
      if (count > cursor.left) throw new Error('it is cut off');
      for (let index = 0; index < count; index++) {
        cursor.countValue();
        values.push(item(cursor));
      }
    }
    return values;
  };
}

export function branchOf<F>(branches: readonly F[], cursor: AvroCursor): F {
  const branch = branches[cursor.int()];
  if (branch === undefined) throw new Error('a union has no such branch');
  return branch;
}

function sizeOf(schema: Schema): number {
  const size = Number(schema['size']);
  if (!Number.isSafeInteger(size) || size < 0) throw new Error('a fixed type of its schema has no size');
  return size;
}

export function fieldsOf(schema: Schema): readonly AvroField[] {
  if (!Array.isArray(schema['fields'])) throw new Error('a record of its schema has no fields');
  return schema['fields'] as AvroField[];
}

export function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
