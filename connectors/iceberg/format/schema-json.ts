import type { IcebergType, PartitionField, Schema, SchemaField, SortField, Transform } from './schema.js';

type Json = Readonly<Record<string, unknown>>;

/** The inverse of schema.ts: types, specs and orders as the metadata's JSON spells them. */
export function schemaJson(schema: Schema): Json {
  return { type: 'struct', 'schema-id': schema.id, fields: schema.fields.map(fieldJson) };
}

function fieldJson(field: SchemaField): Json {
  const { id, name, required, doc } = field;
  return { id, name, required, type: typeJson(field.type), ...(doc === undefined ? {} : { doc }) };
}

function typeJson(type: IcebergType): unknown {
  switch (type.kind) {
    case 'primitive':
    case 'other':
      return type.name;
    case 'decimal':
      return `decimal(${type.precision}, ${type.scale})`;
    case 'fixed':
      return `fixed[${type.length}]`;
    case 'struct':
      return { type: 'struct', fields: type.fields.map(fieldJson) };
    case 'list':
      return { type: 'list', 'element-id': type.elementId, element: typeJson(type.element), 'element-required': false };
    case 'map':
      return {
        type: 'map',
        'key-id': type.keyId,
        key: typeJson(type.key),
        'value-id': type.valueId,
        value: typeJson(type.value),
        'value-required': false,
      };
  }
}

export function transformText(transform: Transform): string {
  switch (transform.kind) {
    case 'bucket':
    case 'truncate':
      return `${transform.kind}[${transform.width}]`;
    case 'unknown':
      return transform.name;
    default:
      return transform.kind;
  }
}

export function partitionFieldsJson(fields: readonly PartitionField[]): Json[] {
  return fields.map((field) => ({
    'source-id': field.sourceId,
    'field-id': field.fieldId,
    name: field.name,
    transform: transformText(field.transform),
  }));
}

export function sortFieldsJson(fields: readonly SortField[]): Json[] {
  return fields.map((field) => ({
    transform: transformText(field.transform),
    'source-id': field.sourceId,
    direction: field.descending ? 'desc' : 'asc',
    'null-order': field.nullsFirst ? 'nulls-first' : 'nulls-last',
  }));
}
