import * as zlib from 'node:zlib';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { ZSTDDecoder } from 'zstddec';
import { unsupported } from '../../../sql/errors.js';
import { Damage } from './damage.js';
import { unpackLz4 } from './lz4.js';
import { unpackSnappy } from './snappy.js';

/** Parquet's numbers of codecs. */
const CODEC = { none: 0, snappy: 1, gzip: 2, brotli: 4, zstd: 6, lz4Raw: 7 } as const;
const READ: ReadonlySet<number> = new Set(Object.values(CODEC));

export function readsCodec(codec: number): boolean {
  return READ.has(codec);
}

/** Newer versions of Node.js have it built in, which is twice as fast. */
const zstdDecompressSync = (zlib as { readonly zstdDecompressSync?: (bytes: Uint8Array, options: object) => Uint8Array })
  .zstdDecompressSync;

let zstd: ZSTDDecoder | undefined;

/** To be waited for before a zstd page is unpacked. */
export async function prepareCodecs(): Promise<void> {
  if (zstd !== undefined || zstdDecompressSync !== undefined) return;
  const decoder = new ZSTDDecoder();
  await decoder.init();
  zstd = decoder;
}

/** A page's bytes, of which there must be `size`; valid until the next page is unpacked. Throws Damage. */
export function unpack(codec: number, bytes: Uint8Array, size: number): Uint8Array {
  const unpacked = size === 0 ? new Uint8Array(0) : unpackBytes(codec, bytes, size);
  if (unpacked.length !== size) throw new Damage(`a page unpacks to ${unpacked.length} bytes instead of ${size}`);
  return unpacked;
}

function unpackBytes(codec: number, bytes: Uint8Array, size: number): Uint8Array {
  switch (codec) {
    case CODEC.none:
      return bytes;
    case CODEC.snappy:
      return unpackSnappy(bytes, size);
    case CODEC.lz4Raw:
      return unpackLz4(bytes, size);
    case CODEC.gzip:
      return byLibrary('gzip', () => gunzipSync(bytes, { maxOutputLength: size }));
    case CODEC.brotli:
      return byLibrary('brotli', () => brotliDecompressSync(bytes, { maxOutputLength: size }));
    case CODEC.zstd:
      return byLibrary('zstd', () => unpackZstd(bytes, size));
    default:
      throw unsupported(`reading Parquet files compressed with codec ${codec}`);
  }
}

function unpackZstd(bytes: Uint8Array, size: number): Uint8Array {
  if (zstdDecompressSync !== undefined) return zstdDecompressSync(bytes, { maxOutputLength: size });
  if (zstd === undefined) throw new Error('the decoder is not ready');
  return zstd.decode(bytes, size);
}

function byLibrary(name: string, work: () => Uint8Array): Uint8Array {
  try {
    return work();
  } catch (error) {
    throw new Damage(`a page cannot be unpacked (${name}: ${error instanceof Error ? error.message : String(error)})`);
  }
}
