import { intersection, type RowRanges, rowCount } from '../prune/row-ranges.js';
import { type ByteRange, planRequests, REQUEST_SHAPE, type RequestShape } from './byte-plan.js';
import type { ByteSource } from './byte-source.js';
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
  | { readonly kind: 'page'; readonly start: number; readonly end: number; readonly rows: number }
  | { readonly kind: 'padding'; readonly bytes: Uint8Array };

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
      group.chunks.map(async (chunk) => {
        const parts = await planChunk(source, chunk, group, always);
        if (parts !== undefined) plan.set(chunk, parts);
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

async function planChunk(
  source: ByteSource,
  chunk: SliceChunk,
  { rows, wanted }: PagedGroup,
  always: boolean,
): Promise<readonly ChunkPart[] | undefined> {
  const padding = paddingOf(chunk, rows);
  const { offsetIndex: index } = chunk;
  if (padding === undefined || index === undefined || index.end - index.start > MAX_INDEX_BYTES) return undefined;
  const bytes = chunk.end - chunk.start;
  const mayPay = bytes > SMALL_CHUNK_BYTES && bytes > 8 * (index.end - index.start) && rowCount(wanted) < 0.9 * rows;
  if (!mayPay && !always) return undefined;
  const pages = readPagePlaces(await source.read(index.start, index.end), { data: chunk.data, end: chunk.end, rows });
  return pages === undefined ? undefined : chunkParts(chunk, pages, wanted, padding);
}

/** Undefined: no page can be made up that is sure to be read as nothing but rows. */
function paddingOf({ leaf, dictionary, values }: SliceChunk, rows: number): Padding | undefined {
  if (leaf.maxRepetition > 0 || leaf.inVariant || values !== rows) return undefined;
  if (leaf.maxDefinition > 0) return 'null';
  return dictionary === undefined ? undefined : 'dictionary';
}

function chunkParts(chunk: SliceChunk, pages: readonly PagePlace[], wanted: RowRanges, padding: Padding): readonly ChunkPart[] | undefined {
  const parts: ChunkPart[] = chunk.start < chunk.data ? [{ kind: 'dictionary', start: chunk.start, end: chunk.data }] : [];
  const rowsWanted = intersectingPages(pages, wanted);
  let skipped = 0;
  let isPadded = false;
  const pad = (): void => {
    if (skipped === 0) return;
    parts.push({ kind: 'padding', bytes: paddingPage(padding, skipped) });
    isPadded = true;
    skipped = 0;
  };
  for (const page of pages) {
    if (!rowsWanted.has(page)) {
      skipped += page.rows;
      continue;
    }
    pad();
    parts.push({ kind: 'page', start: page.start, end: page.end, rows: page.rows });
  }
  pad();
  return isPadded ? parts : undefined;
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
