import type { IcebergType } from '../format/schema.js';
import { type Layout, quoteText } from './file-layout.js';

/**
 * The SQL of a nested value's JSON text, as PostgreSQL's to_jsonb would write it: instants in ISO form and UTC whatever the session's
 * time zone is, decimals with all their digits, bytes as \x hex, NaN and the infinities as text. What DuckDB's to_json would not say so
 * is put together as text (its JSON type keeps decimals as doubles).
 */
export function jsonText(type: IcebergType, layout: Layout, column: string): string {
  const value = isPlain(type, layout) ? `CAST(to_json(${column}) AS VARCHAR)` : jsonValue(type, layout, column, 0);
  return `CASE WHEN ${column} IS NULL THEN NULL ELSE ${value} END`;
}

/** Does DuckDB's to_json say the right thing without help? */
function isPlain(type: IcebergType, layout: Layout): boolean {
  switch (type.kind) {
    case 'primitive':
      return (
        type.name === 'boolean' ||
        type.name === 'int' ||
        type.name === 'long' ||
        type.name === 'string' ||
        type.name === 'date' ||
        type.name === 'uuid' ||
        type.name === 'time'
      );
    case 'struct':
      return (
        layout.kind === 'struct' &&
        layout.fields.length === type.fields.length &&
        layout.fields.every((field) => field.fileName === field.field.name && isPlain(field.field.type, field.layout))
      );
    case 'list':
      return layout.kind === 'list' && isPlain(type.element, layout.element);
    case 'map':
      return layout.kind === 'map' && type.key.kind === 'primitive' && type.key.name === 'string' && isPlain(type.value, layout.value);
    case 'decimal':
    case 'fixed':
    case 'other':
      return false;
  }
}

/** JSON text, 'null' for NULL. */
function jsonValue(type: IcebergType, layout: Layout, value: string, depth: number): string {
  const variable = `x${depth}`;
  switch (type.kind) {
    case 'struct': {
      if (layout.kind !== 'struct') return `'null'`;
      const present = new Map(layout.fields.map((field) => [field.field.id, field]));
      const members = type.fields.map((field) => {
        const found = present.get(field.id);
        const member =
          found === undefined ? `'null'` : jsonValue(field.type, found.layout, `${value}[${quoteText(found.fileName)}]`, depth);
        return `${quoteText(`${JSON.stringify(field.name)}:`)} || ${member}`;
      });
      return orNull(value, `'{' || ${members.join(` || ',' || `)} || '}'`);
    }
    case 'list': {
      if (layout.kind !== 'list') return `'null'`;
      const item = jsonValue(type.element, layout.element, variable, depth + 1);
      return orNull(value, `'[' || array_to_string(list_transform(${value}, lambda ${variable}: ${item}), ',') || ']'`);
    }
    case 'map': {
      if (layout.kind !== 'map') return `'null'`;
      const key = textLiteral(keyText(type.key, layout.key, `${variable}['key']`));
      const item = jsonValue(type.value, layout.value, `${variable}['value']`, depth + 1);
      return orNull(
        value,
        `'{' || array_to_string(list_transform(map_entries(${value}), lambda ${variable}: ${key} || ':' || ${item}), ',') || '}'`,
      );
    }
    default:
      return orNull(value, scalarJson(type, value));
  }
}

function orNull(value: string, text: string): string {
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE ${text} END`;
}

/** A text as a JSON string. */
function textLiteral(text: string): string {
  return `CAST(to_json(${text}) AS VARCHAR)`;
}

function keyText(type: IcebergType, layout: Layout, value: string): string {
  if (layout.kind !== 'scalar') throw new Error('maps with nested keys');
  return scalarText(type, value);
}

function scalarJson(type: IcebergType, value: string): string {
  if (type.kind === 'decimal') return `CAST(${value} AS VARCHAR)`;
  if (type.kind !== 'primitive') return textLiteral(scalarText(type, value));
  switch (type.name) {
    case 'float':
    case 'double':
      // PostgreSQL writes 1, not 1.0.
      return `CASE WHEN isfinite(${value}) THEN regexp_replace(CAST(${value} AS VARCHAR), '\\.0$', '') ELSE ${floatText(value)} END`;
    case 'boolean':
    case 'int':
    case 'long':
      return `CAST(${value} AS VARCHAR)`;
    default:
      return textLiteral(scalarText(type, value));
  }
}

function scalarText(type: IcebergType, value: string): string {
  if (type.kind === 'fixed') return bytesText(value);
  if (type.kind !== 'primitive') return `CAST(${value} AS VARCHAR)`;
  switch (type.name) {
    case 'binary':
      return bytesText(value);
    case 'timestamp':
      return `replace(CAST(${value} AS VARCHAR), ' ', 'T')`;
    case 'timestamptz':
      return `replace(CAST(${value} AT TIME ZONE 'UTC' AS VARCHAR), ' ', 'T') || '+00:00'`;
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

function bytesText(value: string): string {
  return `'\\x' || lower(hex(${value}))`;
}

function floatText(value: string): string {
  return `CASE WHEN isnan(${value}) THEN '"NaN"' WHEN ${value} > 0 THEN '"Infinity"' ELSE '"-Infinity"' END`;
}
