import { intersection, type RowRanges, rowCount, union } from '../prune/row-ranges.js';
import { type ByteRange, planRequests, REQUEST_SHAPE, type RequestShape } from './byte-plan.js';
import type { ByteSource } from './byte-source.js';
import { isUnpacked } from './list-rows.js';
import { type Padding, paddingPage } from './padding-page.js';
import { type PagePlace, readPagePlaces } from './page-places.js';
import { SMALL_FILE_BYTES } from './remote-file.js';
import type { SliceChunk } from './slice-footer.js';

/** What one of many requests under way at once costs, in bytes. */
const REQUEST_BYTES = 32 << 10;
/** Of requests for pages. */
export const PAGE_SHAPE: RequestShape = { gap: REQUEST_BYTES, maxBytes: REQUEST_SHAPE.maxBytes };
/** A scan of one file by itself, for its row numbers, costs as much as so many bytes. */
const SCAN_BYTES = 64 << 10;
/** Chunks up to this size are taken whole. */
const SMALL_CHUNK_BYTES = 8 << 10;
const MAX_INDEX_BYTES = 16 << 20;

/** A row group of which some rows are wanted. */
export interface PagedGroup {
  readonly chunks: readonly SliceChunk[];
  readonly rows: number;
  /** Ascending and disjoint, counted from the group's first row. */
  readonly wanted: RowRanges;
}

/** What stands in the slice for a column chunk, in order. */
export type ChunkPart =
  | { readonly kind: 'dictionary'; readonly start: number; readonly end: number }
  | {
      readonly kind: 'page';
      readonly start: number;
      readonly end: number;
      readonly rows: number;
      readonly column: { readonly maxRepetition: number; readonly codec: number };
    }
  | { readonly kind: 'padding'; readonly bytes: Uint8Array; readonly rows: number };

export type PagePlan = ReadonlyMap<SliceChunk, readonly ChunkPart[]>;

/**
 * Of each chunk the dictionary and the pages that hold wanted rows, with padding of as many rows between them; chunks that are not in the plan are
 * taken whole. Undefined: that is not worth it (`always`: do it wherever it can be done).
 */
export async function planPages(
  source: ByteSource,
  groups: readonly PagedGroup[],
  { always }: { readonly always: boolean },
): Promise<PagePlan | undefined> {
  if (!always && source.size <= SMALL_FILE_BYTES) return undefined;
  const plan = new Map<SliceChunk, readonly ChunkPart[]>();
  await Promise.all(
    groups.flatMap((group) =>
      together(group.chunks).map(async (chunks) => {
        for (const [chunk, parts] of await planChunks(source, chunks, group, always)) plan.set(chunk, parts);
      }),
    ),
  );
  if (plan.size === 0) return undefined;
  const chunks = groups.flatMap((group) => group.chunks);
  const whole = cost(chunks, REQUEST_SHAPE);
  const paged = cost(
    chunks.flatMap((chunk) => copies(plan.get(chunk)) ?? [chunk]),
    PAGE_SHAPE,
  );
  return always || paged + SCAN_BYTES < whole ? plan : undefined;
}

/** Chunks by themselves; but those of one column with lists in it must have the same rows made up. */
function together(chunks: readonly SliceChunk[]): readonly (readonly SliceChunk[])[] {
  const columns = new Map<number, SliceChunk[]>();
  for (const chunk of chunks) columns.set(chunk.leaf.column, [...(columns.get(chunk.leaf.column) ?? []), chunk]);
  return [...columns.values()].flatMap((own) => (own.some(({ leaf }) => leaf.maxRepetition > 0) ? [own] : own.map((chunk) => [chunk])));
}

interface PagedChunk {
  readonly chunk: SliceChunk;
  readonly pages: readonly PagePlace[];
  readonly padding: Padding;
}

/** Of none, or of all. */
async function planChunks(
  source: ByteSource,
  chunks: readonly SliceChunk[],
  { rows, wanted }: PagedGroup,
  always: boolean,
): Promise<readonly (readonly [SliceChunk, readonly ChunkPart[]])[]> {
  const bytes = chunks.reduce((sum, { start, end }) => sum + end - start, 0);
  const indexBytes = chunks.reduce((sum, { offsetIndex: index }) => sum + (index === undefined ? 0 : index.end - index.start), 0);
  const mayPay = bytes > SMALL_CHUNK_BYTES && bytes > 8 * indexBytes && rowCount(wanted) < 0.9 * rows;
  if (indexBytes > MAX_INDEX_BYTES || !(mayPay || always) || chunks.some((chunk) => paddingOf(chunk, rows) === undefined)) return [];
  const found = await Promise.all(
    chunks.map(async (chunk): Promise<PagedChunk[]> => {
      const [padding, index] = [paddingOf(chunk, rows), chunk.offsetIndex];
      if (padding === undefined || index === undefined) return [];
      const pages = readPagePlaces(await source.read(index.start, index.end), { data: chunk.data, end: chunk.end, rows });
      return pages === undefined ? [] : [{ chunk, pages, padding }];
    }),
  );
  const paged = found.flat();
  if (paged.length < chunks.length) return [];
  const real = chunks.length === 1 ? wanted : wholePages(paged, wanted);
  if (rowCount(real) === rows) return [];
  return paged.flatMap((one): (readonly [SliceChunk, readonly ChunkPart[]])[] => {
    const parts = chunkParts(one, real);
    return parts.some(({ kind }) => kind === 'padding') ? [[one.chunk, parts]] : [];
  });
}

/** The least rows that are whole pages in every one of the chunks. */
function wholePages(chunks: readonly PagedChunk[], wanted: RowRanges): RowRanges {
  for (let rows = wanted; ; ) {
    let more = rows;
    for (const { pages } of chunks)
      more = union([...intersectingPages(pages, more)].map((page) => ({ start: page.firstRow, rows: page.rows })));
    if (rowCount(more) === rowCount(rows)) return rows;
    rows = more;
  }
}

/** Undefined: no page can be made up that is sure to be read as nothing but rows. */
function paddingOf({ leaf, dictionary, values, codec }: SliceChunk, rows: number): Padding | undefined {
  if (leaf.inVariant || (leaf.maxRepetition > 0 ? !isUnpacked(codec) || values < rows : values !== rows)) return undefined;
  if (leaf.maxDefinition > 0) return 'null';
  return dictionary === undefined ? undefined : 'dictionary';
}

function chunkParts({ chunk, pages, padding }: PagedChunk, wanted: RowRanges): readonly ChunkPart[] {
  const column = { maxRepetition: chunk.leaf.maxRepetition, codec: chunk.codec };
  const parts: ChunkPart[] = chunk.start < chunk.data ? [{ kind: 'dictionary', start: chunk.start, end: chunk.data }] : [];
  const rowsWanted = intersectingPages(pages, wanted);
  let skipped = 0;
  const pad = (): void => {
    if (skipped === 0) return;
    parts.push({ kind: 'padding', bytes: paddingPage({ padding, ...column }, skipped), rows: skipped });
    skipped = 0;
  };
  for (const page of pages) {
    if (!rowsWanted.has(page)) {
      skipped += page.rows;
      continue;
    }
    pad();
    parts.push({ kind: 'page', start: page.start, end: page.end, rows: page.rows, column });
  }
  pad();
  return parts;
}

function intersectingPages(pages: readonly PagePlace[], wanted: RowRanges): ReadonlySet<PagePlace> {
  const found = new Set<PagePlace>();
  let next = 0;
  for (const page of pages) {
    while (next < wanted.length && endOf(wanted[next]) <= page.firstRow) next++;
    const run = wanted[next];
    if (run !== undefined && run.start < page.firstRow + page.rows) found.add(page);
  }
  return found;
}

function endOf(run: RowRanges[number] | undefined): number {
  return run === undefined ? 0 : run.start + run.rows;
}

function copies(parts: readonly ChunkPart[] | undefined): readonly ByteRange[] | undefined {
  return parts?.flatMap((part) => (part.kind === 'padding' ? [] : [part]));
}

function cost(ranges: readonly ByteRange[], shape: RequestShape): number {
  return planRequests(ranges, shape).reduce((sum, { start, end }) => sum + end - start + REQUEST_BYTES, 0);
}

/** Of rows of the file, those of a row group that begins at `firstRow`, counted from there. */
export function rowsInGroup(ranges: RowRanges, firstRow: number, rows: number): RowRanges {
  return intersection(ranges, [{ start: firstRow, rows }]).map((run) => ({ start: run.start - firstRow, rows: run.rows }));
}
