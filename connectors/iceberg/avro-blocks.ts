import { TimelineError } from '../../sql/errors.js';
import type { AvroBlock } from './avro-writer.js';

/** An Avro container file taken apart without decoding its records. */
export interface AvroBlocks {
  readonly metadata: ReadonlyMap<string, string>;
  readonly blocks: readonly AvroBlock[];
}

const MAGIC = Buffer.from([0x4f, 0x62, 0x6a, 0x01]);
const SYNC_BYTES = 16;

/** Throws XX001 naming `path` for anything that is not a whole Avro file. */
export function splitAvroFile(content: Uint8Array, path: string): AvroBlocks {
  const cursor = new Cursor(content, path);
  if (!cursor.take(MAGIC.length).equals(MAGIC)) throw cursor.corrupt('it does not start as an Avro file does');
  const metadata = new Map<string, string>();
  for (let count = cursor.long(); count !== 0; count = cursor.long()) {
    // A negative count is followed by the block's size in bytes.
    if (count < 0) cursor.long();
    for (let i = 0; i < Math.abs(count); i++) {
      const key = cursor.take(cursor.long()).toString();
      metadata.set(key, cursor.take(cursor.long()).toString());
    }
  }
  const sync = cursor.take(SYNC_BYTES);
  const blocks: AvroBlock[] = [];
  while (!cursor.atEnd) {
    const records = cursor.long();
    const packed = cursor.take(cursor.long());
    if (!cursor.take(SYNC_BYTES).equals(sync)) throw cursor.corrupt('a block does not end with the sync marker');
    blocks.push({ records, packed });
  }
  return { metadata, blocks };
}

class Cursor {
  private at = 0;
  private readonly content: Buffer;

  constructor(
    content: Uint8Array,
    private readonly path: string,
  ) {
    this.content = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  }

  get atEnd(): boolean {
    return this.at === this.content.length;
  }

  take(length: number): Buffer {
    if (length < 0 || this.at + length > this.content.length) throw this.corrupt('it is cut off');
    this.at += length;
    return this.content.subarray(this.at - length, this.at);
  }

  /** Counts and lengths: numbers beyond 2^53 can only be damage. */
  long(): number {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.take(1)[0] ?? 0;
      if (shift > 63n) throw this.corrupt('a number is too long');
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const number = Number((value >> 1n) ^ -(value & 1n));
    if (!Number.isSafeInteger(number)) throw this.corrupt('a length is out of range');
    return number;
  }

  corrupt(detail: string): TimelineError {
    return new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `Avro file ${this.path} is corrupt: ${detail}` });
  }
}
