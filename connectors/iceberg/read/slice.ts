import { type FileHandle, open, rm } from 'node:fs/promises';
import { TimelineError } from '../../../sql/errors.js';
import { fileError } from '../../../src/object-store/store-error.js';
import { corrupt } from '../format/corrupt.js';
import type { ByteSource } from './byte-source.js';
import type { ParquetFooter } from './parquet-footer.js';
import { parseFooter } from './parquet-footer.js';
import { type PlacedChunk, SliceFooter } from './slice-footer.js';
import { readThrift, writeThrift } from './thrift-tree.js';

/** Bytes of a slice that are in memory at once. */
const BATCH_BYTES = 32 << 20;
const MAGIC = Buffer.from('PAR1');

export interface SliceRequest {
  readonly source: ByteSource;
  /** The file's footer as it lies in it. */
  readonly raw: Uint8Array;
  /** Top-level columns by name; at least one. */
  readonly columns: ReadonlySet<string>;
  /** Positions of row groups, ascending. */
  readonly groups: readonly number[];
  /** Of the new file. */
  readonly path: string;
  readonly signal: AbortSignal;
}

/** What to write: bytes of the data file, or made up ones, at a place of the slice. */
type Part =
  | { readonly kind: 'copy'; readonly start: number; readonly end: number; readonly at: number }
  | { readonly kind: 'made'; readonly bytes: Uint8Array; readonly at: number };

/**
 * Makes a local Parquet file of some columns and row groups of another one: their chunks as they are, under a new footer.
 * Errors: XX001 naming the file where its footer cannot be.
 */
export async function writeSlice(request: SliceRequest): Promise<{ readonly footer: ParquetFooter; readonly bytes: number }> {
  const { source, raw, columns, groups, path, signal } = request;
  const slice = readSliceFooter(source, raw, columns);
  const parts: Part[] = [{ kind: 'made', bytes: MAGIC, at: 0 }];
  let at = MAGIC.length;
  const placed = groups.map((group) => {
    const chunks = damaged(source, () => slice.chunksOf(group)).map((chunk): PlacedChunk => {
      parts.push({ kind: 'copy', start: chunk.start, end: chunk.end, at });
      const start = at;
      at += chunk.end - chunk.start;
      return { start, end: at };
    });
    return { group, chunks };
  });
  const footer = damaged(source, () => writeThrift(slice.build(placed)));
  const end = Buffer.alloc(8, 'PAR1', 'latin1');
  end.writeUInt32LE(footer.length, 0);
  const tail = Buffer.concat([footer, end]);
  parts.push({ kind: 'made', bytes: tail, at });
  const parsed = parseFooter(tail, source.name);
  try {
    await writeParts(source, parts, path, signal);
  } catch (error) {
    await rm(path, { force: true });
    throw error instanceof TimelineError || signal.aborted ? error : fileError('the cache folder', error);
  }
  return { footer: parsed, bytes: at + tail.length };
}

function readSliceFooter(source: ByteSource, raw: Uint8Array, columns: ReadonlySet<string>): SliceFooter {
  return damaged(source, () => new SliceFooter(readThrift(raw).struct, columns, source.size - raw.length - 8));
}

function damaged<T>(source: ByteSource, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TimelineError) throw error;
    throw corrupt(source.name, `its footer cannot be used (${error instanceof Error ? error.message : String(error)})`, error);
  }
}

async function writeParts(source: ByteSource, parts: readonly Part[], path: string, signal: AbortSignal): Promise<void> {
  const file = await open(path, 'wx');
  try {
    for (const part of parts) if (part.kind === 'made') await writeAt(file, part.bytes, part.at);
    for (const batch of batches(parts)) {
      signal.throwIfAborted();
      // Asked for in one turn, so that near ones share requests.
      await Promise.all(
        batch.map(async ({ start, end, at }) => {
          await writeAt(file, await source.readOnce(start, end), at);
        }),
      );
    }
  } finally {
    await file.close();
  }
}

/** Copies in the file's order, long ones in pieces. */
function* batches(parts: readonly Part[]): Generator<{ readonly start: number; readonly end: number; readonly at: number }[]> {
  const copies = parts
    .flatMap((part) => (part.kind === 'copy' ? [part] : []))
    .sort((a, b) => a.start - b.start)
    .flatMap(({ start, end, at }) =>
      Array.from({ length: Math.ceil((end - start) / BATCH_BYTES) }, (_, index) => {
        const from = start + index * BATCH_BYTES;
        return { start: from, end: Math.min(end, from + BATCH_BYTES), at: at + index * BATCH_BYTES };
      }),
    );
  let batch: typeof copies = [];
  let bytes = 0;
  for (const copy of copies) {
    if (bytes > 0 && bytes + copy.end - copy.start > BATCH_BYTES) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(copy);
    bytes += copy.end - copy.start;
  }
  if (batch.length > 0) yield batch;
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
}
