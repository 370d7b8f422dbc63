import type { LogsTableConfig } from '../connectors/victorialogs/config.js';
import { isDeclarable } from '../connectors/victorialogs/encoding.js';
import { nearestName } from '../sql/nearest-name.js';
import { Oid, type Type, type, typeName } from '../sql/types.js';
import { configError, isObject, Reader } from './config-reader.js';

/** Longer names the server takes for something else. */
const NAME_BYTES = 128;
/** Of PostgreSQL: longer identifiers are cut. */
const COLUMN_BYTES = 63;
const LONE_SURROGATE = /\p{Cs}/u;
const TIME_FIELD = '_time';
/** The table of all documents. */
const OWN_TABLE = 'logs';

const TYPES: Readonly<Record<string, number>> = {
  text: Oid.text,
  varchar: Oid.varchar,
  'character varying': Oid.varchar,
  int2: Oid.int2,
  smallint: Oid.int2,
  int4: Oid.int4,
  int: Oid.int4,
  integer: Oid.int4,
  int8: Oid.int8,
  bigint: Oid.int8,
  float4: Oid.float4,
  real: Oid.float4,
  float8: Oid.float8,
  'double precision': Oid.float8,
  numeric: Oid.numeric,
  decimal: Oid.numeric,
  bool: Oid.bool,
  boolean: Oid.bool,
  uuid: Oid.uuid,
  date: Oid.date,
  time: Oid.time,
  timestamp: Oid.timestamp,
  timestamptz: Oid.timestamptz,
  'timestamp with time zone': Oid.timestamptz,
  'timestamp without time zone': Oid.timestamp,
  json: Oid.json,
  jsonb: Oid.jsonb,
  bytea: Oid.bytea,
};

/** `tables` of a VictoriaLogs: declared tables by name. */
export function readLogsTables(value: unknown, path: string): readonly LogsTableConfig[] {
  return entries(value, path, 'names to tables').map(([name, entry]) => {
    const at = `${path}.${name}`;
    if (!/^[a-z_][a-z0-9_]*$/.test(name)) throw configError(`${at}: a name is lower-case letters, digits and _`);
    if (name === OWN_TABLE) throw configError(`${at}: the name is taken by the table of all documents`);
    const reader = new Reader(entry, at, ['encoding', 'columns', 'filter']);
    const encoding = reader.string('encoding') ?? 'foreign';
    if (encoding !== 'own' && encoding !== 'foreign') throw configError(`${at}.encoding: must be own or foreign`);
    const columns = readColumns(reader.value('columns'), `${at}.columns`);
    const odd = encoding === 'foreign' ? columns.find((column) => !isDeclarable(column.type)) : undefined;
    if (odd !== undefined)
      throw configError(
        `${at}.columns.${odd.name}: documents that others write cannot be read as ${typeName(odd.type)}`,
        `Declare text, and write ${odd.name}::${typeName(odd.type)} in queries.`,
      );
    return { name, encoding, columns, filter: readFilter(reader) };
  });
}

/** The name of a document's field. */
export function fieldName(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '') throw configError(`${path}: must be a name`);
  if (value.endsWith('*')) throw configError(`${path}: the name of a field cannot end in *`);
  if (Buffer.byteLength(value) > NAME_BYTES) throw configError(`${path}: must have at most ${NAME_BYTES} bytes`);
  if (LONE_SURROGATE.test(value)) throw configError(`${path}: must be well-formed Unicode`);
  return value;
}

function readColumns(value: unknown, path: string): LogsTableConfig['columns'] {
  return entries(value, path, 'names to types').map(([name, entry]) => {
    const at = `${path}.${name}`;
    if (name === TIME_FIELD) throw configError(`${at}: is there without being declared, as timestamptz`);
    if (fieldName(name, at) !== name || Buffer.byteLength(name) > COLUMN_BYTES)
      throw configError(`${at}: the name of a column has at most ${COLUMN_BYTES} bytes`, 'Give the long name as "field".');
    if (!isObject(entry)) return { name, field: name, type: readType(entry, at) };
    const reader = new Reader(entry, at, ['type', 'field']);
    const field = reader.has('field') ? fieldName(reader.string('field'), `${at}.field`) : name;
    if (field === TIME_FIELD) throw configError(`${at}.field: ${TIME_FIELD} is a column of its own`);
    return { name, field, type: readType(reader.required('type'), `${at}.type`) };
  });
}

function readType(value: unknown, path: string): Type {
  const text = String(value).trim().toLowerCase().replace(/\s+/g, ' ');
  const [, word = text, precision, scale = '0'] = /^([a-z0-9 ]+?) ?\( ?(\d+) ?(?:, ?(\d+) ?)?\)$/.exec(text) ?? [];
  const oid = Object.hasOwn(TYPES, word) ? TYPES[word] : undefined;
  if (oid === undefined) {
    const near = nearestName(word, Object.keys(TYPES));
    throw configError(
      `${path}: "${String(value)}" is no type that a column of documents can have`,
      near === undefined ? `Types: ${Object.keys(TYPES).join(', ')}.` : `Perhaps you meant "${near}".`,
    );
  }
  if (precision === undefined) return type(oid);
  const [digits, after] = [Number(precision), Number(scale)];
  if (oid !== Oid.numeric) throw configError(`${path}: only numeric has a modifier`);
  if (digits < 1 || digits > 1000 || after > digits)
    throw configError(`${path}: must be numeric(1 to 1000 digits, of which after the point)`);
  return type(oid, ((digits << 16) | after) + 4);
}

function readFilter(reader: Reader): Readonly<Record<string, string>> {
  const path = reader.name('filter');
  return Object.fromEntries(
    entries(reader.value('filter'), path, 'fields to values').map(([field, value]) => {
      if (fieldName(field, `${path}.${field}`) === TIME_FIELD) throw configError(`${path}.${field}: cannot be filtered here`);
      // A number or true would be written as YAML reads it (010 as 8), which may be another text than the documents have.
      if (typeof value !== 'string' || value === '' || LONE_SURROGATE.test(value))
        throw configError(`${path}.${field}: must be text, in quotes`);
      return [field, value];
    }),
  );
}

function entries(value: unknown, path: string, what: string): readonly (readonly [string, unknown])[] {
  if (value === undefined || value === null) return [];
  if (!isObject(value)) throw configError(`${path}: must be a mapping of ${what}`);
  return Object.entries(value);
}
