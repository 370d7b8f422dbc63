import { duckdbType } from '../../../sql/duckdb-type.js';
import { asObject, type IcebergType, type SchemaField } from '../format/schema.js';
import { duckdbScalar, postgresType } from '../format/types.js';
import { quoteText } from './sql-text.js';

/** What a field is in a file that does not hold it. `text`: the partition's value in PostgreSQL's text form. `json`: the schema's initial-default. */
export type AbsentValue =
  | { readonly kind: 'null' }
  | { readonly kind: 'constant'; readonly text: string }
  | { readonly kind: 'default'; readonly json: unknown };

export type Constants = Readonly<Record<string, string | null>>;

export function absentValue(field: SchemaField, constants: Constants | undefined): AbsentValue {
  const constant = constants?.[field.id];
  if (constant !== undefined) return constant === null ? { kind: 'null' } : { kind: 'constant', text: constant };
  const json = field.initialDefault;
  return json === undefined || json === null ? { kind: 'null' } : { kind: 'default', json };
}

/** A scalar, or a list of scalars, as DuckDB's literal of the kernel's type; throws a plain Error for a default that is not of the type. */
export function absentLiteral(type: IcebergType, value: AbsentValue): string {
  const own = postgresType(type);
  if (value.kind === 'null') return `CAST(NULL AS ${duckdbType(own)})`;
  if (value.kind === 'constant') return scalarLiteral(type, value.text);
  if (type.kind !== 'list') return scalarLiteral(type, value.json);
  if (!Array.isArray(value.json)) throw notOfType(type, value.json);
  const elements = value.json.map((item: unknown) => (item === null ? 'NULL' : scalarLiteral(type.element, item)));
  return `CAST([${elements.join(', ')}] AS ${duckdbType(own)})`;
}

/** From PostgreSQL's text or from Iceberg's JSON form of single values. */
export function scalarLiteral(type: IcebergType, value: unknown): string {
  const target = duckdbScalar(type);
  if (target === undefined || (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')) {
    throw notOfType(type, value);
  }
  // JSON.parse has rounded it.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) throw notOfType(type, value);
  const text = String(value);
  if (target === 'BLOB') {
    const hex = text.replace(/^\\x/, '');
    if (!/^([0-9a-f]{2})*$/i.test(hex)) throw notOfType(type, value);
    return `from_hex(${quoteText(hex)})`;
  }
  if (target === 'VARCHAR') return quoteText(text);
  if (!FORMS.some((form) => form.test(text))) throw notOfType(type, value);
  // Digits below a microsecond are cut off.
  const plain = target.startsWith('TIMESTAMP') ? text.replace(/(\.\d{6})\d+/, '$1') : text;
  return `CAST(${quoteText(plain)} AS ${target})`;
}

/** Numbers, dates and times, booleans, UUIDs: nothing that DuckDB would take for something else. */
const FORMS = [
  /^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i,
  /^(NaN|-?Infinity)$/,
  /^(t|f|true|false)$/,
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  /^-?\d{4,6}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?( BC)?$/,
  /^\d\d:\d\d(:\d\d(\.\d{1,9})?)?$/,
];

/** The value at any depth as the SQL of JSON text; `scalarJson` prints a scalar's literal. */
export function absentJson(
  type: IcebergType,
  value: AbsentValue,
  print: { readonly scalar: (type: IcebergType, literal: string) => string; readonly key: (type: IcebergType, literal: string) => string },
): string {
  if (value.kind === 'null') return `'null'`;
  if (value.kind === 'constant') return print.scalar(type, scalarLiteral(type, value.text));
  const { json } = value;
  const inner = (innerType: IcebergType, item: unknown): string =>
    absentJson(innerType, item === null || item === undefined ? { kind: 'null' } : { kind: 'default', json: item }, print);
  switch (type.kind) {
    case 'struct': {
      const object = asObject(json, 'the default of a struct');
      const members = type.fields.map((field) => {
        const item = object[String(field.id)];
        return `${quoteText(`${JSON.stringify(field.name)}:`)} || ${inner(field.type, item === undefined ? field.initialDefault : item)}`;
      });
      return members.length === 0 ? `'{}'` : `'{' || ${members.join(` || ',' || `)} || '}'`;
    }
    case 'list': {
      if (!Array.isArray(json)) throw notOfType(type, json);
      const items = json.map((item: unknown) => inner(type.element, item));
      return items.length === 0 ? `'[]'` : `'[' || ${items.join(` || ',' || `)} || ']'`;
    }
    case 'map': {
      const { keys, values } = asObject(json, 'the default of a map');
      if (!Array.isArray(keys) || !Array.isArray(values) || keys.length !== values.length) throw notOfType(type, json);
      const items = keys.map(
        (key: unknown, index) => `${print.key(type.key, scalarLiteral(type.key, key))} || ':' || ${inner(type.value, values[index])}`,
      );
      return items.length === 0 ? `'{}'` : `'{' || ${items.join(` || ',' || `)} || '}'`;
    }
    default:
      return print.scalar(type, scalarLiteral(type, json));
  }
}

function notOfType(type: IcebergType, value: unknown): Error {
  const name = type.kind === 'primitive' || type.kind === 'other' ? type.name : type.kind;
  return new Error(`the default ${JSON.stringify(value)?.slice(0, 100)} of a column of type ${name}`);
}
