import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { FileMetaData } from 'hyparquet';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { corrupt } from '../format/corrupt.js';

/** Page headers are short, but for statistics that some writers put into them. */
const HEADER_BYTES = 8 << 10;
const MAX_HEADER_BYTES = 1 << 20;
const PIECE_BYTES = 4 << 20;
const DATA_PAGES = new Set([0, 3]);

type Thrift = Readonly<Record<string, unknown>>;

/**
 * Walks all pages of a local Parquet file and compares the checksums of those that have one, which DuckDB does not: for delete files, where a
 * value that is wrong is a row that is wrong. Errors: XX001 naming `file` and `table`.
 */
export async function checkPages(options: {
  readonly path: string;
  readonly metadata: FileMetaData;
  readonly file: string;
  readonly table: string;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { path, metadata, file, table, signal } = options;
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    for (const group of metadata.row_groups) {
      for (const { meta_data: chunk } of group.columns) {
        signal.throwIfAborted();
        if (chunk === undefined) throw new Error('a column chunk has no metadata');
        const dictionary = Number(chunk.dictionary_page_offset ?? 0);
        const start = dictionary > 0 ? Math.min(dictionary, Number(chunk.data_page_offset)) : Number(chunk.data_page_offset);
        const end = start + Number(chunk.total_compressed_size);
        if (!(start >= 4 && end >= start && end <= size - 12)) throw new Error('a column chunk lies outside of the file');
        const values = await checkChunk(handle, start, end);
        if (values !== Number(chunk.num_values))
          throw new Error(`a column chunk has ${values} values, its footer says ${chunk.num_values}`);
      }
    }
  } catch (error) {
    if (signal.aborted) throw error;
    throw corrupt(file, `${error instanceof Error ? error.message : String(error)} (table ${table})`, error);
  } finally {
    await handle.close();
  }
}

/** The number of values in the pages of [start, end). */
async function checkChunk(handle: FileHandle, start: number, end: number): Promise<number> {
  let values = 0;
  for (let at = start; at < end; ) {
    const { header, bytes } = await pageHeader(handle, at, end);
    const length = header['field_3'];
    at += bytes;
    if (typeof length !== 'number' || length < 0 || at + length > end) throw new Error('a page is longer than its column chunk');
    const sum = header['field_4'];
    if (typeof sum === 'number' && (await checksum(handle, at, at + length)) !== sum >>> 0)
      throw new Error('the checksum of a page is wrong');
    at += length;
    if (!DATA_PAGES.has(Number(header['field_1']))) continue;
    const about = (header['field_5'] ?? header['field_8']) as Thrift | undefined;
    values += Number(about?.['field_1']);
  }
  return values;
}

async function pageHeader(handle: FileHandle, at: number, end: number): Promise<{ readonly header: Thrift; readonly bytes: number }> {
  for (let length = HEADER_BYTES; ; length *= 8) {
    const bytes = await readBytes(handle, at, Math.min(end, at + length));
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    try {
      const header = deserializeTCompactProtocol(reader);
      return { header, bytes: reader.offset };
    } catch (error) {
      if (at + length >= end || length >= MAX_HEADER_BYTES) throw error;
    }
  }
}

async function checksum(handle: FileHandle, start: number, end: number): Promise<number> {
  let sum = 0;
  for (let at = start; at < end; at += PIECE_BYTES) sum = crc32(await readBytes(handle, at, Math.min(end, at + PIECE_BYTES)), sum);
  return sum;
}

async function readBytes(handle: FileHandle, start: number, end: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(end - start);
  const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
  if (bytesRead < bytes.length) throw new Error('it is cut off');
  return bytes;
}
