import { Oid } from '../../../sql/types.js';
import { column, type MetadataTable, number, required } from './metadata-table.js';

export const refsTable: MetadataTable = {
  kind: 'metadata',
  suffix: 'refs',
  comment: 'Branches and tags. All of them, whatever the version asked for',
  columns: [
    required('name', Oid.text, 'for at_snapshot() and timeline.as_of'),
    required('type', Oid.text, 'BRANCH or TAG'),
    required('snapshot_id', Oid.int8, 'the snapshot; of a branch its newest'),
    column('max_reference_age_in_ms', Oid.int8, 'expire_snapshots drops the reference when its snapshot is older'),
    column('min_snapshots_to_keep', Oid.int4, 'of a branch: so many of its snapshots do not expire'),
    column('max_snapshot_age_in_ms', Oid.int8, 'of a branch: snapshots that are younger do not expire'),
  ],
  rows: ({ metadata }) =>
    [...metadata.refs].map(([name, ref]) => [
      name,
      ref.type.toUpperCase(),
      ref.snapshotId,
      number(ref.maxRefAgeMs),
      number(ref.minSnapshotsToKeep),
      number(ref.maxSnapshotAgeMs),
    ]),
};
