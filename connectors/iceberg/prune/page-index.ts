import type { ColumnChunk } from 'hyparquet';
import { corrupt } from '../format/corrupt.js';
import type { ByteSource } from '../read/byte-source.js';
import { binary, list, thriftStruct } from '../read/parquet-statistics.js';
import { type Evidence, mayPass } from './evidence.js';
import { boundsInOrder, type LeafColumn } from './leaf-columns.js';
import { type Condition, type ConditionColumn, columnsOf } from './predicate.js';
import type { RowGroupPlace } from './row-groups.js';
import { intersection, type RowRanges, union } from './row-ranges.js';

/** The pages of one column chunk, with what the column index says of each. */
export interface ColumnPages {
  readonly pages: readonly { readonly start: number; readonly rows: number; readonly evidence: Evidence }[];
}

const MAX_INDEX_BYTES = 16 << 20;

function hasPageIndex(chunk: ColumnChunk | undefined): boolean {
  return (
    placeOf(chunk?.column_index_offset, chunk?.column_index_length) !== undefined &&
    placeOf(chunk?.offset_index_offset, chunk?.offset_index_length) !== undefined
  );
}

/** Undefined: the chunk has no page index, or one of an unknown order. Errors: XX001 for one that is damaged. */
export async function readColumnPages(
  source: ByteSource,
  chunk: ColumnChunk | undefined,
  column: LeafColumn,
  group: RowGroupPlace,
): Promise<ColumnPages | undefined> {
  const index = placeOf(chunk?.column_index_offset, chunk?.column_index_length);
  const offsets = placeOf(chunk?.offset_index_offset, chunk?.offset_index_length);
  if (index === undefined || offsets === undefined || !column.typedOrder) return undefined;
  for (const { start, end } of [index, offsets]) {
    if (end > source.size || end - start > MAX_INDEX_BYTES)
      throw corrupt(source.name, `the page index of column "${column.name}" cannot lie there`);
  }
  const [indexBytes, offsetBytes] = await Promise.all([source.read(index.start, index.end), source.read(offsets.start, offsets.end)]);
  try {
    return parse(indexBytes, offsetBytes, column, group);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw corrupt(source.name, `the page index of column "${column.name}" cannot be read (${why})`, error);
  }
}

function parse(indexBytes: Uint8Array, offsetBytes: Uint8Array, column: LeafColumn, group: RowGroupPlace): ColumnPages {
  const index = thriftStruct(indexBytes);
  const [empty, lower, upper, nulls] = [1, 2, 3, 5].map((field) => list(index[`field_${field}`])) as [
    readonly unknown[],
    readonly unknown[],
    readonly unknown[],
    readonly unknown[],
  ];
  const starts = list(thriftStruct(offsetBytes)['field_1']).map((page) => Number((page as Readonly<Record<string, unknown>>)['field_3']));
  if ([empty, lower, upper].some(({ length }) => length !== starts.length)) throw new Error('it has not one entry a page');
  const pages = starts.map((start, page) => {
    const end = starts[page + 1] ?? group.rows;
    if (!(start >= 0 && end >= start && end <= group.rows) || (page === 0 && start !== 0)) throw new Error('its pages are not in order');
    return {
      start: group.firstRow + start,
      rows: end - start,
      evidence: pageEvidence(column, empty[page] === true, binary(lower[page]), binary(upper[page]), nulls[page]),
    };
  });
  return { pages };
}

function pageEvidence(
  column: LeafColumn,
  onlyNulls: boolean,
  lower: Uint8Array | undefined,
  upper: Uint8Array | undefined,
  nulls: unknown,
): Evidence {
  if (onlyNulls) return { lower: undefined, upper: undefined, mayHaveNull: true, mayHaveValue: false, mayHaveNaN: false };
  const counted = typeof nulls === 'bigint' || typeof nulls === 'number';
  return {
    ...boundsInOrder(column.encoding, lower, upper),
    mayHaveNull: !column.required && !(counted && Number(nulls) === 0),
    mayHaveValue: true,
    mayHaveNaN: column.floating,
  };
}

/** Rows of the group that may pass: pages of different columns do not end at the same rows. */
export function passingRows(
  condition: Condition,
  group: RowGroupPlace,
  pagesOf: (column: ConditionColumn) => ColumnPages | undefined,
): RowRanges {
  const all: RowRanges = [{ start: group.firstRow, rows: group.rows }];
  switch (condition.kind) {
    case 'any':
      return all;
    case 'never':
      return [];
    case 'and':
      return condition.args.reduce<RowRanges>((ranges, arg) => intersection(ranges, passingRows(arg, group, pagesOf)), all);
    case 'or':
      return union(condition.args.flatMap((arg) => passingRows(arg, group, pagesOf)));
    case 'test': {
      const found = pagesOf(condition.column);
      if (found === undefined) return all;
      return union(found.pages.flatMap(({ start, rows, evidence }) => (mayPass(condition.test, evidence) ? [{ start, rows }] : [])));
    }
  }
}

/** Columns whose pages could narrow the condition. */
export function indexedColumns(
  condition: Condition,
  leaves: ReadonlyMap<number, LeafColumn>,
  chunks: readonly ColumnChunk[],
): LeafColumn[] {
  return [...columnsOf(condition)].flatMap((id) => {
    const leaf = leaves.get(id);
    return leaf?.typedOrder === true && hasPageIndex(chunks[leaf.chunk]) ? [leaf] : [];
  });
}

function placeOf(offset: bigint | number | undefined, length: number | undefined): { start: number; end: number } | undefined {
  const start = Number(offset ?? 0);
  return start > 0 && length !== undefined && length > 0 ? { start, end: start + length } : undefined;
}
