import { Oid } from '../../../sql/types.js';
import type { ColumnDescription } from '../../connector.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import { type AboutVersion, array, column, type MetadataTable, number, required } from './metadata-table.js';
import { ReadableValues } from './readable-values.js';

const CONTENTS = { data: '0', 'position deletes': '1', 'equality deletes': '2' } as const;
const INT4_ARRAY = 1007;
const INT8_ARRAY = 1016;

type Column = readonly [ColumnDescription, (file: ManifestFileEntry, values: ReadableValues) => string | null];

const COLUMNS: readonly Column[] = [
  [
    required('content', Oid.int4, '0: data, 1: position deletes or a deletion vector, 2: equality deletes'),
    (file) => CONTENTS[file.content],
  ],
  [required('file_path', Oid.text, 'location'), (file) => file.path],
  [required('file_format', Oid.text, 'PARQUET, AVRO, ORC or PUFFIN'), (file) => file.format],
  [required('spec_id', Oid.int4, 'how it is partitioned'), (file) => number(file.specId)],
  [required('partition', Oid.jsonb, 'values of the partition fields by name'), (file, values) => values.partition(file)],
  [required('record_count', Oid.int8, 'rows, or of a delete file: deletes'), (file) => number(file.rows)],
  [required('file_size_in_bytes', Oid.int8, 'bytes'), (file) => number(file.bytes)],
  [column('column_sizes', Oid.jsonb, 'bytes by column'), (file, values) => values.counts(file.columnSizes ?? new Map())],
  [column('value_counts', Oid.jsonb, 'values by column, NULLs too'), (file, values) => values.counts(file.valueCounts)],
  [column('null_value_counts', Oid.jsonb, 'NULLs by column'), (file, values) => values.counts(file.nullCounts)],
  [column('nan_value_counts', Oid.jsonb, 'NaNs by column'), (file, values) => values.counts(file.nanCounts)],
  [column('lower_bounds', Oid.jsonb, 'nothing in the column is less; texts may be cut'), (file, values) => values.bounds(file.lower)],
  [column('upper_bounds', Oid.jsonb, 'nothing in the column is greater; texts may be cut'), (file, values) => values.bounds(file.upper)],
  [column('split_offsets', INT8_ARRAY, 'where its row groups begin'), (file) => array(file.splitOffsets)],
  [column('equality_ids', INT4_ARRAY, 'of equality deletes: ids of the columns compared'), (file) => array(file.equalityIds)],
  [column('sort_order_id', Oid.int4, 'how its rows are sorted'), (file) => number(file.sortOrderId)],
  [required('sequence_number', Oid.int8, 'how old its rows are, for deletes'), (file) => number(file.sequence)],
  [column('file_sequence_number', Oid.int8, 'of the commit that added the file'), (file) => number(file.fileSequence)],
  [column('added_snapshot_id', Oid.int8, 'the snapshot that added the file'), (file) => file.snapshot ?? null],
  [column('first_row_id', Oid.int8, 'id of its first row; NULL before format version 3'), (file) => number(file.firstRowId)],
  [column('referenced_data_file', Oid.text, 'the data file that its deletes are of'), (file) => file.referencedDataFile ?? null],
  [column('content_offset', Oid.int8, 'where the deletion vector begins in the file'), (file) => number(file.blob?.offset)],
  [column('content_size_in_bytes', Oid.int8, 'bytes of the deletion vector'), (file) => number(file.blob?.length)],
];

/** Columns that need counts and bounds of each column: reading them takes longer. */
const STATISTICS = new Set(['column_sizes', 'value_counts', 'null_value_counts', 'nan_value_counts', 'lower_bounds', 'upper_bounds']);

export function needsStatistics(columns: readonly string[]): boolean {
  return columns.some((name) => STATISTICS.has(name));
}

/** Names of columns are worked out once for a version. */
const readable = new WeakMap<AboutVersion, ReadableValues>();

function valuesOf(version: AboutVersion): ReadableValues {
  const known = readable.get(version) ?? new ReadableValues(version.metadata, version.schema);
  readable.set(version, known);
  return known;
}

export const filesTable: MetadataTable = {
  kind: 'files',
  suffix: 'files',
  comment: "The version's data files and delete files",
  columns: COLUMNS.map(([description]) => description),
  row: (file, version, wanted) => wanted.map((place) => COLUMNS[place]?.[1](file, valuesOf(version)) ?? null),
};
