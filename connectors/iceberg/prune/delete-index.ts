import { corrupt, unsupportedFeature } from '../format/corrupt.js';
import type { ManifestFileEntry } from '../format/manifest.js';
import type { TableMetadata } from '../format/metadata.js';
import type { PartitionSpec } from '../format/schema.js';
import type { DeleteFile } from '../handle.js';
import { type ColumnTypes, columnTypes, isUnpartitioned, partitionKey } from './partition-values.js';
import { mayShareRow } from './shared-rows.js';

/** Field id of `file_path` in position delete files. */
const FILE_PATH = 2147483546;

export interface DeleteIndexOptions {
  readonly metadata: Pick<TableMetadata, 'specs' | 'schemas'>;
  /** For errors. */
  readonly table: string;
  /** One text for all spellings of one place. */
  readonly place: (location: string) => string;
  /** A location for errors: relative to the warehouse. */
  readonly display: (location: string) => string;
}

/** What applies to a data file depends on these of its manifest entry. */
export type DataFile = Pick<
  ManifestFileEntry,
  'path' | 'rows' | 'sequence' | 'specId' | 'partition' | 'lower' | 'upper' | 'valueCounts' | 'nullCounts' | 'nanCounts'
>;

/**
 * The live delete files of a snapshot, by what they may apply to:
 * - a deletion vector to the one file that it names, in place of all position deletes of that file;
 * - position deletes to files that are not newer (data sequence number <= theirs): the one that they name, or else all of their
 *   partition, or all files at all if their spec has no partitions;
 * - equality deletes to files that are older (data sequence number < theirs) and of their partition, or to all if their spec has no
 *   partitions; those whose columns cannot hold an equal value are left out.
 */
export class DeleteIndex {
  readonly #options: DeleteIndexOptions;
  readonly #types: ColumnTypes;
  readonly #vectors = new Map<string, ManifestFileEntry>();
  readonly #ofFile = new Map<string, ManifestFileEntry[]>();
  readonly #ofPartition: Scope = { positions: new Map(), equality: new Map() };
  readonly #global: { readonly positions: ManifestFileEntry[]; readonly equality: ManifestFileEntry[] } = { positions: [], equality: [] };
  readonly #columns = new Set<number>();
  #size = 0;

  constructor(options: DeleteIndexOptions) {
    this.#options = options;
    this.#types = columnTypes(options.metadata);
  }

  get size(): number {
    return this.#size;
  }

  /** Columns whose bounds in the entries of data files `deletesOf` looks at. */
  get columns(): ReadonlySet<number> {
    return this.#columns;
  }

  /** Adds a live entry of a manifest of deletes. Errors: XX001 where two vectors are of one data file, 0A000 for what cannot be read. */
  add(entry: ManifestFileEntry): void {
    this.#size++;
    refuseDeletes(entry, this.#options);
    if (entry.content === 'equality deletes') {
      if (entry.equalityIds.length === 0) throw this.#corrupt(entry.path, 'its manifest does not say which columns it compares');
      for (const id of entry.equalityIds) this.#columns.add(id);
      this.#addScoped('equality', entry);
      return;
    }
    const only = entry.referencedDataFile ?? onlyPath(entry);
    if (entry.format === 'PUFFIN') {
      if (only === undefined || entry.blob === undefined)
        throw this.#corrupt(entry.path, 'its manifest does not say where a deletion vector lies, or of which file it is');
      const place = this.#options.place(only);
      if (this.#vectors.has(place)) throw this.#corrupt(only, 'it has two deletion vectors');
      this.#vectors.set(place, entry);
    } else if (only !== undefined) {
      push(this.#ofFile, this.#options.place(only), entry);
    } else {
      this.#addScoped('positions', entry);
    }
  }

  /** The deletes to apply to a data file. */
  deletesOf(file: DataFile): readonly DeleteFile[] {
    if (this.#size === 0) return [];
    const spec = this.#spec(file);
    const key = isUnpartitioned(spec) ? undefined : partitionKey(file, spec, this.#types);
    const scoped = (kind: 'positions' | 'equality'): readonly ManifestFileEntry[] =>
      key === undefined ? this.#global[kind] : [...this.#global[kind], ...(this.#ofPartition[kind].get(key) ?? [])];
    const equality = scoped('equality').filter((entry) => entry.sequence > file.sequence && mayShareRow(file, entry, this.#types));
    return [...this.#positions(file, scoped('positions')), ...equality].map((entry) => deleteFile(entry));
  }

  #positions(file: DataFile, scoped: readonly ManifestFileEntry[]): readonly ManifestFileEntry[] {
    const place = this.#options.place(file.path);
    const vector = this.#vectors.get(place);
    if (vector === undefined) {
      return [...(this.#ofFile.get(place) ?? []), ...scoped].filter((entry) => entry.sequence >= file.sequence);
    }
    if (vector.sequence < file.sequence) throw this.#corrupt(file.path, 'its deletion vector is older than the file');
    return [vector];
  }

  #addScoped(kind: 'positions' | 'equality', entry: ManifestFileEntry): void {
    const spec = this.#spec(entry);
    if (isUnpartitioned(spec)) this.#global[kind].push(entry);
    else push(this.#ofPartition[kind], partitionKey(entry, spec, this.#types), entry);
  }

  #spec(file: Pick<ManifestFileEntry, 'path' | 'specId'>): PartitionSpec {
    const spec = this.#options.metadata.specs.get(file.specId);
    if (spec === undefined) throw this.#corrupt(file.path, `its partition spec ${file.specId} is not in the table's metadata`);
    return spec;
  }

  #corrupt(path: string, why: string): Error {
    return corrupt(this.#options.display(path), `${why} (table ${this.#options.table})`);
  }
}

interface Scope {
  readonly positions: Map<string, ManifestFileEntry[]>;
  readonly equality: Map<string, ManifestFileEntry[]>;
}

/** Bounds that are equal are whole: a text that was cut has another one as its upper bound. */
function onlyPath(entry: ManifestFileEntry): string | undefined {
  const [lower, upper] = [entry.lower.get(FILE_PATH), entry.upper.get(FILE_PATH)];
  if (lower === undefined || upper === undefined || lower.length === 0 || Buffer.compare(lower, upper) !== 0) return undefined;
  return Buffer.from(lower).toString('utf8');
}

/** 0A000 for delete files that cannot be read. */
export function refuseDeletes(entry: ManifestFileEntry, { table, display }: Pick<DeleteIndexOptions, 'table' | 'display'>): void {
  if (entry.encrypted) throw unsupportedFeature(`reading the encrypted delete file "${display(entry.path)}"`, table);
  const known =
    entry.format === 'PARQUET' || entry.format === 'AVRO' || (entry.format === 'PUFFIN' && entry.content !== 'equality deletes');
  if (!known) throw unsupportedFeature(`reading the ${entry.format} delete file "${display(entry.path)}"`, table);
}

/** All that reading needs of a delete file's entry. */
export function deleteFile(entry: ManifestFileEntry): DeleteFile {
  const { path, rows, bytes, blob } = entry;
  if (blob !== undefined && entry.format === 'PUFFIN') return { kind: 'vector', path, ...blob, rows };
  const format = entry.format === 'AVRO' ? ({ format: 'avro' } as const) : {};
  if (entry.content === 'equality deletes') return { kind: 'equality', path, bytes, rows, columns: entry.equalityIds, ...format };
  return { kind: 'positions', path, bytes, rows, ...format };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}
