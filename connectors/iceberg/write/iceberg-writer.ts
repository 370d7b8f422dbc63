import { randomUUID } from 'node:crypto';
import { internal, TimelineError, unsupported } from '../../../sql/errors.js';
import type {
  ColumnDescription,
  CommitRequest,
  CommitResult,
  ConnectorWriter,
  TableName,
  WriteHandle,
  WriteInput,
  WriteRequest,
} from '../../connector.js';
import type { CatalogWriter, IcebergCatalog } from '../catalog/catalog.js';
import type { TableMetadata } from '../format/metadata.js';
import type { SchemaField } from '../format/schema.js';
import { postgresType } from '../format/types.js';
import type { FileIo } from '../read/file-io.js';
import { fullName, noTable } from '../table-name.js';
import { appendFiles } from './append.js';
import { findBatch } from './batches.js';
import { writeDataFiles } from './data-files.js';
import { parquetWriterOf } from './indexed-parquet.js';
import { creationMetadata, creationUpdates, newFields, newShape } from './new-table.js';
import { noStep, type OnStep } from './on-step.js';
import { partitionColumns } from './partition-values.js';
import { physicalType } from './physical-columns.js';
import { purgeFiles } from './purge.js';
import { type CommitHost, metadataFolder } from './snapshot-commit.js';
import { shapeOf, type TableShape } from './table-shape.js';
import { asWriteHandle, type IcebergWriteHandle, parseShape, shapeJson } from './write-handle.js';
import { asWritten, type Written, type WrittenFile } from './written-file.js';

export interface IcebergWriterOptions {
  /** The catalog's name in the configuration, for hints. */
  readonly name: string;
  readonly io: FileIo;
  readonly catalog: IcebergCatalog;
  /** The table as it is now; undefined: there is none. */
  readonly current: (table: TableName, signal: AbortSignal) => Promise<TableMetadata | undefined>;
  readonly schemas: readonly string[] | '*';
  readonly onStep?: OnStep | undefined;
  readonly maintain: ConnectorWriter['maintain'];
}

/** More JSON of data files than this goes into a file of its own. */
const MAX_INLINE_BYTES = 12 << 10;
const MAX_LIST_BYTES = 256 << 20;

export class IcebergWriter implements ConnectorWriter {
  readonly #options: IcebergWriterOptions;
  readonly #onStep: OnStep;

  constructor(options: IcebergWriterOptions) {
    this.#options = options;
    this.#onStep = options.onStep ?? noStep;
  }

  allows(schema: string): boolean {
    const { schemas } = this.#options;
    return schemas === '*' || schemas.includes(schema);
  }

  get schemas(): readonly string[] {
    const { schemas } = this.#options;
    return schemas === '*' ? [] : schemas;
  }

  /** Makes the namespace where it is and with it a SQLite catalog's file. */
  async createNamespace(schema: string, signal: AbortSignal): Promise<void> {
    await this.#check({ schema, table: '' }).createNamespace(schema, signal);
  }

  async begin(request: WriteRequest, signal: AbortSignal): Promise<{ handle: WriteHandle; columns: readonly ColumnDescription[] }> {
    const { table, create } = request;
    if (create === undefined) {
      this.#check(table);
      const metadata = await this.#options.current(table, signal);
      if (metadata === undefined) throw noTable(table);
      const shape = shapeOf(metadata, fullName(table));
      checkWritable(shape);
      return { handle: handleOf(table, metadata.uuid, shape), columns: columnsOf(shape) };
    }
    return this.beginTable({ table, fields: newFields(create.columns), options: create.options ?? {} }, signal);
  }

  /** Begins an append to a table that the commit makes, of Iceberg's own types. */
  async beginTable(
    request: { readonly table: TableName; readonly fields: readonly SchemaField[]; readonly options: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<{ handle: WriteHandle; columns: readonly ColumnDescription[] }> {
    const { table, fields } = request;
    const { location, ...options } = request.options;
    const writer = this.#check(table);
    const name = fullName(table);
    if ((await this.#options.current(table, signal)) !== undefined)
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P07', message: `relation "${name}" already exists` });
    // Refused here (42501) when it lies outside of the warehouse and the configured locations.
    if (location !== undefined) await this.#options.io.exists(`${location}/metadata/version-hint.text`, { signal });
    const shape = newShape({ name, location: (location ?? (await writer.locationOf(table, signal))).replace(/\/+$/, ''), fields, options });
    checkWritable(shape);
    return {
      handle: { ...handleOf(table, randomUUID(), shape), create: shapeJson(shape), placed: location === undefined },
      columns: columnsOf(shape),
    };
  }

  async write(handle: WriteHandle, input: WriteInput): Promise<readonly Written[]> {
    const begun = asWriteHandle(handle);
    this.#check(begun.table);
    const shape = await this.#shape(begun, input.signal);
    const task = input.task.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 60);
    const name = `${begun.id}-${task}-${input.attempt}`;
    const { io } = this.#options;
    const files = await writeDataFiles({
      ...input,
      io,
      shape,
      parquet: parquetWriterOf(shape),
      name,
      onStep: this.#onStep,
    });
    const inline = files.map((file): Written => ({ kind: 'file', file }));
    const text = JSON.stringify(inline);
    if (text.length <= MAX_INLINE_BYTES) return inline;
    const path = `${metadataFolder(shape)}/${name}-${randomUUID()}.files.json`;
    const created = await io.create(path, Buffer.from(JSON.stringify(files)), { signal: input.signal, meter: input.meter });
    if (!created) throw internal(`${path} exists already`);
    await this.#onStep('file list uploaded');
    return [{ kind: 'list', path, files: files.length }];
  }

  async commit(handle: WriteHandle, request: CommitRequest): Promise<CommitResult> {
    const begun = asWriteHandle(handle);
    const writer = this.#check(begun.table);
    const { signal } = request;
    const written = request.written.map(asWritten);
    const files = (await Promise.all(written.map((one) => this.#files(one, signal)))).flat();
    const name = fullName(begun.table);
    const shape = await this.#shape(begun, signal);
    if (begun.create !== undefined) await writer.createNamespace(begun.table.schema, signal);
    else if (files.length === 0) {
      const metadata = await this.#options.current(begun.table, signal);
      if (metadata === undefined) throw noTable(begun.table);
      return { rows: 0, snapshot: metadata.currentSnapshotId, repeated: false };
    }
    const made = { uuid: begun.uuid, shape: { ...shape, name } };
    const result = await appendFiles(this.#host(writer), {
      table: begun.table,
      uuid: begun.uuid,
      shape,
      files,
      batch: request.batch,
      summary: request.summary,
      ...(begun.create === undefined ? {} : { creation: { metadata: creationMetadata(made), updates: creationUpdates(made) } }),
      signal,
    });
    for (const one of written) if (one.kind === 'list') await this.#options.io.delete(one.path).catch(() => undefined);
    return { ...result, files: files.length };
  }

  async committed(handle: WriteHandle, batch: string, signal: AbortSignal): Promise<CommitResult | undefined> {
    const begun = asWriteHandle(handle);
    const metadata = await this.#options.current(begun.table, signal);
    const seen = metadata?.uuid === begun.uuid ? findBatch(metadata, batch) : undefined;
    return seen === undefined ? undefined : { rows: seen.rows, snapshot: seen.snapshot, repeated: true };
  }

  async discard(handle: WriteHandle, written: readonly unknown[], signal: AbortSignal): Promise<void> {
    const begun = asWriteHandle(handle);
    this.#check(begun.table);
    // Its place is trusted by that.
    await this.#shape(begun, signal);
    const { io } = this.#options;
    for (const one of written.map(asWritten)) {
      for (const { path } of await this.#files(one, signal)) await io.delete(path, { signal });
      if (one.kind === 'list') await io.delete(one.path, { signal });
    }
  }

  async dropTable(table: TableName, options: { readonly purge: boolean; readonly signal: AbortSignal }): Promise<void> {
    const writer = this.#check(table);
    const metadata = await this.#options.current(table, options.signal);
    if (metadata === undefined) throw noTable(table);
    const purge = options.purge ? await purgeFiles(this.#options.io, metadata, options.signal) : undefined;
    if (!(await writer.dropTable(table, options.signal))) throw noTable(table);
    await purge?.();
  }

  maintain(...args: Parameters<ConnectorWriter['maintain']>): ReturnType<ConnectorWriter['maintain']> {
    this.#check(args[1]);
    return this.#options.maintain(...args);
  }

  #host(writer: CatalogWriter): CommitHost {
    const { io, current } = this.#options;
    return { io, writer, current, onStep: this.#onStep };
  }

  #check(table: TableName): CatalogWriter {
    const { name, catalog } = this.#options;
    if (!this.allows(table.schema)) {
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '42501',
        message: `permission denied for schema ${table.schema}`,
        detail: 'The configuration does not allow tables of this schema to be written.',
        hint: `Add ${table.schema} to catalogs.${name}.write.schemas.`,
      });
    }
    if (catalog.writer === undefined) throw unsupported(`writing to tables of catalog ${name}`);
    return catalog.writer;
  }

  /** What the files of this append are like: as the table was when it began. */
  async #shape(handle: IcebergWriteHandle, signal: AbortSignal): Promise<TableShape> {
    const name = fullName(handle.table);
    if (handle.create !== undefined) {
      // The catalog gave the place at the beginning.
      if (handle.placed === true) {
        this.#options.io.trustTableOf(`${handle.create.location}/metadata/new`);
        await this.#options.catalog.writer?.accessNew?.(handle.table, handle.create.location, signal);
      }
      return parseShape(handle.create, name);
    }
    const metadata = await this.#options.current(handle.table, signal);
    if (metadata === undefined) throw noTable(handle.table);
    const now = shapeOf(metadata, name);
    const schema = metadata.schemas.get(handle.schemaId);
    const spec = metadata.specs.get(handle.specId);
    const order = handle.orderId === 0 ? { id: 0, fields: [] } : metadata.sortOrders.get(handle.orderId);
    if (metadata.uuid !== handle.uuid || schema === undefined || spec === undefined || order === undefined) {
      const message = `table ${name} has changed since the statement began`;
      throw new TimelineError({ kind: 'connector', sqlstate: '40001', message, hint: 'Nothing was added; try again.', retryable: true });
    }
    return { ...now, schema, spec, order };
  }

  async #files(written: Written, signal: AbortSignal): Promise<readonly WrittenFile[]> {
    if (written.kind === 'file') return [written.file];
    const bytes = await this.#options.io.read(written.path, { maxBytes: MAX_LIST_BYTES, signal });
    const files = JSON.parse(Buffer.from(bytes).toString()) as readonly WrittenFile[];
    if (files.length !== written.files) throw internal(`${written.path} names ${files.length} files instead of ${written.files}`);
    return files;
  }
}

function handleOf(table: TableName, uuid: string, shape: TableShape): IcebergWriteHandle {
  const name = { schema: table.schema, table: table.table };
  return { version: 1, table: name, id: randomUUID(), uuid, schemaId: shape.schema.id, specId: shape.spec.id, orderId: shape.order.id };
}

function columnsOf(shape: TableShape): ColumnDescription[] {
  return shape.schema.fields.map((field) => ({
    name: field.name,
    type: postgresType(field.type),
    nullable: !field.required,
    comment: field.doc,
  }));
}

/** What cannot be written is refused before any row is computed. */
function checkWritable(shape: TableShape): void {
  if (shape.formatVersion < 1 || shape.formatVersion > 3)
    throw unsupported(`writing Iceberg format version ${shape.formatVersion} (table ${shape.name})`);
  for (const field of shape.schema.fields) {
    try {
      physicalType(field.type);
    } catch (error) {
      throw error instanceof TimelineError
        ? unsupported(`writing column "${field.name}" of table ${shape.name}, of a type that is only read,`)
        : error;
    }
  }
  partitionColumns(shape);
}
