import { type AvroField, type AvroRecord, type AvroValue, readAvro } from './avro-reader.js';
import { corrupt } from './corrupt.js';

export interface ManifestListEntry {
  readonly path: string;
  /** Bytes; undefined in a v1 table without a manifest list. */
  readonly length: number | undefined;
  readonly specId: number;
  readonly content: 'data' | 'deletes';
  /** Of the manifest itself: what its entries inherit. 0 in v1 tables. */
  readonly sequence: number;
  /** The least data sequence number of its live files; 0 where the list does not say. */
  readonly minSequence: number;
  /** Id (64 bits, text) of the snapshot that added the manifest. */
  readonly addedSnapshot: string | undefined;
  /** v3, data manifests: the id of the first row of its files without one of their own. */
  readonly firstRowId: bigint | undefined;
  readonly counts: ManifestCounts;
  readonly encrypted: boolean;
  /** Files alive in it, where the list says so. */
  readonly liveFiles: number | undefined;
  /** In the order of the spec's fields. */
  readonly partitions: readonly PartitionSummary[] | undefined;
}

/** Undefined: the list does not say. */
export interface ManifestCounts {
  readonly addedFiles: number | undefined;
  readonly existingFiles: number | undefined;
  readonly deletedFiles: number | undefined;
  readonly addedRows: number | undefined;
  readonly existingRows: number | undefined;
  readonly deletedRows: number | undefined;
}

export const NO_COUNTS: ManifestCounts = {
  addedFiles: undefined,
  existingFiles: undefined,
  deletedFiles: undefined,
  addedRows: undefined,
  existingRows: undefined,
  deletedRows: undefined,
};

/** What the entries of a manifest take from its entry in the manifest list. */
export type ManifestInheritance = Pick<ManifestListEntry, 'content' | 'specId' | 'sequence' | 'addedSnapshot' | 'firstRowId'>;

export interface PartitionSummary {
  readonly containsNull: boolean;
  readonly containsNaN: boolean | undefined;
  readonly lower: Uint8Array | undefined;
  readonly upper: Uint8Array | undefined;
}

export interface ManifestFileEntry {
  readonly status: 'existing' | 'added' | 'deleted';
  /** Id of the snapshot that added the file, or with status deleted: that deleted it. */
  readonly snapshot: string | undefined;
  /** Data sequence number: how old the rows are, for deletes. */
  readonly sequence: number;
  /** Of the commit that added the file; undefined: not known. */
  readonly fileSequence: number | undefined;
  readonly specId: number;
  readonly content: 'data' | 'position deletes' | 'equality deletes';
  readonly path: string;
  /** Upper case. */
  readonly format: string;
  readonly rows: number;
  readonly bytes: number;
  /** By id of the partition field. */
  readonly partition: ReadonlyMap<number, AvroValue>;
  readonly encrypted: boolean;
  /** v3: the id of the file's first row. */
  readonly firstRowId: bigint | undefined;
  /** Of equality deletes: ids of the columns that are compared. */
  readonly equalityIds: readonly number[];
  readonly sortOrderId: number | undefined;
  readonly splitOffsets: readonly number[];
  /** Deletion vectors, and position deletes of one data file. */
  readonly referencedDataFile: string | undefined;
  /** Of a deletion vector: where its blob lies in the Puffin file. */
  readonly blob: { readonly offset: number; readonly length: number } | undefined;
  /** By column id. */
  readonly valueCounts: ReadonlyMap<number, number>;
  readonly nullCounts: ReadonlyMap<number, number>;
  readonly nanCounts: ReadonlyMap<number, number>;
  readonly lower: ReadonlyMap<number, Uint8Array>;
  readonly upper: ReadonlyMap<number, Uint8Array>;
}

/** Ids of manifest fields that this reader has no use for: column sizes. */
const UNUSED = new Set([108]);
const STATUSES = ['existing', 'added', 'deleted'] as const;
const CONTENTS = ['data', 'position deletes', 'equality deletes'] as const;

export async function readManifestList(bytes: Uint8Array, file: string): Promise<ManifestListEntry[]> {
  const avro = await readAvro({ bytes, file });
  const named = fieldNames(avro.fields);
  return avro.records.map((record) =>
    checked(file, () => {
      const at = (id: number): AvroValue => record[named.get(id) ?? ''] ?? null;
      const partitions = at(507);
      const counts = listCounts(at);
      return {
        path: text(at(500), 'manifest_path'),
        length: integer(at(501), 'manifest_length'),
        specId: integer(at(502) ?? 0, 'partition_spec_id'),
        content: at(517) === 1 ? 'deletes' : 'data',
        sequence: natural(at(515) ?? 0, 'sequence_number'),
        minSequence: natural(at(516) ?? 0, 'min_sequence_number'),
        addedSnapshot: id(at(503)),
        firstRowId: rowId(at(520)),
        counts,
        encrypted: at(519) !== null,
        liveFiles:
          counts.addedFiles === undefined || counts.existingFiles === undefined ? undefined : counts.addedFiles + counts.existingFiles,
        partitions: Array.isArray(partitions) ? partitions.map((item) => summary(item as AvroRecord)) : undefined,
      };
    }),
  );
}

/**
 * The files of a manifest: the live ones (added and existing), or with `deleted` also those that it says are gone. Sequence numbers, snapshot
 * and row ids that are left out are inherited from the manifest's entry in its list; for v1 tables without a list there is nothing to inherit.
 */
export async function readManifest(
  bytes: Uint8Array,
  file: string,
  manifest: ManifestInheritance = NOTHING_INHERITED,
  options: { readonly deleted?: boolean } = {},
): Promise<ManifestFileEntry[]> {
  const avro = await readAvro({ bytes, file, skip: UNUSED });
  const reader = checked(file, () => entryReader(avro.fields, manifest));
  const found: ManifestFileEntry[] = [];
  for (const record of avro.records) {
    const entry = checked(file, () => reader(record));
    if (entry.status !== 'deleted' || options.deleted === true) found.push(entry);
  }
  return found;
}

export const NOTHING_INHERITED: ManifestInheritance = {
  content: 'data',
  specId: 0,
  sequence: 0,
  addedSnapshot: undefined,
  firstRowId: undefined,
};

/** Turns records into entries; must be given every record of the manifest in order, since row ids run over them. Throws plain errors. */
export function entryReader(fields: readonly AvroField[], manifest: ManifestInheritance): (record: AvroRecord) => ManifestFileEntry {
  const names = fieldNames(fields);
  const dataFileFields = recordFields(fields.find((field) => field['field-id'] === 2)?.type);
  const dataFile = fieldNames(dataFileFields);
  const partitionFields = recordFields(dataFileFields.find((field) => field['field-id'] === 102)?.type);
  let nextRowId = manifest.firstRowId;
  return (record) => {
    const at = (fieldId: number): AvroValue => record[names.get(fieldId) ?? ''] ?? null;
    const status = STATUSES[integer(at(0) ?? 0, 'status')];
    if (status === undefined) throw new Error('an entry has an unknown status');
    const read = fileEntry(object(record[names.get(2) ?? ''], 'data_file'), dataFile, partitionFields);
    if (manifest.content === 'deletes' ? read.content === 'data' : read.content !== 'data')
      throw new Error(`a manifest of ${manifest.content} holds a file of ${read.content}`);
    const inherits = status === 'added' || manifest.sequence === 0;
    const sequence = at(3) ?? (inherits ? manifest.sequence : null);
    // Entries that were deleted apply to nothing.
    if (sequence === null && status !== 'deleted') throw new Error('an entry has no sequence number, nor may it inherit one');
    const fileSequence = at(4) ?? (inherits ? manifest.sequence : null);
    let firstRowId: bigint | undefined;
    if (nextRowId !== undefined && read.content === 'data') {
      firstRowId = read.firstRowId;
      if (firstRowId === undefined && status !== 'deleted') {
        firstRowId = nextRowId;
        nextRowId += BigInt(read.rows);
      }
    }
    return {
      ...read,
      status,
      snapshot: id(at(1)) ?? manifest.addedSnapshot,
      sequence: natural(sequence ?? 0, 'sequence_number'),
      fileSequence: fileSequence === null ? undefined : natural(fileSequence, 'file_sequence_number'),
      specId: manifest.specId,
      firstRowId,
    };
  };
}

type FilePart = Omit<ManifestFileEntry, 'status' | 'snapshot' | 'sequence' | 'fileSequence' | 'specId'>;

function fileEntry(record: AvroRecord, names: ReadonlyMap<number, string>, partitionFields: readonly AvroField[]): FilePart {
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
    firstRowId: rowId(at(142)),
    equalityIds: integers(at(135), 'equality_ids'),
    sortOrderId: at(140) === null ? undefined : integer(at(140), 'sort_order_id'),
    splitOffsets: integers(at(132), 'split_offsets'),
    referencedDataFile: at(143) === null ? undefined : text(at(143), 'referenced_data_file'),
    blob: at(144) === null ? undefined : { offset: natural(at(144), 'content_offset'), length: natural(at(145), 'content_size_in_bytes') },
    valueCounts: counts(at(109)),
    nullCounts: counts(at(110)),
    nanCounts: counts(at(137)),
    lower: bounds(at(125)),
    upper: bounds(at(128)),
  };
}

function listCounts(at: (fieldId: number) => AvroValue): ManifestCounts {
  const count = (fieldId: number): number | undefined => {
    const value = at(fieldId);
    return typeof value === 'number' && value >= 0 ? value : undefined;
  };
  return {
    addedFiles: count(504),
    existingFiles: count(505),
    deletedFiles: count(506),
    addedRows: count(512),
    existingRows: count(513),
    deletedRows: count(514),
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

function integers(value: AvroValue, name: string): readonly number[] {
  return Array.isArray(value) ? value.map((item: AvroValue) => integer(item, name)) : [];
}

/** A 64-bit id as text. */
function id(value: AvroValue): string | undefined {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : undefined;
}

function rowId(value: AvroValue): bigint | undefined {
  if (value === null) return undefined;
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new Error('first_row_id is not an integer');
  if (value < 0) throw new Error('first_row_id is negative');
  return BigInt(value);
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
