import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { internal, TimelineError } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import type { CatalogWriter } from '../catalog/catalog.js';
import { carriedFlushed } from '../flushed-rows.js';
import type { ManifestListEntry } from '../format/manifest.js';
import type { TableMetadata } from '../format/metadata.js';
import type { FileIo } from '../read/file-io.js';
import { writeManifestList } from './manifest-list-writer.js';
import type { OnStep } from './on-step.js';

/** What a commit needs of its connector. */
export interface CommitHost {
  readonly io: FileIo;
  readonly writer: CatalogWriter;
  /** The table as it is now; undefined: there is none. */
  readonly current: (table: TableName, signal: AbortSignal) => Promise<TableMetadata | undefined>;
  readonly onStep: OnStep;
}

export interface SnapshotContent {
  /** All manifests of the new snapshot. */
  readonly manifests: readonly ManifestListEntry[];
  /** With `operation`. */
  readonly summary: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, string>>;
}

export interface SnapshotRequest<T> {
  readonly table: TableName;
  /** The same for all attempts; newSnapshotId() gives one. */
  readonly snapshotId: bigint;
  /** Ends it without a commit, when the table shows that nothing is left to do (an earlier attempt was committed after all); or throws. */
  readonly settled: (base: TableMetadata | undefined) => T | undefined;
  /** The snapshot on top of `base`; with undefined, of the table that `creation` makes. */
  readonly prepare: (base: TableMetadata | undefined, sequence: number) => Promise<SnapshotContent>;
  readonly committed: () => T;
  /** Makes the table in the same commit, when there is none. */
  readonly creation?: { readonly metadata: TableMetadata; readonly updates: readonly Readonly<Record<string, unknown>>[] };
  readonly signal: AbortSignal;
}

const ATTEMPTS = 40;
const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1500;
/** How long a look at the outcome may take after the caller's own patience ended. */
const LOOK_MS = 60_000;

/**
 * Adds one snapshot to branch main by optimistic concurrency: on top of whatever is current, tried again when others were first. Errors: 40001
 * when they were again and again (nothing was done, what was written for it is deleted), 08007 when the outcome stays unknown.
 */
export async function commitSnapshot<T>(host: CommitHost, request: SnapshotRequest<T>): Promise<T> {
  const { table, signal } = request;
  const state: CommitState = { lists: [], unknown: undefined };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    let result: { readonly value: T } | undefined;
    try {
      result = await tryOnce(host, request, state);
    } catch (error) {
      // Whatever fails now: an attempt before may have been committed.
      throw state.unknown === undefined ? error : outcomeUnknown(table, state.unknown);
    }
    if (result !== undefined) return result.value;
    if (state.unknown === undefined) signal.throwIfAborted();
    await sleep(Math.random() * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt));
  }
  if (state.unknown !== undefined) throw outcomeUnknown(table, state.unknown);
  throw new TimelineError({
    kind: 'connector',
    sqlstate: '40001',
    message: `could not commit to ${table.schema}.${table.table}: other writers were first ${ATTEMPTS} times`,
    hint: 'Nothing was changed; try again.',
    retryable: true,
  });
}

interface CommitState {
  /** Manifest lists of attempts that were not refused. */
  readonly lists: string[];
  /** Why the outcome of an attempt is not known. */
  unknown: unknown;
}

/** Undefined: others were first, or nobody knows. */
async function tryOnce<T>(host: CommitHost, request: SnapshotRequest<T>, state: CommitState): Promise<{ readonly value: T } | undefined> {
  const { table, signal, snapshotId } = request;
  const base = await host.current(table, state.unknown === undefined ? signal : AbortSignal.timeout(LOOK_MS));
  if (base?.snapshots.some((one) => one.id === String(snapshotId)) === true) return { value: request.committed() };
  const done = request.settled(base);
  if (done !== undefined) {
    if (state.unknown === undefined) await discard(host.io, state.lists);
    return { value: done };
  }
  const change = await makeChange(host, request, base, (path) => state.lists.push(path));
  try {
    if ((await host.writer.commit(table, change, signal)).kind === 'committed') {
      await host.onStep('catalog changed');
      return { value: request.committed() };
    }
    await discard(host.io, state.lists.splice(-1));
  } catch (error) {
    if (!(error instanceof TimelineError) || error.sqlstate !== '08007') throw error;
    state.unknown = error;
  }
  return undefined;
}

async function makeChange<T>(
  host: CommitHost,
  request: SnapshotRequest<T>,
  base: TableMetadata | undefined,
  written: (path: string) => void,
) {
  const metadata = base ?? request.creation?.metadata;
  if (metadata === undefined) throw internal('a commit to a table that is not there');
  const sequence = metadata.formatVersion === 1 ? 0 : metadata.lastSequenceNumber + 1;
  const content = await request.prepare(base, sequence);
  const nextRowId = metadata.nextRowId ?? 0n;
  const parent = metadata.currentSnapshotId;
  const name = `${request.table.schema}.${request.table.table}`;
  const list = writeManifestList({
    formatVersion: metadata.formatVersion,
    table: name,
    snapshotId: request.snapshotId,
    parentSnapshotId: parent,
    sequence,
    nextRowId,
    manifests: content.manifests,
  });
  const path = `${metadataFolder(metadata)}/snap-${request.snapshotId}-${randomUUID()}.avro`;
  await createFile(host.io, path, list.bytes, request.signal);
  written(path);
  await host.onStep('manifest list uploaded');
  const snapshot = {
    'snapshot-id': request.snapshotId,
    ...(parent === null ? {} : { 'parent-snapshot-id': BigInt(parent) }),
    ...(metadata.formatVersion === 1 ? {} : { 'sequence-number': sequence }),
    'timestamp-ms': Date.now(),
    'manifest-list': path,
    summary: { ...carriedFlushed(metadata), ...content.summary },
    'schema-id': metadata.currentSchemaId,
    ...(metadata.formatVersion >= 3 ? { 'first-row-id': Number(nextRowId), 'added-rows': Number(list.assignedRows) } : {}),
  };
  const properties = content.properties ?? {};
  const requirements =
    base === undefined
      ? [{ type: 'assert-create' }]
      : [
          { type: 'assert-table-uuid', uuid: base.uuid },
          { type: 'assert-ref-snapshot-id', ref: 'main', 'snapshot-id': parent === null ? null : BigInt(parent) },
        ];
  return {
    requirements,
    updates: [
      ...(base === undefined ? (request.creation?.updates ?? []) : []),
      ...(Object.keys(properties).length === 0 ? [] : [{ action: 'set-properties', updates: properties }]),
      { action: 'add-snapshot', snapshot },
      { action: 'set-snapshot-ref', 'ref-name': 'main', type: 'branch', 'snapshot-id': request.snapshotId },
    ],
  };
}

export function metadataFolder(metadata: Pick<TableMetadata, 'location' | 'properties'>): string {
  return (metadata.properties['write.metadata.path'] ?? `${metadata.location}/metadata`).replace(/\/+$/, '');
}

/** A file of a name that is new: one that is there already would be read in its place. */
export async function createFile(io: FileIo, path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if (!(await io.create(path, bytes, { signal }))) throw internal(`file "${io.display(path)}" exists already`);
}

/** Below 2^53, so that readers which take JSON numbers for doubles keep it. */
export function newSnapshotId(): bigint {
  return (randomBytes(8).readBigUInt64LE() >> 11n) | 1n;
}

/** Files that nothing refers to, and nothing will: a failure leaves them to orphan removal. */
export async function discard(io: FileIo, paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map((path) => io.delete(path).catch(() => undefined)));
}

function outcomeUnknown(table: TableName, cause: unknown): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '08007',
    message: `it is not known whether the commit to ${table.schema}.${table.table} took place`,
    ...(cause instanceof Error ? { detail: cause.message } : {}),
    hint: 'The same statement with the same batch id can be tried again: what was committed is not added twice.',
    retryable: true,
    cause,
  });
}
