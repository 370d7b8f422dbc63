import { open } from 'node:fs/promises';
import { blockDecoder } from './avro-codec.js';
import { AvroCursor } from './avro-cursor.js';
import { AvroCompiler } from './avro-decoder.js';

/** An Avro object container file on this machine, read block by block. What it gives throws plain errors for anything cut off or out of bounds. */
export interface AvroFileReader {
  /** A record's schema, as the file has it. */
  readonly schema: unknown;
  readonly compiler: AvroCompiler;
  /** Unpacked one at a time, with the number of records that each holds. */
  blocks(): AsyncIterable<{ readonly cursor: AvroCursor; readonly count: number }>;
  close(): Promise<void>;
}

const FIRST_BYTES = 64 << 10;
const MAX_HEADER_BYTES = 16 << 20;
const MAX_BLOCK_BYTES = 256 << 20;
const SYNC_BYTES = 16;
/** Two variable-length integers. */
const BLOCK_HEAD_BYTES = 20;

export async function openAvroFile(path: string): Promise<AvroFileReader> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const read = async (start: number, length: number): Promise<Uint8Array> => {
      const bytes = Buffer.alloc(Math.min(length, size - start));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      return bytes.subarray(0, bytesRead);
    };
    const header = await readHeader(read, size);
    const schema: unknown = JSON.parse(textOf(header.metadata, 'avro.schema'));
    if (typeof schema !== 'object' || schema === null || (schema as { type?: unknown }).type !== 'record')
      throw new Error('its schema is not a record');
    const unpack = await blockDecoder(textOf(header.metadata, 'avro.codec') || 'null');
    async function* blocks(): AsyncGenerator<{ readonly cursor: AvroCursor; readonly count: number }> {
      for (let at = header.bytes; at < size; ) {
        const head = new AvroCursor(await read(at, BLOCK_HEAD_BYTES));
        const count = head.int();
        const length = head.int();
        if (count < 0 || length < 0) throw new Error('a block has a negative size');
        if (length > MAX_BLOCK_BYTES) throw new Error(`a block has ${length} bytes`);
        at += head.position;
        const block = await read(at, length + SYNC_BYTES);
        if (block.length < length + SYNC_BYTES) throw new Error('it is cut off');
        if (Buffer.compare(block.subarray(length), header.sync) !== 0) throw new Error('a block does not end with its marker');
        at += block.length;
        yield { cursor: new AvroCursor(await unpack(block.subarray(0, length))), count };
      }
    }
    return { schema, compiler: new AvroCompiler(schema), blocks, close: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

interface Header {
  readonly metadata: ReadonlyMap<string, Uint8Array>;
  readonly sync: Uint8Array;
  readonly bytes: number;
}

/** The header has no length: more is read until it is whole. */
async function readHeader(read: (start: number, length: number) => Promise<Uint8Array>, size: number): Promise<Header> {
  for (let length = FIRST_BYTES; ; length *= 4) {
    const bytes = await read(0, length);
    try {
      return parseHeader(bytes);
    } catch (error) {
      if (length >= size || length >= MAX_HEADER_BYTES) throw error;
    }
  }
}

function parseHeader(bytes: Uint8Array): Header {
  const cursor = new AvroCursor(bytes);
  if (Buffer.from(cursor.take(4)).toString('latin1') !== 'Obj\x01') throw new Error('it is not an Avro file');
  const metadata = new Map<string, Uint8Array>();
  for (let count = cursor.blockCount(); count > 0; count = cursor.blockCount()) {
    for (let index = 0; index < count; index++) metadata.set(cursor.text(), cursor.bytes().slice());
  }
  const sync = cursor.take(SYNC_BYTES).slice();
  return { metadata, sync, bytes: cursor.position };
}

function textOf(metadata: ReadonlyMap<string, Uint8Array>, key: string): string {
  return new TextDecoder().decode(metadata.get(key) ?? new Uint8Array());
}
