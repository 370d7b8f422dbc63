import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestListEntry } from '../connectors/iceberg/format/manifest.js';
import { parseMetadata } from '../connectors/iceberg/format/metadata.js';
import { writeManifestList } from '../connectors/iceberg/write/manifest-list-writer.js';
import { describeAddedManifest, writeAddedManifest } from '../connectors/iceberg/write/manifest-writer.js';
import { shapeOf } from '../connectors/iceberg/write/table-shape.js';
import type { WrittenFile } from '../connectors/iceberg/write/written-file.js';

export const DAYS = 1000;
const MANIFESTS_A_DAY = 4;
const FILES_A_MANIFEST = 250;
export const FILES = DAYS * MANIFESTS_A_DAY * FILES_A_MANIFEST;
export const MANIFESTS = DAYS * MANIFESTS_A_DAY;
/** 2023-01-01, in days since 1970. */
export const FIRST_DAY = 19358;
const DAY_MICROS = 86_400_000_000n;
const SNAPSHOT = 4_611_686_018_427n;

const COLUMNS = [
  ['ts', 'timestamptz'],
  ['session_id', 'string'],
  ['event_id', 'long'],
  ['event_type', 'string'],
  ['cdn', 'string'],
  ['bitrate', 'int'],
  ['buffer_ms', 'double'],
  ['title', 'string'],
] as const;

/**
 * The metadata of a table of a million data files that do not exist, by day, appended four times a day: each file has a few minutes of
 * events. Made once; gives the folder that is its warehouse (Hadoop's layout, table bench.million).
 */
export async function makeMillionFiles(
  cache: string,
  onProgress: (done: number) => void,
): Promise<{ warehouse: string; metadata: string }> {
  const warehouse = join(cache, `million-files-${FILES}`);
  const metadata = join(warehouse, 'bench', 'million', 'metadata', 'v2.metadata.json');
  if (existsSync(metadata)) return { warehouse, metadata };
  const making = `${warehouse}.making`;
  await rm(making, { recursive: true, force: true });
  const folder = join(making, 'bench', 'million', 'metadata');
  await mkdir(folder, { recursive: true });
  const location = `file://${warehouse}/bench/million`;
  const json = Buffer.from(JSON.stringify(tableMetadata(location)));
  const shape = shapeOf(parseMetadata(json, 'v2.metadata.json'), 'bench.million');
  const manifests: ManifestListEntry[] = [];
  for (let n = 0; n < MANIFESTS; n++) {
    const files = Array.from({ length: FILES_A_MANIFEST }, (_, at) => dataFile(location, n, at));
    const content = writeAddedManifest({ shape, formatVersion: 2, snapshotId: SNAPSHOT, files });
    const name = `m${n}.avro`;
    await writeFile(join(folder, name), content);
    const path = `${location}/metadata/${name}`;
    const described = describeAddedManifest({ path, length: content.length, snapshotId: SNAPSHOT, shape, files });
    manifests.push({ ...described, sequence: 1, minSequence: 1 });
    if (n % 400 === 399) onProgress((n + 1) * FILES_A_MANIFEST);
  }
  const list = writeManifestList({
    formatVersion: 2,
    table: shape.name,
    snapshotId: SNAPSHOT,
    parentSnapshotId: null,
    sequence: 1,
    nextRowId: 0n,
    manifests,
  });
  await writeFile(join(folder, 'snap.avro'), list.bytes);
  await writeFile(join(folder, 'v2.metadata.json'), json);
  await writeFile(join(folder, 'version-hint.text'), '2');
  await rm(warehouse, { recursive: true, force: true });
  await rename(making, warehouse);
  return { warehouse, metadata };
}

function tableMetadata(location: string): unknown {
  const now = 1_700_000_000_000;
  return {
    'format-version': 2,
    'table-uuid': '7c9e6679-7425-40de-944b-e07fc1f90ae7',
    location,
    'last-sequence-number': 1,
    'last-updated-ms': now,
    'last-column-id': COLUMNS.length,
    'current-schema-id': 0,
    schemas: [{ type: 'struct', 'schema-id': 0, fields: COLUMNS.map(([name, type], at) => ({ id: at + 1, name, required: false, type })) }],
    'default-spec-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: [{ 'source-id': 1, 'field-id': 1000, name: 'ts_day', transform: 'day' }] }],
    'last-partition-id': 1000,
    'default-sort-order-id': 0,
    'sort-orders': [{ 'order-id': 0, fields: [] }],
    properties: {},
    'current-snapshot-id': Number(SNAPSHOT),
    refs: { main: { 'snapshot-id': Number(SNAPSHOT), type: 'branch' } },
    snapshots: [
      {
        'snapshot-id': Number(SNAPSHOT),
        'sequence-number': 1,
        'timestamp-ms': now,
        'manifest-list': `${location}/metadata/snap.avro`,
        'schema-id': 0,
        summary: { operation: 'append', 'total-data-files': String(FILES), 'total-records': String(FILES * 100_000) },
      },
    ],
    'snapshot-log': [{ 'snapshot-id': Number(SNAPSHOT), 'timestamp-ms': now }],
    'metadata-log': [],
  };
}

function dataFile(location: string, manifest: number, at: number): WrittenFile {
  const day = FIRST_DAY + Math.floor(manifest / MANIFESTS_A_DAY);
  const slot = (manifest % MANIFESTS_A_DAY) * FILES_A_MANIFEST + at;
  const width = DAY_MICROS / BigInt(MANIFESTS_A_DAY * FILES_A_MANIFEST);
  const from = BigInt(day) * DAY_MICROS + BigInt(slot) * width;
  const event = BigInt(manifest * FILES_A_MANIFEST + at) * 100_000n;
  const session = `session-${String((manifest * 7919 + at * 104_729) % 100_000).padStart(6, '0')}`;
  const each = (value: number): Record<string, number> => Object.fromEntries(COLUMNS.map((_, id) => [id + 1, value]));
  return {
    path: `${location}/data/ts_day=${day}/${String(manifest).padStart(5, '0')}-${at}-7c9e6679-7425-40de-944b-e07fc1f90ae7.parquet`,
    specId: 0,
    sortOrderId: 0,
    partition: [String(day)],
    records: 100_000,
    bytes: 20_000_000,
    columnSizes: each(2_400_000),
    valueCounts: each(100_000),
    nullCounts: each(0),
    nanCounts: { 7: 0 },
    lower: {
      1: long(from),
      2: text(session),
      3: long(event),
      4: text('buffer'),
      5: text('akamai'),
      6: base64([0, 1, 0, 0]),
      7: base64([0, 0, 0, 0, 0, 0, 0, 0]),
      8: text('a title of some'),
    },
    upper: {
      1: long(from + width - 1n),
      2: text(`${session}-zzz`),
      3: long(event + 99_999n),
      4: text('stop'),
      5: text('fastly'),
      6: base64([0, 0, 1, 0]),
      7: base64([0, 0, 0, 0, 0, 0, 0xf0, 0x3f]),
      8: text('z title of some'),
    },
    splitOffsets: [4],
  };
}

function text(value: string): string {
  return Buffer.from(value).toString('base64');
}

function base64(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('base64');
}

function long(value: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes.toString('base64');
}
