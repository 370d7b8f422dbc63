import type { PruningStep, SplitPlan, SplitWish } from '../../connector.js';
import { corrupt, unsupportedFeature } from '../format/corrupt.js';
import type { ManifestFileEntry, ManifestListEntry } from '../format/manifest.js';
import type { Snapshot, TableMetadata } from '../format/metadata.js';
import type { Schema } from '../format/schema.js';
import type { IcebergHandle } from '../handle.js';
import { conditionOfHandle } from '../pushdown.js';
import type { FileIo } from '../read/file-io.js';
import { DeleteIndex } from './delete-index.js';
import { type ManifestCache, ManifestSource } from './manifest-source.js';
import { columnTypes } from './partition-values.js';
import { type Condition, columnsOf } from './predicate.js';
import { manifestMayMatch, partitionMayMatch, statisticsMayMatch } from './prune.js';
import { boundsOf, columnIds } from './split-bounds.js';
import { splitFile, sureRows } from './split-file.js';
import { type PlannedFile, splitsOf } from './splits.js';

export const SPLIT_BYTES = 64 << 20;

export interface PlanRequest {
  readonly io: FileIo;
  readonly cache: ManifestCache;
  readonly handle: IcebergHandle;
  readonly metadata: TableMetadata;
  readonly schema: Schema;
  readonly snapshot: Snapshot | undefined;
  readonly signal: AbortSignal;
  /** Without bytes: SPLIT_BYTES. */
  readonly wish: SplitWish;
}

interface Counted {
  files: number;
  bytes: number;
}

interface Survivors {
  readonly files: readonly PlannedFile[];
  readonly listed: Counted;
  readonly inPartition: Counted;
}

/**
 * The data files that the handle's filters leave, in splits, and what each step of pruning left out. Manifests are left out by the manifest
 * list, files by their partition before the rest of their entries is decoded: memory and time go with what is left, not with the table.
 */
export async function planFiles(request: PlanRequest): Promise<SplitPlan> {
  const { handle, schema, snapshot, io, cache, signal } = request;
  if (snapshot === undefined) return { splits: [], pruning: [] };
  const condition = conditionOfHandle(handle, schema);
  const source = new ManifestSource({ io, cache, table: `${handle.schema}.${handle.table}`, signal });
  const manifests = await source.list(snapshot);
  const specs = request.metadata.specs;
  for (const { specId, path } of manifests) {
    // Without it, values of partition columns that the files do not hold would be NULL.
    if (!specs.has(specId))
      throw corrupt(io.display(handle.metadata), `it has no partition spec ${specId}, which manifest "${io.display(path)}" has`);
  }
  const kept = manifests.filter((manifest) => manifestMayMatch(condition, manifest, specs.get(manifest.specId)));
  const data = kept.filter((manifest) => manifest.content === 'data');
  const deletes = await loadDeletes(request, source, kept, condition);
  const enough = enoughManifests(handle.limit, data, deletes);
  const found = await survivors(request, source, enough, condition, deletes);
  const limited = enoughFor(handle.limit, found.files);
  const splits = splitsOf(limited, request.wish.bytes ?? SPLIT_BYTES);
  return { splits, pruning: steps({ manifests, kept, unread: data.slice(enough.length), found, limited, deletes, splits: splits.length }) };
}

/** Deletes are pruned by partition as data is: what a partition's deletes apply to is in that partition. Their bounds tell nothing of the data's. */
async function loadDeletes(
  request: PlanRequest,
  source: ManifestSource,
  manifests: readonly ManifestListEntry[],
  condition: Condition,
): Promise<DeleteIndex> {
  const { io, metadata } = request;
  const index = new DeleteIndex({ metadata, table: source.table, place: io.place.bind(io), display: io.display.bind(io) });
  // A manifest of deletes counts only while it has live files: a rewrite leaves empty ones behind.
  const live = manifests.filter((manifest) => manifest.content === 'deletes' && manifest.liveFiles !== 0);
  await source.each(live, async (manifest) => {
    const spec = metadata.specs.get(manifest.specId);
    for await (const entry of await source.scan(manifest, { wants: (head) => partitionMayMatch(condition, head, spec) })) index.add(entry);
  });
  return index;
}

/** Reads the manifests, a few at a time, and keeps what passes; files come in the order of the manifest list. */
async function survivors(
  request: PlanRequest,
  source: ManifestSource,
  manifests: readonly ManifestListEntry[],
  condition: Condition,
  deletes: DeleteIndex,
): Promise<Survivors> {
  const found: PlannedFile[][] = [];
  const types = columnTypes(request.metadata);
  const bounded = columnIds(request.schema, request.wish.bounded ?? []);
  const columns = new Set([...columnsOf(condition), ...bounded, ...deletes.columns]);
  const listed = { files: 0, bytes: 0 };
  const inPartition = { files: 0, bytes: 0 };
  await source.each(manifests, async (manifest, index) => {
    const spec = request.metadata.specs.get(manifest.specId);
    const entries = await source.scan(manifest, {
      columns,
      wants: (head) => {
        count(listed, head);
        if (!partitionMayMatch(condition, head, spec)) return false;
        count(inPartition, head);
        return true;
      },
      matches: (statistics) => statisticsMayMatch(condition, statistics),
    });
    const kept: PlannedFile[] = [];
    for await (const entry of entries) {
      refuseFile(entry, source.table);
      kept.push({
        file: splitFile(entry, { display: request.io.display.bind(request.io), spec, types, deletes }),
        bounds: bounded.length === 0 ? undefined : boundsOf(entry, bounded),
        offsets: entry.splitOffsets,
      });
    }
    found[index] = kept;
  });
  return { files: found.flat(), listed, inPartition };
}

export function refuseFile(file: ManifestFileEntry, table: string): void {
  if (file.format !== 'PARQUET' && file.format !== 'AVRO') throw unsupportedFeature(`reading ${file.format} data files`, table);
  if (file.encrypted) throw unsupportedFeature('reading encrypted data files', table);
}

/** The first manifests that hold `limit` rows, as far as the manifest list tells. Deleted rows are not known by number. */
function enoughManifests(
  limit: number | undefined,
  manifests: readonly ManifestListEntry[],
  deletes: DeleteIndex,
): readonly ManifestListEntry[] {
  if (limit === undefined || deletes.size > 0) return manifests;
  let rows = 0;
  for (const [index, { counts, liveFiles }] of manifests.entries()) {
    if (rows >= limit) return manifests.slice(0, index);
    if (counts.addedRows === undefined || counts.existingRows === undefined || liveFiles === undefined) return manifests;
    rows += counts.addedRows + counts.existingRows;
  }
  return manifests;
}

/** The first files that hold `limit` rows: nothing filters them, so they hold the answer. */
export function enoughFor(limit: number | undefined, files: readonly PlannedFile[]): readonly PlannedFile[] {
  if (limit === undefined) return files;
  let rows = 0;
  const end = files.findIndex(({ file }) => {
    rows += sureRows(file);
    return rows >= limit;
  });
  return limit === 0 ? [] : end < 0 ? files : files.slice(0, end + 1);
}

function steps(plan: {
  readonly manifests: readonly ManifestListEntry[];
  readonly kept: readonly ManifestListEntry[];
  /** Data manifests that a limit left unread. */
  readonly unread: readonly ManifestListEntry[];
  readonly found: Survivors;
  readonly limited: readonly PlannedFile[];
  readonly deletes: DeleteIndex;
  readonly splits: number;
}): PruningStep[] {
  const { manifests, kept, unread, found, limited, deletes } = plan;
  const { files, listed, inPartition } = found;
  // The files of manifests that were not read are known by number only.
  const left = new Set(kept);
  const before = filesIn(manifests.filter((manifest) => manifest.content === 'data' && !left.has(manifest)));
  const later = filesIn(unread) ?? 0;
  const bytes = (some: readonly PlannedFile[]): number => some.reduce((sum, { file }) => sum + file.bytes, 0);
  const sizes = (bytesBefore: number, bytesAfter: number): Partial<PruningStep> => (later > 0 ? {} : { bytesBefore, bytesAfter });
  const planned = bytes(files);
  const step = (name: string, from: number, to: number, more: Partial<PruningStep>): PruningStep => ({
    step: name,
    before: from,
    after: to,
    ...more,
  });
  return [
    { step: 'manifests', before: manifests.length, after: kept.length },
    step('files by partition', listed.files + later + (before ?? 0), inPartition.files + later, sizes(listed.bytes, inPartition.bytes)),
    step('files by statistics', inPartition.files + later, files.length + later, sizes(inPartition.bytes, planned)),
    ...(limited.length < files.length + later
      ? [step('files by limit', files.length + later, limited.length, sizes(planned, bytes(limited)))]
      : []),
    ...(deletes.size > 0 ? [{ step: 'deletes', before: deletes.size, after: appliedDeletes(limited) }] : []),
    { step: 'splits', before: limited.length, after: plan.splits },
  ];
}

/** Undefined: not all of the lists' entries say. */
function filesIn(manifests: readonly ManifestListEntry[]): number | undefined {
  let sum = 0;
  for (const { liveFiles } of manifests) {
    if (liveFiles === undefined) return undefined;
    sum += liveFiles;
  }
  return sum;
}

/** Distinct delete files that the planned files need. */
export function appliedDeletes(files: readonly PlannedFile[]): number {
  const keys = files.flatMap(({ file }) =>
    (file.deletes ?? []).map((one) => (one.kind === 'vector' ? `${one.path}\n${one.offset}` : one.path)),
  );
  return new Set(keys).size;
}

function count(counted: Counted, file: Pick<ManifestFileEntry, 'bytes'>): void {
  counted.files++;
  counted.bytes += file.bytes;
}
