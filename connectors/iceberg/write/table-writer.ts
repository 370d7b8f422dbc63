import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { internal, TimelineError, unsupported } from '../../../sql/errors.js';
import type { WriterStorage } from './data-file-writer.js';
import { describeManifest, earlierManifests, writeManifest, writeManifestList } from './manifest-writer.js';
import type { JsonObject } from './metadata-writer.js';
import {
  currentManifestList,
  currentSnapshotId,
  icebergPartitionFields,
  icebergSchema,
  lastSequenceNumber,
  newTableMetadata,
  parseMetadata,
  printMetadata,
  withSnapshot,
} from './metadata-writer.js';
import type { SqlCatalog, TableIdentifier } from './sql-catalog-writer.js';
import { metadataLocation, registerTable, swapMetadata } from './sql-catalog-writer.js';
import type { DataFile, WriterTable } from './writer-types.js';

export interface TableTarget {
  readonly catalog: SqlCatalog;
  readonly id: TableIdentifier;
  readonly table: WriterTable;
  readonly storage: WriterStorage;
}

const COMMIT_ATTEMPTS = 8;
const VERSION_DIGITS = 5;

/** Makes an empty table: its first metadata file, then its row in the catalog. Throws 42P07 if it is there already. */
export async function createTable(target: TableTarget): Promise<void> {
  const location = await writeMetadata(target, 0, newTableMetadata(target.table, target.storage.location, Date.now()));
  await registerTable(target.catalog, target.id, location);
}

/**
 * Adds data files to the table as one snapshot of branch main and returns its id. Files first, the catalog's row last: whoever
 * is killed before leaves only files that nothing refers to. Two appenders both land; one that loses the race again
 * and again gets 40001.
 */
export async function appendFiles(
  target: TableTarget & { readonly files: readonly DataFile[]; readonly summary?: Readonly<Record<string, string>> },
): Promise<bigint> {
  const { catalog, id, table, storage, files } = target;
  const snapshotId = newSnapshotId();
  const commitId = randomUUID();
  const manifest = { path: `metadata/${commitId}-m0.avro`, content: writeManifest({ table, snapshotId, files }) };
  await writeNew(join(storage.folder, manifest.path), manifest.content);
  for (let attempt = 0; attempt < COMMIT_ATTEMPTS; attempt++) {
    const from = await metadataLocation(catalog, id);
    const metadata = parseMetadata(await readFile(localPath(storage, from), 'utf8'), from);
    checkSameTable(metadata, table, id);
    const sequenceNumber = lastSequenceNumber(metadata) + 1n;
    const added = describeManifest({
      path: `${storage.location}/${manifest.path}`,
      bytes: manifest.content.length,
      snapshotId,
      sequenceNumber,
      table,
      files,
    });
    const before = currentManifestList(metadata);
    const earlier = before === undefined ? [] : await earlierManifests(await readFile(localPath(storage, before)), before);
    const list = `metadata/snap-${snapshotId}-${attempt}-${commitId}.avro`;
    await writeNew(
      join(storage.folder, list),
      writeManifestList({
        snapshotId,
        parentSnapshotId: currentSnapshotId(metadata),
        sequenceNumber,
        manifests: [added],
        earlier,
      }),
    );
    const next = withSnapshot(metadata, from, {
      snapshotId,
      timestampMs: Date.now(),
      manifestList: `${storage.location}/${list}`,
      addedFiles: files.length,
      addedRecords: files.reduce((sum, file) => sum + file.records, 0),
      addedBytes: files.reduce((sum, file) => sum + file.bytes, 0),
      summary: target.summary ?? {},
    });
    const to = await writeMetadata(target, versionOf(from) + 1, next);
    if (await swapMetadata(catalog, id, from, to)) return snapshotId;
    await sleep(Math.random() * 20 * 2 ** attempt);
  }
  throw new TimelineError({
    kind: 'connector',
    sqlstate: '40001',
    message: `could not append to ${id.namespace}.${id.table}: other writers committed first ${COMMIT_ATTEMPTS} times`,
    hint: 'Nothing was added; try again.',
    retryable: true,
  });
}

/** Below 2^53, so that readers which take JSON numbers for doubles keep it. */
function newSnapshotId(): bigint {
  return (randomBytes(8).readBigUInt64LE() >> 11n) | 1n;
}

function checkSameTable(metadata: JsonObject, table: WriterTable, id: TableIdentifier): void {
  const name = `${id.namespace}.${id.table}`;
  if (metadata['format-version'] !== 2)
    throw unsupported(`appending to Iceberg table ${name} of format version ${String(metadata['format-version'])}`);
  const schemas = metadata.schemas;
  const specs = metadata['partition-specs'];
  const same =
    Array.isArray(schemas) &&
    Array.isArray(specs) &&
    metadata['current-schema-id'] === 0 &&
    metadata['default-spec-id'] === 0 &&
    equalJson(
      schemas.find((schema) => fieldOf(schema, 'schema-id') === 0),
      icebergSchema(table.columns),
      'fields',
    ) &&
    equalJson(
      specs.find((spec) => fieldOf(spec, 'spec-id') === 0),
      { fields: icebergPartitionFields(table.partition) },
      'fields',
    );
  if (!same) throw unsupported(`appending to Iceberg table ${name} after its schema or partition spec changed`);
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

function equalJson(a: unknown, b: unknown, key: string): boolean {
  return canonical(fieldOf(a, key)) === canonical(fieldOf(b, key));
}

function canonical(value: unknown): string {
  return (
    JSON.stringify(value, (_, item: unknown) =>
      typeof item === 'object' && item !== null && !Array.isArray(item)
        ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
        : item,
    ) ?? ''
  );
}

/** Metadata files count up: 00003-<uuid>.metadata.json is followed by 00004-…; names of other writers count as 0. */
function versionOf(location: string): number {
  return Number(/^(\d+)-/.exec(basename(location))?.[1] ?? 0);
}

async function writeMetadata(target: TableTarget, version: number, metadata: JsonObject): Promise<string> {
  const path = `metadata/${String(version).padStart(VERSION_DIGITS, '0')}-${randomUUID()}.metadata.json`;
  await writeNew(join(target.storage.folder, path), Buffer.from(printMetadata(metadata)));
  return `${target.storage.location}/${path}`;
}

function localPath(storage: WriterStorage, location: string): string {
  if (!location.startsWith(`${storage.location}/`)) throw internal(`${location} is not below ${storage.location}`);
  return join(storage.folder, location.slice(storage.location.length + 1));
}

/** Whole or not at all, and on the disk before anything refers to it. */
async function writeNew(file: string, content: Uint8Array): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const part = `${file}.part`;
  const handle = await open(part, 'wx');
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, file);
}
