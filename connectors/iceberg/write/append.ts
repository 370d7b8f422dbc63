import { TimelineError, unsupported } from '../../../sql/errors.js';
import type { CommitResult, TableName } from '../../connector.js';
import { MAX_LIST_BYTES, type ManifestListEntry, readManifestList } from '../format/manifest.js';
import type { Snapshot, TableMetadata } from '../format/metadata.js';
import type { Schema } from '../format/schema.js';
import { partitionFieldsJson } from '../format/schema-json.js';
import { noTable } from '../table-name.js';
import { BATCH_KEY, findBatch, rememberBatch, type SeenBatch } from './batches.js';
import { mergeManifests } from './manifest-merge.js';
import { describeAddedManifest, writeAddedManifest } from './manifest-writer.js';
import {
  type CommitHost,
  commitSnapshot,
  createFile,
  discard,
  metadataFolder,
  newSnapshotId,
  type SnapshotContent,
  type SnapshotRequest,
} from './snapshot-commit.js';
import type { TableShape } from './table-shape.js';
import type { WrittenFile } from './written-file.js';

export interface AppendRequest {
  readonly table: TableName;
  /** Of the table that the files were written for. */
  readonly uuid: string;
  readonly shape: TableShape;
  readonly files: readonly WrittenFile[];
  readonly batch: string;
  readonly summary: Readonly<Record<string, string>>;
  readonly creation?: SnapshotRequest<CommitResult>['creation'];
  readonly signal: AbortSignal;
}

/** Appends data files as one snapshot, once for a batch id. */
export async function appendFiles(host: CommitHost, request: AppendRequest): Promise<CommitResult> {
  const { table, shape, files, batch, signal } = request;
  const snapshotId = newSnapshotId();
  const rows = files.reduce((sum, file) => sum + file.records, 0);
  const seen: SeenBatch = { snapshot: String(snapshotId), rows };
  const uploaded: string[] = [];
  /** Of the last attempt: the others may go. */
  let inUse: ReadonlySet<string> = new Set();
  let added: Omit<ManifestListEntry, 'sequence' | 'minSequence'> | undefined;

  const prepare = async (base: TableMetadata | undefined, sequence: number): Promise<SnapshotContent> => {
    const metadata = base ?? request.creation?.metadata;
    if (metadata === undefined) throw noTable(table);
    if (base !== undefined) checkStillFits(shape, base);
    const folder = metadataFolder(metadata);
    if (added === undefined && files.length > 0) {
      const path = `${folder}/${snapshotId}-m0.avro`;
      const bytes = writeAddedManifest({ shape, formatVersion: metadata.formatVersion, snapshotId, files });
      uploaded.push(path);
      await createFile(host.io, path, bytes, signal);
      await host.onStep('manifest uploaded');
      added = describeAddedManifest({ path, length: bytes.length, snapshotId, shape, files });
    }
    const current = metadata.snapshots.find((one) => one.id === metadata.currentSnapshotId);
    const before = current === undefined ? [] : await manifestsOf(host, current, table, signal);
    const all = [...(added === undefined ? [] : [{ ...added, sequence, minSequence: sequence }]), ...before];
    const onWritten = async (path: string): Promise<void> => {
      uploaded.push(path);
      await host.onStep('merged manifest uploaded');
    };
    const manifests = await mergeManifests({ io: host.io, metadata, folder, snapshotId, sequence, manifests: all, onWritten, signal });
    inUse = new Set(manifests.map((one) => one.path));
    return {
      manifests,
      summary: appendSummary(current, request, rows),
      properties: rememberBatch(base, batch, seen),
    };
  };
  try {
    const result = await commitSnapshot<CommitResult>(host, {
      table,
      snapshotId,
      settled: (base) => settled(base, request),
      prepare,
      committed: () => ({ rows, snapshot: String(snapshotId), repeated: false }),
      ...(request.creation === undefined ? {} : { creation: request.creation }),
      signal,
    });
    await discard(host.io, result.repeated ? uploaded : uploaded.filter((path) => !inUse.has(path)));
    return result;
  } catch (error) {
    // With an unknown outcome the manifests may be in use.
    if (error instanceof TimelineError && error.sqlstate !== '08007') await discard(host.io, uploaded);
    throw error;
  }
}

function settled(base: TableMetadata | undefined, request: AppendRequest): CommitResult | undefined {
  const { table, uuid, batch, creation } = request;
  if (base === undefined) {
    if (creation === undefined) throw noTable(table);
    return undefined;
  }
  if (base.uuid !== uuid) {
    const name = `${table.schema}.${table.table}`;
    if (creation !== undefined)
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P07', message: `relation "${name}" already exists` });
    throw changed(name, 'it was dropped and made again');
  }
  const found = findBatch(base, batch);
  return found === undefined ? undefined : { rows: found.rows, snapshot: found.snapshot, repeated: true };
}

/** All manifests of a snapshot. */
export async function manifestsOf(
  host: Pick<CommitHost, 'io'>,
  snapshot: Snapshot,
  table: TableName,
  signal: AbortSignal,
): Promise<readonly ManifestListEntry[]> {
  if (snapshot.manifestList === undefined) {
    if (snapshot.manifests.length === 0) return [];
    throw unsupported(`writing Iceberg table ${table.schema}.${table.table}, whose current snapshot has no manifest list,`);
  }
  const bytes = await host.io.read(snapshot.manifestList, { maxBytes: MAX_LIST_BYTES, signal });
  return readManifestList(bytes, host.io.display(snapshot.manifestList));
}

/** Files are added as they were written: their spec must still be there, and today's required columns must have been required then. */
function checkStillFits(shape: TableShape, base: TableMetadata): void {
  const spec = base.specs.get(shape.spec.id);
  const same =
    spec !== undefined && JSON.stringify(partitionFieldsJson(spec.fields)) === JSON.stringify(partitionFieldsJson(shape.spec.fields));
  if (!same) throw changed(shape.name, `its partition spec ${shape.spec.id} is gone`);
  const schema: Schema | undefined = base.schemas.get(base.currentSchemaId);
  for (const field of schema?.fields ?? []) {
    const then = shape.schema.fields.find((one) => one.id === field.id);
    // Files without the column show its initial default.
    const filled = then === undefined && field.initialDefault !== undefined && field.initialDefault !== null;
    if (field.required && then?.required !== true && !filled) throw changed(shape.name, `its column "${field.name}" may no longer be NULL`);
  }
}

function changed(name: string, why: string): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '40001',
    message: `table ${name} has changed since the statement began: ${why}`,
    hint: 'Nothing was added; try again.',
    retryable: true,
  });
}

function appendSummary(current: Snapshot | undefined, request: AppendRequest, rows: number): Record<string, string> {
  const { files, summary, batch } = request;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  // A total that an earlier snapshot does not say cannot be said of this one either.
  const total = (key: string, more: number): Record<string, string> => {
    const before = current === undefined ? '0' : current.summary[key];
    return before !== undefined && /^\d{1,18}$/.test(before) ? { [key]: String(BigInt(before) + BigInt(more)) } : {};
  };
  return {
    ...summary,
    operation: 'append',
    [BATCH_KEY]: batch,
    'added-data-files': String(files.length),
    'added-records': String(rows),
    'added-files-size': String(bytes),
    'changed-partition-count': String(new Set(files.map((file) => JSON.stringify(file.partition))).size),
    ...total('total-data-files', files.length),
    ...total('total-records', rows),
    ...total('total-files-size', bytes),
    ...total('total-delete-files', 0),
    ...total('total-position-deletes', 0),
    ...total('total-equality-deletes', 0),
  };
}
