import { internal } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import { type PartitionField, parseFields, parseTransform, type SortField } from '../format/schema.js';
import { partitionFieldsJson, schemaJson, sortFieldsJson } from '../format/schema-json.js';
import type { TableShape } from './table-shape.js';

/** One append, as JSON. */
export interface IcebergWriteHandle {
  readonly version: 1;
  readonly table: TableName;
  /** Begins the names of all files that are written for it. */
  readonly id: string;
  readonly uuid: string;
  readonly schemaId: number;
  readonly specId: number;
  readonly orderId: number;
  /** Of a table that the commit makes. */
  readonly create?: ShapeJson;
  /** The catalog chose the new table's place. */
  readonly placed?: boolean;
}

interface ShapeJson {
  readonly location: string;
  readonly formatVersion: number;
  readonly schema: unknown;
  readonly spec: unknown;
  readonly order: unknown;
  readonly properties: Readonly<Record<string, string>>;
}

export function asWriteHandle(handle: unknown): IcebergWriteHandle {
  const candidate = handle as Partial<IcebergWriteHandle> | null | undefined;
  if (candidate?.version !== 1 || typeof candidate.id !== 'string') throw internal('not a write handle of the Iceberg connector');
  return candidate as IcebergWriteHandle;
}

export function shapeJson(shape: TableShape): ShapeJson {
  const { location, formatVersion, properties } = shape;
  return {
    location,
    formatVersion,
    schema: schemaJson(shape.schema),
    spec: partitionFieldsJson(shape.spec.fields),
    order: sortFieldsJson(shape.order.fields),
    properties,
  };
}

/** The inverse of shapeJson. */
export function parseShape(json: ShapeJson, name: string): TableShape {
  const { location, formatVersion, properties } = json;
  const partition = (json.spec as readonly Record<string, unknown>[]).map(
    (field): PartitionField => ({
      fieldId: Number(field['field-id']),
      sourceId: Number(field['source-id']),
      name: String(field['name']),
      transform: parseTransform(field['transform']),
    }),
  );
  const order = (json.order as readonly Record<string, unknown>[]).map(
    (field): SortField => ({
      sourceId: Number(field['source-id']),
      transform: parseTransform(field['transform']),
      descending: field['direction'] === 'desc',
      nullsFirst: field['null-order'] === 'nulls-first',
    }),
  );
  return {
    name,
    location,
    formatVersion,
    properties,
    schema: { id: 0, fields: parseFields((json.schema as Record<string, unknown>)['fields']) },
    spec: { id: 0, fields: partition },
    order: { id: order.length === 0 ? 0 : 1, fields: order },
  };
}
