import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeManifest, type ManifestFile, writeManifest, writeManifestList } from '../connectors/iceberg/write/manifest-writer.js';
import { newTableMetadata, printMetadata, withSnapshot } from '../connectors/iceberg/write/metadata-writer.js';
import type { DataFile, WriterTable } from '../connectors/iceberg/write/writer-types.js';

export const DAYS = 1000;
const MANIFESTS_A_DAY = 4;
const FILES_A_MANIFEST = 250;
export const FILES = DAYS * MANIFESTS_A_DAY * FILES_A_MANIFEST;
export const MANIFESTS = DAYS * MANIFESTS_A_DAY;
/** 2023-01-01, in days since 1970. */
export const FIRST_DAY = 19358;
const DAY_MICROS = 86_400_000_000n;
const SNAPSHOT = 4_611_686_018_427n;

const TABLE: WriterTable = {
  columns: [
    { id: 1, name: 'ts', type: 'timestamptz' },
    { id: 2, name: 'session_id', type: 'string' },
    { id: 3, name: 'event_id', type: 'long' },
    { id: 4, name: 'event_type', type: 'string' },
    { id: 5, name: 'cdn', type: 'string' },
    { id: 6, name: 'bitrate', type: 'int' },
    { id: 7, name: 'buffer_ms', type: 'double' },
    { id: 8, name: 'title', type: 'string' },
  ],
  partition: [{ sourceId: 1, fieldId: 1000, name: 'ts_day', transform: 'day' }],
  sort: [1],
  properties: {},
};

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
  const manifests: ManifestFile[] = [];
  for (let n = 0; n < MANIFESTS; n++) {
    const files = Array.from({ length: FILES_A_MANIFEST }, (_, at) => dataFile(location, n, at));
    const content = writeManifest({ table: TABLE, snapshotId: SNAPSHOT, files });
    const name = `m${n}.avro`;
    await writeFile(join(folder, name), content);
    const path = `${location}/metadata/${name}`;
    manifests.push(describeManifest({ path, bytes: content.length, snapshotId: SNAPSHOT, sequenceNumber: 1n, table: TABLE, files }));
    if (n % 400 === 399) onProgress((n + 1) * FILES_A_MANIFEST);
  }
  const list = writeManifestList({ snapshotId: SNAPSHOT, parentSnapshotId: null, sequenceNumber: 1n, manifests, earlier: [] });
  await writeFile(join(folder, 'snap.avro'), list);
  const empty = newTableMetadata(TABLE, location, 1_700_000_000_000);
  const whole = withSnapshot(empty, `${location}/metadata/v1.metadata.json`, {
    snapshotId: SNAPSHOT,
    timestampMs: 1_700_000_000_001,
    manifestList: `${location}/metadata/snap.avro`,
    addedFiles: FILES,
    addedRecords: FILES * 100_000,
    addedBytes: FILES * 20_000_000,
    summary: {},
  });
  await writeFile(join(folder, 'v2.metadata.json'), printMetadata(whole));
  await writeFile(join(folder, 'version-hint.text'), '2');
  await rm(warehouse, { recursive: true, force: true });
  await rename(making, warehouse);
  return { warehouse, metadata };
}

function dataFile(location: string, manifest: number, at: number): DataFile {
  const day = FIRST_DAY + Math.floor(manifest / MANIFESTS_A_DAY);
  const slot = (manifest % MANIFESTS_A_DAY) * FILES_A_MANIFEST + at;
  const width = DAY_MICROS / BigInt(MANIFESTS_A_DAY * FILES_A_MANIFEST);
  const from = BigInt(day) * DAY_MICROS + BigInt(slot) * width;
  const ids = TABLE.columns.map(({ id }) => id);
  const text = (value: string): Uint8Array => Buffer.from(value);
  const session = `session-${String((manifest * 7919 + at * 104_729) % 100_000).padStart(6, '0')}`;
  return {
    path: `${location}/data/ts_day=${day}/${String(manifest).padStart(5, '0')}-${at}-7c9e6679-7425-40de-944b-e07fc1f90ae7.parquet`,
    partition: [day],
    records: 100_000,
    bytes: 20_000_000,
    columnSizes: new Map(ids.map((id) => [id, 2_400_000 + id])),
    valueCounts: new Map(ids.map((id) => [id, 100_000])),
    nullCounts: new Map(ids.map((id) => [id, id === 8 ? 100 : 0])),
    lowerBounds: new Map<number, Uint8Array>([
      [1, long(from)],
      [2, text(session)],
      [3, long(BigInt(manifest * FILES_A_MANIFEST + at) * 100_000n)],
      [4, text('buffer')],
      [5, text('akamai')],
      [6, Buffer.from([0, 1, 0, 0])],
      [7, Buffer.alloc(8)],
      [8, text('a title of some')],
    ]),
    upperBounds: new Map<number, Uint8Array>([
      [1, long(from + width - 1n)],
      [2, text(`${session}-zzz`)],
      [3, long(BigInt(manifest * FILES_A_MANIFEST + at + 1) * 100_000n - 1n)],
      [4, text('stop')],
      [5, text('fastly')],
      [6, Buffer.from([0, 0, 1, 0])],
      [7, Buffer.from([0, 0, 0, 0, 0, 0, 0xf0, 0x3f])],
      [8, text('z title of some')],
    ]),
    splitOffsets: [4],
  };
}

function long(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}
