import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { internal, TimelineError, unsupported } from '../../../sql/errors.js';
import type { ColumnDescription, TableName } from '../../connector.js';
import type { TableMetadata } from '../format/metadata.js';
import type { IcebergType } from '../format/schema.js';
import { postgresType } from '../format/types.js';
import { asHandle, asSplit, type IcebergHandle, type SplitFile } from '../handle.js';
import { ManifestSource } from '../prune/manifest-source.js';
import { columnTypes, isUnpartitioned, partitionKey } from '../prune/partition-values.js';
import { quoteName, quoteText } from '../read/sql-text.js';
import { fullName, noTable } from '../table-name.js';
import { writeDataFiles } from '../write/data-files.js';
import { parquetWriterOf } from '../write/indexed-parquet.js';
import { noStep } from '../write/on-step.js';
import { hasLineage, LINEAGE_COLUMNS, withLineage, withoutLineageMetrics } from '../write/row-lineage.js';
import { discard } from '../write/snapshot-commit.js';
import { shapeOf, type TableShape, targetBytes } from '../write/table-shape.js';
import { openEngine } from '../write/writer-engine.js';
import type { WrittenFile } from '../write/written-file.js';
import { type Args, invalidArgument, type MaintainHost, NEWEST_FORMAT, type ResultRows } from './maintain-host.js';
import { replaceFiles } from './replace-files.js';

/** A file of at least this part of the wished size stays as it is. */
const LARGE_ENOUGH = 0.75;
/** Data files that one call rewrites: the next call goes on. */
const MOST_FILES = 20_000;
const ATTEMPTS = 3;
const LEAST_FILES = 2;
const NO_METER = { charge: (): void => undefined };

interface Candidate {
  readonly file: SplitFile;
  readonly place: string;
}

/**
 * Puts small data files of one partition together, and rewrites those that have deletes, in the table's sort order. Appends of others land beside
 * it; when others delete from the table meanwhile it begins again. Rows of v3 tables keep their ids and when they changed last. Errors: 40001
 * when others did so again and again, 0A000 for what we cannot write.
 */
export async function optimize(host: MaintainHost, table: TableName, args: Args, signal: AbortSignal): Promise<ResultRows> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const loaded = await host.load(table, signal);
    if (loaded === undefined) throw noTable(table);
    const { metadata } = loaded;
    const shape = wishedShape(metadata, table, args);
    const { snapshot, groups } = await groupsOf(host, table, { shape, leastFiles: leastFilesOf(args) }, signal);
    const files = groups.flat();
    const sum = (some: readonly { readonly bytes: number }[]): string => String(some.reduce((bytes, one) => bytes + one.bytes, 0));
    if (snapshot === null || files.length === 0) return [['0', '0', '0', '0', '0', snapshot]];
    const written: WrittenFile[] = [];
    let replaced: string | undefined;
    try {
      for (const group of groups) written.push(...(await rewrite(host, table, shape, group, signal)));
      await host.onStep('files written');
      replaced = await replaceFiles(host, { table, metadata, planned: snapshot, shape, removed: files, added: written, signal });
    } catch (error) {
      // Whether it was committed is not known: then they may be in use.
      if (!(error instanceof TimelineError && error.sqlstate === '08007'))
        await discard(
          host.io,
          written.map((file) => file.path),
        );
      throw error;
    }
    if (replaced !== undefined) {
      await host.onStep('files replaced');
      const rows = written.reduce((count, file) => count + file.records, 0);
      return [[String(files.length), String(written.length), sum(files.map(({ file }) => file)), sum(written), String(rows), replaced]];
    }
    await discard(
      host.io,
      written.map((file) => file.path),
    );
  }
  const message = `could not optimize ${fullName(table)}: others deleted from it meanwhile ${ATTEMPTS} times`;
  throw new TimelineError({ kind: 'connector', sqlstate: '40001', message, hint: 'Nothing was changed; try again.', retryable: true });
}

function wishedShape(metadata: TableMetadata, table: TableName, args: Args): TableShape {
  const name = fullName(table);
  if (metadata.formatVersion > NEWEST_FORMAT) throw unsupported(`optimizing table ${name} of format version ${metadata.formatVersion}`);
  const shape = shapeOf(metadata, name);
  hasLineage(shape);
  for (const field of shape.schema.fields) {
    if (!isExact(field.type, true))
      throw unsupported(`optimizing table ${name} with column "${field.name}" of a nested type with numbers that JSON lacks`);
  }
  const bytes = args['target_file_bytes'] ?? null;
  if (bytes === null) return shape;
  if (!/^[1-9]\d{0,14}$/.test(bytes)) throw invalidArgument('"target_file_bytes" must be a number of bytes greater than 0');
  return { ...shape, properties: { ...shape.properties, 'write.target-file-size-bytes': bytes } };
}

/** Nested values go through JSON on their way. */
function isExact(type: IcebergType, top: boolean): boolean {
  switch (type.kind) {
    case 'primitive':
      return top || !['float', 'double', 'binary'].includes(type.name);
    case 'decimal':
      return true;
    case 'fixed':
    case 'other':
      return top;
    case 'struct':
      return type.fields.every((field) => isExact(field.type, false));
    case 'list':
      return isExact(type.element, false);
    case 'map':
      return isExact(type.key, false) && isExact(type.value, false);
  }
}

/** What is worth rewriting, by partition. */
async function groupsOf(
  host: MaintainHost,
  table: TableName,
  { shape, leastFiles }: { readonly shape: TableShape; readonly leastFiles: number },
  signal: AbortSignal,
): Promise<{ readonly snapshot: string | null; readonly groups: readonly (readonly Candidate[])[] }> {
  const { handle } = await host.reader.pin(table, undefined, signal);
  const loaded = await host.load(table, signal);
  const pinned = asHandle(handle);
  const snapshot = loaded?.metadata.snapshots.find((one) => one.id === pinned.snapshot);
  if (loaded === undefined || snapshot === undefined) return { snapshot: null, groups: [] };
  const { metadata } = loaded;
  const types = columnTypes(metadata);
  const source = new ManifestSource({ io: host.io, cache: host.manifests, table: fullName(table), signal });
  const partitions = new Map<string, string>();
  // Files of earlier specs, too, are written by today's.
  const whole = isUnpartitioned(shape.spec);
  for (const manifest of await source.list(snapshot)) {
    const spec = metadata.specs.get(manifest.specId);
    if (manifest.content !== 'data' || spec === undefined) continue;
    for await (const file of await source.scan(manifest, { columns: new Set() }))
      partitions.set(host.io.place(file.path), whole ? '' : partitionKey(file, spec, types));
  }
  const target = targetBytes(shape);
  const groups = new Map<string, Map<string, Candidate>>();
  let count = 0;
  for (const split of (await host.reader.splits(handle, signal)).splits) {
    for (const { part: _part, ...file } of asSplit(split.data).files) {
      const place = host.io.place(file.path);
      const key = partitions.get(place);
      if (key === undefined) throw internal(`data file ${host.io.display(file.path)} is in no manifest`);
      if (file.deletes === undefined && file.bytes >= target * LARGE_ENOUGH) continue;
      const group = groups.get(key) ?? new Map<string, Candidate>();
      groups.set(key, group);
      if (group.has(place)) continue;
      if (count === MOST_FILES) continue;
      count += 1;
      group.set(place, { file, place });
    }
  }
  const worth = [...groups.values()].map((group) => [...group.values()]).filter((group) => isWorth(group, target, leastFiles));
  return { snapshot: snapshot.id, groups: worth };
}

/** How many files of a partition make it worth the work, where no deletes do. Throws 22023. */
function leastFilesOf(args: Args): number {
  const count = Number(args['min_input_files'] ?? LEAST_FILES);
  if (!Number.isInteger(count) || count < 1) throw invalidArgument('"min_input_files" must be at least 1');
  return count;
}

/** Fewer files come out, or deletes are gone. */
function isWorth(group: readonly Candidate[], target: number, leastFiles: number): boolean {
  if (group.some(({ file }) => file.deletes !== undefined)) return true;
  if (group.length < leastFiles) return false;
  const bytes = group.reduce((sum, { file }) => sum + file.bytes, 0);
  return Math.max(1, Math.ceil(bytes / target)) < group.length;
}

/** Reads the files' rows, as they are without what deletes take, into one local file, and writes them as the table's. */
async function rewrite(
  host: MaintainHost,
  table: TableName,
  shape: TableShape,
  group: readonly Candidate[],
  signal: AbortSignal,
): Promise<readonly WrittenFile[]> {
  const own = shape.schema.fields.map(
    (field): ColumnDescription => ({ name: field.name, type: postgresType(field.type), nullable: !field.required, comment: field.doc }),
  );
  const lineage = hasLineage(shape);
  const columns = lineage ? [...own, ...LINEAGE_COLUMNS] : own;
  const moved = lineage ? withLineage(shape) : shape;
  const { handle } = await host.reader.pin(table, undefined, signal);
  const rowsHandle: IcebergHandle = { ...asHandle(handle), ...(lineage ? { rows: true } : {}) };
  const readable = await host.reader.read(rowsHandle, [{ files: group.map(({ file }) => file) }], { columns, meter: NO_METER, signal });
  if (readable.kind !== 'sql') throw internal('a table of files gives no relation');
  const engine = await openEngine();
  try {
    const file = join(engine.folder, 'rows.parquet');
    const list = columns.map((column) => quoteName(column.name)).join(', ');
    const copied = await engine.connection.runAndReadAll(
      `COPY (SELECT ${list} FROM ${readable.relation} AS r) TO ${quoteText(file)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    const rows = Number(copied.getRowsJson()[0]?.[0] ?? 0);
    const name = `optimize-${randomUUID()}`;
    const { io } = host;
    const written = await writeDataFiles({
      io,
      shape: moved,
      parquet: parquetWriterOf(moved),
      files: [file],
      rows,
      name,
      meter: NO_METER,
      signal,
      onStep: noStep,
    });
    return lineage ? written.map(withoutLineageMetrics) : written;
  } finally {
    await engine.close();
    await readable.release();
  }
}
