import { type AvroField, type AvroRecord, type AvroValue, readAvro } from './avro-reader.js';
import { corrupt } from './corrupt.js';

export interface ManifestListEntry {
  readonly path: string;
  /** Bytes; undefined in a v1 table without a manifest list. */
  readonly length: number | undefined;
  readonly specId: number;
  readonly content: 'data' | 'deletes';
  /** Files alive in it, where the list says so. */
  readonly liveFiles: number | undefined;
  /** In the order of the spec's fields. */
  readonly partitions: readonly PartitionSummary[] | undefined;
}

export interface PartitionSummary {
  readonly containsNull: boolean;
  readonly containsNaN: boolean | undefined;
  readonly lower: Uint8Array | undefined;
  readonly upper: Uint8Array | undefined;
}

export interface ManifestFileEntry {
  readonly content: 'data' | 'position deletes' | 'equality deletes';
  readonly path: string;
  /** Upper case. */
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
  /** By id of the partition field. */
  readonly partition: ReadonlyMap<number, AvroValue>;
  readonly encrypted: boolean;
  /** By column id. */
  readonly valueCounts: ReadonlyMap<number, number>;
  readonly nullCounts: ReadonlyMap<number, number>;
  readonly nanCounts: ReadonlyMap<number, number>;
  readonly lower: ReadonlyMap<number, Uint8Array>;
  readonly upper: ReadonlyMap<number, Uint8Array>;
}

/** Ids of manifest fields that this reader has no use for: column sizes, split offsets, sort order. */
const UNUSED = new Set([108, 132, 140]);
const CONTENTS = ['data', 'position deletes', 'equality deletes'] as const;

export async function readManifestList(bytes: Uint8Array, file: string): Promise<ManifestListEntry[]> {
  const avro = await readAvro({ bytes, file });
  const named = fieldNames(avro.fields);
  return avro.records.map((record) =>
    checked(file, () => {
      const at = (id: number): AvroValue => record[named.get(id) ?? ''] ?? null;
      const partitions = at(507);
      const counts = [at(504), at(505)];
      return {
        path: text(at(500), 'manifest_path'),
        length: integer(at(501), 'manifest_length'),
        specId: integer(at(502) ?? 0, 'partition_spec_id'),
        content: at(517) === 1 ? 'deletes' : 'data',
        liveFiles: counts.every((count) => typeof count === 'number')
          ? counts.reduce<number>((sum, count) => sum + Number(count), 0)
          : undefined,
        partitions: Array.isArray(partitions) ? partitions.map((item) => summary(item as AvroRecord)) : undefined,
      };
    }),
  );
}

/** The live files of a manifest (added and existing; deleted ones are left out). */
export async function readManifest(bytes: Uint8Array, file: string): Promise<ManifestFileEntry[]> {
  const avro = await readAvro({ bytes, file, skip: UNUSED });
  const entry = fieldNames(avro.fields);
  const dataFileFields = recordFields(avro.fields.find((field) => field['field-id'] === 2)?.type);
  const dataFile = fieldNames(dataFileFields);
  const partitionFields = recordFields(dataFileFields.find((field) => field['field-id'] === 102)?.type);
  const live: ManifestFileEntry[] = [];
  for (const record of avro.records) {
    if (record[entry.get(0) ?? ''] === 2) continue;
    live.push(checked(file, () => fileEntry(object(record[entry.get(2) ?? ''], 'data_file'), dataFile, partitionFields)));
  }
  return live;
}

function fileEntry(record: AvroRecord, names: ReadonlyMap<number, string>, partitionFields: readonly AvroField[]): ManifestFileEntry {
  const at = (id: number): AvroValue => record[names.get(id) ?? ''] ?? null;
  const content = CONTENTS[integer(at(134) ?? 0, 'content')];
  if (content === undefined) throw new Error('a file has an unknown content');
  const tuple = (at(102) ?? {}) as AvroRecord;
  const partition = new Map<number, AvroValue>();
  for (const field of partitionFields) {
    if (field['field-id'] !== undefined) partition.set(field['field-id'], tuple[field.name] ?? null);
  }
  return {
    content,
    path: text(at(100), 'file_path'),
    format: text(at(101), 'file_format').toUpperCase(),
    rows: natural(at(103), 'record_count'),
    bytes: natural(at(104), 'file_size_in_bytes'),
    partition,
    encrypted: at(131) !== null,
    valueCounts: counts(at(109)),
    nullCounts: counts(at(110)),
    nanCounts: counts(at(137)),
    lower: bounds(at(125)),
    upper: bounds(at(128)),
  };
}

function summary(record: AvroRecord): PartitionSummary {
  return {
    containsNull: record['contains_null'] !== false,
    containsNaN: typeof record['contains_nan'] === 'boolean' ? record['contains_nan'] : undefined,
    lower: record['lower_bound'] instanceof Uint8Array ? record['lower_bound'] : undefined,
    upper: record['upper_bound'] instanceof Uint8Array ? record['upper_bound'] : undefined,
  };
}

function fieldNames(fields: readonly AvroField[]): Map<number, string> {
  return new Map(fields.flatMap((field) => (field['field-id'] === undefined ? [] : [[field['field-id'], field.name] as const])));
}

/** The fields of a record type, also inside of a union with null. */
function recordFields(schema: unknown): readonly AvroField[] {
  if (Array.isArray(schema)) return schema.map(recordFields).find((fields) => fields.length > 0) ?? [];
  if (typeof schema !== 'object' || schema === null) return [];
  const { fields, type } = schema as { fields?: unknown; type?: unknown };
  return Array.isArray(fields) ? (fields as AvroField[]) : recordFields(type);
}

function entries(value: AvroValue): readonly AvroRecord[] {
  return Array.isArray(value) ? (value as readonly AvroRecord[]) : [];
}

function counts(value: AvroValue): Map<number, number> {
  return new Map(entries(value).map((item) => [Number(item['key']), Number(item['value'])]));
}

function bounds(value: AvroValue): Map<number, Uint8Array> {
  return new Map(
    entries(value).flatMap((item) => (item['value'] instanceof Uint8Array ? [[Number(item['key']), item['value']] as const] : [])),
  );
}

function text(value: AvroValue, name: string): string {
  if (typeof value !== 'string') throw new Error(`${name} is missing`);
  return value;
}

function integer(value: AvroValue, name: string): number {
  if (typeof value !== 'number') throw new Error(`${name} is not an integer`);
  return value;
}

function natural(value: AvroValue, name: string): number {
  const number = integer(value, name);
  if (number < 0) throw new Error(`${name} is negative`);
  return number;
}

function object(value: AvroValue | undefined, name: string): AvroRecord {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
    throw new Error(`${name} is missing`);
  return value as AvroRecord;
}

function checked<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw corrupt(file, error instanceof Error ? error.message : String(error), error);
  }
}
