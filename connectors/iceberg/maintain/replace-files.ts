import type { TableName } from '../../connector.js';
import type { ManifestFileEntry, ManifestListEntry } from '../format/manifest.js';
import type { Snapshot, TableMetadata } from '../format/metadata.js';
import type { SplitFile } from '../handle.js';
import { ManifestSource } from '../prune/manifest-source.js';
import { fullName } from '../table-name.js';
import { dataFileOf, withoutFiles } from '../write/manifest-merge.js';
import { describeAddedManifest, writeAddedManifest } from '../write/manifest-writer.js';
import { noStep } from '../write/on-step.js';
import { type CommitHost, commitSnapshot, createFile, discard, metadataFolder, newSnapshotId } from '../write/snapshot-commit.js';
import type { TableShape } from '../write/table-shape.js';
import type { WrittenFile } from '../write/written-file.js';
import type { MaintainHost } from './maintain-host.js';

export interface ReplaceRequest {
  readonly table: TableName;
  /** As the files were planned. */
  readonly metadata: TableMetadata;
  readonly planned: string;
  readonly shape: TableShape;
  readonly removed: readonly { readonly file: SplitFile; readonly place: string }[];
  readonly added: readonly WrittenFile[];
  readonly signal: AbortSignal;
}

/** Thrown inside of a commit that must not take place. */
class Stale extends Error {}

/**
 * Puts files in the place of others, as one snapshot of operation `replace` on top of whatever is current. Gives its id, or undefined when the
 * replaced files, or deletes from them, have changed since they were planned: nothing was done then.
 */
export async function replaceFiles(host: MaintainHost, request: ReplaceRequest): Promise<string | undefined> {
  const { table, metadata: planned, shape, removed, added, signal } = request;
  const snapshotId = newSnapshotId();
  const places = new Map(removed.map(({ place, file }) => [place, file.firstRowId]));
  const gone = new Set(places.keys());
  const source = new ManifestSource({ io: host.io, cache: host.manifests, table: fullName(table), signal });
  const deletesThen = await deleteManifests(source, planned, request.planned);
  const written: string[] = [];
  const commitHost: CommitHost = {
    io: host.io,
    writer: host.writer,
    onStep: noStep,
    current: async (name, until) => (await host.load(name, until))?.metadata,
  };
  const prepare = async (base: TableMetadata | undefined, sequence: number) => {
    const current = base?.snapshots.find((one) => one.id === base.currentSnapshotId);
    if (base === undefined || current === undefined || base.uuid !== planned.uuid) throw new Stale();
    if (base.currentSchemaId !== planned.currentSchemaId || !base.specs.has(shape.spec.id)) throw new Stale();
    // Deletes that came meanwhile may be of the rows that moved.
    if ((await deleteManifests(source, base, current.id)) !== deletesThen) throw new Stale();
    const folder = metadataFolder(base);
    const rest: ManifestListEntry[] = [];
    const deletes: ManifestFileEntry[] = [];
    let found = 0;
    for (const manifest of await source.list(current)) {
      const inside = await filesOf(source, host, manifest, places);
      if (manifest.content === 'data') found += inside.length;
      else deletes.push(...inside);
      if (inside.length === 0) {
        rest.push(manifest);
        continue;
      }
      const onWritten = (path: string): void => void written.push(path);
      rest.push(await withoutFiles({ io: host.io, metadata: base, folder, snapshotId, sequence, onWritten, signal }, manifest, gone));
    }
    if (found !== places.size) throw new Stale();
    const manifests: ManifestListEntry[] = [];
    if (added.length > 0) {
      const path = `${folder}/${snapshotId}-r${written.length}.avro`;
      const bytes = writeAddedManifest({ shape, formatVersion: base.formatVersion, snapshotId, files: added });
      await createFile(host.io, path, bytes, signal);
      written.push(path);
      const entry = describeAddedManifest({ path, length: bytes.length, snapshotId, shape, files: added });
      manifests.push({ ...entry, sequence, minSequence: sequence });
    }
    return { manifests: [...manifests, ...rest], summary: summaryOf(current, request, deletes) };
  };
  try {
    return await commitSnapshot<string | undefined>(commitHost, {
      table,
      snapshotId,
      settled: () => undefined,
      prepare,
      committed: () => String(snapshotId),
      signal,
    });
  } catch (error) {
    if (!(error instanceof Stale)) throw error;
    await discard(host.io, written);
    return undefined;
  }
}

/** Which manifests hold deletes, as one text. */
async function deleteManifests(source: ManifestSource, metadata: TableMetadata, snapshot: string): Promise<string> {
  const found = metadata.snapshots.find((one) => one.id === snapshot);
  const list = found === undefined ? [] : await source.list(found);
  const paths = list.filter((one) => one.content === 'deletes' && one.liveFiles !== 0).map((one) => one.path);
  return JSON.stringify(paths.sort());
}

/** Which of its live files are replaced, or hold deletes from a replaced file alone. By place, with the row id that the file was planned with. */
async function filesOf(
  source: ManifestSource,
  host: MaintainHost,
  manifest: ManifestListEntry,
  places: ReadonlyMap<string, string | undefined>,
): Promise<readonly ManifestFileEntry[]> {
  const found: ManifestFileEntry[] = [];
  if (manifest.content === 'deletes' && manifest.liveFiles === 0) return found;
  for await (const file of await source.scan(manifest, { columns: new Set() })) {
    const dataFile = dataFileOf(file);
    const place = dataFile === undefined ? undefined : host.io.place(dataFile);
    if (place === undefined || !places.has(place)) continue;
    // Rows of an upgraded table get ids with its first v3 commit: what was read without them would get others.
    if (file.content === 'data' && file.firstRowId?.toString() !== places.get(place)) throw new Stale();
    found.push(file);
  }
  return found;
}

function summaryOf(current: Snapshot, { removed, added }: ReplaceRequest, deletes: readonly ManifestFileEntry[]): Record<string, string> {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
  const [rowsOut, rowsIn] = [sum(removed.map(({ file }) => file.rows)), sum(added.map((file) => file.records))];
  // Of a deletion vector, its blob: the file around it may hold others.
  const deleteBytes = sum(deletes.map((file) => file.blob?.length ?? file.bytes));
  const [bytesOut, bytesIn] = [sum(removed.map(({ file }) => file.bytes)) + deleteBytes, sum(added.map((file) => file.bytes))];
  const positions = sum(deletes.map((file) => file.rows));
  const vectors = deletes.filter((file) => file.blob !== undefined).length;
  const some = (key: string, count: number): Record<string, string> => (count === 0 ? {} : { [key]: String(count) });
  const total = (key: string, change: number): Record<string, string> => {
    const before = current.summary[key];
    return before !== undefined && /^\d{1,18}$/.test(before) ? { [key]: String(BigInt(before) + BigInt(change)) } : {};
  };
  return {
    operation: 'replace',
    'added-data-files': String(added.length),
    'deleted-data-files': String(removed.length),
    'added-records': String(rowsIn),
    'deleted-records': String(rowsOut),
    'added-files-size': String(bytesIn),
    'removed-files-size': String(bytesOut),
    ...total('total-data-files', added.length - removed.length),
    ...total('total-records', rowsIn - rowsOut),
    ...total('total-files-size', bytesIn - bytesOut),
    ...some('removed-delete-files', deletes.length),
    ...some('removed-dvs', vectors),
    ...some('removed-position-delete-files', deletes.length - vectors),
    ...some('removed-position-deletes', positions),
    ...total('total-delete-files', -deletes.length),
    ...total('total-position-deletes', -positions),
    ...total('total-equality-deletes', 0),
  };
}
