import { TimelineError } from '../../../sql/errors.js';
import { integerText, isJsonObject, type Json, type JsonObject } from '../format/exact-json.js';

export const MAIN = 'main';
const UNPARTITIONED_LAST_ID = 999;

/** Table metadata while updates are applied to it: the file's object with the fields of newer versions filled in. */
export type Draft = Record<string, Json>;

/** A table's metadata before its first update. */
export function emptyDraft(): Draft {
  return {
    'format-version': 2,
    'table-uuid': null,
    location: null,
    'last-sequence-number': 0,
    'last-updated-ms': 0,
    'last-column-id': 0,
    'current-schema-id': -1,
    schemas: [],
    'default-spec-id': -1,
    'partition-specs': [],
    'last-partition-id': UNPARTITIONED_LAST_ID,
    'default-sort-order-id': -1,
    'sort-orders': [],
    properties: {},
    'current-snapshot-id': null,
    refs: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
  };
}

/** A copy that may be changed, with what version 1 and lenient writers leave out. */
export function draftOf(metadata: JsonObject): Draft {
  const draft: Draft = { ...metadata };
  if (!Array.isArray(draft['schemas'])) {
    const schema = asObject(draft['schema'], 'schema');
    draft['schemas'] = [{ 'schema-id': 0, ...schema }];
    draft['current-schema-id'] = integerOf(schema['schema-id'] ?? 0, 'schema-id');
  }
  if (!Array.isArray(draft['partition-specs'])) {
    draft['partition-specs'] = [{ 'spec-id': 0, fields: numbered(draft['partition-spec'] ?? []) }];
    draft['default-spec-id'] = 0;
  }
  draft['last-partition-id'] ??= Math.max(
    UNPARTITIONED_LAST_ID,
    ...objects(draft, 'partition-specs').flatMap((spec) =>
      objects(spec, 'fields').map((field) => integerOf(field['field-id'] ?? 0, 'field-id')),
    ),
  );
  if (!Array.isArray(draft['sort-orders'])) draft['sort-orders'] = [{ 'order-id': 0, fields: [] }];
  draft['default-sort-order-id'] ??= 0;
  draft['properties'] ??= {};
  for (const key of ['snapshots', 'snapshot-log', 'metadata-log']) draft[key] ??= [];
  if (integerText(draft['current-snapshot-id']) === '-1') draft['current-snapshot-id'] = null;
  draft['current-snapshot-id'] ??= null;
  const current = draft['current-snapshot-id'];
  const refs = asObject(draft['refs'] ?? {}, 'refs');
  draft['refs'] = current === null || MAIN in refs ? refs : { ...refs, [MAIN]: { 'snapshot-id': current, type: 'branch' } };
  return draft;
}

/** v1 writers may leave partition fields' ids out: they count from 1000. */
function numbered(fields: Json): Json[] {
  return list(fields, 'partition-spec').map((field, index) => ({
    'field-id': UNPARTITIONED_LAST_ID + 1 + index,
    ...asObject(field, 'partition field'),
  }));
}

/** The draft as its format version spells it. */
export function finished(draft: Draft): JsonObject {
  const result: Draft = { ...draft };
  const version = formatVersion(draft);
  for (const key of ['schema', 'partition-spec']) delete result[key];
  if (version === 1) {
    delete result['last-sequence-number'];
    const schema = byId(draft, 'schemas', 'schema-id', draft['current-schema-id']);
    const spec = byId(draft, 'partition-specs', 'spec-id', draft['default-spec-id']);
    if (schema !== undefined) result['schema'] = schema;
    if (spec !== undefined) result['partition-spec'] = spec['fields'] ?? [];
    // Readers of version 1 know no null here.
    if (result['current-snapshot-id'] === null) result['current-snapshot-id'] = -1;
  } else {
    result['last-sequence-number'] ??= 0;
  }
  if (version >= 3) result['next-row-id'] ??= 0;
  return result;
}

export function formatVersion(draft: Draft): number {
  return integerOf(draft['format-version'], 'format-version');
}

/** Entries of a list of objects. */
export function objects(parent: JsonObject, key: string): readonly JsonObject[] {
  const value = parent[key];
  return value === undefined || value === null ? [] : list(value, key).map((entry) => asObject(entry, key));
}

export function byId(draft: Draft, listKey: string, idKey: string, id: unknown): JsonObject | undefined {
  const wanted = integerText(id);
  return objects(draft, listKey).find((entry) => integerText(entry[idKey]) === wanted);
}

export function refsOf(draft: Draft): Readonly<Record<string, JsonObject>> {
  return asObject(draft['refs'], 'refs') as Readonly<Record<string, JsonObject>>;
}

export function list(value: unknown, what: string): readonly Json[] {
  if (!Array.isArray(value)) throw malformed(`${what} is not a list`);
  return value as readonly Json[];
}

export function asObject(value: unknown, what: string): JsonObject {
  if (!isJsonObject(value)) throw malformed(`${what} is not an object`);
  return value;
}

export function asText(value: unknown, what: string): string {
  if (typeof value !== 'string') throw malformed(`${what} is not a text`);
  return value;
}

/** Small numbers only: ids of schemas, specs, fields, and times. */
export function integerOf(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw malformed(`${what} is not an integer`);
  return value;
}

/** An id of a snapshot as it is kept: a number while a double holds it, else a bigint. */
export function snapshotIdOf(value: unknown, what = 'snapshot-id'): number | bigint {
  const text = integerText(value);
  if (text === undefined) throw malformed(`${what} is not a 64-bit integer`);
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

/** XX001: metadata, or a change to it, that the format does not allow. */
export function malformed(why: string): TimelineError {
  return new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `Iceberg table metadata cannot be changed: ${why}` });
}
