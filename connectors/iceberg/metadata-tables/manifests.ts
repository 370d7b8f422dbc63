import { Oid } from '../../../sql/types.js';
import type { ManifestListEntry } from '../format/manifest.js';
import { column, type MetadataTable, number, required } from './metadata-table.js';
import { ReadableValues } from './readable-values.js';

export const manifestsTable: MetadataTable = {
  kind: 'manifests',
  suffix: 'manifests',
  comment: "The version's manifests: lists of its data files and delete files",
  columns: [
    required('content', Oid.int4, '0: data files, 1: delete files'),
    required('path', Oid.text, 'location'),
    column('length', Oid.int8, 'bytes'),
    required('partition_spec_id', Oid.int4, 'how its files are partitioned'),
    column('added_snapshot_id', Oid.int8, 'the snapshot that added it'),
    column('added_data_files_count', Oid.int4, 'files that snapshot added'),
    column('existing_data_files_count', Oid.int4, 'files added before'),
    column('deleted_data_files_count', Oid.int4, 'files that snapshot took away'),
    column('added_delete_files_count', Oid.int4, 'delete files that snapshot added'),
    column('existing_delete_files_count', Oid.int4, 'delete files added before'),
    column('deleted_delete_files_count', Oid.int4, 'delete files that snapshot took away'),
    column('partition_summaries', Oid.jsonb, 'by partition field: the range of its values'),
    required('sequence_number', Oid.int8, 'of the commit that added it'),
    required('min_sequence_number', Oid.int8, 'the least data sequence number of its files'),
    column('added_rows_count', Oid.int8, 'rows of added files'),
    column('existing_rows_count', Oid.int8, 'rows of existing files'),
    column('deleted_rows_count', Oid.int8, 'rows of deleted files'),
  ],
  row: (manifest, { metadata, schema }) => {
    const { counts } = manifest;
    const of = (content: ManifestListEntry['content'], count: number | undefined): string | null =>
      manifest.content === content ? number(count) : '0';
    return [
      manifest.content === 'data' ? '0' : '1',
      manifest.path,
      number(manifest.length),
      number(manifest.specId),
      manifest.addedSnapshot ?? null,
      of('data', counts.addedFiles),
      of('data', counts.existingFiles),
      of('data', counts.deletedFiles),
      of('deletes', counts.addedFiles),
      of('deletes', counts.existingFiles),
      of('deletes', counts.deletedFiles),
      new ReadableValues(metadata, schema).summaries(manifest.partitions, manifest.specId),
      number(manifest.sequence),
      number(manifest.minSequence),
      number(counts.addedRows),
      number(counts.existingRows),
      number(counts.deletedRows),
    ];
  },
};
