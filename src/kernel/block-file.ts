import { open } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import { DuckDBBlobVector, type DuckDBDataChunk, DuckDBDecimal128Vector, type DuckDBVector } from '@duckdb/node-api';
import { type ColumnBlock, type ColumnForm, isValid, type RawColumn } from '../../sql/column-block.js';
import { decimalScale } from '../../sql/duckdb-type.js';
import { internal, type TimelineError } from '../../sql/errors.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { JsonbTexts } from './jsonb-texts.js';
import { readColumn } from './value-vectors.js';

/**
 * Result rows as DuckDB has them in memory: chunks of columns one after the other, in a buffer or a file. A chunk is
 * [bytes in all, rows, columns, 0] and for each column [form, bytes of validity, of data, of texts] (int32, little-endian), then
 * those parts, each padded to 8 bytes. Read by the version that wrote it (BLOCK_VERSION).
 */
const FORMS: readonly ColumnForm[] = [
  'bool',
  'int16',
  'int32',
  'uint32',
  'float32',
  'float64',
  'int64',
  'int128',
  'uuid',
  'interval',
  'bytes',
  'values',
];
const HEAD_BYTES = 16;
const SLAB_BYTES = 1 << 20;
/** DuckDB keeps texts up to this length inside the item; longer ones behind a pointer. */
const INLINE_BYTES = 12;

interface Part {
  readonly form: ColumnForm;
  readonly valid: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);

export function encodeChunk(chunk: DuckDBDataChunk, types: readonly Type[]): Uint8Array {
  const rows = chunk.rowCount;
  const parts = types.map((type, column) => partOf(chunk.getColumnVector(column), rows, type));
  let size = HEAD_BYTES * (1 + parts.length);
  for (const { valid, data, bytes } of parts) size += padded(valid?.length ?? 0) + padded(data.length) + padded(bytes.length);
  const out = new Uint8Array(size);
  const head = new Int32Array(out.buffer, 0, 4 * (1 + parts.length));
  head.set([size, rows, parts.length, 0]);
  let at = head.byteLength;
  const put = (source: Uint8Array): void => {
    out.set(source, at);
    at += padded(source.length);
  };
  parts.forEach(({ form, valid, data, bytes }, n) => {
    head.set([FORMS.indexOf(form), valid?.length ?? 0, data.length, bytes.length], 4 * (n + 1));
    put(valid ?? NOTHING);
    put(data);
    put(bytes);
  });
  return out;
}

function padded(length: number): number {
  return (length + 7) & ~7;
}

/** The chunks in a buffer that begins with one; what is cut off at its end is left. */
export function* parseBlocks(buffer: Uint8Array, types: readonly Type[]): Generator<{ block: ColumnBlock; end: number }> {
  for (let at = 0; at + HEAD_BYTES <= buffer.length; ) {
    const [size = 0, rowCount = 0, columns = 0] = new Int32Array(buffer.buffer, buffer.byteOffset + at, 4);
    if (size < HEAD_BYTES || columns !== types.length) throw corrupt();
    if (at + size > buffer.length) return;
    yield { block: { rowCount, columns: parseColumns(buffer.subarray(at, at + size), types) }, end: at + size };
    at += size;
  }
}

function parseColumns(chunk: Uint8Array, types: readonly Type[]): RawColumn[] {
  const head = new Int32Array(chunk.buffer, chunk.byteOffset, 4 * (1 + types.length));
  let at = head.byteLength;
  const take = (length: number | undefined): Uint8Array => {
    const part = chunk.subarray(at, at + (length ?? 0));
    at += padded(length ?? 0);
    return part;
  };
  return types.map((type, n) => {
    const [form = -1, validBytes, dataBytes, textBytes] = head.subarray(4 * (n + 1), 4 * (n + 2));
    const name = FORMS[form];
    if (name === undefined) throw corrupt();
    const valid = take(validBytes);
    const data = take(dataBytes);
    const bytes = take(textBytes);
    return {
      type,
      form: name,
      valid: valid.length === 0 ? undefined : valid,
      data,
      bytes,
      values: () => deserialize(bytes) as (Value | null)[],
    };
  });
}

function corrupt(): TimelineError {
  return internal('the rows of a result are malformed');
}

/** The chunks of a file, which is read piece by piece. */
export async function* readBlockFile(path: string, types: readonly Type[], signal: AbortSignal): AsyncGenerator<ColumnBlock> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    for (let position = 0; position < size; ) {
      let slab = await readAt(file, position, Math.min(SLAB_BYTES, size - position));
      const first = new Int32Array(slab.buffer, slab.byteOffset, 1)[0] ?? 0;
      if (first < HEAD_BYTES || position + first > size) throw corrupt();
      if (first > slab.length) slab = await readAt(file, position, first);
      let read = 0;
      for (const { block, end } of parseBlocks(slab, types)) {
        signal.throwIfAborted();
        yield block;
        read = end;
      }
      position += read;
    }
  } finally {
    await file.close();
  }
}

async function readAt(file: Awaited<ReturnType<typeof open>>, position: number, length: number): Promise<Buffer> {
  const slab = Buffer.allocUnsafeSlow(length);
  const { bytesRead } = await file.read(slab, 0, length, position);
  if (bytesRead !== length) throw corrupt();
  return slab;
}

function partOf(vector: DuckDBVector, rows: number, type: Type): Part {
  const raw = rawParts(vector);
  const form = raw === undefined ? undefined : formOf(vector, raw.data, rows, type);
  if (raw === undefined || form === undefined) {
    const values = readColumn(vector, rows, type, { normalizeJsonb: true });
    return { form: 'values', valid: validityOf(values), data: NOTHING, bytes: serialize(values) };
  }
  if (form !== 'bytes') return { form, valid: raw.valid, data: raw.data, bytes: NOTHING };
  const texts = readTexts(raw.data, rows, raw.valid);
  return { form, valid: raw.valid, ...(type.oid === Oid.jsonb ? normalTexts(texts, rows, raw.valid) : texts) };
}

/** The binding keeps a vector's memory in private fields; undefined where it does not any more. */
function rawParts(vector: DuckDBVector): { readonly data: Uint8Array; readonly valid: Uint8Array | undefined } | undefined {
  const { items, dataView, validity } = vector as unknown as { items?: unknown; dataView?: unknown; validity?: { data?: unknown } };
  const data = items ?? dataView;
  if (!ArrayBuffer.isView(data) || validity === undefined) return undefined;
  const bits = validity.data;
  if (bits !== null && !(bits instanceof BigUint64Array)) return undefined;
  return {
    data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    valid: bits === null ? undefined : new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength),
  };
}

/** Undefined: another type than the field's, or one without a form. */
function formOf(vector: DuckDBVector, data: Uint8Array, rows: number, type: Type): ColumnForm | undefined {
  const known = FORM_OF.get(type.oid);
  if (known !== undefined) {
    const [name, form, width] = known;
    return vector.constructor.name === `DuckDB${name}Vector` && data.length === rows * width ? form : undefined;
  }
  if (type.oid !== Oid.numeric) return undefined;
  const scale = decimalScale(type);
  if (scale === undefined) return vector.constructor.name === 'DuckDBVarCharVector' ? 'bytes' : undefined;
  return vector instanceof DuckDBDecimal128Vector && vector.type.scale === scale && data.length === rows * 16 ? 'int128' : undefined;
}

/** By type: the binding's vector, the form, and bytes of an item. */
const FORM_OF: ReadonlyMap<number, readonly [vector: string, form: ColumnForm, width: number]> = new Map<
  number,
  readonly [string, ColumnForm, number]
>([
  [Oid.bool, ['Boolean', 'bool', 1]],
  [Oid.int2, ['SmallInt', 'int16', 2]],
  [Oid.int4, ['Integer', 'int32', 4]],
  [Oid.int8, ['BigInt', 'int64', 8]],
  [Oid.oid, ['UInteger', 'uint32', 4]],
  [Oid.float4, ['Float', 'float32', 4]],
  [Oid.float8, ['Double', 'float64', 8]],
  [Oid.date, ['Date', 'int32', 4]],
  [Oid.time, ['Time', 'int64', 8]],
  [Oid.timestamp, ['Timestamp', 'int64', 8]],
  [Oid.timestamptz, ['TimestampTZ', 'int64', 8]],
  [Oid.interval, ['Interval', 'interval', 16]],
  [Oid.uuid, ['UUID', 'uuid', 16]],
  [Oid.bytea, ['Blob', 'bytes', 16]],
  ...[Oid.text, Oid.varchar, Oid.bpchar, Oid.name, Oid.char, Oid.json, Oid.jsonb, Oid.unknown].map(
    (oid): [number, readonly [string, ColumnForm, number]] => [oid, ['VarChar', 'bytes', 16]],
  ),
]);

function validityOf(values: readonly (Value | null)[]): Uint8Array | undefined {
  if (!values.includes(null)) return undefined;
  const bits = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, row) => {
    if (value !== null) bits[row >> 3] = (bits[row >> 3] as number) | (1 << (row & 7));
  });
  return bits;
}

interface Texts {
  readonly data: Uint8Array;
  readonly bytes: Uint8Array;
}

/** What a text's item says: its length, and from where on it lies in DuckDB's memory. */
const ONE_VALID = { itemValid: () => true };

/**
 * Short texts lie in the items. Longer ones are fetched by a call into the binding each, which costs more than all else; but DuckDB
 * writes those of a chunk one behind the other, so that one call gets a run of them.
 */
function readTexts(data: Uint8Array, rows: number, valid: Uint8Array | undefined): Texts {
  const items = new Int32Array(data.buffer, data.byteOffset, rows * 4);
  const words = new Uint32Array(data.buffer, data.byteOffset, rows * 4);
  const ends = new Int32Array(rows);
  let total = 0;
  for (let row = 0; row < rows; row++) {
    if (isValid(valid, row)) total += items[row * 4] as number;
    ends[row] = total;
  }
  const bytes = new Uint8Array(total);
  const at = (row: number): number => (ends[row] as number) - (items[row * 4] as number);
  const isLong = (row: number): boolean =>
    (row === 0 ? (ends[0] as number) : (ends[row] as number) - (ends[row - 1] as number)) > INLINE_BYTES;
  const pointer = (row: number): number => (words[row * 4 + 3] as number) * 4_294_967_296 + (words[row * 4 + 2] as number);
  for (let row = 0; row < rows; ) {
    if (!isLong(row)) {
      const end = ends[row] as number;
      let from = row * 16 + 4;
      for (let to = row === 0 ? 0 : (ends[row - 1] as number); to < end; to++) bytes[to] = data[from++] as number;
      row++;
      continue;
    }
    // A run: rows in which every text is a long one or NULL, each where the one before it ends.
    const first = row;
    let end = pointer(row) + (items[row * 4] as number);
    let last = row++;
    for (; row < rows; row++) {
      if (!isLong(row)) {
        if ((ends[row] as number) === (ends[row - 1] as number)) continue;
        break;
      }
      if (pointer(row) !== end) break;
      end += items[row * 4] as number;
      last = row;
    }
    bytes.set(fetchRun(data, first, (ends[last] as number) - at(first)), at(first));
  }
  return { data: new Uint8Array(ends.buffer), bytes };
}

function fetchRun(data: Uint8Array, row: number, length: number): Uint8Array {
  const item = new DataView(data.slice(row * 16, row * 16 + 16).buffer);
  item.setUint32(0, length, true);
  const vector = new DuckDBBlobVector(item, ONE_VALID as never, undefined as never, 0, 1);
  const bytes = vector.getItemBytes(0);
  if (bytes === null || bytes.length !== length) throw internal('a text of a result could not be read');
  return bytes;
}

/** jsonb in PostgreSQL's normal form. */
function normalTexts(raw: Texts, rows: number, valid: Uint8Array | undefined): Texts {
  const source = Buffer.from(raw.bytes.buffer, raw.bytes.byteOffset, raw.bytes.byteLength);
  const old = new Int32Array(raw.data.buffer, raw.data.byteOffset, rows);
  const ends = new Int32Array(rows);
  const texts = new JsonbTexts(source.length);
  for (let row = 0; row < rows; row++) {
    if (isValid(valid, row)) texts.add(source, row === 0 ? 0 : (old[row - 1] as number), old[row] as number);
    ends[row] = texts.length;
  }
  return { data: new Uint8Array(ends.buffer), bytes: texts.bytes };
}
