import { randomUUID } from 'node:crypto';
import { internal } from '../../../sql/errors.js';
import { type AvroField, type AvroRecord, type AvroValue, readAvro } from '../format/avro-reader.js';
import { type AvroStruct, type AvroField as AvroWriterField, writeAvroFile } from '../format/avro-writer.js';
import { compareData, type Datum, decodeBound } from '../format/datum.js';
import { CONTENTS, MAX_MANIFEST_BYTES, type ManifestFileEntry, type ManifestListEntry, type PartitionSummary } from '../format/manifest.js';
import type { TableMetadata } from '../format/metadata.js';
import type { IcebergType, PartitionField, PartitionSpec } from '../format/schema.js';
import { resultType } from '../format/transforms.js';
import type { FileIo } from '../read/file-io.js';
import { manifestEntrySchema } from './manifest-schema.js';
import { manifestHeader } from './manifest-writer.js';
import { createFile } from './snapshot-commit.js';
import { findField } from './table-shape.js';

export interface MergeRequest {
  readonly io: FileIo;
  readonly metadata: TableMetadata;
  readonly folder: string;
  readonly snapshotId: bigint;
  readonly sequence: number;
  /** The new snapshot's, newest first. */
  readonly manifests: readonly ManifestListEntry[];
  /** Whatever the table's properties say of when: two are enough. Their files are then in the order of partitions. */
  readonly always?: boolean;
  /** Told of each manifest that was written. */
  readonly onWritten: (path: string) => void | Promise<void>;
  readonly signal: AbortSignal;
}

const DEFAULT_TARGET_BYTES = 8 << 20;
const DEFAULT_MIN_COUNT = 100;

/**
 * Puts small data manifests of one spec together when there are `commit.manifest.min-count-to-merge` of them, so that lists stay short.
 * Every live file keeps its sequence numbers, its snapshot and its row ids.
 */
export async function mergeManifests(request: MergeRequest): Promise<readonly ManifestListEntry[]> {
  const { metadata, manifests } = request;
  const { properties } = metadata;
  const always = request.always === true;
  if (properties['commit.manifest-merge.enabled'] === 'false' && !always) return manifests;
  const target = whole(properties['commit.manifest.target-size-bytes'], DEFAULT_TARGET_BYTES);
  const minCount = always ? 2 : Math.max(2, whole(properties['commit.manifest.min-count-to-merge'], DEFAULT_MIN_COUNT));
  let merged = manifests;
  for (const specId of new Set(manifests.map((manifest) => manifest.specId))) {
    const small = merged.filter(
      (one) => one.content === 'data' && one.specId === specId && !one.encrypted && (one.length ?? target) < target && countsFiles(one),
    );
    if (small.length < minCount || !metadata.specs.has(specId)) continue;
    for (const bin of binsOf(always ? byPartition(metadata, specId, small) : small, target)) {
      if (bin.length < 2) continue;
      const one = await mergeBin(request, bin, specId);
      // The oldest one's place: row ids without one are given in order.
      if (one !== undefined) merged = merged.flatMap((entry) => (entry === bin.at(-1) ? [one] : bin.includes(entry) ? [] : [entry]));
    }
  }
  return merged;
}

/** By the lowest partition value that they hold: those of one partition come together where they can. */
function byPartition(metadata: TableMetadata, specId: number, manifests: readonly ManifestListEntry[]): readonly ManifestListEntry[] {
  const types = metadata.specs.get(specId)?.fields.map((field) => partitionType(metadata, field)) ?? [];
  const lowest = new Map(
    manifests.map((one) => [
      one,
      types.map((type, at) => {
        const bytes = one.partitions?.[at]?.lower;
        return type === undefined || bytes === undefined ? undefined : decodeBound(type, bytes);
      }),
    ]),
  );
  return manifests.toSorted((a, b) => {
    for (const at of types.keys()) {
      const [left, right] = [lowest.get(a)?.[at], lowest.get(b)?.[at]];
      const order =
        left === undefined || right === undefined ? Number(left !== undefined) - Number(right !== undefined) : compareData(left, right);
      if (order !== 0) return order;
    }
    return 0;
  });
}

/** Any order that puts equal tuples together, and numbers and texts as they follow each other. */
function comparePartitions(a: AvroStruct, b: AvroStruct): number {
  const valuesOf = (record: AvroStruct): AvroValue[] => Object.values((record['data_file'] as AvroRecord)['partition'] as AvroRecord);
  const others = valuesOf(b);
  for (const [at, one] of valuesOf(a).entries()) {
    const order = compareValues(one, others[at] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

function compareValues(a: AvroValue, b: AvroValue): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  return a < b ? -1 : a > b ? 1 : 0;
}

function countsFiles(manifest: ManifestListEntry): boolean {
  return Object.values(manifest.counts).every((count) => count !== undefined);
}

function binsOf(manifests: readonly ManifestListEntry[], target: number): ManifestListEntry[][] {
  const bins: ManifestListEntry[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const manifest of manifests) {
    const length = manifest.length ?? 0;
    if (size + length > target) {
      bins.push([]);
      size = 0;
    }
    bins.at(-1)?.push(manifest);
    size += length;
  }
  return bins;
}

interface RawManifest {
  readonly entry: ManifestListEntry;
  readonly records: readonly AvroRecord[];
  readonly top: ReadonlyMap<number, string>;
  readonly file: ReadonlyMap<number, string>;
  readonly partition: readonly AvroField[];
}

/** The manifest without the data files of these paths (FileIo.place), or without the deletes from them alone, which it says are deleted now. */
export async function withoutFiles(
  request: Omit<MergeRequest, 'manifests'>,
  manifest: ManifestListEntry,
  removed: ReadonlySet<string>,
): Promise<ManifestListEntry> {
  const written = await mergeBin({ ...request, manifests: [manifest] }, [manifest], manifest.specId, removed);
  if (written === undefined) throw internal(`manifest ${request.io.display(manifest.path)} is of a partition spec that is gone`);
  return written;
}

/** The data file that an entry of a manifest stands and falls with: itself; of position deletes, the one that they are all from. */
export function dataFileOf(file: Pick<ManifestFileEntry, 'content' | 'path' | 'referencedDataFile'>): string | undefined {
  if (file.content === 'data') return file.path;
  return file.content === 'position deletes' ? file.referencedDataFile : undefined;
}

/** Of one content. Undefined: they cannot be one (their partition tuples are of different types). */
async function mergeBin(
  request: MergeRequest,
  bin: readonly ManifestListEntry[],
  specId: number,
  removed: ReadonlySet<string> = new Set(),
): Promise<ManifestListEntry | undefined> {
  const { io, metadata, folder, snapshotId, sequence, signal } = request;
  const spec = metadata.specs.get(specId);
  const schema = metadata.schemas.get(metadata.currentSchemaId);
  if (spec === undefined || schema === undefined) return undefined;
  const raw: RawManifest[] = [];
  for (const entry of bin) {
    const bytes = await io.read(entry.path, { maxBytes: MAX_MANIFEST_BYTES, signal });
    raw.push(await rawManifest(entry, bytes, io.display(entry.path)));
  }
  const [first] = raw;
  const content = first?.entry.content ?? 'data';
  if (first === undefined || raw.some((one) => JSON.stringify(one.partition) !== JSON.stringify(first.partition))) return undefined;
  const avro = manifestEntrySchema(metadata.formatVersion, first.partition as unknown as readonly AvroWriterField[]);
  const counts = { addedFiles: 0, existingFiles: 0, deletedFiles: 0, addedRows: 0, existingRows: 0, deletedRows: 0 };
  let minSequence = sequence;
  const unsorted = raw.flatMap((one) => {
    let nextRow = one.entry.firstRowId;
    return one.records.flatMap((record): AvroStruct[] => {
      const at = (id: number): AvroValue => record[one.top.get(id) ?? ''] ?? null;
      const file = at(2) as AvroRecord;
      const ofFile = (id: number): AvroValue => file[one.file.get(id) ?? ''] ?? null;
      const rows = Number(ofFile(103));
      // Files that an earlier snapshot deleted are its own affair.
      if (at(0) === 2) return [];
      const inherits = one.entry.sequence;
      const added = one.entry.addedSnapshot === String(snapshotId);
      let firstRowId = ofFile(142);
      if (firstRowId === null && nextRow !== undefined) {
        firstRowId = nextRow;
        nextRow += BigInt(rows);
      }
      const own = at(3) === null ? inherits : Number(at(3));
      const referenced = ofFile(143);
      const dataFile = dataFileOf({
        content: CONTENTS[Number(ofFile(134) ?? 0)] ?? 'equality deletes',
        path: String(ofFile(100)),
        referencedDataFile: referenced === null ? undefined : String(referenced),
      });
      const gone = removed.size > 0 && dataFile !== undefined && removed.has(io.place(dataFile));
      if (gone) {
        counts.deletedFiles++;
        counts.deletedRows += rows;
      } else if (added) {
        counts.addedFiles++;
        counts.addedRows += rows;
      } else {
        counts.existingFiles++;
        counts.existingRows += rows;
        minSequence = Math.min(minSequence, own);
      }
      return [
        {
          status: gone ? 2 : added ? 1 : 0,
          snapshot_id: added || gone ? snapshotId : ((at(1) ?? BigInt(one.entry.addedSnapshot ?? 0)) as AvroValue),
          sequence_number: added ? null : own,
          file_sequence_number: added ? null : ((at(4) ?? inherits) as AvroValue),
          data_file: { ...byOurNames(ofFile), first_row_id: firstRowId } as AvroStruct,
        } as AvroStruct,
      ];
    });
  });
  const records = request.always === true ? unsorted.sort(comparePartitions) : unsorted;
  const bytes = writeAvroFile({ schema: avro, records, metadata: manifestHeader({ schema, spec }, metadata.formatVersion, content) });
  const path = `${folder}/${randomUUID()}-merged-${snapshotId}.avro`;
  await createFile(io, path, bytes, signal);
  await request.onWritten(path);
  return {
    path,
    length: bytes.length,
    specId,
    content,
    sequence,
    minSequence,
    addedSnapshot: String(snapshotId),
    firstRowId: undefined,
    counts,
    encrypted: false,
    liveFiles: counts.addedFiles + counts.existingFiles,
    partitions: mergedSummaries(metadata, spec, bin),
  };
}

async function rawManifest(entry: ManifestListEntry, bytes: Uint8Array, file: string): Promise<RawManifest> {
  const avro = await readAvro({ bytes, file });
  const fileFields = fieldsOf(avro.fields.find((field) => field['field-id'] === 2)?.type);
  const partition = fieldsOf(fileFields.find((field) => field['field-id'] === 102)?.type);
  return { entry, records: avro.records, top: names(avro.fields), file: names(fileFields), partition };
}

const FILE_FIELDS = manifestEntrySchema(3, []).fields.flatMap((field) =>
  field.name === 'data_file' ? (field.type as { readonly fields: readonly AvroWriterField[] }).fields : [],
);

function byOurNames(ofFile: (id: number) => AvroValue): AvroStruct {
  const fields = FILE_FIELDS.map((field) => [field.name, ofFile(field['field-id'] ?? -1)] as const);
  return Object.fromEntries([...fields, ['content', ofFile(134) ?? 0], ['block_size_in_bytes', ofFile(105) ?? 64 << 20]]) as AvroStruct;
}

function names(fields: readonly AvroField[]): Map<number, string> {
  return new Map(fields.flatMap((field) => (field['field-id'] === undefined ? [] : [[field['field-id'], field.name] as const])));
}

function fieldsOf(schema: unknown): readonly AvroField[] {
  if (Array.isArray(schema)) return schema.map(fieldsOf).find((fields) => fields.length > 0) ?? [];
  if (typeof schema !== 'object' || schema === null) return [];
  const { fields, type } = schema as { fields?: unknown; type?: unknown };
  return Array.isArray(fields) ? (fields as AvroField[]) : fieldsOf(type);
}

/** Undefined: one of them says nothing, so nothing is known of all. */
function mergedSummaries(
  metadata: TableMetadata,
  spec: PartitionSpec,
  bin: readonly ManifestListEntry[],
): readonly PartitionSummary[] | undefined {
  const lists = bin.map((entry) => entry.partitions);
  if (lists.some((list) => list === undefined || list.length !== spec.fields.length)) return undefined;
  return spec.fields.map((field, at) => {
    const summaries = lists.flatMap((list) => list?.[at] ?? []);
    const nan = summaries.map((one) => one.containsNaN);
    return {
      containsNull: summaries.some((one) => one.containsNull),
      containsNaN: nan.includes(true) ? true : nan.includes(undefined) ? undefined : false,
      ...edges(partitionType(metadata, field), summaries),
    };
  });
}

function edges(type: IcebergType | undefined, summaries: readonly PartitionSummary[]): Pick<PartitionSummary, 'lower' | 'upper'> {
  const least = (side: 'lower' | 'upper'): Uint8Array | undefined => {
    let best: { readonly datum: Datum; readonly bytes: Uint8Array } | undefined;
    for (const bytes of summaries.flatMap((one) => one[side] ?? [])) {
      const datum = type === undefined ? undefined : decodeBound(type, bytes);
      if (datum === undefined) return undefined;
      const order = best === undefined ? 0 : compareData(datum, best.datum);
      if (best === undefined || (side === 'lower' ? order < 0 : order > 0)) best = { datum, bytes };
    }
    return best?.bytes;
  };
  return { lower: least('lower'), upper: least('upper') };
}

/** The source column may be gone from today's schema. */
function partitionType(metadata: TableMetadata, field: PartitionField): IcebergType | undefined {
  const current = metadata.schemas.get(metadata.currentSchemaId);
  for (const schema of [current, ...metadata.schemas.values()]) {
    const found = schema === undefined ? undefined : findField(schema.fields, field.sourceId);
    if (found !== undefined) return resultType(field.transform, found.field.type);
  }
  return undefined;
}

function whole(text: string | undefined, fallback: number): number {
  const value = Number(text ?? fallback);
  return Number.isSafeInteger(value) && value >= 0 ? value : fallback;
}
