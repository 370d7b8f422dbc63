import { open, stat } from 'node:fs/promises';
import type { PruningStep, Skipping } from '../../connector.js';
import type { SplitFile } from '../handle.js';
import type { Condition } from '../prune/predicate.js';
import { groupsWith, type RowGroupPlace, rowGroups, rowsOfGroups } from '../prune/row-groups.js';
import { rowCount } from '../prune/row-ranges.js';
import { selectRows } from '../prune/row-selection.js';
import type { ByteSource } from './byte-source.js';
import type { RowRun } from './opened-file.js';
import type { ParquetFooter } from './parquet-footer.js';

/** A scan of one file by itself, for its row numbers, costs more than this many bytes that it need not read. */
const PAYS_FROM_BYTES = 1 << 20;

export interface LocalSelection {
  /** Positions of the row groups that are read. */
  readonly groups: readonly number[];
  /** Rows wanted; absent: all. Empty: the file holds none. */
  readonly ranges?: readonly RowRun[];
}

/**
 * What of a file on this machine is read. DuckDB leaves out row groups by statistics and bloom filters itself, so that rows are picked only for
 * parts of files, for files that are out altogether, and where it pays.
 */
export async function selectLocal(request: {
  readonly path: string;
  readonly name: string;
  readonly footer: ParquetFooter;
  readonly file: SplitFile;
  readonly condition: Condition;
  readonly skipping: Skipping;
  readonly chunkBytes: (groups: readonly { readonly index: number }[]) => number;
  readonly charge: (bytes: number) => void;
  readonly report: (step: PruningStep) => void;
}): Promise<LocalSelection> {
  const { footer, file, condition, skipping, chunkBytes } = request;
  const { part, only } = file;
  const inPart = rowGroups(footer, file);
  const runs = rowsOfGroups(inPart, only);
  const places = only === undefined ? inPart : groupsWith(inPart, runs);
  const isAll = part === undefined && only === undefined;
  const whole: LocalSelection = { groups: places.map(({ index }) => index), ...(isAll ? {} : { ranges: runs }) };
  // Without a condition it only counts what `only` leaves.
  if (condition.kind === 'any' && only === undefined) return whole;
  const selection = await withLocalSource(request, (source) =>
    selectRows({
      footer,
      source,
      condition,
      part,
      only,
      pageIndex: skipping.pageIndex !== 'off',
      bloomFilters: skipping.bloomFilters === 'on',
    }),
  );
  for (const step of selection.steps) request.report(step);
  if (selection.groups.length === 0) return { groups: [], ranges: [] };
  if (only !== undefined) return { groups: selection.groups, ranges: selection.ranges ?? runs };
  const kept = places.filter(({ index }) => selection.groups.includes(index));
  const ranges = selection.ranges ?? kept.map(({ firstRow, rows }) => ({ start: firstRow, rows }));
  const rows = rowCount(runs);
  const saved = rows === 0 ? 0 : chunkBytes(places) * (1 - rowCount(ranges) / rows);
  if (saved === 0 || (saved < PAYS_FROM_BYTES && skipping.pageIndex !== 'on')) return whole;
  return { groups: selection.groups, ranges };
}

/** What of a remote file is fetched: row groups, each step's own bytes being worth less than a chunk. */
export async function selectRemote(request: {
  readonly source: ByteSource;
  readonly footer: ParquetFooter;
  readonly file: SplitFile;
  readonly condition: Condition;
  readonly skipping: Skipping;
  readonly report: (step: PruningStep) => void;
}): Promise<{ readonly groups: readonly RowGroupPlace[]; readonly ranges?: readonly RowRun[] }> {
  const { source, footer, file, condition, skipping } = request;
  const { part, only } = file;
  const places = rowGroups(footer, file).filter(({ rows }) => rows > 0);
  if (condition.kind === 'any' && only === undefined) return { groups: places };
  const { groups, ranges, steps } = await selectRows({
    footer,
    source,
    condition,
    part,
    only,
    pageIndex: skipping.pageIndex !== 'off',
    bloomFilters: skipping.bloomFilters !== 'off',
  });
  for (const step of steps) request.report(step);
  return { groups: places.filter(({ index }) => groups.includes(index)), ...(ranges === undefined ? {} : { ranges }) };
}

async function withLocalSource<T>(
  request: { readonly path: string; readonly name: string; readonly file: SplitFile; readonly charge: (bytes: number) => void },
  work: (source: ByteSource) => Promise<T>,
): Promise<T> {
  const { path, name, charge } = request;
  let handle: ReturnType<typeof open> | undefined;
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    charge(end - start);
    handle ??= open(path, 'r');
    const bytes = new Uint8Array(end - start);
    const { bytesRead } = await (await handle).read(bytes, 0, bytes.length, start);
    return bytes.subarray(0, bytesRead);
  };
  try {
    // Rows of Avro files lie in a Parquet file made of them, of another size.
    const size = request.file.format === 'avro' ? (await stat(path)).size : request.file.bytes;
    return await work({ name, size, etag: '', read, readOnce: read });
  } finally {
    await (await handle)?.close();
  }
}
