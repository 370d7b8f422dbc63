import { TimelineError } from '../../../sql/errors.js';
import { ExactNumber, isJsonObject, type Json, parseExactJson } from '../format/exact-json.js';
import type { IcebergType, SchemaField } from '../format/schema.js';
import { comesAsEntries } from './physical-columns.js';

/**
 * A jsonb text for a struct, map or list column as the JSON that from_json takes apart: all members there, every scalar a text in
 * DuckDB's form. Errors: 22P02 for a shape or member that the column's type has not: nothing is dropped silently.
 */
export function nestedText(field: SchemaField, text: string): string {
  let json: Json;
  try {
    json = parseExactJson(text);
  } catch (error) {
    throw wrong(field.name, `it is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  return JSON.stringify(shaped(field.type, json, field.name));
}

function shaped(type: IcebergType, json: Json | undefined, path: string): unknown {
  if (json === null || json === undefined) return null;
  switch (type.kind) {
    case 'struct': {
      if (!isJsonObject(json)) throw wrong(path, 'an object is wanted');
      const extra = Object.keys(json).find((key) => !type.fields.some((field) => field.name === key));
      if (extra !== undefined) throw wrong(path, `the struct has no field "${extra}"`);
      return Object.fromEntries(
        type.fields.map((field) => [
          field.name,
          shaped(field.type, Object.hasOwn(json, field.name) ? json[field.name] : null, `${path}.${field.name}`),
        ]),
      );
    }
    case 'list':
      if (!Array.isArray(json)) throw wrong(path, 'an array is wanted');
      return json.map((item: Json) => shaped(type.element, item, `${path}[]`));
    case 'map':
      if (!isJsonObject(json)) throw wrong(path, 'an object is wanted');
      if (comesAsEntries(type))
        return Object.entries(json).map(([key, value]) => ({
          k: scalarText(type.key, key, path),
          v: shaped(type.value, value, `${path}.${key}`),
        }));
      return Object.fromEntries(
        Object.entries(json).map(([key, value]) => [scalarText(type.key, key, path), shaped(type.value, value, `${path}.${key}`)]),
      );
    default:
      return scalarText(type, json, path);
  }
}

function scalarText(type: IcebergType, json: Json, path: string): string {
  if (typeof json === 'object' && !(json instanceof ExactNumber)) {
    // A string column takes any JSON as its text: nothing is lost.
    if (type.kind === 'primitive' && type.name === 'string') return JSON.stringify(json);
    throw wrong(path, 'a scalar is wanted');
  }
  const text = json instanceof ExactNumber ? json.text : String(json);
  if (type.kind === 'primitive' && type.name === 'time' && text.startsWith('24')) throw wrong(path, 'the time 24:00');
  const binary = type.kind === 'fixed' || (type.kind === 'primitive' && type.name === 'binary');
  if (!binary) return text;
  if (!/^\\x([0-9a-f]{2})*$/i.test(text)) throw wrong(path, 'bytes are wanted, as \\x and hexadecimal digits');
  if (type.kind === 'fixed' && text.length !== 2 + 2 * type.length) throw wrong(path, `${type.length} bytes are wanted`);
  return text.slice(2).replace(/../g, (digits) => `\\x${digits.toUpperCase()}`);
}

function wrong(path: string, why: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: '22P02', message: `a value cannot be kept in column "${path}": ${why}` });
}
