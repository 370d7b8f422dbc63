import type { AvroArray, AvroField, AvroRecord, AvroType } from '../format/avro-writer.js';

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

/** A field of the partition tuple. Avro allows fewer characters in names than Iceberg. */
export function partitionAvroField(name: string, id: number, type: AvroType): AvroField {
  const plain = name.replace(/[^A-Za-z0-9_]/g, (character) => `_x${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}`);
  const safe = /^[0-9]/.test(plain) ? `_${plain}` : plain;
  return { ...optional(safe === '' ? `_${id}` : safe, id, type), ...(safe === name ? {} : { 'iceberg-field-name': name }) };
}

export function manifestEntrySchema(formatVersion: number, partition: readonly AvroField[]): AvroRecord {
  const [v1, v3] = [formatVersion === 1, formatVersion >= 3];
  const dataFile: AvroRecord = {
    type: 'record',
    name: 'r2',
    fields: [
      ...(v1 ? [] : [required('content', 134, 'int')]),
      required('file_path', 100, 'string'),
      required('file_format', 101, 'string'),
      required('partition', 102, { type: 'record', name: 'r102', fields: partition }),
      required('record_count', 103, 'long'),
      required('file_size_in_bytes', 104, 'long'),
      ...(v1 ? [required('block_size_in_bytes', 105, 'long')] : []),
      optional('column_sizes', 108, idMap(117, 118, 'long')),
      optional('value_counts', 109, idMap(119, 120, 'long')),
      optional('null_value_counts', 110, idMap(121, 122, 'long')),
      optional('nan_value_counts', 137, idMap(138, 139, 'long')),
      optional('lower_bounds', 125, idMap(126, 127, 'bytes')),
      optional('upper_bounds', 128, idMap(129, 130, 'bytes')),
      optional('key_metadata', 131, 'bytes'),
      optional('split_offsets', 132, { type: 'array', items: 'long', 'element-id': 133 }),
      ...(v1 ? [] : [optional('equality_ids', 135, { type: 'array', items: 'int', 'element-id': 136 })]),
      optional('sort_order_id', 140, 'int'),
      ...(v3 ? [optional('first_row_id', 142, 'long')] : []),
      ...(v1 ? [] : [optional('referenced_data_file', 143, 'string')]),
      ...(v3 ? [optional('content_offset', 144, 'long'), optional('content_size_in_bytes', 145, 'long')] : []),
    ],
  };
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required('status', 0, 'int'),
      v1 ? required('snapshot_id', 1, 'long') : optional('snapshot_id', 1, 'long'),
      ...(v1 ? [] : [optional('sequence_number', 3, 'long'), optional('file_sequence_number', 4, 'long')]),
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

export function manifestListSchema(formatVersion: number): AvroRecord {
  const v1 = formatVersion === 1;
  const count = v1 ? optional : required;
  return {
    type: 'record',
    name: 'manifest_file',
    fields: [
      required('manifest_path', 500, 'string'),
      required('manifest_length', 501, 'long'),
      required('partition_spec_id', 502, 'int'),
      ...(v1
        ? []
        : [required('content', 517, 'int'), required('sequence_number', 515, 'long'), required('min_sequence_number', 516, 'long')]),
      required('added_snapshot_id', 503, 'long'),
      count('added_files_count', 504, 'int'),
      count('existing_files_count', 505, 'int'),
      count('deleted_files_count', 506, 'int'),
      count('added_rows_count', 512, 'long'),
      count('existing_rows_count', 513, 'long'),
      count('deleted_rows_count', 514, 'long'),
      optional('partitions', 507, { type: 'array', items: FIELD_SUMMARY, 'element-id': 508 }),
      ...(formatVersion >= 3 ? [optional('first_row_id', 520, 'long')] : []),
    ],
  };
}
