import { type Datum, partitionDatum } from '../format/datum.js';
import { datumText } from '../format/datum-text.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import type { TableMetadata } from '../format/metadata.js';
import type { IcebergType, PartitionSpec } from '../format/schema.js';
import { resultType } from '../format/transforms.js';

/** Types of columns by id: as the newest schema that has the column says, which after promotions is the widest. */
export type ColumnTypes = (id: number) => IcebergType | undefined;

/** Partition specs and deletes may name columns that today's schema has no longer. */
export function columnTypes(metadata: Pick<TableMetadata, 'schemas'>): ColumnTypes {
  const types = new Map<number, IcebergType>();
  for (const { fields } of [...metadata.schemas.values()].sort((a, b) => a.id - b.id)) addTypes(fields, types);
  return (id) => types.get(id);
}

function addTypes(fields: readonly { readonly id: number; readonly type: IcebergType }[], types: Map<number, IcebergType>): void {
  for (const field of fields) {
    types.set(field.id, field.type);
    if (field.type.kind === 'struct') addTypes(field.type.fields, types);
  }
}

/** Specs without fields, or of void fields only. */
export function isUnpartitioned(spec: PartitionSpec): boolean {
  return spec.fields.every((field) => field.transform.kind === 'void');
}

/** The same text for files of one spec and one partition, and for no others. */
export function partitionKey(file: Pick<ManifestFileEntry, 'partition' | 'specId'>, spec: PartitionSpec, types: ColumnTypes): string {
  const values = spec.fields.map((field) => {
    const value = file.partition.get(field.fieldId) ?? null;
    if (value === null) return null;
    const source = types(field.sourceId);
    const datum = source === undefined ? undefined : partitionDatum(resultType(field.transform, source), value);
    return valueKey(datum ?? rawDatum(value));
  });
  return JSON.stringify([file.specId, ...values]);
}

/** Zeros of both signs are two partitions, as they are for Iceberg's own library. */
function valueKey(datum: Datum | string): string {
  if (datum instanceof Uint8Array) return `b${Buffer.from(datum).toString('base64')}`;
  if (typeof datum === 'number') return Object.is(datum, -0) ? 'f-0' : `f${datum}`;
  return typeof datum === 'bigint' ? `i${datum}` : `s${datum}`;
}

/** A value whose column no schema knows. */
function rawDatum(value: unknown): Datum | string {
  if (value instanceof Uint8Array || typeof value === 'number' || typeof value === 'bigint') return value;
  return String(value);
}

/**
 * Values that the partition gives to columns (identity transforms), by column id in PostgreSQL's text form: what readers take where the file
 * does not hold the column. Undefined: the spec has none.
 */
export function partitionConstants(
  file: Pick<ManifestFileEntry, 'partition'>,
  spec: PartitionSpec,
  types: ColumnTypes,
): Readonly<Record<string, string | null>> | undefined {
  const constants: Record<string, string | null> = {};
  for (const field of spec.fields) {
    const type = types(field.sourceId);
    if (field.transform.kind !== 'identity' || type === undefined || !file.partition.has(field.fieldId)) continue;
    const value = file.partition.get(field.fieldId) ?? null;
    const datum = value === null ? undefined : partitionDatum(type, value);
    const text = datum === undefined ? undefined : datumText(type, datum);
    if (value !== null && text === undefined) throw new Error(`a value of partition field "${field.name}" is not of its column's type`);
    constants[field.sourceId] = text ?? null;
  }
  return Object.keys(constants).length === 0 ? undefined : constants;
}
