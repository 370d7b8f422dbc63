/**
 * Thrift's compact protocol as a tree that is written again byte for byte: fields that nobody here knows are kept, integers keep their width.
 * Maps and sets are refused: Parquet has none.
 */
export interface ThriftStruct {
  readonly fields: readonly ThriftField[];
}

export interface ThriftField {
  readonly id: number;
  readonly type: number;
  readonly value: ThriftValue;
}

export type ThriftValue = boolean | bigint | Uint8Array | ThriftList | ThriftStruct;

export interface ThriftList {
  readonly element: number;
  readonly values: readonly ThriftValue[];
}

export const ThriftType = { true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, struct: 12 } as const;

const MAX_DEPTH = 64;

/** The struct that begins at `start`, and where it ends. Throws plain errors. */
export function readThrift(bytes: Uint8Array, start = 0): { readonly struct: ThriftStruct; readonly end: number } {
  const reader = new Reader(bytes, start);
  const struct = reader.struct(0);
  return { struct, end: reader.at };
}

export function writeThrift(struct: ThriftStruct): Uint8Array {
  const writer = new Writer();
  writer.struct(struct);
  return writer.bytes();
}

class Reader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.at = start;
  }

  struct(depth: number): ThriftStruct {
    if (depth > MAX_DEPTH) throw new Error('Thrift structs are nested too deeply');
    const fields: ThriftField[] = [];
    let id = 0;
    for (;;) {
      const head = this.#byte();
      const type = head & 0x0f;
      if (type === 0) return { fields };
      const step = head >> 4;
      id = step === 0 ? Number(this.#zigzag()) : id + step;
      fields.push({ id, type, value: this.#value(type, depth) });
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case ThriftType.true:
      case ThriftType.false:
        return type === ThriftType.true;
      case ThriftType.byte:
        return BigInt((this.#byte() << 24) >> 24);
      case ThriftType.i16:
      case ThriftType.i32:
      case ThriftType.i64:
        return this.#zigzag();
      case ThriftType.double:
        return this.#take(8);
      case ThriftType.binary:
        return this.#take(this.#length());
      case ThriftType.list:
        return this.#list(depth);
      case ThriftType.struct:
        return this.struct(depth + 1);
      default:
        throw new Error(`Thrift type ${type} in a Parquet file`);
    }
  }

  #list(depth: number): ThriftList {
    if (depth > MAX_DEPTH) throw new Error('Thrift lists are nested too deeply');
    const head = this.#byte();
    const size = head >> 4 === 15 ? this.#length() : head >> 4;
    const element = head & 0x0f;
    // Every element has a byte at least.
    if (size > this.#bytes.length - this.at) throw new Error(`a Thrift list of ${size} elements`);
    const isBoolean = element === ThriftType.true || element === ThriftType.false;
    const values = Array.from({ length: size }, () => (isBoolean ? BigInt(this.#byte()) : this.#value(element, depth + 1)));
    return { element, values };
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw new Error('it ends within a Thrift value');
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new Error('it ends within a Thrift struct');
    return byte;
  }

  #length(): number {
    const value = this.#varint();
    if (value > BigInt(this.#bytes.length)) throw new Error(`a Thrift length of ${value}`);
    return Number(value);
  }

  #zigzag(): bigint {
    const value = this.#varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  #varint(): bigint {
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new Error('a Thrift number of more than ten bytes');
  }
}

class Writer {
  #buffer = Buffer.alloc(4096);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  struct({ fields }: ThriftStruct): void {
    let last = 0;
    for (const { id, type, value } of fields) {
      if (id > last && id - last <= 15) this.#byte(((id - last) << 4) | type);
      else {
        this.#byte(type);
        this.#zigzag(BigInt(id));
      }
      last = id;
      this.#value(type, value);
    }
    this.#byte(0);
  }

  #value(type: number, value: ThriftValue): void {
    if (typeof value === 'boolean') return;
    if (typeof value === 'bigint') {
      if (type === ThriftType.byte) this.#byte(Number(BigInt.asUintN(8, value)));
      else this.#zigzag(value);
    } else if (value instanceof Uint8Array) {
      if (type === ThriftType.binary) this.#varint(BigInt(value.length));
      this.#append(value);
    } else if ('fields' in value) this.struct(value);
    else this.#list(value);
  }

  #list({ element, values }: ThriftList): void {
    this.#byte((Math.min(values.length, 15) << 4) | element);
    if (values.length >= 15) this.#varint(BigInt(values.length));
    for (const one of values) {
      if (typeof one === 'bigint' && element <= ThriftType.false) this.#byte(Number(one));
      else this.#value(element, one);
    }
  }

  #zigzag(value: bigint): void {
    this.#varint(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
  }

  #varint(value: bigint): void {
    let rest = value;
    while (rest > 0x7fn) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  #byte(byte: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = byte;
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#buffer.length) return;
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length + more));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }
}

export function fieldOf(struct: ThriftStruct, id: number): ThriftValue | undefined {
  return struct.fields.find((field) => field.id === id)?.value;
}

export function intOf(struct: ThriftStruct, id: number): number | undefined {
  const value = fieldOf(struct, id);
  return typeof value === 'bigint' ? Number(value) : undefined;
}

export function structOf(value: ThriftValue | undefined): ThriftStruct {
  if (value === undefined || typeof value !== 'object' || !('fields' in value)) throw new Error('a Thrift struct is missing');
  return value;
}

export function structsOf(struct: ThriftStruct, id: number): readonly ThriftStruct[] {
  return valuesOf(fieldOf(struct, id)).map(structOf);
}

/** Of a list; none: it is absent. */
export function valuesOf(value: ThriftValue | undefined): readonly ThriftValue[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value instanceof Uint8Array || !('element' in value)) throw new Error('a Thrift list is missing');
  return value.values;
}

export function textOf(value: ThriftValue | undefined): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
}

/** With fields set to other values of the same type, added (a type is told), or without them (undefined). */
export function withFields(
  struct: ThriftStruct,
  changes: Readonly<Record<number, bigint | ThriftList | ThriftStruct | undefined>>,
): ThriftStruct {
  const fields = struct.fields.flatMap((field) => {
    if (!(field.id in changes)) return [field];
    const value = changes[field.id];
    return value === undefined ? [] : [{ ...field, value }];
  });
  return { fields };
}

export function structList(values: readonly ThriftStruct[]): ThriftList {
  return { element: ThriftType.struct, values };
}
