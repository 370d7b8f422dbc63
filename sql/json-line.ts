import { ELEMENT_OF, Oid, type Type } from './types.js';
import type { TextSettings, Value } from './value.js';
import { formatValue } from './value-text.js';

/** A row as one line of JSON, with values as PostgreSQL's row_to_json gives them. */
export function jsonLine(
  columns: readonly { readonly name: string; readonly type: Type }[],
  values: readonly (Value | null)[],
  settings: TextSettings,
): string {
  const fields = columns.map(({ name, type }, n) => `${JSON.stringify(name)}:${jsonValue(type, values[n] ?? null, settings)}`);
  return `{${fields.join(',')}}\n`;
}

function jsonValue(type: Type, value: Value | null, settings: TextSettings): string {
  if (value === null) return 'null';
  const element = ELEMENT_OF.get(type.oid);
  if (element !== undefined && Array.isArray(value)) {
    return `[${value.map((item) => jsonValue({ oid: element, typmod: type.typmod }, item, settings)).join(',')}]`;
  }
  const text = formatValue(type, value, settings);
  switch (type.oid) {
    case Oid.bool:
      return value === true ? 'true' : 'false';
    case Oid.int2:
    case Oid.int4:
    case Oid.int8:
    case Oid.float4:
    case Oid.float8:
    case Oid.numeric:
      // NaN and the infinities are no JSON numbers.
      return /^-?\d/.test(text) ? text : JSON.stringify(text);
    case Oid.json:
    case Oid.jsonb:
      return text;
    case Oid.timestamp:
    case Oid.timestamptz:
      return JSON.stringify(isoTime(text));
    default:
      return JSON.stringify(text);
  }
}

/** `2025-01-02 03:04:05+00` as `2025-01-02T03:04:05+00:00`. */
function isoTime(text: string): string {
  return text.replace(' ', 'T').replace(/([+-]\d\d)(?=$| BC)/, (offset, _, at: number) => (at > 10 ? `${offset}:00` : offset));
}
