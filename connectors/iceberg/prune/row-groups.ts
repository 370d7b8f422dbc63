import type { RowRuns } from '../../connector.js';
import type { ParquetFooter } from '../read/parquet-footer.js';
import { intersection, type RowRanges } from './row-ranges.js';

/** A row group by its place in the footer. */
export interface RowGroupPlace {
  readonly index: number;
  /** Number of its first row in the file. */
  readonly firstRow: number;
  readonly rows: number;
  /** Where its first chunk does, held to be within the file. */
  readonly begins: number;
  /** Compressed. */
  readonly bytes: number;
}

/** The row groups of a file, or those that begin in [from, to): where their first column chunk does, held to be within the file's bytes. */
export function rowGroups(
  footer: ParquetFooter,
  file: { readonly bytes: number; readonly part?: readonly [number, number] },
): RowGroupPlace[] {
  const { part, bytes } = file;
  const places: RowGroupPlace[] = [];
  let firstRow = 0;
  for (const [index, group] of footer.metadata.row_groups.entries()) {
    const rows = Number(group.num_rows);
    const first = group.columns[0]?.meta_data;
    const offsets = [first?.dictionary_page_offset, first?.data_page_offset].map(Number).filter((offset) => offset > 0);
    const begins = Math.min(bytes - 1, offsets.length === 0 ? 0 : Math.min(...offsets));
    if (part === undefined || (begins >= part[0] && begins < part[1])) {
      const size = group.columns.reduce((sum, chunk) => sum + Number(chunk.meta_data?.total_compressed_size ?? 0), 0);
      places.push({ index, firstRow, rows, begins, bytes: size });
    }
    firstRow += rows;
  }
  return places;
}

/** The rows of the groups, those in `only` alone where it is given. */
export function rowsOfGroups(groups: readonly RowGroupPlace[], only: RowRuns | undefined): RowRanges {
  const all = groups.map(({ firstRow, rows }) => ({ start: firstRow, rows }));
  return only === undefined
    ? all
    : intersection(
        all,
        only.map(([start, rows]) => ({ start, rows })),
      );
}

/** Groups that hold some of the rows (ascending, disjoint). */
export function groupsWith(groups: readonly RowGroupPlace[], rows: RowRanges): RowGroupPlace[] {
  let next = 0;
  return groups.filter((group) => {
    for (; next < rows.length; next++) {
      const run = rows[next];
      if (run !== undefined && run.start + run.rows > group.firstRow) break;
    }
    const run = rows[next];
    return run !== undefined && run.start < group.firstRow + group.rows;
  });
}
