import { isJsonObject, type Json, type JsonObject } from '../format/exact-json.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import type { IcebergType, PartitionField, PartitionSpec } from '../format/schema.js';
import { resultType } from '../format/transforms.js';
import { bytesOfHex, type PartitionValue, valueOfJson } from './json-value.js';
import type { ColumnTypes } from './partition-values.js';

export interface ContentFileOptions {
  readonly specs: ReadonlyMap<number, PartitionSpec>;
  readonly types: ColumnTypes;
}

const CONTENTS = new Map<string, ManifestFileEntry['content']>([
  ['data', 'data'],
  ['position-deletes', 'position deletes'],
  ['equality-deletes', 'equality deletes'],
]);

/**
 * A ContentFile of the REST protocol as a manifest's entry. What the protocol leaves out (snapshot, sequence numbers) is not known: 0. Throws
 * plain errors.
 */
export function contentFile(json: Json, { specs, types }: ContentFileOptions): ManifestFileEntry {
  const file = objectOf(json, 'a file');
  const content = CONTENTS.get(textOf(file['content'], 'content').toLowerCase().replace('_', '-'));
  if (content === undefined) throw new Error('a file has an unknown content');
  const specId = naturalOf(file['spec-id'], 'spec-id');
  const spec = specs.get(specId);
  if (spec === undefined) throw new Error(`a file is of partition spec ${specId}, which the table has not`);
  const optional = (key: string): Json | undefined => file[key] ?? undefined;
  const offset = optional('content-offset');
  return {
    status: 'existing',
    snapshot: undefined,
    sequence: 0,
    fileSequence: undefined,
    specId,
    content,
    path: textOf(file['file-path'], 'file-path'),
    format: textOf(file['file-format'], 'file-format').toUpperCase(),
    rows: naturalOf(file['record-count'], 'record-count'),
    bytes: naturalOf(file['file-size-in-bytes'], 'file-size-in-bytes'),
    partition: partitionOf(optional('partition'), spec, types),
    encrypted: optional('key-metadata') !== undefined,
    firstRowId: undefined,
    equalityIds: naturalsOf(optional('equality-ids'), 'equality-ids'),
    sortOrderId: undefined,
    splitOffsets: naturalsOf(optional('split-offsets'), 'split-offsets'),
    referencedDataFile: optional('referenced-data-file') === undefined ? undefined : textOf(file['referenced-data-file'], 'a path'),
    blob:
      offset === undefined
        ? undefined
        : { offset: naturalOf(offset, 'content-offset'), length: naturalOf(file['content-size-in-bytes'], 'content-size-in-bytes') },
    valueCounts: countsOf(optional('value-counts')),
    nullCounts: countsOf(optional('null-value-counts')),
    nanCounts: countsOf(optional('nan-value-counts')),
    lower: boundsOf(optional('lower-bounds'), types),
    upper: boundsOf(optional('upper-bounds'), types),
  };
}

/** A list in the order of the spec's fields, or an object by their ids that leaves NULL out. */
function partitionOf(json: Json | undefined, spec: PartitionSpec, types: ColumnTypes): ReadonlyMap<number, PartitionValue | null> {
  const values = new Map<number, PartitionValue | null>();
  if (spec.fields.length === 0) return values;
  const isList = Array.isArray(json);
  if (!isList && !isJsonObject(json)) throw new Error('a file of a partitioned spec has no partition');
  if (isList && json.length !== spec.fields.length) throw new Error('a partition has not the fields of its spec');
  for (const [index, field] of spec.fields.entries()) {
    const value = isList ? (json as readonly Json[])[index] : (json as JsonObject)[String(field.fieldId)];
    if (value === undefined || value === null) {
      values.set(field.fieldId, null);
      continue;
    }
    const type = fieldType(field, types);
    // Of a column that no schema knows, or by a transform that we do not: nothing is concluded from it.
    if (type === undefined) continue;
    const read = valueOfJson(type, value);
    if (read === undefined) throw new Error(`the value of partition field "${field.name}" is not of its type`);
    values.set(field.fieldId, read);
  }
  return values;
}

function fieldType({ sourceId, transform }: PartitionField, types: ColumnTypes): IcebergType | undefined {
  const source = types(sourceId);
  if (source === undefined || transform.kind === 'unknown') return undefined;
  return transform.kind === 'day' ? { kind: 'primitive', name: 'date' } : resultType(transform, source);
}

function countsOf(json: Json | undefined): ReadonlyMap<number, number> {
  return new Map(entriesOf(json).map(([id, value]) => [id, naturalOf(value, 'a count')]));
}

/**
 * The protocol's text calls bounds values, its own library sends their bytes in hex. Where a text could be either (of strings, decimals, bytes) it
 * is not used: a bound that is taken for another loses rows.
 */
function boundsOf(json: Json | undefined, types: ColumnTypes): ReadonlyMap<number, Uint8Array> {
  const bounds = new Map<number, Uint8Array>();
  for (const [id, value] of entriesOf(json)) {
    const type = types(id);
    const bytes = type?.kind === 'primitive' ? bytesOfHex(value) : undefined;
    if (type?.kind !== 'primitive' || bytes === undefined) continue;
    const widths = FIXED_WIDTHS[type.name];
    if (widths?.includes(bytes.length) === true) bounds.set(id, bytes);
  }
  return bounds;
}

const FIXED_WIDTHS: Readonly<Partial<Record<string, readonly number[]>>> = {
  boolean: [1],
  int: [4],
  long: [4, 8],
  float: [4],
  double: [4, 8],
  date: [4],
  time: [8],
  timestamp: [4, 8],
  timestamptz: [8],
  timestamp_ns: [4, 8],
  timestamptz_ns: [8],
};

function entriesOf(json: Json | undefined): readonly (readonly [number, Json])[] {
  if (json === undefined) return [];
  const { keys, values } = objectOf(json, 'a map');
  if (!Array.isArray(keys) || !Array.isArray(values) || keys.length !== values.length) throw new Error('a map has no values to its keys');
  const list = values as readonly Json[];
  return (keys as readonly Json[]).map((key, index) => [naturalOf(key, 'a column id'), list[index] ?? null]);
}

function objectOf(json: Json | undefined, what: string): JsonObject {
  if (!isJsonObject(json)) throw new Error(`${what} is not an object`);
  return json;
}

function textOf(json: Json | undefined, what: string): string {
  if (typeof json !== 'string' || json === '') throw new Error(`${what} is missing`);
  return json;
}

export function naturalOf(json: Json | undefined, what: string): number {
  if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < 0) throw new Error(`${what} is not a natural number`);
  return json;
}

export function naturalsOf(json: Json | undefined, what: string): readonly number[] {
  if (json === undefined || json === null) return [];
  if (!Array.isArray(json)) throw new Error(`${what} is not a list`);
  return (json as readonly Json[]).map((item) => naturalOf(item, what));
}
