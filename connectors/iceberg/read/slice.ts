import { type FileHandle, open, rm } from 'node:fs/promises';
import { TimelineError } from '../../../sql/errors.js';
import { fileError } from '../../../src/object-store/store-error.js';
import { corrupt } from '../format/corrupt.js';
import type { RowRanges } from '../prune/row-ranges.js';
import type { ByteSource } from './byte-source.js';
import { NotPaged, valuesOf } from './page-check.js';
import { type ChunkPart, PAGE_SHAPE, type PagePlan, planPages, rowsInGroup } from './page-plan.js';
import type { ParquetFooter } from './parquet-footer.js';
import { parseFooter } from './parquet-footer.js';
import { type PlacedChunk, type SliceChunk, SliceFooter } from './slice-footer.js';
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
  /** Absent: whole chunks. */
  readonly pages?: PageWish;
  /** Of the new file. */
  readonly path: string;
  readonly signal: AbortSignal;
}

/** Only pages that hold some of the rows are wanted, where that is worth its requests (`always`: wherever it can be had). */
export interface PageWish {
  /** Rows of the file, ascending and disjoint. */
  readonly rows: RowRanges;
  readonly always: boolean;
}

export interface WrittenSlice {
  readonly footer: ParquetFooter;
  readonly bytes: number;
  /** Rows outside of the wanted ones may be made up. */
  readonly padded: boolean;
}

interface Copy {
  readonly start: number;
  readonly end: number;
  readonly at: number;
  /** What it is to be, and where its values are counted. */
  readonly part?: Exclude<ChunkPart, { readonly kind: 'padding' }>;
  readonly tally?: { values: number };
}

/** What to write: bytes of the data file, or made up ones, at a place of the slice. */
type Part = ({ readonly kind: 'copy' } & Copy) | { readonly kind: 'made'; readonly bytes: Uint8Array; readonly at: number };

/**
 * Makes a local Parquet file of some columns and row groups of another one: their chunks, or wanted pages of them with padding in place of the others,
 * under a new footer. Errors: XX001 naming the file where its footer, or its page index, cannot be.
 */
export async function writeSlice(request: SliceRequest): Promise<WrittenSlice> {
  const { source, raw, columns, groups, pages } = request;
  const slice = readSliceFooter(source, raw, columns);
  const chunksOf = new Map(groups.map((group) => [group, damaged(source, () => slice.chunksOf(group))]));
  const plan = pages === undefined ? undefined : await planPages(source, pagedGroups(slice, chunksOf, pages.rows), pages);
  try {
    return await writePlan(request, slice, chunksOf, plan);
  } catch (error) {
    if (!(error instanceof NotPaged)) throw error;
    return await writePlan(request, slice, chunksOf, undefined);
  }
}

type GroupChunks = ReadonlyMap<number, readonly SliceChunk[]>;

function pagedGroups(slice: SliceFooter, chunksOf: GroupChunks, ranges: RowRanges): Parameters<typeof planPages>[1] {
  let firstRow = 0;
  return Array.from({ length: slice.groups }, (_, group) => {
    const rows = slice.rowsOf(group);
    firstRow += rows;
    const chunks = chunksOf.get(group);
    return chunks === undefined ? [] : [{ chunks, rows, wanted: rowsInGroup(ranges, firstRow - rows, rows) }];
  }).flat();
}

async function writePlan(
  request: SliceRequest,
  slice: SliceFooter,
  chunksOf: GroupChunks,
  plan: PagePlan | undefined,
): Promise<WrittenSlice> {
  const { source, path, signal } = request;
  const parts: Part[] = [{ kind: 'made', bytes: MAGIC, at: 0 }];
  let at = MAGIC.length;
  const copy = (start: number, end: number, counted?: Required<Pick<Copy, 'part' | 'tally'>>): void => {
    parts.push({ kind: 'copy', start, end, at, ...counted });
    at += end - start;
  };
  const place = (chunk: SliceChunk): (() => PlacedChunk) => {
    const start = at;
    const pages = plan?.get(chunk);
    if (pages === undefined) {
      copy(chunk.start, chunk.end);
      const whole = { start, end: at };
      return () => whole;
    }
    let data: number | undefined;
    const tally = { values: 0 };
    for (const part of pages) {
      if (part.kind !== 'dictionary') data ??= at;
      if (part.kind !== 'padding') copy(part.start, part.end, { part, tally });
      else {
        parts.push({ kind: 'made', bytes: part.bytes, at });
        at += part.bytes.length;
        tally.values += part.rows;
      }
    }
    const padded = { start, end: at, padded: true, data: data ?? at };
    return () => ({ ...padded, values: tally.values });
  };
  const places = [...chunksOf].map(([group, chunks]) => ({ group, chunks: chunks.map(place) }));
  const tailNow = (): Buffer => {
    const placed = places.map(({ group, chunks }) => ({ group, chunks: chunks.map((chunk) => chunk()) }));
    const footer = damaged(source, () => writeThrift(slice.build(placed)));
    const end = Buffer.alloc(8, 'PAR1', 'latin1');
    end.writeUInt32LE(footer.length, 0);
    return Buffer.concat([footer, end]);
  };
  // What cannot be used is known before anything is fetched.
  parseFooter(tailNow(), source.name);
  let tail: Buffer;
  try {
    // How many values lists have is known by then.
    tail = await writeParts(source, parts, { path, signal, isPaged: plan !== undefined, last: tailNow, at });
  } catch (error) {
    await rm(path, { force: true });
    throw error instanceof TimelineError || error instanceof NotPaged || signal.aborted ? error : fileError('the cache folder', error);
  }
  return { footer: parseFooter(tail, source.name), bytes: at + tail.length, padded: plan !== undefined };
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

async function writeParts(
  source: ByteSource,
  parts: readonly Part[],
  options: {
    readonly path: string;
    readonly signal: AbortSignal;
    readonly isPaged: boolean;
    /** To be written last, at `at`. */
    readonly last: () => Buffer;
    readonly at: number;
  },
): Promise<Buffer> {
  const { path, signal, isPaged, last, at } = options;
  const file = await open(path, 'wx');
  try {
    for (const part of parts) if (part.kind === 'made') await writeAt(file, part.bytes, part.at);
    for (const batch of batches(isPaged ? pageReads(parts) : chunkReads(parts))) {
      signal.throwIfAborted();
      // Asked for in one turn, so that near ones share requests.
      await Promise.all(
        batch.map(async ({ start, end, copies }) => {
          const bytes = await source.readOnce(start, end, isPaged ? { gap: 0 } : {});
          for (const copy of copies) {
            const own = bytes.subarray(copy.start - start, copy.end - start);
            if (copy.part !== undefined) {
              const values = await valuesOf(copy.part, own, source.name);
              if (copy.tally !== undefined) copy.tally.values += values;
            }
            await writeAt(file, own, copy.at);
          }
        }),
      );
    }
    const tail = last();
    await writeAt(file, tail, at);
    return tail;
  } finally {
    await file.close();
  }
}

/** Bytes that are asked for at once, with what lies in them. */
interface BytesRead {
  readonly start: number;
  end: number;
  readonly copies: Copy[];
}

/** In the file's order, long ones in pieces. */
function chunkReads(parts: readonly Part[]): BytesRead[] {
  return copiesOf(parts).flatMap(pieces);
}

function pieces(copy: Copy): BytesRead[] {
  const { start, end, at } = copy;
  if (end - start <= BATCH_BYTES) return [{ start, end, copies: [copy] }];
  return Array.from({ length: Math.ceil((end - start) / BATCH_BYTES) }, (_, index) => {
    const from = start + index * BATCH_BYTES;
    const piece = { start: from, end: Math.min(end, from + BATCH_BYTES) };
    const { part, tally } = copy;
    const counted = index > 0 || part === undefined || tally === undefined ? {} : { part, tally };
    return { ...piece, copies: [{ ...piece, at: at + index * BATCH_BYTES, ...counted }] };
  });
}

/** Near ones together. */
function pageReads(parts: readonly Part[]): BytesRead[] {
  const reads: BytesRead[] = [];
  for (const copy of copiesOf(parts)) {
    const last = reads.at(-1);
    const isNear = last !== undefined && copy.start - last.end <= PAGE_SHAPE.gap && copy.end - last.start <= PAGE_SHAPE.maxBytes;
    if (last === undefined || !isNear) reads.push(...pieces(copy));
    else {
      last.end = Math.max(last.end, copy.end);
      last.copies.push(copy);
    }
  }
  return reads;
}

function copiesOf(parts: readonly Part[]): Copy[] {
  return parts.flatMap((part) => (part.kind === 'copy' && part.end > part.start ? [part] : [])).sort((a, b) => a.start - b.start);
}

function* batches(reads: readonly BytesRead[]): Generator<BytesRead[]> {
  let batch: BytesRead[] = [];
  let bytes = 0;
  for (const read of reads) {
    if (bytes > 0 && bytes + read.end - read.start > BATCH_BYTES) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(read);
    bytes += read.end - read.start;
  }
  if (batch.length > 0) yield batch;
}

async function writeAt(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
}
