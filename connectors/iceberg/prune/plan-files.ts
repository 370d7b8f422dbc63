import type { ConnectorSplit, SplitPlan, SplitWish } from '../../connector.js';
import { unsupportedFeature } from '../format/corrupt.js';
import { type ManifestFileEntry, type ManifestListEntry, NO_COUNTS, readManifest, readManifestList } from '../format/manifest.js';
import type { Snapshot, TableMetadata } from '../format/metadata.js';
import type { Schema } from '../format/schema.js';
import type { IcebergHandle, IcebergSplit, SplitFile } from '../handle.js';
import type { Lru } from '../lru.js';
import { columnLookup } from '../pushdown.js';
import type { FileIo } from '../read/file-io.js';
import { DeleteIndex } from './delete-index.js';
import { conditionOf } from './filter-condition.js';
import { columnTypes } from './partition-values.js';
import { allOf, type Condition } from './predicate.js';
import { manifestMayMatch, partitionMayMatch, statisticsMayMatch } from './prune.js';
import { boundsOf, columnIds, type FileBounds, type SplitBounds } from './split-bounds.js';
import { splitFile, sureRows } from './split-file.js';

const MAX_LIST_BYTES = 256 << 20;
const MAX_MANIFEST_BYTES = 256 << 20;
const SPLIT_BYTES = 64 << 20;
const PARALLEL_READS = 4;

/** Manifests by location: they never change. Large ones are not kept. */
export interface ManifestCache {
  readonly lists: Lru<readonly ManifestListEntry[]>;
  readonly manifests: Lru<readonly ManifestFileEntry[]>;
}

const MAX_KEPT_BYTES = 1 << 20;

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

interface Bounded extends SplitFile {
  readonly bounds: FileBounds | undefined;
}

interface Counted {
  files: number;
  bytes: number;
}

/** The data files that the handle's filters leave, in splits, and what each step of pruning left out. */
export async function planFiles(request: PlanRequest): Promise<SplitPlan> {
  const { handle, schema, snapshot } = request;
  if (snapshot === undefined) return { splits: [], pruning: [] };
  const lookup = columnLookup(schema);
  const condition = allOf(handle.filters.map((filter) => conditionOf(filter, lookup)));
  const manifests = await listManifests(request, snapshot);
  const kept = manifests.filter((manifest) => manifestMayMatch(condition, manifest, request.metadata.specs.get(manifest.specId)));
  const deletes = await loadDeletes(request, kept);
  const { files, listed, inPartition } = await survivors(request, kept, condition, deletes);
  const bytes = (some: readonly SplitFile[]): number => some.reduce((sum, file) => sum + file.bytes, 0);
  // The files of manifests that were not read are known by number only.
  const skipped = manifests
    .filter((manifest) => manifest.content === 'data' && !kept.includes(manifest))
    .map((manifest) => manifest.liveFiles);
  const before = skipped.every((count) => count !== undefined)
    ? skipped.reduce<number>((sum, count) => sum + (count ?? 0), listed.files)
    : listed.files;
  const limited = enoughFor(handle.limit, files);
  return {
    splits: groupFiles(limited, request.wish.bytes ?? SPLIT_BYTES).map((group): ConnectorSplit => {
      const split: IcebergSplit = { files: group.map(({ bounds: _bounds, ...file }) => file) };
      const bounds: SplitBounds = group.flatMap((file) => (file.bounds === undefined ? [] : [file.bounds]));
      return {
        data: split,
        bytes: bytes(group),
        rows: group.reduce((sum, file) => sum + file.rows, 0),
        ...(bounds.length === 0 ? {} : { bounds }),
      };
    }),
    pruning: [
      { step: 'manifests', before: manifests.length, after: kept.length },
      { step: 'files by partition', before, after: inPartition.files, bytesBefore: listed.bytes, bytesAfter: inPartition.bytes },
      {
        step: 'files by statistics',
        before: inPartition.files,
        after: files.length,
        bytesBefore: inPartition.bytes,
        bytesAfter: bytes(files),
      },
      ...(limited.length < files.length
        ? [{ step: 'files by limit', before: files.length, after: limited.length, bytesBefore: bytes(files), bytesAfter: bytes(limited) }]
        : []),
    ],
  };
}

async function listManifests(request: PlanRequest, snapshot: Snapshot): Promise<readonly ManifestListEntry[]> {
  const { io, cache, signal } = request;
  if (snapshot.manifestList === undefined) {
    return snapshot.manifests.map((path) => ({
      path,
      length: undefined,
      specId: 0,
      content: 'data',
      sequence: 0,
      minSequence: 0,
      addedSnapshot: snapshot.id,
      firstRowId: undefined,
      counts: NO_COUNTS,
      encrypted: false,
      liveFiles: undefined,
      partitions: undefined,
    }));
  }
  const known = cache.lists.get(snapshot.manifestList);
  if (known !== undefined) return known;
  const bytes = await io.read(snapshot.manifestList, { signal, maxBytes: MAX_LIST_BYTES });
  const list = await readManifestList(bytes, io.display(snapshot.manifestList));
  if (bytes.length <= MAX_KEPT_BYTES) cache.lists.set(snapshot.manifestList, list);
  return list;
}

/** Reads the manifests, a few at a time, and keeps what passes; files come in the order of the manifest list. */
async function survivors(
  request: PlanRequest,
  manifests: readonly ManifestListEntry[],
  condition: Condition,
  deletes: DeleteIndex,
): Promise<{ files: Bounded[]; listed: Counted; inPartition: Counted }> {
  const found: Bounded[][] = [];
  const types = columnTypes(request.metadata);
  const columns = columnIds(request.schema, request.wish.bounded ?? []);
  const listed = { files: 0, bytes: 0 };
  const inPartition = { files: 0, bytes: 0 };
  const work = manifests.filter((manifest) => manifest.content === 'data').entries();
  const reader = async (): Promise<void> => {
    for (const [index, manifest] of work) {
      request.signal.throwIfAborted();
      const spec = request.metadata.specs.get(manifest.specId);
      const kept: Bounded[] = [];
      for (const file of await filesOf(request, manifest)) {
        count(listed, file);
        if (!partitionMayMatch(condition, file, spec)) continue;
        count(inPartition, file);
        if (!statisticsMayMatch(condition, file)) continue;
        refuseFile(file, request);
        const bounds = columns.length === 0 ? undefined : boundsOf(file, columns);
        kept.push({ ...splitFile(file, { display: request.io.display.bind(request.io), spec, types, deletes }), bounds });
      }
      found[index] = kept;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, reader));
  return { files: found.flat(), listed, inPartition };
}

/** Delete manifests are pruned as those of data are: what a partition's deletes apply to is in that partition. */
async function loadDeletes(request: PlanRequest, manifests: readonly ManifestListEntry[]): Promise<DeleteIndex> {
  const { io, metadata, signal } = request;
  const index = new DeleteIndex({ metadata, table: tableName(request), place: io.place.bind(io), display: io.display.bind(io) });
  // A manifest of deletes counts only while it has live files: a rewrite leaves empty ones behind.
  const work = manifests.filter((manifest) => manifest.content === 'deletes' && manifest.liveFiles !== 0).values();
  const reader = async (): Promise<void> => {
    for (const manifest of work) {
      signal.throwIfAborted();
      for (const file of await filesOf(request, manifest)) index.add(file);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_READS }, reader));
  return index;
}

async function filesOf({ io, cache, signal }: PlanRequest, manifest: ManifestListEntry): Promise<readonly ManifestFileEntry[]> {
  const { path } = manifest;
  const known = cache.manifests.get(path);
  if (known !== undefined) return known;
  const bytes = await io.read(path, { signal, maxBytes: MAX_MANIFEST_BYTES });
  const files = await readManifest(bytes, io.display(path), manifest);
  if (bytes.length <= MAX_KEPT_BYTES) cache.manifests.set(path, files);
  return files;
}

function count(counted: Counted, file: ManifestFileEntry): void {
  counted.files++;
  counted.bytes += file.bytes;
}

function refuseFile(file: ManifestFileEntry, request: PlanRequest): void {
  if (file.format !== 'PARQUET' && file.format !== 'AVRO')
    throw unsupportedFeature(`reading ${file.format} data files`, tableName(request));
  if (file.encrypted) throw unsupportedFeature('reading encrypted data files', tableName(request));
}

/** The first files that hold `limit` rows: nothing filters them, so they hold the answer. */
function enoughFor(limit: number | undefined, files: readonly Bounded[]): readonly Bounded[] {
  if (limit === undefined) return files;
  let rows = 0;
  const end = files.findIndex((file) => {
    rows += sureRows(file);
    return rows >= limit;
  });
  return limit === 0 ? [] : end < 0 ? files : files.slice(0, end + 1);
}

/** Neighbours together up to so many bytes; a larger file is a split of its own. */
function groupFiles(files: readonly Bounded[], most: number): (readonly Bounded[])[] {
  const splits: { files: Bounded[]; bytes: number }[] = [];
  for (const file of files) {
    const last = splits.at(-1);
    if (last !== undefined && last.bytes + file.bytes <= most) {
      last.files.push(file);
      last.bytes += file.bytes;
    } else {
      splits.push({ files: [file], bytes: file.bytes });
    }
  }
  return splits.map((split) => split.files);
}

function tableName(request: PlanRequest): string {
  return `${request.handle.schema}.${request.handle.table}`;
}
