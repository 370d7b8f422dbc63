import { crc32, deflateRawSync } from 'node:zlib';

/** The plainest writer of Avro files: any schema, blocks of the given records, codecs null, deflate and snappy (literals only). */
export function avroFile(options: {
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: unknown }[] };
  readonly blocks: readonly (readonly unknown[])[];
  readonly codec?: 'null' | 'deflate' | 'snappy';
}): Buffer {
  const { schema, blocks, codec = 'null' } = options;
  const sync = Buffer.alloc(16, 7);
  const named = new Map<string, unknown>();
  collect(schema, named);
  const header = [
    Buffer.from('Obj\x01', 'latin1'),
    long(2),
    text('avro.schema'),
    text(JSON.stringify(schema)),
    text('avro.codec'),
    text(codec),
    long(0),
    sync,
  ];
  const parts = blocks.flatMap((records) => {
    const plain = Buffer.concat(records.map((record) => encode(schema, record, named)));
    const packed = codec === 'deflate' ? deflateRawSync(plain) : codec === 'snappy' ? snappy(plain) : plain;
    return [long(records.length), long(packed.length), packed, sync];
  });
  return Buffer.concat([...header, ...parts]);
}

function encode(type: unknown, value: unknown, named: ReadonlyMap<string, unknown>): Buffer {
  if (Array.isArray(type)) {
    const index = value === null ? type.indexOf('null') : type.findIndex((branch) => branch !== 'null');
    return Buffer.concat([long(index), encode(type[index], value, named)]);
  }
  if (typeof type === 'object' && type !== null) {
    const { type: kind, fields, items, values } = type as Record<string, unknown>;
    switch (kind) {
      case 'record':
        return Buffer.concat(
          (fields as { name: string; type: unknown }[]).map((field) =>
            encode(field.type, (value as Record<string, unknown>)[field.name] ?? null, named),
          ),
        );
      case 'array':
        return list((value as unknown[]).map((item) => encode(items, item, named)));
      case 'map':
        return list(Object.entries(value as object).map(([key, item]) => Buffer.concat([text(key), encode(values, item, named)])));
      case 'fixed':
        return Buffer.from(value as Uint8Array);
      case 'enum':
        return long((type as { symbols: string[] }).symbols.indexOf(value as string));
      default:
        return encode(kind, value, named);
    }
  }
  switch (type) {
    case 'null':
      return Buffer.alloc(0);
    case 'boolean':
      return Buffer.from([value === true ? 1 : 0]);
    case 'int':
    case 'long':
      return long(value as number | bigint);
    case 'float': {
      const bytes = Buffer.alloc(4);
      bytes.writeFloatLE(value as number);
      return bytes;
    }
    case 'double': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(value as number);
      return bytes;
    }
    case 'bytes':
      return Buffer.concat([long((value as Uint8Array).length), value as Uint8Array]);
    case 'string':
      return text(value as string);
    default:
      return encode(named.get(type as string), value, named);
  }
}

function collect(type: unknown, named: Map<string, unknown>): void {
  if (Array.isArray(type)) for (const branch of type) collect(branch, named);
  if (typeof type !== 'object' || type === null || Array.isArray(type)) return;
  const { name, fields, items, values, type: kind } = type as Record<string, unknown>;
  if (typeof name === 'string') named.set(name, type);
  for (const field of (fields as { type: unknown }[] | undefined) ?? []) collect(field.type, named);
  for (const inner of [items, values, kind]) collect(inner, named);
}

function list(items: readonly Buffer[]): Buffer {
  return items.length === 0 ? long(0) : Buffer.concat([long(items.length), ...items, long(0)]);
}

function text(value: string): Buffer {
  return Buffer.concat([long(Buffer.byteLength(value)), Buffer.from(value)]);
}

function long(value: number | bigint): Buffer {
  const exact = BigInt(value);
  let rest = BigInt.asUintN(64, (exact << 1n) ^ (exact >> 63n));
  const bytes: number[] = [];
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

function snappy(block: Buffer): Buffer {
  const parts: Buffer[] = [];
  let rest = block.length;
  const head: number[] = [];
  for (; rest > 127; rest >>>= 7) head.push((rest & 127) | 128);
  parts.push(Buffer.from([...head, rest]));
  for (let at = 0; at < block.length; at += 60) {
    const piece = block.subarray(at, at + 60);
    parts.push(Buffer.from([(piece.length - 1) << 2]), piece);
  }
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(block));
  return Buffer.concat([...parts, sum]);
}
