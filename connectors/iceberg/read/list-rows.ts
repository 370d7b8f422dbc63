import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { snappyUncompress } from 'hyparquet';
import { ZSTDDecoder } from 'zstddec/stream';

/** Pages that claim to unpack to more than this are not looked into. */
const MAX_PAGE_BYTES = 64 << 20;

/** Numbers of parquet.thrift. */
const CODEC = { none: 0, snappy: 1, gzip: 2, brotli: 4, zstd: 6 } as const;
const READABLE: ReadonlySet<number> = new Set(Object.values(CODEC));

/** Can rows be counted in pages of the codec? */
export function isUnpacked(codec: number): boolean {
  return READABLE.has(codec);
}

/**
 * How many rows begin in a data page (of the first version) of a column that repeats, by its levels. `body`: as it lies in the file. Throws plain errors
 * where it cannot be told, or where the page begins within a row.
 */
export async function rowsOfPage(
  body: Uint8Array,
  page: { readonly codec: number; readonly bytes: number; readonly maxRepetition: number; readonly values: number },
): Promise<number> {
  const { codec, bytes, maxRepetition, values } = page;
  if (bytes > MAX_PAGE_BYTES) throw new Error('a page that is too large');
  const content = await unpacked(body, codec, bytes);
  if (content.length < 4) throw new Error('a page without levels');
  const length = new DataView(content.buffer, content.byteOffset, content.byteLength).getUint32(0, true);
  if (length > content.length - 4) throw new Error('levels that are cut off');
  return firstLevels(content.subarray(4, 4 + length), 32 - Math.clz32(maxRepetition), values);
}

async function unpacked(body: Uint8Array, codec: number, bytes: number): Promise<Uint8Array> {
  switch (codec) {
    case CODEC.none:
      return body;
    case CODEC.snappy: {
      const output = new Uint8Array(bytes);
      snappyUncompress(body, output);
      return output;
    }
    case CODEC.gzip:
      return gunzipSync(body, { maxOutputLength: bytes });
    case CODEC.brotli:
      return brotliDecompressSync(body, { maxOutputLength: bytes });
    case CODEC.zstd: {
      const parts: Uint8Array[] = [];
      let total = 0;
      // The decoder reuses its buffer.
      for (const part of (await zstd()).decodeStreaming([body])) {
        total += part.length;
        if (total > bytes) throw new Error('a page that unpacks to too many bytes');
        parts.push(part.slice());
      }
      return Buffer.concat(parts, total);
    }
    default:
      throw new Error(`codec ${codec}`);
  }
}

let decoder: Promise<ZSTDDecoder> | undefined;

function zstd(): Promise<ZSTDDecoder> {
  const start = async (): Promise<ZSTDDecoder> => {
    const made = new ZSTDDecoder();
    await made.init();
    return made;
  };
  decoder ??= start();
  return decoder;
}

/** How many of `values` levels, in Parquet's mix of runs and packed groups, are 0; the first one must be. */
function firstLevels(levels: Uint8Array, width: number, values: number): number {
  if (width > 8) throw new Error('lists that are nested too deeply');
  let [at, seen, rows] = [0, 0, 0];
  const byte = (index: number): number => {
    const found = levels[index];
    if (found === undefined) throw new Error('levels that are cut off');
    return found;
  };
  const add = (level: number, times: number): void => {
    if (level === 0) rows += times;
    else if (seen === 0) throw new Error('a page that begins within a row');
    seen += times;
  };
  while (seen < values) {
    let header = 0;
    for (let factor = 1; ; factor *= 128) {
      const next = byte(at++);
      header += (next & 0x7f) * factor;
      if (next < 0x80) break;
      if (factor > 2 ** 28) throw new Error('levels that are no levels');
    }
    const half = Math.floor(header / 2);
    if (half === 0) throw new Error('a run of no levels');
    if (header % 2 === 0) {
      add(byte(at++), Math.min(half, values - seen));
      continue;
    }
    const packed = Math.min(half * 8, values - seen);
    for (let n = 0, bit = at * 8; n < packed; n++, bit += width) {
      const word = byte(bit >> 3) | ((bit & 7) + width > 8 ? byte((bit >> 3) + 1) << 8 : 0);
      add((word >> (bit & 7)) & ((1 << width) - 1), 1);
    }
    at += half * width;
  }
  return rows;
}
