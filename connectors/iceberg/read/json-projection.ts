import type { IcebergType } from '../format/schema.js';
import { type AbsentValue, absentJson } from './absent-value.js';
import type { Layout } from './file-layout.js';
import { type Conversion, conversionOf, converted } from './scalar-value.js';
import { quoteText } from './sql-text.js';

/**
 * The SQL of a nested value's JSON text, as PostgreSQL's to_jsonb would write it: instants in ISO form and UTC whatever the session's
 * time zone is, decimals with all their digits, bytes as \x hex, NaN and the infinities as text. What DuckDB's to_json would not say so
 * is put together as text (its JSON type keeps decimals as doubles). Maps with nested keys are arrays of {"key", "value"}.
 */
export function jsonText(type: IcebergType, layout: Layout, column: string): string {
  if (layout.kind === 'absent') {
    return layout.value.kind === 'null' ? 'CAST(NULL AS VARCHAR)' : absentText(type, layout.value);
  }
  const value = isPlain(type, layout) ? `CAST(to_json(${column}) AS VARCHAR)` : jsonValue(type, layout, column, 0);
  return `CASE WHEN ${column} IS NULL THEN NULL ELSE ${value} END`;
}

/** Does DuckDB's to_json say the right thing without help? */
function isPlain(type: IcebergType, layout: Layout): boolean {
  switch (type.kind) {
    case 'primitive':
      return layout.kind === 'scalar' && PLAIN.has(type.name) && conversionOf(type, layout.native)?.kind === 'same';
    case 'struct':
      return (
        layout.kind === 'struct' &&
        layout.fields.length === layout.names.length &&
        // DuckDB gives other names to those that differ in case only.
        new Set(layout.names.map((name) => name.toLowerCase())).size === layout.names.length &&
        layout.fields.every(
          ({ field, layout: inner, at }, index) => at === index + 1 && layout.names[index] === field.name && isPlain(field.type, inner),
        )
      );
    case 'list':
      return layout.kind === 'list' && !layout.wrapped && isPlain(type.element, layout.element);
    case 'map':
      return (
        layout.kind === 'map' &&
        !layout.wrapped &&
        !layout.entries &&
        type.key.kind === 'primitive' &&
        type.key.name === 'string' &&
        isPlain(type.key, layout.key) &&
        isPlain(type.value, layout.value)
      );
    case 'decimal':
    case 'fixed':
    case 'other':
      return false;
  }
}

const PLAIN: ReadonlySet<string> = new Set(['boolean', 'int', 'long', 'string', 'date', 'uuid', 'time']);

/** JSON text, 'null' for NULL. */
export function jsonValue(type: IcebergType, layout: Layout, value: string, depth: number): string {
  const variable = `x${depth}`;
  switch (layout.kind) {
    case 'absent':
      return absentText(type, layout.value);
    case 'scalar':
      return orNull(value, scalarJson(type, converted(conversion(type, layout.native), value)));
    case 'variant':
      return orNull(value, variantJson(value, layout.encoded));
    case 'struct': {
      const members = layout.fields.map(({ field, layout: inner, at }) => {
        const member = at === 0 ? value : `struct_extract_at(${value}, ${at})`;
        return `${quoteText(`${JSON.stringify(field.name)}:`)} || ${jsonValue(field.type, inner, member, depth)}`;
      });
      const text = members.length === 0 ? `'{}'` : `'{' || ${members.join(` || ',' || `)} || '}'`;
      // An element that DuckDB has by its only member is there even where that is NULL.
      return layout.names.length === 0 ? text : orNull(value, text);
    }
    case 'list': {
      if (type.kind !== 'list') return `'null'`;
      const list = layout.wrapped ? `struct_extract_at(${value}, 1)` : value;
      const item = jsonValue(type.element, layout.element, variable, depth + 1);
      return orNull(list, joined(list, variable, item, '[]'));
    }
    case 'map': {
      if (type.kind !== 'map') return `'null'`;
      const map = layout.wrapped ? `struct_extract_at(${value}, 1)` : value;
      const list = layout.entries ? map : `map_entries(${map})`;
      const [key, item] = [`struct_extract_at(${variable}, 1)`, `struct_extract_at(${variable}, 2)`];
      const itemText = jsonValue(type.value, layout.value, item, depth + 1);
      if (layout.key.kind !== 'scalar') {
        const keyText = jsonValue(type.key, layout.key, key, depth + 1);
        return orNull(map, joined(list, variable, `'{"key":' || ${keyText} || ',"value":' || ${itemText} || '}'`, '[]'));
      }
      const keyText = textLiteral(scalarText(type.key, converted(conversion(type.key, layout.key.native), key)));
      return orNull(map, joined(list, variable, `${keyText} || ':' || ${itemText}`, '{}'));
    }
  }
}

function joined(list: string, variable: string, item: string, brackets: string): string {
  return `'${brackets[0]}' || array_to_string(list_transform(${list}, lambda ${variable}: ${item}), ',') || '${brackets[1]}'`;
}

function absentText(type: IcebergType, value: AbsentValue): string {
  return absentJson(type, value, { scalar: scalarJson, key: (keyType, literal) => textLiteral(scalarText(keyType, literal)) });
}

function conversion(type: IcebergType, native: string): Conversion {
  const found = conversionOf(type, native);
  if (found === undefined) throw new Error(`values of type ${native} in the file as ${type.kind === 'primitive' ? type.name : type.kind}`);
  return found;
}

/** DuckDB writes NaN and the infinities as they are, which is no JSON: they become text, as in columns of floats, but not inside of strings. */
function variantJson(value: string, encoded: boolean): string {
  const variant = encoded ? `variant_bytes_to_variant(struct_extract_at(${value}, 1) || struct_extract_at(${value}, 2))` : value;
  const text = `CAST(CAST(${variant} AS JSON) AS VARCHAR)`;
  const tokens = `regexp_extract_all(${text}, '"(?:[^"\\\\]|\\\\.)*"|[^"]+')`;
  const quoted = `list_transform(${tokens}, lambda t: CASE WHEN t[1] = '"' THEN t ELSE regexp_replace(t, '-?(NaN|Infinity)', '"\\0"', 'g') END)`;
  return `CASE WHEN regexp_matches(${text}, 'NaN|Infinity') THEN array_to_string(${quoted}, '') ELSE ${text} END`;
}

function orNull(value: string, text: string): string {
  return `CASE WHEN ${value} IS NULL THEN 'null' ELSE ${text} END`;
}

/** A text as a JSON string. */
function textLiteral(text: string): string {
  return `CAST(to_json(${text}) AS VARCHAR)`;
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

/** The text of a scalar other than a float, as the string or number in JSON has it. */
export function scalarText(type: IcebergType, value: string): string {
  if (type.kind === 'fixed') return bytesText(value);
  if (type.kind !== 'primitive') return `CAST(${value} AS VARCHAR)`;
  switch (type.name) {
    case 'binary':
      return bytesText(value);
    case 'timestamp':
    case 'timestamp_ns':
      return `replace(CAST(${value} AS VARCHAR), ' ', 'T')`;
    case 'timestamptz':
    case 'timestamptz_ns':
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
