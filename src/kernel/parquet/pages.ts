import { crc32 } from 'node:zlib';
import { readsCodec, unpack } from './codec.js';
import { beyondMeasure, Damage } from './damage.js';
import type { FileBytes } from './file-bytes.js';
import type { Chunk } from './footer.js';
import { CutOff, intField, readStruct, structField, type ThriftStruct } from './thrift.js';

/** A page, unpacked. */
export type Page =
  | { readonly kind: 'dictionary'; readonly values: number; readonly encoding: number; readonly data: Uint8Array }
  /** `levels`: definition levels without their length, undefined where the page begins with that; `at`: where in `data` what follows begins. */
  | {
      readonly kind: 'data';
      readonly values: number;
      readonly encoding: number;
      readonly levelEncoding: number;
      readonly levels: Uint8Array | undefined;
      readonly data: Uint8Array;
    };

const TYPE = { data: 0, index: 1, dictionary: 2, dataV2: 3 } as const;
export const RLE = 3;

const HEADER_BYTES = 1 << 10;
const MAX_HEADER_BYTES = 1 << 20;
/** Packed or unpacked. */
const MAX_PAGE_BYTES = 256 << 20;

/** The pages of a chunk in order; of those of index type, and what is unknown, nothing. Throws Damage. */
export function* readPages(file: FileBytes, chunk: Chunk): Generator<Page> {
  if (!readsCodec(chunk.codec)) throw new Damage(`codec ${chunk.codec} is unknown`);
  for (let at = chunk.start; at < chunk.end; ) {
    const { header, bytes } = readHeader(file, at, chunk.end);
    const [packed, size] = [intField(header, 3) ?? -1, intField(header, 2) ?? -1];
    at += bytes;
    if (packed < 0 || size < 0 || at + packed > chunk.end) throw new Damage('a page is longer than its column chunk');
    if (packed > MAX_PAGE_BYTES || size > MAX_PAGE_BYTES) throw beyondMeasure(`a Parquet page of ${Math.max(packed, size)} bytes`);
    const body = file.take(at, packed);
    at += packed;
    const sum = intField(header, 4);
    if (sum !== undefined && crc32(body) !== sum >>> 0) throw new Damage('the checksum of a page is wrong');
    const page = unpackPage(header, body, size, chunk.codec);
    if (page !== undefined) yield page;
  }
}

function readHeader(file: FileBytes, at: number, end: number): { readonly header: ThriftStruct; readonly bytes: number } {
  for (let length = HEADER_BYTES; ; length *= 8) {
    const bytes = file.some(at, Math.min(length, end - at));
    try {
      const read = readStruct(bytes, 0);
      return { header: read.struct, bytes: read.end };
    } catch (error) {
      if (!(error instanceof CutOff) || at + length >= end || length >= MAX_HEADER_BYTES) throw error;
    }
  }
}

function unpackPage(header: ThriftStruct, body: Uint8Array, size: number, codec: number): Page | undefined {
  const count = (about: ThriftStruct | undefined, id: number): number => {
    const value = intField(about, id) ?? -1;
    if (value < 0) throw new Damage('the header of a page is not complete');
    return value;
  };
  switch (intField(header, 1)) {
    case TYPE.dictionary: {
      const about = structField(header, 7);
      return { kind: 'dictionary', values: count(about, 1), encoding: count(about, 2), data: unpack(codec, body, size) };
    }
    case TYPE.data: {
      const about = structField(header, 5);
      const data = unpack(codec, body, size);
      return { kind: 'data', values: count(about, 1), encoding: count(about, 2), levelEncoding: count(about, 3), levels: undefined, data };
    }
    case TYPE.dataV2: {
      const about = structField(header, 8);
      const [definition, repetition] = [count(about, 5), count(about, 6)];
      const levels = definition + repetition;
      if (levels > body.length || levels > size) throw new Damage('the levels of a page are longer than it is');
      const packed = body.subarray(levels);
      const isPacked = about?.get(7) !== false;
      return {
        kind: 'data',
        values: count(about, 1),
        encoding: count(about, 4),
        levelEncoding: RLE,
        levels: body.subarray(repetition, levels),
        data: unpack(isPacked ? codec : 0, packed, size - levels),
      };
    }
    default:
      return undefined;
  }
}
