import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { crc32, inflateRaw } from 'node:zlib';
import { snappyUncompress } from 'hyparquet';
import { ZSTDDecoder } from 'zstddec/stream';

/** A block that claims to unpack to more than this is refused. */
const MAX_BLOCK_BYTES = 256 << 20;

/** Deflate is unpacked by other threads; after the others, too, the event loop has its turn. */
export type BlockDecoder = (block: Uint8Array) => Promise<Uint8Array>;

const inflate = promisify(inflateRaw);
const MIN_CHUNK_BYTES = 16 << 10;
const MAX_CHUNK_BYTES = 1 << 20;

let zstd: Promise<ZSTDDecoder> | undefined;

/** The decoder of an Avro codec by its name in the file's header; throws a plain Error for an unknown one. */
export async function blockDecoder(codec: string): Promise<BlockDecoder> {
  switch (codec) {
    case 'null':
      return async (block) => yielding(block);
    case 'deflate':
      return (block) =>
        // One chunk for most blocks: each further one is a round through the event loop.
        inflate(block, {
          maxOutputLength: MAX_BLOCK_BYTES,
          chunkSize: Math.min(MAX_CHUNK_BYTES, Math.max(MIN_CHUNK_BYTES, block.length * 8)),
        });
    case 'snappy':
      return async (block) => yielding(snappy(block));
    case 'zstandard': {
      zstd ??= startZstd();
      const decoder = await zstd;
      return async (block) => yielding(joined(decoder.decodeStreaming([block])));
    }
    default:
      throw new Error(`its codec "${codec}" is unknown`);
  }
}

async function yielding(block: Uint8Array): Promise<Uint8Array> {
  await setImmediate();
  return block;
}

async function startZstd(): Promise<ZSTDDecoder> {
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return decoder;
}

function joined(chunks: Iterable<Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  for (const chunk of chunks) {
    total += chunk.length;
    if (total > MAX_BLOCK_BYTES) throw new Error('a block unpacks to too many bytes');
    // The decoder reuses its buffer.
    parts.push(chunk.slice());
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, total);
}

/** Snappy's own length comes first; Avro puts four bytes of checksum behind. */
function snappy(block: Uint8Array): Uint8Array {
  let length = 0;
  for (let at = 0, shift = 1; ; at++, shift *= 128) {
    const byte = block[at];
    if (byte === undefined || at > 4) throw new Error('a snappy block is cut off');
    length += (byte & 0x7f) * shift;
    if ((byte & 0x80) === 0) break;
  }
  if (length > MAX_BLOCK_BYTES) throw new Error('a block unpacks to too many bytes');
  const output = new Uint8Array(length);
  snappyUncompress(block.subarray(0, -4), output);
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  if (crc32(output) !== view.getUint32(block.length - 4)) throw new Error('the checksum of a snappy block is wrong');
  return output;
}
