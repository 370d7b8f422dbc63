import { Oid } from '../../../sql/types.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import { columnTypes, partitionKey } from '../prune/partition-values.js';
import { type AboutVersion, column, instant, type MetadataTable, number, type Row, required, type Totals } from './metadata-table.js';
import { ReadableValues } from './readable-values.js';

interface Partition {
  readonly partition: string;
  readonly specId: number;
  records: number;
  files: number;
  bytes: number;
  positionDeletes: number;
  positionDeleteFiles: number;
  equalityDeletes: number;
  equalityDeleteFiles: number;
  updatedMs: number | undefined;
  updatedBy: string | undefined;
}

export const partitionsTable: MetadataTable = {
  kind: 'totals',
  suffix: 'partitions',
  comment: "The version's partitions: what their files hold, without regard to what deletes take away",
  columns: [
    required('partition', Oid.jsonb, 'values of the partition fields by name'),
    required('spec_id', Oid.int4, 'how it is partitioned'),
    required('record_count', Oid.int8, 'rows of the data files'),
    required('file_count', Oid.int8, 'data files'),
    required('total_data_file_size_in_bytes', Oid.int8, 'bytes of the data files'),
    required('position_delete_record_count', Oid.int8, 'rows that position deletes and deletion vectors name'),
    required('position_delete_file_count', Oid.int8, 'position delete files and deletion vectors'),
    required('equality_delete_record_count', Oid.int8, 'rows of equality delete files'),
    required('equality_delete_file_count', Oid.int8, 'equality delete files'),
    column('last_updated_at', Oid.timestamptz, 'when a file was added last, as far as the snapshot is still known'),
    column('last_updated_snapshot_id', Oid.int8, 'the snapshot that did'),
  ],
  totals,
};

function totals({ metadata, schema }: AboutVersion): Totals {
  const values = new ReadableValues(metadata, schema);
  const types = columnTypes(metadata);
  const times = new Map(metadata.snapshots.map((snapshot) => [snapshot.id, snapshot.timestampMs]));
  const partitions = new Map<string, Partition>();
  const partitionOf = (file: ManifestFileEntry): Partition => {
    const spec = metadata.specs.get(file.specId);
    const key = spec === undefined ? `${file.specId}` : partitionKey(file, spec, types);
    const known = partitions.get(key);
    if (known !== undefined) return known;
    const zeros = {
      records: 0,
      files: 0,
      bytes: 0,
      positionDeletes: 0,
      positionDeleteFiles: 0,
      equalityDeletes: 0,
      equalityDeleteFiles: 0,
    };
    const made = { partition: values.partition(file), specId: file.specId, ...zeros, updatedMs: undefined, updatedBy: undefined };
    partitions.set(key, made);
    return made;
  };
  return {
    add(file) {
      const partition = partitionOf(file);
      const time = file.snapshot === undefined ? undefined : times.get(file.snapshot);
      if (time !== undefined && (partition.updatedMs === undefined || time > partition.updatedMs)) {
        partition.updatedMs = time;
        partition.updatedBy = file.snapshot;
      }
      switch (file.content) {
        case 'data':
          partition.records += file.rows;
          partition.files += 1;
          partition.bytes += file.bytes;
          return;
        case 'position deletes':
          partition.positionDeletes += file.rows;
          partition.positionDeleteFiles += 1;
          return;
        case 'equality deletes':
          partition.equalityDeletes += file.rows;
          partition.equalityDeleteFiles += 1;
      }
    },
    rows: () => [...partitions.values()].map(rowOf),
  };
}

function rowOf(partition: Partition): Row {
  return [
    partition.partition,
    number(partition.specId),
    number(partition.records),
    number(partition.files),
    number(partition.bytes),
    number(partition.positionDeletes),
    number(partition.positionDeleteFiles),
    number(partition.equalityDeletes),
    number(partition.equalityDeleteFiles),
    partition.updatedMs === undefined ? null : instant(partition.updatedMs),
    partition.updatedBy ?? null,
  ];
}
