import { TimelineError } from '../../../../sql/errors.js';
import { corrupt, unsupportedFeature } from '../../format/corrupt.js';
import type { TableMetadata } from '../../format/metadata.js';
import type { NameMapping } from '../../format/name-mapping.js';
import type { SchemaField } from '../../format/schema.js';
import { postgresType } from '../../format/types.js';
import type { DeleteFile, SplitFile } from '../../handle.js';
import { mappedFooter } from '../mapped-footer.js';
import type { OpenedDeletes, OpenedFile } from '../opened-file.js';
import { checkPages } from '../page-checksums.js';
import type { ParquetNode } from '../parquet-footer.js';
import { relationOf } from '../relation.js';
import { openWhole, type WholeFileRequest } from '../whole-file.js';
import type { DeletedRows } from './deleted-rows.js';
import { readDeletionVector } from './deletion-vector.js';
import { writePositions } from './position-file.js';
import type { PositionRun } from './roaring.js';

/** Field ids that the format reserves for position delete files. */
const FILE_PATH = { id: 2147483546, name: 'file_path' };
const POS = { id: 2147483545, name: 'pos' };
/** So many runs of positions stand in the query itself. */
const MOST_INLINE = 16;
const MAX_VECTOR_BYTES = 1 << 30;

type PositionFile = Extract<DeleteFile, { readonly kind: 'positions' }>;
type NamedRows = Extract<DeletedRows, { readonly kind: 'named' }>;
type EqualityFile = Extract<DeleteFile, { readonly kind: 'equality' }>;
type VectorBlob = Extract<DeleteFile, { readonly kind: 'vector' }>;

export interface DeleteRequest extends WholeFileRequest {
  readonly metadata: Pick<TableMetadata, 'schemas'>;
  readonly nameMapping?: NameMapping | undefined;
}

/**
 * Makes the delete files of one task's data files readable for DuckDB. A file that many data files share is opened once. Errors name the
 * delete file and the table: XX001 for what is damaged, 0A000 for what cannot be compared.
 */
export class DeleteOpener {
  readonly #request: DeleteRequest;
  readonly #fields: ReadonlyMap<number, SchemaField>;
  readonly #positions = new Map<string, Promise<Omit<NamedRows, 'spellings'>>>();
  readonly #equality = new Map<string, Promise<OpenedFile>>();

  constructor(request: DeleteRequest) {
    this.#request = request;
    // Deletes may compare columns that are gone from today's schema; a type is the widest one that the column has had.
    const schemas = [...request.metadata.schemas.values()].sort((a, b) => a.id - b.id);
    this.#fields = new Map(schemas.flatMap((schema) => fieldsIn(schema.fields)).map((field) => [field.id, field]));
  }

  /** Undefined: nothing is deleted. */
  async open(file: SplitFile): Promise<OpenedDeletes | undefined> {
    const { deletes = [] } = file;
    const positions: DeletedRows[] = [];
    for (const one of deletes) {
      const rows =
        one.kind === 'vector' ? await this.#vector(one, file) : one.kind === 'positions' ? await this.#rows(one, file) : undefined;
      if (rows !== undefined) positions.push(rows);
    }
    const equality = await this.#equal(deletes.filter((one) => one.kind === 'equality'));
    if (positions.length === 0 && equality.length === 0) return undefined;
    const ids = new Set(equality.flatMap(({ columns }) => columns));
    return {
      ...(positions.length === 0 ? {} : { positions }),
      fields: [...ids].map((id) => this.#field(id)),
      equality,
    };
  }

  async #rows(file: PositionFile, of: SplitFile): Promise<NamedRows> {
    let opening = this.#positions.get(file.path);
    if (opening === undefined) {
      opening = this.#openPositions(file);
      this.#positions.set(file.path, opening);
    }
    return { ...(await opening), spellings: this.#request.io.spellings(of.path) };
  }

  async #openPositions(file: PositionFile): Promise<Omit<NamedRows, 'spellings'>> {
    const { path, footer } = await this.#open(file);
    const column = ({ id, name }: typeof POS, type: RegExp): ParquetNode => {
      const found = footer.columns.find((one) => one.fieldId === id) ?? footer.columns.find((one) => one.name === name);
      if (found === undefined || !type.test(found.type)) throw this.#corrupt(file.path, `it has no column ${name} of position deletes`);
      return found;
    };
    const place = column(FILE_PATH, /^BYTE_ARRAY (STRING|UTF8)$/).name;
    return { kind: 'named', path, place, pos: column(POS, /^INT64/).name };
  }

  /** Few runs stand in the query, more in a file of the cache. */
  async #vector(blob: VectorBlob, of: SplitFile): Promise<DeletedRows | undefined> {
    const { io, meter, signal, releases } = this.#request;
    if (blob.length > MAX_VECTOR_BYTES) throw this.#corrupt(blob.path, `a deletion vector of ${blob.length} bytes`);
    const source = await io.source(blob.path, { meter, signal });
    if (blob.offset + blob.length > source.size) throw this.#corrupt(blob.path, 'a deletion vector lies beyond its end');
    const bytes = await source.read(blob.offset, blob.offset + blob.length);
    const runs = (): Iterable<PositionRun> => this.#checked(blob.path, readDeletionVector(bytes, { values: blob.rows, rows: of.rows }));
    const few: PositionRun[] = [];
    // Everything is checked before anything is used.
    for (const run of runs()) if (few.length <= MOST_INLINE) few.push(run);
    if (few.length === 0) return undefined;
    if (few.length <= MOST_INLINE) return { kind: 'runs', runs: few };
    const made = await io.derived(blob.path, {
      key: `deletion vector\n${source.etag}\n${blob.offset}\n${blob.length}`,
      size: blob.rows * 2,
      signal,
      make: (target, stop) => writePositions(target, runs(), stop),
    });
    releases.push(made.release);
    return { kind: 'file', path: made.path };
  }

  /** Files that compare the same columns are one relation. */
  async #equal(files: readonly EqualityFile[]): Promise<OpenedDeletes['equality']> {
    const groups = new Map<string, { readonly columns: readonly number[]; readonly files: OpenedFile[] }>();
    for (const file of files) {
      const columns = [...new Set(file.columns)].sort((a, b) => a - b);
      const key = columns.join();
      const group = groups.get(key) ?? { columns, files: [] };
      groups.set(key, group);
      group.files.push(await this.#openEquality(file));
    }
    return [...groups.values()].map(({ columns, files: opened }) => ({
      columns,
      relation: relationOf(
        columns.map((id) => {
          const field = this.#field(id);
          const wanted = { name: `f${id}`, type: postgresType(field.type), nullable: true, comment: undefined };
          return { kind: 'field', field, wanted };
        }),
        opened,
        (location) => this.#request.io.display(location),
      ),
    }));
  }

  #openEquality(file: EqualityFile): Promise<OpenedFile> {
    let opening = this.#equality.get(file.path);
    if (opening === undefined) {
      opening = this.#open(file).then(({ path, footer }) => ({
        location: file.path,
        path,
        footer: mappedFooter(footer, this.#request.nameMapping),
      }));
      this.#equality.set(file.path, opening);
    }
    return opening;
  }

  /** Files of our own making need no check. */
  async #open(file: PositionFile | EqualityFile): ReturnType<typeof openWhole> {
    const { io, table, signal } = this.#request;
    const opened = await openWhole(this.#request, file);
    if (file.format === undefined)
      await checkPages({ path: opened.path, metadata: opened.footer.metadata, file: io.display(file.path), table, signal });
    return opened;
  }

  #field(id: number): SchemaField {
    const field = this.#fields.get(id);
    if (field === undefined) throw unsupportedFeature(`equality deletes by field ${id}, which no schema has`, this.#request.table);
    // Where a file lacks it, it is there in rows only that have the struct.
    if (field.initialDefault !== undefined && !this.#isColumn(id))
      throw unsupportedFeature(`equality deletes by field "${field.name}" of a struct, which has a default,`, this.#request.table);
    return field;
  }

  #isColumn(id: number): boolean {
    return [...this.#request.metadata.schemas.values()].some(({ fields }) => fields.some((field) => field.id === id));
  }

  *#checked(path: string, runs: Iterable<PositionRun>): Generator<PositionRun> {
    try {
      yield* runs;
    } catch (error) {
      if (error instanceof TimelineError) throw error;
      throw this.#corrupt(path, `a deletion vector in it is damaged: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #corrupt(path: string, why: string): TimelineError {
    return corrupt(this.#request.io.display(path), `${why} (table ${this.#request.table})`);
  }
}

/** Fields at the top and in structs. */
function fieldsIn(fields: readonly SchemaField[]): readonly SchemaField[] {
  return fields.flatMap((field) => [field, ...(field.type.kind === 'struct' ? fieldsIn(field.type.fields) : [])]);
}
