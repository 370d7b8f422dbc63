import { type Layout, quoteName, quoteText } from './file-layout.js';
import type { IcebergType } from './schema.js';

/**
 * The SQL of a nested value's JSON text, as PostgreSQL's to_jsonb would write it: instants in ISO form and UTC whatever the session's
 * time zone is, decimals with all their digits, bytes as \x hex, NaN and the infinities as text.
 */
export function jsonText(type: IcebergType, layout: Layout, column: string): string {
  const value = isPlain(type, layout) ? column : jsonValue(type, layout, column, 0);
  return `CASE WHEN ${column} IS NULL THEN NULL ELSE CAST(to_json(${value}) AS VARCHAR) END`;
}

/** Does DuckDB's to_json say the right thing without help? */
function isPlain(type: IcebergType, layout: Layout): boolean {
  switch (type.kind) {
    case 'primitive':
      return type.name === 'boolean' || type.name === 'int' || type.name === 'long' || type.name === 'string' || type.name === 'date'
        || type.name === 'uuid' || type.name === 'time';
    case 'struct':
      return layout.kind === 'struct' && layout.fields.length === type.fields.length
        && layout.fields.every((field) => field.fileName === field.field.name && isPlain(field.field.type, field.layout));
    case 'list':
      return layout.kind === 'list' && isPlain(type.element, layout.element);
    case 'map':
      return layout.kind === 'map' && type.key.kind === 'primitive' && type.key.name === 'string' && isPlain(type.value, layout.value);
    case 'decimal': case 'fixed': case 'other':
      return false;
  }
}

function jsonValue(type: IcebergType, layout: Layout, value: string, depth: number): string {
  const variable = `x${depth}`;
  switch (type.kind) {
    case 'struct': {
      if (layout.kind !== 'struct') return 'NULL';
      const present = new Map(layout.fields.map((field) => [field.field.id, field]));
      const members = type.fields.map((field) => {
        const found = present.get(field.id);
        const member = found === undefined ? 'NULL' : jsonValue(field.type, found.layout, `${value}[${quoteText(found.fileName)}]`, depth);
        return `${quoteText(field.name)}, ${member}`;
      });
      return `CASE WHEN ${value} IS NULL THEN NULL ELSE json_object(${members.join(', ')}) END`;
    }
    case 'list':
      if (layout.kind !== 'list') return 'NULL';
      return `to_json(list_transform(${value}, lambda ${variable}: ${jsonValue(type.element, layout.element, variable, depth + 1)}))`;
    case 'map': {
      if (layout.kind !== 'map') return 'NULL';
      const key = keyText(type.key, layout.key, `${variable}['key']`);
      const item = jsonValue(type.value, layout.value, `${variable}['value']`, depth + 1);
      return `to_json(map_from_entries(list_transform(map_entries(${value}), lambda ${variable}: {${quoteName('k')}: ${key}, ${quoteName('v')}: to_json(${item})})))`;
    }
    default:
      return scalarJson(type, value);
  }
}

function keyText(type: IcebergType, layout: Layout, value: string): string {
  if (layout.kind !== 'scalar') throw new Error('a map with nested keys');
  return scalarText(type, value);
}

function scalarJson(type: IcebergType, value: string): string {
  if (type.kind === 'decimal') return `CAST(CAST(${value} AS VARCHAR) AS JSON)`;
  if (type.kind !== 'primitive') return scalarText(type, value);
  switch (type.name) {
    case 'float':
      // By its own shortest text: widened, 0.1 would become 0.10000000149011612.
      return `CASE WHEN isfinite(${value}) THEN to_json(CAST(CAST(${value} AS VARCHAR) AS DOUBLE)) ELSE to_json(${floatText(value)}) END`;
    case 'double':
      return `CASE WHEN isfinite(${value}) THEN to_json(${value}) ELSE to_json(${floatText(value)}) END`;
    case 'boolean': case 'int': case 'long':
      return value;
    default:
      return scalarText(type, value);
  }
}

function scalarText(type: IcebergType, value: string): string {
  if (type.kind === 'fixed') return bytesText(value);
  if (type.kind !== 'primitive') return `CAST(${value} AS VARCHAR)`;
  switch (type.name) {
    case 'binary': return bytesText(value);
    case 'timestamp': return `replace(CAST(${value} AS VARCHAR), ' ', 'T')`;
    case 'timestamptz': return `replace(CAST(${value} AT TIME ZONE 'UTC' AS VARCHAR), ' ', 'T') || '+00:00'`;
    default: return `CAST(${value} AS VARCHAR)`;
  }
}

function bytesText(value: string): string {
  return `'\\x' || lower(hex(${value}))`;
}

function floatText(value: string): string {
  return `CASE WHEN isnan(${value}) THEN 'NaN' WHEN ${value} > 0 THEN 'Infinity' WHEN ${value} < 0 THEN '-Infinity' END`;
}
