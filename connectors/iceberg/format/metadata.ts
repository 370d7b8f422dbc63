import { gunzipSync } from 'node:zlib';
import { corrupt } from './corrupt.js';
import { NAME_MAPPING_PROPERTY, type NameMapping, parseNameMapping } from './name-mapping.js';
import { asInteger, asObject, type PartitionSpec, parseFields, parseTransform, type Schema, type SortOrder } from './schema.js';

export interface TableMetadata {
  readonly formatVersion: number;
  readonly uuid: string;
  /** Where the table's files go; '' in metadata that does not say so. */
  readonly location: string;
  /** 0 in v1. */
  readonly lastSequenceNumber: number;
  readonly lastColumnId: number;
  readonly schemas: ReadonlyMap<number, Schema>;
  readonly currentSchemaId: number;
  readonly specs: ReadonlyMap<number, PartitionSpec>;
  readonly defaultSpecId: number;
  readonly sortOrders: ReadonlyMap<number, SortOrder>;
  readonly defaultSortOrderId: number;
  /** v3: the id of the next row that is added. */
  readonly nextRowId: bigint | undefined;
  /** In the file's order. */
  readonly snapshots: readonly Snapshot[];
  /** 64-bit ids are text. */
  readonly currentSnapshotId: string | null;
  /** Which snapshot was current from when on. */
  readonly log: readonly { readonly snapshotId: string; readonly timestampMs: number }[];
  readonly refs: ReadonlyMap<string, SnapshotRef>;
  readonly properties: Readonly<Record<string, string>>;
  readonly nameMapping: NameMapping | undefined;
}

export interface SnapshotRef {
  readonly snapshotId: string;
  /** `branch` or `tag`. */
  readonly type: string;
  /** Of a branch or tag: how long it is kept; undefined: for ever, or what the table's properties say. */
  readonly maxRefAgeMs?: number;
  /** Of a branch: which of its snapshots are kept. */
  readonly minSnapshotsToKeep?: number;
  readonly maxSnapshotAgeMs?: number;
}

export interface Snapshot {
  readonly id: string;
  readonly parentId: string | null;
  readonly timestampMs: number;
  readonly schemaId: number | undefined;
  readonly sequenceNumber: number;
  /** v2, and most of v1. */
  readonly manifestList: string | undefined;
  /** v1 without a manifest list. */
  readonly manifests: readonly string[];
  readonly summary: Readonly<Record<string, string>>;
}

export const MAX_METADATA_BYTES = 256 << 20;
/** In JSON, where two bytes may become a hundred of memory. */
const MOST_VALUES = 8_000_000;

/** Reads a metadata file's bytes (JSON, or gzip of it by its magic bytes). `file` names it in errors: XX001 for what it may not hold. */
export function parseMetadata(bytes: Uint8Array, file: string): TableMetadata {
  const json = metadataJson(bytes, file);
  try {
    return read(asObject(json, 'table metadata'));
  } catch (error) {
    throw corrupt(file, reason(error), error);
  }
}

/** The JSON of a metadata file, with snapshot ids as texts. */
export function metadataJson(bytes: Uint8Array, file: string): unknown {
  let text: string;
  try {
    const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: MAX_METADATA_BYTES }) : bytes;
    if (valuesIn(plain) > MOST_VALUES) throw new Error(`it holds more than ${MOST_VALUES} values`);
    text = new TextDecoder('utf-8', { fatal: true }).decode(plain);
  } catch (error) {
    throw corrupt(file, `it cannot be unpacked as table metadata (${reason(error)})`, error);
  }
  try {
    // Snapshot ids, and defaults of long columns, go beyond 2^53: as numbers JSON.parse would round them.
    return JSON.parse(text.replace(/("(?:[a-z-]*snapshot-id|initial-default|write-default)"\s*:\s*)(-?\d+)(?![\d.eE])/g, '$1"$2"'));
  } catch (error) {
    throw corrupt(file, `it is not JSON (${reason(error)})`, error);
  }
}

/** At least as many as a JSON text has; counts no further than MOST_VALUES. */
function valuesIn(text: Uint8Array): number {
  let count = 1;
  for (let at = 0; at < text.length && count <= MOST_VALUES; at++) {
    const byte = text[at];
    if (byte === 0x2c || byte === 0x5b || byte === 0x7b) count++;
  }
  return count;
}

function read(json: Record<string, unknown>): TableMetadata {
  const formatVersion = asInteger(json['format-version'], 'format-version');
  const schemas = new Map<number, Schema>();
  for (const item of Array.isArray(json['schemas']) ? json['schemas'] : [json['schema']]) {
    const schema = asObject(item, 'a schema');
    const id = schema['schema-id'] === undefined ? 0 : asInteger(schema['schema-id'], 'schema-id');
    schemas.set(id, { id, fields: parseFields(schema['fields']) });
  }
  // Every format version demands it beside a list of schemas; the first one would be a guess.
  const currentSchemaId =
    json['current-schema-id'] === undefined && !Array.isArray(json['schemas'])
      ? [...schemas.keys()][0]
      : asInteger(json['current-schema-id'], 'current-schema-id');
  if (currentSchemaId === undefined || !schemas.has(currentSchemaId)) throw new Error(`schema ${currentSchemaId} is missing`);
  const snapshots = list(json['snapshots']).map(readSnapshot);
  const current = snapshotId(json['current-snapshot-id']);
  if (current !== null && !snapshots.some((snapshot) => snapshot.id === current)) throw new Error(`snapshot ${current} is missing`);
  const refs = new Map(
    Object.entries(asObject(json['refs'] ?? {}, 'refs')).map(([name, item]) => [name, readRef(asObject(item, 'a ref'))]),
  );
  const main = refs.get('main');
  if (main !== undefined && main.snapshotId !== current)
    throw new Error(`its branch main is at snapshot ${main.snapshotId}, its current snapshot is ${current ?? 'none'}`);
  return {
    formatVersion,
    uuid: typeof json['table-uuid'] === 'string' ? json['table-uuid'] : '',
    location: typeof json['location'] === 'string' ? json['location'] : '',
    lastSequenceNumber: optionalInteger(json['last-sequence-number'], 'last-sequence-number'),
    lastColumnId: optionalInteger(json['last-column-id'], 'last-column-id'),
    schemas,
    currentSchemaId,
    specs: readSpecs(json),
    defaultSpecId: optionalInteger(json['default-spec-id'], 'default-spec-id'),
    sortOrders: readSortOrders(json),
    defaultSortOrderId: optionalInteger(json['default-sort-order-id'], 'default-sort-order-id'),
    nextRowId: json['next-row-id'] === undefined ? undefined : BigInt(asInteger(json['next-row-id'], 'next-row-id')),
    snapshots,
    currentSnapshotId: current,
    log: list(json['snapshot-log']).map((item) => {
      const entry = asObject(item, 'a snapshot-log entry');
      return { snapshotId: String(entry['snapshot-id']), timestampMs: asInteger(entry['timestamp-ms'], 'timestamp-ms') };
    }),
    refs,
    properties: texts(json['properties']),
    nameMapping: readNameMapping(texts(json['properties'])),
  };
}

function readNameMapping(properties: Readonly<Record<string, string>>): NameMapping | undefined {
  const text = properties[NAME_MAPPING_PROPERTY];
  return text === undefined ? undefined : parseNameMapping(text);
}

function readSpecs(json: Record<string, unknown>): Map<number, PartitionSpec> {
  // Version 1 may have one spec only. Taken for empty, a damaged one would lose the values of partition columns.
  const specs =
    json['format-version'] === 1 && json['partition-specs'] === undefined
      ? [{ 'spec-id': 0, fields: json['partition-spec'] }]
      : array(json['partition-specs'], 'partition-specs');
  return new Map(
    specs.map((item: unknown): [number, PartitionSpec] => {
      const spec = asObject(item, 'a partition spec');
      const id = asInteger(spec['spec-id'], 'spec-id');
      const fields = array(spec['fields'], 'fields of a partition spec').map((entry, index) => {
        const field = asObject(entry, 'a partition field');
        return {
          // v1 writers may leave the id out: they count from 1000.
          fieldId: field['field-id'] === undefined ? 1000 + index : asInteger(field['field-id'], 'field-id'),
          sourceId: asInteger(field['source-id'] ?? list(field['source-ids'])[0], 'source-id'),
          name: String(field['name']),
          transform: parseTransform(field['transform']),
        };
      });
      return [id, { id, fields }];
    }),
  );
}

function readSortOrders(json: Record<string, unknown>): Map<number, SortOrder> {
  return new Map(
    list(json['sort-orders']).map((item): [number, SortOrder] => {
      const order = asObject(item, 'a sort order');
      const id = asInteger(order['order-id'], 'order-id');
      const fields = list(order['fields']).map((entry) => {
        const field = asObject(entry, 'a sort field');
        const descending = field['direction'] === 'desc';
        return {
          sourceId: asInteger(field['source-id'] ?? list(field['source-ids'])[0], 'source-id'),
          transform: parseTransform(field['transform']),
          descending,
          nullsFirst: field['null-order'] === undefined ? !descending : field['null-order'] === 'nulls-first',
        };
      });
      return [id, { id, fields }];
    }),
  );
}

function optionalInteger(json: unknown, what: string): number {
  return json === undefined || json === null ? 0 : asInteger(json, what);
}

function readRef(ref: Record<string, unknown>): SnapshotRef {
  const optional = (key: string): number | undefined =>
    ref[key] === undefined || ref[key] === null ? undefined : asInteger(ref[key], key);
  const maxRefAgeMs = optional('max-ref-age-ms');
  const minSnapshotsToKeep = optional('min-snapshots-to-keep');
  const maxSnapshotAgeMs = optional('max-snapshot-age-ms');
  return {
    snapshotId: String(ref['snapshot-id']),
    type: String(ref['type']),
    ...(maxRefAgeMs === undefined ? {} : { maxRefAgeMs }),
    ...(minSnapshotsToKeep === undefined ? {} : { minSnapshotsToKeep }),
    ...(maxSnapshotAgeMs === undefined ? {} : { maxSnapshotAgeMs }),
  };
}

function readSnapshot(item: unknown): Snapshot {
  const json = asObject(item, 'a snapshot');
  const id = snapshotId(json['snapshot-id']);
  if (id === null) throw new Error('a snapshot has no id');
  if (typeof json['manifest-list'] !== 'string' && !Array.isArray(json['manifests']))
    throw new Error(`snapshot ${id} has no manifest list`);
  return {
    id,
    parentId: snapshotId(json['parent-snapshot-id']),
    timestampMs: asInteger(json['timestamp-ms'], 'timestamp-ms'),
    schemaId: json['schema-id'] === undefined || json['schema-id'] === null ? undefined : asInteger(json['schema-id'], 'schema-id'),
    sequenceNumber: json['sequence-number'] === undefined ? 0 : asInteger(json['sequence-number'], 'sequence-number'),
    manifestList: typeof json['manifest-list'] === 'string' ? json['manifest-list'] : undefined,
    manifests: list(json['manifests']).map(String),
    summary: texts(json['summary']),
  };
}

/** -1 is v1's way to say none. */
function snapshotId(json: unknown): string | null {
  if (json === undefined || json === null || json === '-1') return null;
  if (typeof json !== 'string' || !/^-?\d{1,19}$/.test(json)) throw new Error('a snapshot id is not an integer');
  return json;
}

function array(json: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(json)) throw new Error(`${what} is not a list`);
  return json;
}

function list(json: unknown): readonly unknown[] {
  return Array.isArray(json) ? json : [];
}

function texts(json: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(asObject(json ?? {}, 'a map of texts')).map(([key, value]) => [key, String(value)]));
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
