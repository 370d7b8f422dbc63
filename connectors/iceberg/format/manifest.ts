import { setImmediate } from 'node:timers/promises';
import type { AvroCursor } from './avro-cursor.js';
import { checked, checkedAsync, fieldNames, id, integer, integers, natural, object, recordFields, rowId, text } from './avro-fields.js';
import { AvroOutline } from './avro-outline.js';
import {
  type AvroContainer,
  type AvroField,
  type AvroPick,
  type AvroRecord,
  type AvroSelection,
  type AvroValue,
  openAvro,
  readAvro,
} from './avro-reader.js';
import { EntryStatistics, type ManifestStatistics } from './manifest-statistics.js';

/** Larger ones are refused: nothing of a table's is read without a bound. */
export const MAX_LIST_BYTES = 256 << 20;
export const MAX_MANIFEST_BYTES = 256 << 20;

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
export type ManifestInheritance = Pick<ManifestListEntry, 'content' | 'specId' | 'sequence' | 'addedSnapshot' | 'firstRowId'> & {
  /** What it must hold. */
  readonly counts?: ManifestCounts;
};

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
  /** Bytes by column id; present where they were asked for. */
  readonly columnSizes?: ReadonlyMap<number, number>;
  /** By column id. */
  readonly valueCounts: ReadonlyMap<number, number>;
  readonly nullCounts: ReadonlyMap<number, number>;
  readonly nanCounts: ReadonlyMap<number, number>;
  readonly lower: ReadonlyMap<number, Uint8Array>;
  readonly upper: ReadonlyMap<number, Uint8Array>;
}

const STATUSES = ['existing', 'added', 'deleted'] as const;
/** By their number in the manifest. */
export const CONTENTS = ['data', 'position deletes', 'equality deletes'] as const;

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

/** What a manifest says of a file at little cost, before the rest of its entry is decoded. */
export type ManifestHead = Pick<ManifestFileEntry, 'status' | 'content' | 'rows' | 'bytes' | 'partition'>;

export interface ManifestScan {
  /** Also the files that the manifest says are gone. */
  readonly deleted?: boolean;
  /** Column ids of which counts and bounds are wanted; absent: all. */
  readonly columns?: ReadonlySet<number>;
  /** Sizes of columns, too. */
  readonly sizes?: boolean;
  /** Entries that it refuses are passed over. */
  readonly wants?: (head: ManifestHead) => boolean;
  /** Then so are those it refuses, of which no more than what it asks for has been decoded. Valid during the call only. */
  readonly matches?: (statistics: ManifestStatistics) => boolean;
}

export const NOTHING_INHERITED: ManifestInheritance = {
  content: 'data',
  specId: 0,
  sequence: 0,
  addedSnapshot: undefined,
  firstRowId: undefined,
};

/** All files of a manifest that scanManifest gives. */
export async function readManifest(
  bytes: Uint8Array,
  file: string,
  manifest: ManifestInheritance = NOTHING_INHERITED,
  scan: ManifestScan = {},
): Promise<ManifestFileEntry[]> {
  const found: ManifestFileEntry[] = [];
  for await (const entry of await scanManifest(bytes, file, manifest, scan)) found.push(entry);
  return found;
}

/**
 * The files of a manifest one by one: the live ones (added and existing), or with `deleted` all. Sequence numbers, snapshot and row ids that are
 * left out are inherited from the manifest's entry in its list; for v1 tables without a list there is nothing to inherit.
 */
export async function scanManifest(
  bytes: Uint8Array,
  file: string,
  manifest: ManifestInheritance,
  scan: ManifestScan = {},
): Promise<AsyncIterable<ManifestFileEntry>> {
  const container = await checkedAsync(file, () => openAvro(bytes));
  return checked(file, () => entriesOf(container, file, manifest, scan));
}

const WHOLE = { kind: 'whole' } as const;
/** Status; of data_file: content, record_count, file_size_in_bytes, partition, first_row_id. */
const HEAD = [0, 134, 103, 104, 102, 142];
/** value_counts, null_value_counts, nan_value_counts, lower_bounds, upper_bounds. */
const STATISTICS = [109, 110, 137, 125, 128];

function wholeEntry({ columns, sizes }: ManifestScan): AvroSelection {
  const statistics: AvroPick = columns === undefined ? WHOLE : { kind: 'keys', keys: columns };
  const fields = new Map<number, AvroPick>([
    ...[134, 100, 101, 102, 103, 104, 131, 132, 135, 140, 142, 143, 144, 145].map((id) => [id, WHOLE] as const),
    ...(sizes === true ? [[108, WHOLE] as const] : []),
    ...STATISTICS.map((id) => [id, statistics] as const),
  ]);
  return new Map<number, AvroPick>([...[0, 1, 3, 4].map((id) => [id, WHOLE] as const), [2, { kind: 'fields', fields }]]);
}

/** After so many entries of one block others have their turn. */
const ENTRIES_AT_ONCE = 2048;

function entriesOf(
  container: AvroContainer,
  file: string,
  manifest: ManifestInheritance,
  scan: ManifestScan,
): AsyncIterable<ManifestFileEntry> {
  const { compiler, schema, fields } = container;
  const statisticsPick: AvroPick = scan.columns === undefined ? WHOLE : { kind: 'keys', keys: scan.columns };
  const outline = new AvroOutline(compiler, schema, {
    picks: new Map<number, AvroPick>([...HEAD.map((id) => [id, WHOLE] as const), ...STATISTICS.map((id) => [id, statisticsPick] as const)]),
    into: new Set([2]),
  });
  const headOf = headReader(fields, manifest, (id) => outline.value(id));
  const statistics = new EntryStatistics((id) => outline.value(id));
  const entryOf = entryReader(fields, manifest, scan.sizes === true);
  const decodeEntry = compiler.decoder(schema, { kind: 'fields', fields: wholeEntry(scan) });
  const tally = new LiveTally(manifest.counts ?? NO_COUNTS);
  const wanted = (cursor: AvroCursor): Head | undefined => {
    outline.pass(cursor);
    const head = headOf();
    tally.add(head);
    if (head.status === 'deleted' && scan.deleted !== true) return undefined;
    if (scan.wants !== undefined && !scan.wants(head)) return undefined;
    if (scan.matches === undefined) return head;
    statistics.begin(head.rows);
    return scan.matches(statistics) ? head : undefined;
  };
  const blocks = container.blocks()[Symbol.asyncIterator]();
  return (async function* () {
    for (;;) {
      const block = await checkedAsync(file, () => blocks.next());
      if (block.done === true) {
        checked(file, () => tally.check());
        return;
      }
      const { cursor, count } = block.value;
      for (let index = 0; index < count; index++) {
        if (index % ENTRIES_AT_ONCE === ENTRIES_AT_ONCE - 1) await setImmediate();
        const entry = checked(file, () => {
          cursor.startRecord(index, count);
          const start = cursor.position;
          const head = wanted(cursor);
          if (head === undefined) return undefined;
          cursor.rewind(start);
          return entryOf(decodeEntry(cursor) as AvroRecord, head);
        });
        if (entry !== undefined) yield entry;
      }
    }
  })();
}

/** Live files and rows of a manifest against what its list says: a status that is damaged would drop a file, or bring one back, unseen. */
class LiveTally {
  readonly #counts: ManifestCounts;
  readonly #files = { added: 0, existing: 0, deleted: 0 };
  readonly #rows = { added: 0, existing: 0, deleted: 0 };

  constructor(counts: ManifestCounts) {
    this.#counts = counts;
  }

  add({ status, rows }: ManifestHead): void {
    this.#files[status]++;
    this.#rows[status] += rows;
  }

  /** Throws a plain Error. */
  check(): void {
    const { addedFiles, existingFiles, addedRows, existingRows } = this.#counts;
    const compare = (what: string, found: number, said: number | undefined): void => {
      if (said !== undefined && found !== said) throw new Error(`it has ${found} ${what}, its manifest list says ${said}`);
    };
    compare('added files', this.#files.added, addedFiles);
    compare('existing files', this.#files.existing, existingFiles);
    compare('added rows', this.#rows.added, addedRows);
    compare('existing rows', this.#rows.existing, existingRows);
  }
}

type Head = ManifestHead & Pick<ManifestFileEntry, 'firstRowId'>;

/** Must be asked for every record of the manifest in order, since row ids run over them. Throws plain errors. */
function headReader(fields: readonly AvroField[], manifest: ManifestInheritance, at: (id: number) => AvroValue): () => Head {
  const { name, partitionFields } = entryNames(fields);
  if (name(2) === '') throw new Error('data_file is missing');
  let nextRowId = manifest.firstRowId;
  return () => {
    const status = STATUSES[integer(at(0) ?? 0, 'status')];
    if (status === undefined) throw new Error('an entry has an unknown status');
    const content = CONTENTS[integer(at(134) ?? 0, 'content')];
    if (content === undefined) throw new Error('a file has an unknown content');
    if (manifest.content === 'deletes' ? content === 'data' : content !== 'data')
      throw new Error(`a manifest of ${manifest.content} holds a file of ${content}`);
    const rows = natural(at(103), 'record_count');
    const tuple = (at(102) ?? {}) as AvroRecord;
    const partition = new Map<number, AvroValue>();
    for (const field of partitionFields) {
      if (field['field-id'] !== undefined) partition.set(field['field-id'], tuple[field.name] ?? null);
    }
    let firstRowId: bigint | undefined;
    if (nextRowId !== undefined && content === 'data') {
      firstRowId = rowId(at(142));
      if (firstRowId === undefined && status !== 'deleted') {
        firstRowId = nextRowId;
        nextRowId += BigInt(rows);
      }
    }
    return { status, content, rows, bytes: natural(at(104), 'file_size_in_bytes'), partition, firstRowId };
  };
}

function entryReader(
  fields: readonly AvroField[],
  manifest: ManifestInheritance,
  sizes: boolean,
): (record: AvroRecord, head: Head) => ManifestFileEntry {
  const { name, fileNames } = entryNames(fields);
  return (record, head) => {
    const own = (id: number): AvroValue => record[name(id)] ?? null;
    const file = object(record[name(2)], 'data_file');
    const at = (id: number): AvroValue => file[fileNames.get(id) ?? ''] ?? null;
    const inherits = head.status === 'added' || manifest.sequence === 0;
    const sequence = own(3) ?? (inherits ? manifest.sequence : null);
    // Entries that were deleted apply to nothing.
    if (sequence === null && head.status !== 'deleted') throw new Error('an entry has no sequence number, nor may it inherit one');
    const fileSequence = own(4) ?? (inherits ? manifest.sequence : null);
    return {
      ...head,
      snapshot: id(own(1)) ?? manifest.addedSnapshot,
      sequence: natural(sequence ?? 0, 'sequence_number'),
      fileSequence: fileSequence === null ? undefined : natural(fileSequence, 'file_sequence_number'),
      specId: manifest.specId,
      path: text(at(100), 'file_path'),
      format: text(at(101), 'file_format').toUpperCase(),
      encrypted: at(131) !== null,
      equalityIds: integers(at(135), 'equality_ids'),
      sortOrderId: at(140) === null ? undefined : integer(at(140), 'sort_order_id'),
      splitOffsets: integers(at(132), 'split_offsets'),
      referencedDataFile: at(143) === null ? undefined : text(at(143), 'referenced_data_file'),
      blob:
        at(144) === null ? undefined : { offset: natural(at(144), 'content_offset'), length: natural(at(145), 'content_size_in_bytes') },
      ...(sizes ? { columnSizes: counts(at(108)) } : {}),
      valueCounts: counts(at(109)),
      nullCounts: counts(at(110)),
      nanCounts: counts(at(137)),
      lower: bounds(at(125)),
      upper: bounds(at(128)),
    };
  };
}

/** What the manifest's schema names the fields that are found by id. */
function entryNames(fields: readonly AvroField[]): {
  readonly name: (id: number) => string;
  readonly fileNames: ReadonlyMap<number, string>;
  readonly partitionFields: readonly AvroField[];
} {
  const names = fieldNames(fields);
  const dataFileFields = recordFields(fields.find((field) => field['field-id'] === 2)?.type);
  const partitionFields = recordFields(dataFileFields.find((field) => field['field-id'] === 102)?.type);
  return { name: (id) => names.get(id) ?? '', fileNames: fieldNames(dataFileFields), partitionFields };
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
