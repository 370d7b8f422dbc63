import { rm } from 'node:fs/promises';
import type { Meter, PruningStep, Skipping } from '../../connector.js';
import { corrupt, unsupportedFeature } from '../format/corrupt.js';
import type { TableMetadata } from '../format/metadata.js';
import type { NameMapping } from '../format/name-mapping.js';
import type { SplitFile } from '../handle.js';
import type { Lru } from '../lru.js';
import type { Condition } from '../prune/predicate.js';
import { DeleteOpener } from './deletes/open-deletes.js';
import type { FileIo } from './file-io.js';
import { hasFieldIds } from './file-layout.js';
import { mappedFooter } from './mapped-footer.js';
import { LAST_UPDATED_FIELD, ROW_ID_FIELD } from './metadata-columns.js';
import type { OpenedFile } from './opened-file.js';
import { type ParquetFooter, type ParquetNode, readFooter, readSourceFooter } from './parquet-footer.js';
import { refuseUnreadableChunks } from './readable-chunks.js';
import type { BoundColumn } from './relation.js';
import { selectLocal, selectRemote } from './selected-rows.js';
import { writeSlice } from './slice.js';
import { openWhole } from './whole-file.js';

const PARALLEL_OPENS = 4;
/** Files of which an index wants some rows take little memory, and time mostly for requests. */
const PARALLEL_NEEDLES = 16;
/** Of a footer: those of very wide tables are not kept. */
const MAX_KEPT_BYTES = 64 << 10;

/** Footers of files as they were (location and etag), with what reading them charged. */
export type FooterCache = Lru<{ readonly footer: ParquetFooter; readonly charged: number }>;

export interface OpenRequest {
  readonly io: FileIo;
  readonly files: readonly SplitFile[];
  readonly columns: readonly BoundColumn[];
  readonly table: string;
  readonly metadata: TableMetadata;
  readonly footers: FooterCache;
  /** Rows that do not pass it need not be given; files without any that may are left out. */
  readonly condition: Condition;
  readonly skipping: Skipping;
  readonly report: (step: PruningStep) => void;
  /** Of the table, for files without field ids. */
  readonly nameMapping?: NameMapping | undefined;
  readonly meter: Meter;
  readonly signal: AbortSignal;
}

interface Opening extends OpenRequest {
  readonly releases: (() => Promise<void>)[];
  readonly deleteOpener: DeleteOpener;
}

/**
 * Makes data files readable on this machine and checks their footers. What lies here already is charged by what DuckDB will read of it
 * (footer and the wanted columns' chunks); what must be fetched, by what is fetched.
 */
export async function openFiles(request: OpenRequest): Promise<{ files: OpenedFile[]; release: () => Promise<void> }> {
  const opened: (OpenedFile | undefined)[] = [];
  const releases: (() => Promise<void>)[] = [];
  const release = async (): Promise<void> => {
    await Promise.all(releases.splice(0).map((one) => one()));
  };
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const work = request.files.entries();
  const deleteOpener = new DeleteOpener({ ...request, signal, releases });
  const opener = async (): Promise<void> => {
    for (const [index, file] of work) {
      signal.throwIfAborted();
      opened[index] = await openOne({ ...request, signal, releases, deleteOpener }, file);
    }
  };
  const few = request.files.every(({ only }) => only !== undefined);
  const openers = Array.from({ length: few ? PARALLEL_NEEDLES : PARALLEL_OPENS }, opener);
  try {
    await Promise.all(openers);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(openers);
    await release();
    throw error;
  }
  return { files: opened.filter((file) => file !== undefined), release };
}

/** A data file's footer before its rows are read. Undefined: it has none, or can be had with the whole file only. */
export async function fileFooter(
  request: Pick<OpenRequest, 'io' | 'table' | 'footers' | 'nameMapping' | 'meter' | 'signal'>,
  file: SplitFile,
): Promise<ParquetFooter | undefined> {
  const { io, meter, signal } = request;
  if (file.format === 'avro') return undefined;
  if (io.isLocal(file.path)) {
    const releases: (() => Promise<void>)[] = [];
    try {
      const { footer } = await openParquet({ ...request, releases }, file);
      return checkedFooter({ ...request, columns: [] }, file, footer);
    } finally {
      for (const release of releases) await release();
    }
  }
  if (!io.slices) return undefined;
  const { footer } = await readSourceFooter(await io.source(file.path, { meter, signal, size: file.bytes }));
  return checkedFooter({ ...request, columns: [] }, file, footer);
}

async function openOne(request: Opening, file: SplitFile): Promise<OpenedFile | undefined> {
  const { io } = request;
  const name = io.display(file.path);
  if (file.format !== 'avro' && io.slices && !io.isLocal(file.path)) return openSlice(request, file);
  const { path, footer, charge } = file.format === 'avro' ? await openAvro(request, file) : await openParquet(request, file);
  const mapped = checkedFooter(request, file, footer);
  const { groups, ranges } = await selectLocal({
    ...request,
    path,
    name,
    footer: mapped,
    file,
    chunkBytes: (some) => chunkBytes(request.columns, mapped, some),
    charge,
  });
  if (ranges?.length === 0) return undefined;
  charge(
    chunkBytes(
      request.columns,
      mapped,
      groups.map((index) => ({ index })),
    ),
  );
  return {
    ...(await inherited(request, file)),
    path,
    footer: mapped,
    ...(file.format === 'avro' ? { made: true } : {}),
    ...(ranges === undefined ? {} : { ranges }),
  };
}

/** What of a remote file is wanted, as a local one. */
async function openSlice(request: Opening, file: SplitFile): Promise<OpenedFile | undefined> {
  const { io, meter, signal, releases } = request;
  const source = await io.source(file.path, { meter, signal, size: file.bytes });
  const { footer, raw } = await readSourceFooter(source);
  const mapped = checkedFooter(request, file, footer);
  const { groups, ranges } = await selectRemote({ ...request, source, footer: mapped, file });
  if (groups.length === 0) return undefined;
  const path = await io.scratchFile('parquet');
  releases.push(() => rm(path, { force: true }));
  const columns = sliceColumns(request.columns, mapped, file);
  const { pageIndex } = request.skipping;
  const slice = await writeSlice({
    source,
    raw,
    columns,
    groups: groups.map(({ index }) => index),
    ...(ranges === undefined || pageIndex === 'off' ? {} : { pages: { rows: ranges, always: pageIndex === 'on' } }),
    path,
    signal,
  });
  const isWhole = groups.length === footer.metadata.row_groups.length;
  const runs = groups.map(({ firstRow, rows }) => ({ start: firstRow, rows }));
  return {
    ...(await inherited(request, file)),
    path,
    footer: mappedFooter(slice.footer, request.nameMapping),
    ...(isWhole ? {} : { runs }),
    // Pages alone are not worth a scan of the file by itself, unless the slice has no others.
    ...(ranges === undefined || !(slice.padded || file.only !== undefined) ? {} : { ranges }),
  };
}

/** The footer with field ids. */
function checkedFooter(
  request: Pick<OpenRequest, 'io' | 'table' | 'nameMapping' | 'columns'>,
  file: SplitFile,
  footer: ParquetFooter,
): ParquetFooter {
  const name = request.io.display(file.path);
  if (footer.rows !== file.rows) throw corrupt(name, `it has ${footer.rows} rows, its manifest says ${file.rows}`);
  const mapped = mappedFooter(footer, request.nameMapping);
  if (!hasFieldIds(mapped)) {
    throw unsupportedFeature(`reading data files without field ids and without a name mapping (file "${name}")`, request.table);
  }
  refuseUnreadableChunks(request.columns, mapped, name);
  return mapped;
}

/** What the manifest says of all rows of a file. */
async function inherited(request: Opening, file: SplitFile): Promise<Omit<OpenedFile, 'path' | 'footer' | 'made' | 'runs' | 'ranges'>> {
  const { constants, firstRowId, sequence } = file;
  const deletes = await request.deleteOpener.open(file);
  return {
    location: file.path,
    ...(constants === undefined ? {} : { constants }),
    ...(firstRowId === undefined ? {} : { firstRowId }),
    ...(sequence === undefined ? {} : { sequence }),
    ...(deletes === undefined ? {} : { deletes }),
  };
}

interface Local {
  readonly path: string;
  readonly footer: ParquetFooter;
  /** Of bytes that DuckDB will read. */
  readonly charge: (bytes: number) => void;
}

async function openParquet(request: Pick<Opening, 'io' | 'meter' | 'signal' | 'releases' | 'footers'>, file: SplitFile): Promise<Local> {
  const { io, meter, signal, releases } = request;
  const local = await io.localFile(file.path, { size: file.bytes, meter, signal });
  releases.push(local.release);
  const charge = local.inPlace ? (bytes: number) => meter.charge(bytes, 1) : () => undefined;
  const footer = await footerOf(request, `${file.path}\n${local.etag}`, { path: local.path, file: io.display(file.path), charge });
  return { path: local.path, footer, charge };
}

async function openAvro(request: Opening, file: SplitFile): Promise<Local> {
  return { ...(await openWhole(request, file)), charge: () => undefined };
}

/** A known footer is charged as it was at first: DuckDB reads it all the same. */
async function footerOf(
  request: Pick<OpenRequest, 'footers'>,
  key: string,
  file: Parameters<typeof readFooter>[0],
): Promise<ParquetFooter> {
  const known = request.footers.get(key);
  if (known !== undefined) {
    file.charge(known.charged);
    return known.footer;
  }
  let charged = 0;
  const charge = (bytes: number): void => {
    charged += bytes;
    file.charge(bytes);
  };
  const footer = await readFooter({ ...file, charge });
  if (footer.bytes <= MAX_KEPT_BYTES) request.footers.set(key, { footer, charged });
  return footer;
}

/** Names of the top-level columns that may be asked for: by their ids, or having none. Of no wanted columns the cheapest one, for its rows. */
function sliceColumns(columns: readonly BoundColumn[], footer: ParquetFooter, file: SplitFile): ReadonlySet<string> {
  const deleted = (file.deletes ?? []).flatMap((one) => (one.kind === 'equality' ? one.columns : []));
  const ids = new Set<number>([...deleted, ...columns.flatMap((column) => (column.kind === 'field' ? [column.field.id] : []))]);
  // A file that rows have been moved to keeps their lineage in columns of its own.
  if (columns.some((column) => column.kind === 'metadata')) for (const id of [ROW_ID_FIELD, LAST_UPDATED_FIELD]) ids.add(id);
  const holds = (node: ParquetNode): boolean => node.fieldId === undefined || ids.has(node.fieldId) || node.children.some(hasAny);
  const hasAny = (node: ParquetNode): boolean => (node.fieldId !== undefined && ids.has(node.fieldId)) || node.children.some(hasAny);
  const names = footer.columns.filter(holds).map(({ name }) => name);
  if (names.length > 0) return new Set(names);
  const bytes = ({ name }: ParquetNode): number => footer.columnBytes.get(name) ?? 0;
  const cheapest = footer.columns.reduce<ParquetNode | undefined>(
    (best, one) => (best === undefined || bytes(one) < bytes(best) ? one : best),
    undefined,
  );
  return new Set(cheapest === undefined ? [] : [cheapest.name]);
}

/** Of the wanted columns' chunks in the row groups. */
function chunkBytes(columns: readonly BoundColumn[], footer: ParquetFooter, groups: readonly { readonly index: number }[]): number {
  const ids = new Set(columns.flatMap((column) => (column.kind === 'field' ? [column.field.id] : [])));
  const names = new Set(footer.columns.filter((column) => column.fieldId !== undefined && ids.has(column.fieldId)).map(({ name }) => name));
  let bytes = 0;
  for (const { index } of groups) {
    for (const { meta_data: chunk } of footer.metadata.row_groups[index]?.columns ?? []) {
      if (chunk !== undefined && names.has(chunk.path_in_schema[0] ?? '')) bytes += Number(chunk.total_compressed_size);
    }
  }
  return bytes;
}
