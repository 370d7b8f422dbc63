import { intOf, readThrift, structsOf } from './thrift-tree.js';

/** A data page by its place in the file, header included, and its rows, which count from the row group's first. */
export interface PagePlace {
  readonly start: number;
  readonly end: number;
  readonly firstRow: number;
  readonly rows: number;
}

const LOCATION = { offset: 1, bytes: 2, firstRow: 3 } as const;

/**
 * The data pages of a column chunk by its offset index. Undefined where they do not follow each other without a gap from `chunk`'s first data page to
 * its end, or have not all its rows between them: such an index tells nothing.
 */
export function readPagePlaces(
  bytes: Uint8Array,
  chunk: { readonly data: number; readonly end: number; readonly rows: number },
): readonly PagePlace[] | undefined {
  const places: PagePlace[] = [];
  try {
    const locations = structsOf(readThrift(bytes).struct, 1);
    let at = chunk.data;
    for (const [page, location] of locations.entries()) {
      const start = intOf(location, LOCATION.offset);
      const length = intOf(location, LOCATION.bytes);
      const firstRow = intOf(location, LOCATION.firstRow);
      const next = locations[page + 1];
      const nextRow = next === undefined ? chunk.rows : intOf(next, LOCATION.firstRow);
      if (start !== at || length === undefined || length <= 0 || firstRow === undefined || nextRow === undefined) return undefined;
      if (nextRow <= firstRow || (page === 0 && firstRow !== 0)) return undefined;
      at = start + length;
      places.push({ start, end: at, firstRow, rows: nextRow - firstRow });
    }
    return at === chunk.end && places.length > 0 ? places : undefined;
  } catch {
    return undefined;
  }
}
