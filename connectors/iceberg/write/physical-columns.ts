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
      // Nanoseconds would be cut.
      const readOnly = type.kind === 'primitive' && type.name.endsWith('_ns');
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
  const parsed = `from_json(${nestedFunction(field)}(${name}), ${quoteText(JSON.stringify(jsonStructure(field.type)))})`;
  return `CAST(${withMaps(field.type, parsed, 0)} AS ${physicalType(field.type)})`;
}

/** What nested-values.ts gives for a map of nested values: from_json knows no such maps, so they come as lists of {k, v}. */
export function comesAsEntries(type: IcebergType): boolean {
  return type.kind === 'map' && (type.value.kind === 'struct' || type.value.kind === 'list' || type.value.kind === 'map');
}

/** SQL of a value out of from_json in which lists of entries are maps again, at every depth. */
function withMaps(type: IcebergType, value: string, depth: number): string {
  const item = `x${depth}`;
  const inner = depth + 1;
  const orNull = (sql: string): string => `CASE WHEN ${value} IS NULL THEN NULL ELSE ${sql} END`;
  if (!holdsEntries(type)) return value;
  switch (type.kind) {
    case 'struct': {
      const fields = type.fields.map(
        ({ name, type: of }) => `${quoteName(name)} := ${withMaps(of, `struct_extract(${value}, ${quoteText(name)})`, inner)}`,
      );
      return orNull(`struct_pack(${fields.join(', ')})`);
    }
    case 'list':
      return `list_transform(${value}, lambda ${item}: ${withMaps(type.element, item, inner)})`;
    case 'map': {
      const entry = `struct_pack(k := struct_extract(${item}, 'k'), v := ${withMaps(type.value, `struct_extract(${item}, 'v')`, inner)})`;
      return orNull(`map_from_entries(list_transform(${value}, lambda ${item}: ${entry}))`);
    }
    default:
      return value;
  }
}

function holdsEntries(type: IcebergType): boolean {
  switch (type.kind) {
    case 'struct':
      return type.fields.some((field) => holdsEntries(field.type));
    case 'list':
      return holdsEntries(type.element);
    case 'map':
      return comesAsEntries(type);
    default:
      return false;
  }
}

/** The shape that from_json is told: every scalar is a text, so that no digit passes through a double. */
function jsonStructure(type: IcebergType): unknown {
  switch (type.kind) {
    case 'struct':
      return Object.fromEntries(type.fields.map((field) => [field.name, jsonStructure(field.type)]));
    case 'list':
      return [jsonStructure(type.element)];
    case 'map': {
      if (comesAsEntries(type)) return [{ k: 'VARCHAR', v: jsonStructure(type.value) }];
      return 'MAP(VARCHAR, VARCHAR)';
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

/** SQL that is true for a value that Iceberg cannot hold, and what is wrong with it. Undefined: none is like that. */
export function unholdable(type: IcebergType, value: string): { readonly sql: string; readonly what: string } | undefined {
  if (type.kind === 'fixed') return { sql: `octet_length(${value}) <> ${type.length}`, what: `other than ${type.length} bytes` };
  if (type.kind === 'primitive') {
    if (type.name === 'date' || type.name === 'timestamp' || type.name === 'timestamptz')
      return { sql: `isinf(${value})`, what: 'infinite dates and times' };
    // The end of a day, for PostgreSQL; no time at all, for others.
    if (type.name === 'time') return { sql: `epoch_us(${value}) >= 86400000000`, what: 'the time 24:00' };
  }
  if (type.kind !== 'list') return undefined;
  const inner = unholdable(type.element, 'x');
  if (inner === undefined) return undefined;
  return { sql: `coalesce(list_bool_or(list_transform(${value}, lambda x: ${inner.sql})), false)`, what: inner.what };
}
