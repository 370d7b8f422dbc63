import { type AvroStruct, type AvroValue, writeAvroFile } from '../format/avro-writer.js';
import { encodeDatum } from '../format/bound-writer.js';
import { compareData, type Datum, isNaNDatum } from '../format/datum.js';
import type { ManifestListEntry, PartitionSummary } from '../format/manifest.js';
import { partitionFieldsJson, schemaJson } from '../format/schema-json.js';
import { manifestEntrySchema, partitionAvroField } from './manifest-schema.js';
import { avroPartitionType, avroPartitionValue, datumOfText, type PartitionColumn, partitionColumns } from './partition-values.js';
import type { TableShape } from './table-shape.js';
import type { WrittenFile } from './written-file.js';

const ADDED = 1;
/** v1 wants it, and nothing reads it. */
const BLOCK_BYTES = 64 << 20;

export interface AddedManifestRequest {
  /** Of the files: their schema and spec. */
  readonly shape: TableShape;
  readonly formatVersion: number;
  readonly snapshotId: bigint;
  readonly files: readonly WrittenFile[];
}

/** A manifest of added data files. Sequence numbers and row ids are left null: they are inherited from the manifest list, so a retried commit keeps it. */
export function writeAddedManifest(request: AddedManifestRequest): Uint8Array {
  const { shape, formatVersion, snapshotId, files } = request;
  const columns = partitionColumns(shape);
  const fields = columns.map(({ field, type }) =>
    partitionAvroField(field.name, field.fieldId, avroPartitionType(type, field.transform, field.fieldId)),
  );
  const records = files.map(
    (file): AvroStruct => ({
      status: ADDED,
      snapshot_id: snapshotId,
      sequence_number: null,
      file_sequence_number: null,
      data_file: dataFile(
        file,
        Object.fromEntries(columns.map(({ type }, at) => [fields[at]?.name ?? '', avroPartitionValue(type, file.partition[at] ?? null)])),
      ),
    }),
  );
  return writeAvroFile({
    schema: manifestEntrySchema(formatVersion, fields),
    records,
    metadata: manifestHeader(shape, formatVersion),
  });
}

export function manifestHeader(
  shape: Pick<TableShape, 'schema' | 'spec'>,
  formatVersion: number,
  content: ManifestListEntry['content'] = 'data',
): Record<string, string> {
  return {
    schema: JSON.stringify(schemaJson(shape.schema)),
    'schema-id': String(shape.schema.id),
    'partition-spec': JSON.stringify(partitionFieldsJson(shape.spec.fields)),
    'partition-spec-id': String(shape.spec.id),
    'format-version': String(formatVersion),
    ...(formatVersion === 1 ? {} : { content }),
  };
}

/** The manifest list's line for a manifest of added files; its sequence number is that of the commit. */
export function describeAddedManifest(options: {
  readonly path: string;
  readonly length: number;
  readonly snapshotId: bigint;
  readonly shape: TableShape;
  readonly files: readonly WrittenFile[];
}): Omit<ManifestListEntry, 'sequence' | 'minSequence'> {
  const { path, length, snapshotId, shape, files } = options;
  const rows = files.reduce((sum, file) => sum + file.records, 0);
  return {
    path,
    length,
    specId: shape.spec.id,
    content: 'data',
    addedSnapshot: String(snapshotId),
    firstRowId: undefined,
    counts: { addedFiles: files.length, existingFiles: 0, deletedFiles: 0, addedRows: rows, existingRows: 0, deletedRows: 0 },
    encrypted: false,
    liveFiles: files.length,
    partitions: partitionColumns(shape).map((column, at) =>
      summary(
        column,
        files.map((file) => file.partition[at] ?? null),
      ),
    ),
  };
}

function summary({ type }: PartitionColumn, texts: readonly (string | null)[]): PartitionSummary {
  const data = texts.flatMap((text) => (text === null ? [] : [datumOfText(type, text)]));
  const numbers = data.filter((datum) => !isNaNDatum(datum));
  const edge = (side: 1 | -1): Uint8Array | undefined => {
    const found = numbers.reduce<Datum | undefined>(
      (best, one) => (best === undefined || compareData(one, best) * side > 0 ? one : best),
      undefined,
    );
    return found === undefined ? undefined : encodeDatum(type, found);
  };
  return { containsNull: data.length < texts.length, containsNaN: numbers.length < data.length, lower: edge(-1), upper: edge(1) };
}

function dataFile(file: WrittenFile, partition: AvroStruct): AvroStruct {
  const pairs = <T>(map: Readonly<Record<string, T>>, value: (item: T) => AvroValue): AvroStruct[] =>
    Object.entries(map).map(([key, item]) => ({ key: Number(key), value: value(item) }));
  const number = (item: number): AvroValue => item;
  const bytes = (item: string): AvroValue => Buffer.from(item, 'base64');
  return {
    content: 0,
    file_path: file.path,
    file_format: 'PARQUET',
    partition,
    record_count: file.records,
    file_size_in_bytes: file.bytes,
    block_size_in_bytes: BLOCK_BYTES,
    column_sizes: pairs(file.columnSizes, number),
    value_counts: pairs(file.valueCounts, number),
    null_value_counts: pairs(file.nullCounts, number),
    nan_value_counts: pairs(file.nanCounts, number),
    lower_bounds: pairs(file.lower, bytes),
    upper_bounds: pairs(file.upper, bytes),
    key_metadata: null,
    split_offsets: file.splitOffsets,
    equality_ids: null,
    sort_order_id: file.sortOrderId,
    first_row_id: null,
    referenced_data_file: null,
    content_offset: null,
    content_size_in_bytes: null,
  };
}
