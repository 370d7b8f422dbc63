import { unsupported } from '../../../sql/errors.js';
import { readAvro } from '../format/avro-reader.js';
import type { AvroArray, AvroField, AvroRecord, AvroStruct, AvroType, AvroValue } from '../format/avro-writer.js';
import { writeAvroFile } from '../format/avro-writer.js';
import { icebergPartitionFields, icebergSchema } from './metadata-writer.js';
import type { DataFile, WriterTable } from './writer-types.js';

/** One manifest as the manifest list tells of it. */
export interface ManifestFile {
  readonly path: string;
  readonly bytes: number;
  readonly specId: number;
  /** 0: data, 1: deletes. */
  readonly content: number;
  readonly sequenceNumber: bigint;
  readonly minSequenceNumber: bigint;
  readonly addedSnapshotId: bigint;
  readonly addedFiles: number;
  readonly existingFiles: number;
  readonly deletedFiles: number;
  readonly addedRows: bigint;
  readonly existingRows: bigint;
  readonly deletedRows: bigint;
  readonly partitions: readonly PartitionSummary[] | null;
}

export interface PartitionSummary {
  readonly containsNull: boolean;
  readonly containsNan: boolean | null;
  readonly lower: Uint8Array | null;
  readonly upper: Uint8Array | null;
}

const STATUS_ADDED = 1;
const SPEC_ID = 0;
/** Field ids of manifest lists: what version 1 leaves out stands for these. */
const LIST_DEFAULTS: ReadonlyMap<number, AvroValue> = new Map([
  [517, 0],
  [515, 0],
  [516, 0],
]);
const KEY_METADATA = 519;

/** A v2 manifest of added data files. Sequence numbers are left null: they are inherited from the manifest list, so a retried commit keeps it. */
export function writeManifest(options: {
  readonly table: WriterTable;
  readonly snapshotId: bigint;
  readonly files: readonly DataFile[];
}): Uint8Array {
  const { table, snapshotId, files } = options;
  const sorted = table.sort.length > 0;
  const records = files.map(
    (file): AvroStruct => ({
      status: STATUS_ADDED,
      snapshot_id: snapshotId,
      sequence_number: null,
      file_sequence_number: null,
      data_file: dataFileRecord(table, file, sorted),
    }),
  );
  return writeAvroFile({
    schema: manifestEntrySchema(table),
    records,
    metadata: {
      schema: JSON.stringify(icebergSchema(table.columns)),
      'schema-id': '0',
      'partition-spec': JSON.stringify(icebergPartitionFields(table.partition)),
      'partition-spec-id': String(SPEC_ID),
      'format-version': '2',
      content: 'data',
    },
  });
}

/** The manifest list's line for a manifest of added files that was written to `path`. */
export function describeManifest(options: {
  readonly path: string;
  readonly bytes: number;
  readonly snapshotId: bigint;
  readonly sequenceNumber: bigint;
  readonly table: WriterTable;
  readonly files: readonly DataFile[];
}): ManifestFile {
  const { path, bytes, snapshotId, sequenceNumber, table, files } = options;
  return {
    path,
    bytes,
    specId: SPEC_ID,
    content: 0,
    sequenceNumber,
    minSequenceNumber: sequenceNumber,
    addedSnapshotId: snapshotId,
    addedFiles: files.length,
    existingFiles: 0,
    deletedFiles: 0,
    addedRows: files.reduce((sum, file) => sum + BigInt(file.records), 0n),
    existingRows: 0n,
    deletedRows: 0n,
    partitions: table.partition.map((_, at) => summary(files.map((file) => file.partition[at] ?? null))),
  };
}

/** The manifests of one snapshot: the added ones, then those of the list before it (`earlier`, from earlierManifests). */
export function writeManifestList(options: {
  readonly snapshotId: bigint;
  readonly parentSnapshotId: bigint | null;
  readonly sequenceNumber: bigint;
  readonly manifests: readonly ManifestFile[];
  readonly earlier: readonly AvroStruct[];
}): Uint8Array {
  const { snapshotId, parentSnapshotId, sequenceNumber, manifests } = options;
  const records = manifests.map(
    (m): AvroStruct => ({
      manifest_path: m.path,
      manifest_length: m.bytes,
      partition_spec_id: m.specId,
      content: m.content,
      sequence_number: m.sequenceNumber,
      min_sequence_number: m.minSequenceNumber,
      added_snapshot_id: m.addedSnapshotId,
      added_files_count: m.addedFiles,
      existing_files_count: m.existingFiles,
      deleted_files_count: m.deletedFiles,
      added_rows_count: m.addedRows,
      existing_rows_count: m.existingRows,
      deleted_rows_count: m.deletedRows,
      partitions:
        m.partitions?.map((p) => ({
          contains_null: p.containsNull,
          contains_nan: p.containsNan,
          lower_bound: p.lower,
          upper_bound: p.upper,
        })) ?? null,
    }),
  );
  return writeAvroFile({
    schema: MANIFEST_LIST_SCHEMA,
    records: [...records, ...options.earlier],
    metadata: {
      'snapshot-id': String(snapshotId),
      'parent-snapshot-id': parentSnapshotId === null ? 'null' : String(parentSnapshotId),
      'sequence-number': String(sequenceNumber),
      'format-version': '2',
    },
  });
}

/**
 * The records of an existing manifest list, of whichever writer, in the form that writeManifestList prints.
 * Throws XX001 for a damaged file, 0A000 for what a version 2 list of ours can't say.
 */
export async function earlierManifests(content: Uint8Array, path: string): Promise<AvroStruct[]> {
  const { fields, records } = await readAvro({ bytes: content, file: path });
  const names = new Map(fields.map((field) => [field['field-id'], field.name]));
  return records.map((record) => {
    const at = (id: number | undefined): AvroValue =>
      record[names.get(id) ?? ''] ?? (id === undefined ? null : (LIST_DEFAULTS.get(id) ?? null));
    if (at(KEY_METADATA) !== null) throw unsupported('appending to an encrypted Iceberg table');
    return Object.fromEntries(
      MANIFEST_LIST_SCHEMA.fields.map((field) => {
        const value = at(field['field-id']);
        if (value === null && field.default === undefined)
          throw unsupported(`appending to an Iceberg table whose manifest list has no ${field.name}`);
        return [field.name, value];
      }),
    );
  });
}

function summary(values: readonly (number | null)[]): PartitionSummary {
  const days = values.filter((value): value is number => value !== null);
  const int = (value: number): Uint8Array => {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return bytes;
  };
  const bounds = days.length > 0 ? { lower: int(Math.min(...days)), upper: int(Math.max(...days)) } : { lower: null, upper: null };
  return { containsNull: days.length < values.length, containsNan: false, ...bounds };
}

function dataFileRecord(table: WriterTable, file: DataFile, sorted: boolean): AvroStruct {
  const entries = <T extends number | Uint8Array>(map: ReadonlyMap<number, T>) =>
    [...map].sort(([a], [b]) => a - b).map(([key, value]) => ({ key, value }));
  return {
    content: 0,
    file_path: file.path,
    file_format: 'PARQUET',
    partition: Object.fromEntries(table.partition.map((field, at) => [field.name, file.partition[at] ?? null])),
    record_count: file.records,
    file_size_in_bytes: file.bytes,
    column_sizes: entries(file.columnSizes),
    value_counts: entries(file.valueCounts),
    null_value_counts: entries(file.nullCounts),
    nan_value_counts: null,
    lower_bounds: entries(file.lowerBounds),
    upper_bounds: entries(file.upperBounds),
    key_metadata: null,
    split_offsets: file.splitOffsets,
    equality_ids: null,
    sort_order_id: sorted ? 1 : 0,
  };
}

function required(name: string, id: number, type: AvroType): AvroField {
  return { name, type, 'field-id': id };
}

function optional(name: string, id: number, type: AvroType): AvroField {
  return { name, type: ['null', type], default: null, 'field-id': id };
}

/** Avro has maps of strings only: a map by field id is an array of pairs that says it is a map. */
function idMap(keyId: number, valueId: number, value: AvroType): AvroArray {
  const name = `k${keyId}_v${valueId}`;
  return {
    type: 'array',
    logicalType: 'map',
    items: { type: 'record', name, fields: [required('key', keyId, 'int'), required('value', valueId, value)] },
  };
}

function manifestEntrySchema(table: WriterTable): AvroRecord {
  const partition = table.partition.map((field) => optional(field.name, field.fieldId, { type: 'int', logicalType: 'date' }));
  const dataFile: AvroRecord = {
    type: 'record',
    name: 'r2',
    fields: [
      required('content', 134, 'int'),
      required('file_path', 100, 'string'),
      required('file_format', 101, 'string'),
      required('partition', 102, { type: 'record', name: 'r102', fields: partition }),
      required('record_count', 103, 'long'),
      required('file_size_in_bytes', 104, 'long'),
      optional('column_sizes', 108, idMap(117, 118, 'long')),
      optional('value_counts', 109, idMap(119, 120, 'long')),
      optional('null_value_counts', 110, idMap(121, 122, 'long')),
      optional('nan_value_counts', 137, idMap(138, 139, 'long')),
      optional('lower_bounds', 125, idMap(126, 127, 'bytes')),
      optional('upper_bounds', 128, idMap(129, 130, 'bytes')),
      optional('key_metadata', 131, 'bytes'),
      optional('split_offsets', 132, { type: 'array', items: 'long', 'element-id': 133 }),
      optional('equality_ids', 135, { type: 'array', items: 'int', 'element-id': 136 }),
      optional('sort_order_id', 140, 'int'),
    ],
  };
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required('status', 0, 'int'),
      optional('snapshot_id', 1, 'long'),
      optional('sequence_number', 3, 'long'),
      optional('file_sequence_number', 4, 'long'),
      required('data_file', 2, dataFile),
    ],
  };
}

const FIELD_SUMMARY: AvroRecord = {
  type: 'record',
  name: 'r508',
  fields: [
    required('contains_null', 509, 'boolean'),
    optional('contains_nan', 518, 'boolean'),
    optional('lower_bound', 510, 'bytes'),
    optional('upper_bound', 511, 'bytes'),
  ],
};

const MANIFEST_LIST_SCHEMA: AvroRecord = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required('manifest_path', 500, 'string'),
    required('manifest_length', 501, 'long'),
    required('partition_spec_id', 502, 'int'),
    required('content', 517, 'int'),
    required('sequence_number', 515, 'long'),
    required('min_sequence_number', 516, 'long'),
    required('added_snapshot_id', 503, 'long'),
    required('added_files_count', 504, 'int'),
    required('existing_files_count', 505, 'int'),
    required('deleted_files_count', 506, 'int'),
    required('added_rows_count', 512, 'long'),
    required('existing_rows_count', 513, 'long'),
    required('deleted_rows_count', 514, 'long'),
    optional('partitions', 507, { type: 'array', items: FIELD_SUMMARY, 'element-id': 508 }),
  ],
};
