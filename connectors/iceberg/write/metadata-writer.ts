import { randomUUID } from 'node:crypto';
import { TimelineError } from '../../../sql/errors.js';
import type { WriterColumn, WriterPartitionField, WriterTable } from './writer-types.js';

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** The snapshot that an append adds. */
export interface NewSnapshot {
  readonly snapshotId: bigint;
  readonly timestampMs: number;
  readonly manifestList: string;
  readonly addedFiles: number;
  readonly addedRecords: number;
  readonly addedBytes: number;
  /** Further entries of the summary: who wrote it, which batch it was. */
  readonly summary: Readonly<Record<string, string>>;
}

const LONG_MARK = '@timeline-int64:';
const FIRST_PARTITION_ID = 1000;

/** Metadata of a table without snapshots (format version 2). */
export function newTableMetadata(table: WriterTable, location: string, nowMs: number): JsonObject {
  const ids = table.columns.flatMap((column) =>
    typeof column.type === 'string' ? [column.id] : [column.id, column.type.keyId, column.type.valueId],
  );
  const sorted = table.sort.length > 0;
  return {
    'format-version': 2,
    'table-uuid': randomUUID(),
    location,
    'last-sequence-number': 0,
    'last-updated-ms': nowMs,
    'last-column-id': Math.max(...ids),
    'current-schema-id': 0,
    schemas: [icebergSchema(table.columns)],
    'default-spec-id': 0,
    'partition-specs': [{ 'spec-id': 0, fields: icebergPartitionFields(table.partition) }],
    'last-partition-id': Math.max(FIRST_PARTITION_ID - 1, ...table.partition.map((field) => field.fieldId)),
    'default-sort-order-id': sorted ? 1 : 0,
    'sort-orders': [
      { 'order-id': 0, fields: [] },
      ...(sorted
        ? [
            {
              'order-id': 1,
              fields: table.sort.map((id) => ({ transform: 'identity', 'source-id': id, direction: 'asc', 'null-order': 'nulls-first' })),
            },
          ]
        : []),
    ],
    properties: table.properties,
    'current-snapshot-id': null,
    refs: {},
    snapshots: [],
    'snapshot-log': [],
    'metadata-log': [],
    statistics: [],
    'partition-statistics': [],
  };
}

export function icebergSchema(columns: readonly WriterColumn[]): JsonObject {
  return {
    type: 'struct',
    'schema-id': 0,
    fields: columns.map((column) => ({
      id: column.id,
      name: column.name,
      required: false,
      type: icebergType(column.type),
      ...(column.doc === undefined ? {} : { doc: column.doc }),
    })),
  };
}

export function icebergPartitionFields(fields: readonly WriterPartitionField[]): JsonValue[] {
  return fields.map((field) => ({ 'source-id': field.sourceId, 'field-id': field.fieldId, name: field.name, transform: field.transform }));
}

function icebergType(type: WriterColumn['type']): JsonValue {
  if (typeof type === 'string') return type;
  return { type: 'map', 'key-id': type.keyId, key: type.key, 'value-id': type.valueId, value: type.value, 'value-required': false };
}

/** The metadata after an append to branch main. `previous` is where `metadata` was read from. */
export function withSnapshot(metadata: JsonObject, previous: string, snapshot: NewSnapshot): JsonObject {
  const parent = currentSnapshotId(metadata);
  const sequence = lastSequenceNumber(metadata) + 1n;
  const id = longMark(snapshot.snapshotId);
  // Readers take times that run backwards for damage.
  const now = Math.max(snapshot.timestampMs, numberOf(metadata, 'last-updated-ms'));
  const entry: JsonObject = {
    'snapshot-id': id,
    ...(parent === null ? {} : { 'parent-snapshot-id': longMark(parent) }),
    'sequence-number': Number(sequence),
    'timestamp-ms': now,
    'manifest-list': snapshot.manifestList,
    'schema-id': numberOf(metadata, 'current-schema-id'),
    summary: appendSummary(snapshotOf(metadata, parent)?.summary, snapshot),
  };
  return {
    ...metadata,
    'last-sequence-number': Number(sequence),
    'last-updated-ms': now,
    'current-snapshot-id': id,
    snapshots: [...listOf(metadata, 'snapshots'), entry],
    'snapshot-log': [...listOf(metadata, 'snapshot-log'), { 'snapshot-id': id, 'timestamp-ms': now }],
    'metadata-log': [
      ...listOf(metadata, 'metadata-log'),
      { 'metadata-file': previous, 'timestamp-ms': numberOf(metadata, 'last-updated-ms') },
    ],
    refs: { ...objectOf(metadata.refs), main: { 'snapshot-id': id, type: 'branch' } },
  };
}

function appendSummary(previous: JsonValue | undefined, snapshot: NewSnapshot): JsonObject {
  const before = objectOf(previous);
  const total = (key: string, added: number): string => String(Number(before[key] ?? 0) + added);
  return {
    operation: 'append',
    ...snapshot.summary,
    'added-data-files': String(snapshot.addedFiles),
    'added-records': String(snapshot.addedRecords),
    'added-files-size': String(snapshot.addedBytes),
    'total-data-files': total('total-data-files', snapshot.addedFiles),
    'total-records': total('total-records', snapshot.addedRecords),
    'total-files-size': total('total-files-size', snapshot.addedBytes),
    'total-delete-files': total('total-delete-files', 0),
    'total-position-deletes': total('total-position-deletes', 0),
    'total-equality-deletes': total('total-equality-deletes', 0),
  };
}

/** Null: the table has no snapshot yet (-1 in files of older writers). */
export function currentSnapshotId(metadata: JsonObject): bigint | null {
  const id = longOf(metadata['current-snapshot-id']);
  return id === undefined || id === -1n ? null : id;
}

export function lastSequenceNumber(metadata: JsonObject): bigint {
  return BigInt(numberOf(metadata, 'last-sequence-number'));
}

export function currentManifestList(metadata: JsonObject): string | undefined {
  const list = snapshotOf(metadata, currentSnapshotId(metadata))?.['manifest-list'];
  return typeof list === 'string' ? list : undefined;
}

function snapshotOf(metadata: JsonObject, id: bigint | null): JsonObject | undefined {
  return id === null
    ? undefined
    : listOf(metadata, 'snapshots')
        .map(objectOf)
        .find((snapshot) => longOf(snapshot['snapshot-id']) === id);
}

/** Parses metadata; snapshot ids are 64-bit and would lose digits as JSON numbers, so they stay marked texts until printed again. */
export function parseMetadata(text: string, path: string): JsonObject {
  try {
    const parsed: JsonValue = JSON.parse(text.replace(/("(?:[a-z]+-)*snapshot-id"\s*:\s*)(-?\d+)/g, `$1"${LONG_MARK}$2"`)) as JsonValue;
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as JsonObject;
  } catch (cause) {
    throw new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `Iceberg metadata file ${path} is not valid JSON`, cause });
  }
  throw new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `Iceberg metadata file ${path} does not hold an object` });
}

export function printMetadata(metadata: JsonObject): string {
  return JSON.stringify(metadata).replace(new RegExp(`"${LONG_MARK}(-?\\d+)"`, 'g'), '$1');
}

function longMark(value: bigint): string {
  return `${LONG_MARK}${value}`;
}

function longOf(value: JsonValue | undefined): bigint | undefined {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && value.startsWith(LONG_MARK)) return BigInt(value.slice(LONG_MARK.length));
  return undefined;
}

function numberOf(object: JsonObject, key: string): number {
  const value = object[key];
  return typeof value === 'number' ? value : 0;
}

function listOf(object: JsonObject, key: string): readonly JsonValue[] {
  const value = object[key];
  return Array.isArray(value) ? value : [];
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
