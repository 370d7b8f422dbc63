import { unsupported } from '../../../sql/errors.js';
import { integerText, isJsonObject, type Json, type JsonObject, printExactJson } from '../format/exact-json.js';
import { asObject, byId, type Draft, formatVersion, integerOf, list, malformed, objects } from './metadata-draft.js';
import type { ChangeState } from './updates.js';

/** Ids of schemas, specs and sort orders in a change may be those of the maker; what is the same as one that is there gets its id. */
export function addSchema(state: ChangeState, update: Readonly<Record<string, unknown>>): void {
  const { draft } = state;
  const schema = asObject(update['schema'], 'schema');
  const id = idFor(objects(draft, 'schemas'), schema, 'schema-id', 0);
  state.lastSchema = id.id;
  const highest = Math.max(0, ...fieldIds(schema));
  draft['last-column-id'] = Math.max(integerOf(draft['last-column-id'], 'last-column-id'), highest);
  if (id.isNew) draft['schemas'] = [...objects(draft, 'schemas'), { ...schema, type: 'struct', 'schema-id': id.id }];
}

export function setCurrentSchema(state: ChangeState, given: unknown): void {
  const id = integerOf(given, 'schema-id') === -1 ? state.lastSchema : integerOf(given, 'schema-id');
  if (id === undefined || byId(state.draft, 'schemas', 'schema-id', id) === undefined) throw malformed(`there is no schema ${id ?? -1}`);
  state.draft['current-schema-id'] = id;
}

export function addSpec(state: ChangeState, given: unknown): void {
  const { draft } = state;
  const spec = asObject(given, 'spec');
  const known = objects(draft, 'partition-specs');
  const earlier = known.flatMap((one) => objects(one, 'fields'));
  let last = integerOf(draft['last-partition-id'], 'last-partition-id');
  const fields = objects(spec, 'fields').map((field): JsonObject => {
    if (field['field-id'] !== undefined) return field;
    // A field that was there before keeps its id, so that files of both specs have it in common.
    const same = earlier.find(
      (one) => integerText(one['source-id']) === integerText(field['source-id']) && one['transform'] === field['transform'],
    );
    if (same === undefined) last += 1;
    return { ...field, 'field-id': same?.['field-id'] ?? last };
  });
  for (const field of fields) last = Math.max(last, integerOf(field['field-id'], 'field-id'));
  if (formatVersion(draft) === 1 && fields.some((field, index) => field['field-id'] !== 1000 + index))
    throw unsupported('a partition spec of an Iceberg table of format version 1 whose fields do not count from 1000');
  const id = idFor(known, { fields }, 'spec-id', 0);
  state.lastSpec = id.id;
  draft['last-partition-id'] = last;
  if (id.isNew) draft['partition-specs'] = [...known, { 'spec-id': id.id, fields }];
}

export function addSortOrder(state: ChangeState, given: unknown): void {
  const { draft } = state;
  const order = asObject(given, 'sort-order');
  const known = objects(draft, 'sort-orders');
  const fields = list(order['fields'] ?? [], 'fields');
  // Order 0 means unsorted, everywhere.
  const id =
    fields.length === 0
      ? { id: 0, isNew: byId(draft, 'sort-orders', 'order-id', 0) === undefined }
      : idFor(known, { fields }, 'order-id', 1);
  state.lastSortOrder = id.id;
  if (id.isNew) draft['sort-orders'] = [...known, { 'order-id': id.id, fields }];
}

export function setDefault(state: ChangeState, what: 'spec' | 'sort-order', given: unknown): void {
  const added = what === 'spec' ? state.lastSpec : state.lastSortOrder;
  const id = integerOf(given, `${what}-id`) === -1 ? added : integerOf(given, `${what}-id`);
  const [listKey, idKey] = what === 'spec' ? ['partition-specs', 'spec-id'] : ['sort-orders', 'order-id'];
  if (id === undefined || byId(state.draft, listKey, idKey, id) === undefined) throw malformed(`there is no ${what} ${id ?? -1}`);
  state.draft[`default-${what}-id`] = id;
}

export function removeSpecs(draft: Draft, ids: unknown): void {
  removeByIds(draft, { listKey: 'partition-specs', idKey: 'spec-id', current: draft['default-spec-id'], ids });
}

export function removeSchemas(draft: Draft, ids: unknown): void {
  removeByIds(draft, { listKey: 'schemas', idKey: 'schema-id', current: draft['current-schema-id'], ids });
}

function removeByIds(
  draft: Draft,
  options: { readonly listKey: string; readonly idKey: string; readonly current: unknown; readonly ids: unknown },
): void {
  const gone = new Set(list(options.ids, 'ids').map(integerText));
  if (gone.has(integerText(options.current))) throw malformed(`${options.idKey} ${String(options.current)} is in use`);
  draft[options.listKey] = objects(draft, options.listKey).filter((entry) => !gone.has(integerText(entry[options.idKey])));
}

/** The id of an entry that says the same, or the next free one. */
function idFor(
  known: readonly JsonObject[],
  wanted: JsonObject,
  idKey: string,
  first: number,
): { readonly id: number; readonly isNew: boolean } {
  const text = canonical(wanted['fields'] ?? []) + canonical(wanted['identifier-field-ids'] ?? []);
  const same = known.find((entry) => canonical(entry['fields'] ?? []) + canonical(entry['identifier-field-ids'] ?? []) === text);
  if (same !== undefined) return { id: integerOf(same[idKey], idKey), isNew: false };
  return { id: Math.max(first - 1, ...known.map((entry) => integerOf(entry[idKey], idKey))) + 1, isNew: true };
}

function canonical(value: Json): string {
  return printExactJson(sorted(value));
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: Json) => sorted(item));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

/** Ids of fields at every depth: of structs, list elements, map keys and values. */
function fieldIds(type: Json | undefined): number[] {
  if (!isJsonObject(type)) return [];
  const own = ['element-id', 'key-id', 'value-id'].flatMap((key) => (type[key] === undefined ? [] : [integerOf(type[key], key)]));
  const below = objects(type, 'fields').flatMap((field) => [integerOf(field['id'], 'id'), ...fieldIds(field['type'])]);
  return [...own, ...below, ...['element', 'key', 'value'].flatMap((key) => fieldIds(type[key]))];
}
