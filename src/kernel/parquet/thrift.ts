import { Damage } from './damage.js';

/** A value of Thrift's compact protocol; integers beyond 2^53 are rounded. */
export type ThriftValue = boolean | number | Uint8Array | readonly ThriftValue[] | ThriftStruct;
export type ThriftStruct = ReadonlyMap<number, ThriftValue>;

const MAX_DEPTH = 32;
const TYPE = {
  stop: 0,
  true: 1,
  false: 2,
  byte: 3,
  int16: 4,
  int32: 5,
  int64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  struct: 12,
} as const;

/** The bytes ended inside of a struct. */
export class CutOff extends Damage {}

/** Reads a struct that begins at `start`. Every step takes a byte, so that work and memory are bounded by the bytes. */
export function readStruct(bytes: Uint8Array, start: number): { readonly struct: ThriftStruct; readonly end: number } {
  const reader = new Reader(bytes, start);
  const struct = reader.struct(0);
  return { struct, end: reader.at };
}

export function structField(struct: ThriftStruct | undefined, id: number): ThriftStruct | undefined {
  const value = struct?.get(id);
  return value instanceof Map ? value : undefined;
}

export function listField(struct: ThriftStruct | undefined, id: number): readonly ThriftValue[] {
  const value = struct?.get(id);
  return Array.isArray(value) ? value : [];
}

export function structsField(struct: ThriftStruct | undefined, id: number): readonly ThriftStruct[] {
  return listField(struct, id).map((value) => {
    if (!(value instanceof Map)) throw new Damage(`field ${id} is no list of structs`);
    return value;
  });
}

/** A whole number that is exact; undefined: absent or none. */
export function intField(struct: ThriftStruct | undefined, id: number): number | undefined {
  const value = struct?.get(id);
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}

export function bytesField(struct: ThriftStruct | undefined, id: number): Uint8Array | undefined {
  const value = struct?.get(id);
  return value instanceof Uint8Array ? value : undefined;
}

class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  struct(depth: number): Map<number, ThriftValue> {
    if (depth > MAX_DEPTH) throw new Damage('a Thrift struct is nested too deeply');
    const fields = new Map<number, ThriftValue>();
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const kind = head & 15;
      if (kind === TYPE.stop) return fields;
      id = head >> 4 === 0 ? zigzag(this.#varint()) : id + (head >> 4);
      fields.set(id, this.#value(kind, depth));
    }
  }

  #value(kind: number, depth: number): ThriftValue {
    switch (kind) {
      case TYPE.true:
        return true;
      case TYPE.false:
        return false;
      case TYPE.byte:
        return (this.#byte() << 24) >> 24;
      case TYPE.int16:
      case TYPE.int32:
      case TYPE.int64:
        return zigzag(this.#varint());
      case TYPE.double: {
        const bytes = this.#take(8);
        return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
      }
      case TYPE.binary:
        return this.#take(this.#varint());
      case TYPE.list:
      case TYPE.set:
        return this.#list(depth + 1);
      case TYPE.struct:
        return this.struct(depth + 1);
      default:
        throw new Damage(`Thrift type ${kind} is unknown`);
    }
  }

  #list(depth: number): readonly ThriftValue[] {
    if (depth > MAX_DEPTH) throw new Damage('a Thrift list is nested too deeply');
    const head = this.#byte();
    const kind = head & 15;
    const size = head >> 4 === 15 ? this.#varint() : head >> 4;
    if (size > this.#bytes.length - this.at) throw new CutOff('a Thrift list is longer than its bytes');
    const values: ThriftValue[] = [];
    const isBool = kind === TYPE.true || kind === TYPE.false;
    for (let i = 0; i < size; i++) values.push(isBool ? this.#byte() === 1 : this.#value(kind, depth));
    return values;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw new CutOff('Thrift bytes are cut off');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new CutOff('a Thrift struct is cut off');
    return byte;
  }

  /** Unsigned, at most ten bytes. */
  #varint(): number {
    let value = 0;
    for (let factor = 1, i = 0; i < 10; i++, factor *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Damage('a Thrift number is too long');
  }
}

function zigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
