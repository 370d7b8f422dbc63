import { Oid } from '../../../sql/types.js';
import { column, instant, type MetadataTable, number, required } from './metadata-table.js';

export const snapshotsTable: MetadataTable = {
  kind: 'metadata',
  suffix: 'snapshots',
  comment: 'The versions of the table that can be read: one row a snapshot. All of them, whatever the version asked for',
  columns: [
    required('committed_at', Oid.timestamptz, 'when the snapshot was made'),
    required('snapshot_id', Oid.int8, 'for at_snapshot() and timeline.as_of'),
    column('parent_id', Oid.int8, 'the snapshot before it; NULL for the first, and where that is not known'),
    column('operation', Oid.text, 'append, replace, overwrite or delete'),
    column('manifest_list', Oid.text, 'location of the list of its manifests'),
    required('summary', Oid.jsonb, 'what the writer tells of it: texts by name'),
    column('schema_id', Oid.int4, 'the schema it was written with'),
    required('sequence_number', Oid.int8, 'the order of commits; 0 in format version 1'),
  ],
  rows: ({ metadata }) =>
    metadata.snapshots.map((snapshot) => {
      const { operation, ...summary } = snapshot.summary;
      return [
        instant(snapshot.timestampMs),
        snapshot.id,
        snapshot.parentId,
        operation ?? null,
        snapshot.manifestList ?? null,
        JSON.stringify(summary),
        number(snapshot.schemaId),
        number(snapshot.sequenceNumber),
      ];
    }),
};
