import { Oid } from '../../../sql/types.js';
import type { TableMetadata } from '../format/metadata.js';
import { column, instant, type MetadataTable, required } from './metadata-table.js';

export const historyTable: MetadataTable = {
  kind: 'metadata',
  suffix: 'history',
  comment: 'Which snapshot was current from when on. All of it, whatever the version asked for',
  columns: [
    required('made_current_at', Oid.timestamptz, 'from when on'),
    required('snapshot_id', Oid.int8, 'the snapshot, which may have expired since'),
    column('parent_id', Oid.int8, 'the snapshot before it, if it is still known'),
    required('is_current_ancestor', Oid.bool, 'is the table today made from it? false: it was rolled back'),
  ],
  rows: ({ metadata }) => {
    const ancestors = ancestorsOf(metadata, metadata.currentSnapshotId);
    const parents = new Map(metadata.snapshots.map((snapshot) => [snapshot.id, snapshot.parentId]));
    return metadata.log.map(({ snapshotId, timestampMs }) => [
      instant(timestampMs),
      snapshotId,
      parents.get(snapshotId) ?? null,
      ancestors.has(snapshotId) ? 't' : 'f',
    ]);
  },
};

/** A snapshot and those before it, as far as they are known, the newest first. */
export function ancestorsOf(metadata: Pick<TableMetadata, 'snapshots'>, snapshot: string | null): ReadonlySet<string> {
  const byId = new Map(metadata.snapshots.map((one) => [one.id, one]));
  const found = new Set<string>();
  for (let id = snapshot; id !== null && !found.has(id); id = byId.get(id)?.parentId ?? null) {
    if (!byId.has(id)) break;
    found.add(id);
  }
  return found;
}
