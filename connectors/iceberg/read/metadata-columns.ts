import { Oid, type } from '../../../sql/types.js';
import type { ColumnDescription } from '../../connector.js';
import type { Schema } from '../format/schema.js';

/** What every row has beside its columns: shown by the table's name with `$rows`. */
export type MetadataColumn = '_file' | '_pos' | '_row_id' | '_last_updated_sequence_number';

export const ROWS_SUFFIX = '$rows';

/** Field ids that a data file keeps the lineage of moved rows under. */
export const ROW_ID_FIELD = 2147483540;
export const LAST_UPDATED_FIELD = 2147483539;

const COLUMNS: readonly (ColumnDescription & { readonly name: MetadataColumn })[] = [
  { name: '_file', type: type(Oid.text), nullable: false, comment: "the row's data file" },
  { name: '_pos', type: type(Oid.int8), nullable: false, comment: "the row's number in its data file, from 0" },
  { name: '_row_id', type: type(Oid.int8), nullable: true, comment: "the row's id, which rewriting keeps; NULL before format version 3" },
  {
    name: '_last_updated_sequence_number',
    type: type(Oid.int8),
    nullable: true,
    comment: 'sequence number of the commit that changed the row last; NULL before format version 3',
  },
];

/** Those that the table has no column of its own of the same name for. */
export function metadataColumns(schema: Schema): readonly (ColumnDescription & { readonly name: MetadataColumn })[] {
  return COLUMNS.filter((column) => !schema.fields.some((field) => field.name === column.name));
}
