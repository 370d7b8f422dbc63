import { unsupported } from '../../../sql/errors.js';
import type { AvroStruct } from '../format/avro-writer.js';
import { writeAvroFile } from '../format/avro-writer.js';
import type { ManifestCounts, ManifestListEntry } from '../format/manifest.js';
import { manifestListSchema } from './manifest-schema.js';

export interface ManifestListRequest {
  readonly formatVersion: number;
  /** schema.table, for messages. */
  readonly table: string;
  readonly snapshotId: bigint;
  readonly parentSnapshotId: string | null;
  readonly sequence: number;
  /** v3: the table's next row id. */
  readonly nextRowId: bigint;
  readonly manifests: readonly ManifestListEntry[];
}

/** A manifest list; in v3 the data manifests without row ids get theirs, in order: `assignedRows` of them. */
export function writeManifestList(request: ManifestListRequest): { readonly bytes: Uint8Array; readonly assignedRows: bigint } {
  const { formatVersion, snapshotId, parentSnapshotId, sequence } = request;
  let next = request.nextRowId;
  const records = request.manifests.map((manifest): AvroStruct => {
    if (manifest.encrypted) throw unsupported(`writing encrypted Iceberg table ${request.table}`);
    let firstRowId = manifest.firstRowId ?? null;
    if (formatVersion >= 3 && manifest.content === 'data' && firstRowId === null) {
      firstRowId = next;
      next += BigInt(count(manifest, 'addedRows', request.table)) + BigInt(count(manifest, 'existingRows', request.table));
    }
    const counted = (key: keyof ManifestCounts): number | null =>
      formatVersion === 1 ? (manifest.counts[key] ?? null) : count(manifest, key, request.table);
    return {
      manifest_path: manifest.path,
      manifest_length: manifest.length ?? 0,
      partition_spec_id: manifest.specId,
      content: manifest.content === 'data' ? 0 : 1,
      sequence_number: manifest.sequence,
      min_sequence_number: manifest.minSequence,
      added_snapshot_id: BigInt(manifest.addedSnapshot ?? 0),
      added_files_count: counted('addedFiles'),
      existing_files_count: counted('existingFiles'),
      deleted_files_count: counted('deletedFiles'),
      added_rows_count: counted('addedRows'),
      existing_rows_count: counted('existingRows'),
      deleted_rows_count: counted('deletedRows'),
      partitions:
        manifest.partitions?.map((summary) => ({
          contains_null: summary.containsNull,
          contains_nan: summary.containsNaN ?? null,
          lower_bound: summary.lower ?? null,
          upper_bound: summary.upper ?? null,
        })) ?? null,
      first_row_id: firstRowId,
    };
  });
  const bytes = writeAvroFile({
    schema: manifestListSchema(formatVersion),
    records,
    metadata: {
      'snapshot-id': String(snapshotId),
      'parent-snapshot-id': parentSnapshotId ?? 'null',
      ...(formatVersion === 1 ? {} : { 'sequence-number': String(sequence) }),
      ...(formatVersion >= 3 ? { 'first-row-id': String(request.nextRowId) } : {}),
      'format-version': String(formatVersion),
    },
  });
  return { bytes, assignedRows: next - request.nextRowId };
}

/** v2 lists must count, and v1 ones that were taken over may not have. */
function count(manifest: ManifestListEntry, key: keyof ManifestCounts, table: string): number {
  const value = manifest.counts[key];
  if (value === undefined) throw unsupported(`appending to Iceberg table ${table}, whose manifest list does not count files and rows,`);
  return value;
}
