import { unsupported } from '../../../sql/errors.js';
import { Oid, type } from '../../../sql/types.js';
import type { ColumnDescription } from '../../connector.js';
import type { SchemaField } from '../format/schema.js';
import { LAST_UPDATED_FIELD, ROW_ID_FIELD } from '../read/metadata-columns.js';
import type { TableShape } from './table-shape.js';
import type { WrittenFile } from './written-file.js';

/** What a data file of a v3 table keeps of rows that were moved to it. Where it has NULL, the row is new. */
const FIELDS: readonly SchemaField[] = [
  { id: ROW_ID_FIELD, name: '_row_id', required: false, type: { kind: 'primitive', name: 'long' }, doc: undefined },
  {
    id: LAST_UPDATED_FIELD,
    name: '_last_updated_sequence_number',
    required: false,
    type: { kind: 'primitive', name: 'long' },
    doc: undefined,
  },
];

export const LINEAGE_COLUMNS: readonly ColumnDescription[] = FIELDS.map(({ name }) => ({
  name,
  type: type(Oid.int8),
  nullable: true,
  comment: undefined,
}));

/** Do rows of the table keep an id when they are moved? 0A000: a column of its own has the name that the id must have. */
export function hasLineage({ formatVersion, schema, name }: TableShape): boolean {
  if (formatVersion < 3) return false;
  // DuckDB takes names that differ in case only for one.
  const taken = schema.fields.find((field) => FIELDS.some((one) => one.name === field.name.toLowerCase()));
  if (taken !== undefined) throw unsupported(`moving rows of table ${name}, which has a column "${taken.name}" of its own,`);
  return true;
}

/** The table's data files, with lineage beside the columns. */
export function withLineage(shape: TableShape): TableShape {
  return { ...shape, schema: { ...shape.schema, fields: [...shape.schema.fields, ...FIELDS] } };
}

/** Manifests tell nothing of columns that are not in the table's schema. */
export function withoutLineageMetrics(file: WrittenFile): WrittenFile {
  const kept = <T>(map: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(map).filter(([id]) => !FIELDS.some((field) => String(field.id) === id)));
  return {
    ...file,
    columnSizes: kept(file.columnSizes),
    valueCounts: kept(file.valueCounts),
    nullCounts: kept(file.nullCounts),
    nanCounts: kept(file.nanCounts),
    lower: kept(file.lower),
    upper: kept(file.upper),
  };
}
