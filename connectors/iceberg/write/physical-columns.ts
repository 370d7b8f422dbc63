import { duckdbType } from '../../../sql/duckdb-type.js';
import { internal, unsupported } from '../../../sql/errors.js';
import { Oid } from '../../../sql/types.js';
import type { IcebergType, SchemaField } from '../format/schema.js';
import { duckdbScalar, postgresType } from '../format/types.js';
import { quoteName, quoteText } from '../read/sql-text.js';

/** DuckDB's type of a column as the data file has it: names inside of structs are the schema's. */
export function physicalType(type: IcebergType): string {
  switch (type.kind) {
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoteName(field.name)} ${physicalType(field.type)}`).join(', ')})`;
    case 'list':
      return `${physicalType(type.element)}[]`;
    case 'map':
      return `MAP(${physicalType(type.key)}, ${physicalType(type.value)})`;
    default: {
      // Nanoseconds would be cut, and DuckDB writes no FIXED_LEN_BYTE_ARRAY.
      const readOnly = type.kind === 'fixed' || (type.kind === 'primitive' && type.name.endsWith('_ns'));
      const scalar = readOnly ? undefined : duckdbScalar(type);
      if (scalar === undefined) throw unsupported(`writing a column of type ${'name' in type ? type.name : type.kind}`);
      return scalar;
    }
  }
}

/** The type that a column comes in from the kernel: nested ones are texts of jsonb, but for lists of scalars. */
export function incomingType(type: IcebergType): string {
  return duckdbType(postgresType(type));
}

/** Is it a text of jsonb that must be taken apart? */
export function comesAsJson(type: IcebergType): boolean {
  return postgresType(type).oid === Oid.jsonb;
}

/** Names of the functions that nested-values.ts registers, by column. */
export function nestedFunction(field: SchemaField): string {
  return `tl_nested_${field.id}`;
}

/** SQL of a column of the kernel's file as the data file keeps it. */
export function physicalColumn(field: SchemaField): string {
  const name = quoteName(field.name);
  if (!comesAsJson(field.type)) return `CAST(${name} AS ${physicalType(field.type)})`;
  return `CAST(from_json(${nestedFunction(field)}(${name}), ${quoteText(JSON.stringify(jsonStructure(field.type)))}) AS ${physicalType(field.type)})`;
}

/** The shape that from_json is told: every scalar is a text, so that no digit passes through a double. */
function jsonStructure(type: IcebergType): unknown {
  switch (type.kind) {
    case 'struct':
      return Object.fromEntries(type.fields.map((field) => [field.name, jsonStructure(field.type)]));
    case 'list':
      return [jsonStructure(type.element)];
    case 'map': {
      const value = jsonStructure(type.value);
      if (typeof value !== 'string') throw unsupported('writing maps of nested values');
      return `MAP(VARCHAR, ${value})`;
    }
    default:
      return 'VARCHAR';
  }
}

/** FIELD_IDS of COPY … TO. */
export function fieldIds(fields: readonly SchemaField[]): string {
  return `{${fields.map((field) => `${quoteName(field.name)}: ${idTree(field.type, field.id)}`).join(', ')}}`;
}

function idTree(type: IcebergType, id: number): string {
  switch (type.kind) {
    case 'struct':
      return `{__duckdb_field_id: ${id}, ${type.fields.map((field) => `${quoteName(field.name)}: ${idTree(field.type, field.id)}`).join(', ')}}`;
    case 'list':
      return `{__duckdb_field_id: ${id}, element: ${idTree(type.element, type.elementId)}}`;
    case 'map':
      return `{__duckdb_field_id: ${id}, key: ${idTree(type.key, type.keyId)}, value: ${idTree(type.value, type.valueId)}}`;
    default:
      return String(id);
  }
}

/** SQL that reaches a field of a struct from its column, NULL where a struct on the way is. */
export function fieldAccess(path: readonly string[]): string {
  const [column, ...inner] = path;
  if (column === undefined) throw internal('a path without names');
  return inner.reduce((value, name) => `struct_extract(${value}, ${quoteText(name)})`, quoteName(column));
}

/** SQL that is true for a value that Iceberg cannot hold: infinite dates and timestamps. Undefined: none is like that. */
export function unholdable(type: IcebergType, value: string): string | undefined {
  if (type.kind === 'primitive' && (type.name === 'date' || type.name === 'timestamp' || type.name === 'timestamptz'))
    return `isinf(${value})`;
  if (type.kind !== 'list') return undefined;
  const inner = unholdable(type.element, 'x');
  return inner === undefined ? undefined : `coalesce(list_bool_or(list_transform(${value}, lambda x: ${inner})), false)`;
}
