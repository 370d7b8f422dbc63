import { internal, TimelineError, unsupported } from '../../sql/errors.js';
import type {
  ColumnDescription,
  ColumnPath,
  Connector,
  ConnectorSplit,
  DataFileAccess,
  Handle,
  NarrowedSplits,
  OrderedParts,
  PinnedTable,
  PushdownAnswer,
  PushdownRequest,
  Readable,
  ReadColumn,
  ReadRequest,
  ScanOrder,
  SplitPlan,
  SplitWish,
  TableDescription,
  TableName,
  TablePredicate,
  TableStatistics,
} from '../connector.js';
import type { IcebergCatalog, LoadedTable } from './catalog/catalog.js';
import { openCatalog } from './catalog/open-catalog.js';
import type { IcebergConfig } from './config.js';
import { filesOf, isScattered, tableIdentity, wholeFiles } from './data-file-access.js';
import { flushedRows } from './flushed-rows.js';
import { namingTable, unsupportedFeature } from './format/corrupt.js';
import { MAX_METADATA_BYTES, parseMetadata, type Snapshot, type TableMetadata } from './format/metadata.js';
import type { Schema } from './format/schema.js';
import { postgresType } from './format/types.js';
import { asHandle, asSplit, type IcebergHandle, type SplitFile } from './handle.js';
import { Lru } from './lru.js';
import { maintainTables } from './maintain/maintain-table.js';
import type { MetadataTable } from './metadata-tables/metadata-table.js';
import { type AboutRequest, aboutSplits, metadataTable, readAbout } from './metadata-tables/read-metadata-table.js';
import { filesFingerprint } from './prune/files-fingerprint.js';
import { ManifestSource, manifestCache } from './prune/manifest-source.js';
import { isRanked } from './prune/order-rank.js';
import { FileParts, orderedFiles } from './prune/ordered-parts.js';
import { type PlanRequest, planFiles } from './prune/plan-files.js';
import { planScan } from './prune/plan-scan.js';
import { restrictSplits } from './prune/restricted-splits.js';
import { narrowSplits } from './prune/split-bounds.js';
import { splitSequence } from './prune/split-sequence.js';
import { columnLookup, conditionOfHandle, pushFilters } from './pushdown.js';
import { explainDamage } from './read/explain-damage.js';
import { FileIo } from './read/file-io.js';
import { isReadableMember } from './read/member-value.js';
import { metadataColumns, ROWS_SUFFIX } from './read/metadata-columns.js';
import { type FooterCache, fileFooter, openFiles } from './read/open-files.js';
import { parquetRows } from './read/parquet-rows.js';
import { type BoundColumn, relationOf } from './read/relation.js';
import { findVersion } from './snapshot.js';
import { fullName, noTable } from './table-name.js';
import { IcebergWriter } from './write/iceberg-writer.js';
import type { OnStep } from './write/on-step.js';

const NEWEST_FORMAT = 3;
const METADATA_KEPT = 64;
const DESCRIPTIONS_KEPT = 20_000;
const FOOTERS_KEPT = 2048;

interface Version {
  readonly metadata: TableMetadata;
  readonly schema: Schema;
  readonly snapshot: Snapshot | undefined;
}

interface WriteOptions {
  readonly schemas: readonly string[] | '*';
  readonly onStep: OnStep | undefined;
}

interface FoundTable {
  readonly name: TableName;
  readonly loaded: LoadedTable;
  /** Metadata columns are shown. */
  readonly rows: boolean;
  /** A table about it is meant. */
  readonly about: MetadataTable | undefined;
}

/** Tables of one Iceberg catalog: format versions 1 to 3, with their deletes. */
export class IcebergConnector implements Connector {
  readonly name: string;
  readonly #io: FileIo;
  readonly #catalog: IcebergCatalog;
  readonly #metadata = new Lru<{ readonly loading: Promise<TableMetadata>; readonly etag: string | undefined }>(METADATA_KEPT);
  /** By version: all tables are described again and again, most of them unchanged. */
  readonly #descriptions = new Lru<TableDescription>(DESCRIPTIONS_KEPT);
  /** What has been parsed by now, for pushdown(), which may not wait. */
  readonly #parsed = new Lru<TableMetadata>(METADATA_KEPT);

  readonly #manifests = manifestCache();
  readonly #footers: FooterCache = new Lru(FOOTERS_KEPT);
  /** Where the configuration allows some schema to be written. */
  readonly writer?: IcebergWriter;
  readonly dataFiles: DataFileAccess = {
    identity: async (handle, signal) => {
      const pinned = asHandle(handle);
      if (pinned.about !== undefined) return undefined;
      return tableIdentity(pinned, (await this.#version(pinned, signal)).schema);
    },
    files: (splits) => filesOf(splits).map((file) => (this.#io.isLocal(file.path) ? file : { ...file, remote: true })),
    restrict: restrictSplits,
    whole: wholeFiles,
    scattered: async (handle, splits, column, signal) => {
      const pinned = asHandle(handle);
      return pinned.about === undefined && isScattered(splits, { ...(await this.#version(pinned, signal)), column });
    },
  };

  private constructor(name: string, io: FileIo, catalog: IcebergCatalog, write: WriteOptions | undefined) {
    this.name = name;
    this.#io = io;
    this.#catalog = catalog;
    if (write === undefined) return;
    this.writer = new IcebergWriter({
      name,
      io,
      catalog,
      schemas: write.schemas,
      onStep: write.onStep,
      current: async (table, signal) => {
        const loaded = await catalog.load(table, signal);
        return loaded === undefined ? undefined : this.#load(loaded, signal);
      },
      maintain: async (procedure, table, args, signal) => {
        if (catalog.writer === undefined) throw unsupported(`writing to tables of catalog ${name}`);
        const load = async (of: TableName) => {
          const loaded = await catalog.load(of, signal);
          return loaded === undefined ? undefined : { metadata: await this.#load(loaded, signal), location: loaded.metadataLocation };
        };
        const host = {
          io,
          writer: catalog.writer,
          manifests: this.#manifests,
          reader: this.#manifestReader,
          load,
          onStep: () => undefined,
        };
        return maintainTables(host)(procedure, table, args, signal);
      },
    });
  }

  /** `cacheFolder` holds at most `cacheBytes` of files from S3. Nothing is read yet: a catalog that is missing shows at its first use. */
  static async open(options: {
    readonly name: string;
    readonly config: IcebergConfig;
    readonly cacheFolder: string;
    readonly cacheBytes: number;
    /** For tests: told of each step of a write. */
    readonly onWriteStep?: OnStep;
    /** Bytes of footers and indexes in memory. */
    readonly cacheMemory?: number | undefined;
    /** False: data files from S3 are fetched whole. */
    readonly slices?: boolean | undefined;
  }): Promise<IcebergConnector> {
    const { name, config } = options;
    const io = new FileIo({
      locations: config.locations,
      // A REST catalog's warehouse is a name of the server's.
      warehouse: config.catalog.type === 'rest' ? undefined : config.catalog.warehouse,
      s3: config.s3,
      cache: { folder: options.cacheFolder, maxBytes: options.cacheBytes, memoryBytes: options.cacheMemory, slices: options.slices },
    });
    const write = config.write === undefined ? undefined : { schemas: config.write.schemas, onStep: options.onWriteStep };
    return new IcebergConnector(name, io, openCatalog(name, config.catalog, io), write);
  }

  /** Local folders that a task's DuckDB must be allowed to read. */
  get readableFolders(): readonly string[] {
    return this.#io.localFolders;
  }

  tables(signal?: AbortSignal): Promise<readonly TableName[]> {
    return this.#catalog.tables(signal);
  }

  describe(table: TableName, signal?: AbortSignal, asOf?: string): Promise<TableDescription | undefined> {
    return namingTable(fullName(table), () => this.#describe(table, signal, asOf));
  }

  async #describe(table: TableName, signal: AbortSignal | undefined, asOf: string | undefined): Promise<TableDescription | undefined> {
    const found = await this.#find(table, signal);
    if (found === undefined) return undefined;
    const version = `${found.loaded.metadataLocation}\n${found.loaded.etag ?? ''}\n${table.schema}\n${table.table}`;
    const known = asOf === undefined ? this.#descriptions.get(version) : undefined;
    if (known !== undefined) return known;
    const metadata = await this.#load(found.loaded, signal);
    if (found.about !== undefined) return describeAbout(found.about, table);
    const { schema, snapshot } = findVersion(metadata, fullName(table), asOf);
    const description: TableDescription = {
      schema: table.schema,
      table: table.table,
      columns: [
        ...schema.fields.map(
          (field): ColumnDescription => ({
            name: field.name,
            type: postgresType(field.type),
            nullable: !field.required,
            comment: field.doc,
          }),
        ),
        ...(found.rows ? metadataColumns(schema) : []),
      ],
      comment: metadata.properties['comment'],
      properties: metadata.properties,
      rowEstimate: snapshot === undefined ? 0 : count(snapshot.summary['total-records']),
      schemaVersion: schemaVersion(metadata, schema, found.rows),
    };
    if (asOf === undefined) this.#descriptions.set(version, description);
    return description;
  }

  pin(table: TableName, asOf?: string, signal?: AbortSignal): Promise<PinnedTable> {
    return namingTable(fullName(table), () => this.#pin(table, asOf, signal));
  }

  async #pin(table: TableName, asOf: string | undefined, signal: AbortSignal | undefined): Promise<PinnedTable> {
    const found = await this.#find(table, signal);
    if (found === undefined) {
      throw noTable(table);
    }
    const location = found.loaded.metadataLocation;
    const metadata = await this.#load(found.loaded, signal);
    if (found.about === undefined) refuseFormat(metadata, table);
    const { schema, snapshot } = findVersion(metadata, fullName(found.name), found.about?.kind === 'metadata' ? undefined : asOf);
    const handle: IcebergHandle = {
      version: 1,
      ...found.name,
      metadata: location,
      uuid: metadata.uuid,
      snapshot: snapshot?.id ?? null,
      schemaId: schema.id,
      filters: [],
      limit: undefined,
      ...(found.rows ? { rows: true } : {}),
      ...(found.about === undefined ? {} : { about: found.about.suffix }),
    };
    const pinned = { handle, snapshot: handle.snapshot };
    return found.about === undefined
      ? { ...pinned, flushed: flushedRows(metadata, handle.snapshot), schemaVersion: schemaVersion(metadata, schema, found.rows) }
      : pinned;
  }

  pushdown(handle: Handle, request: PushdownRequest): PushdownAnswer {
    const pinned = asHandle(handle);
    const schema = this.#parsed.get(pinned.metadata)?.schemas.get(pinned.schemaId);
    // Only a handle from elsewhere can be of metadata that was never read here: it is read as it is, filters and all.
    if (schema === undefined || pinned.about !== undefined)
      return { handle, answers: request.filters.map(() => 'unsupported'), limitDone: false };
    return pushFilters(pinned, schema, request);
  }

  readsPath(handle: Handle, path: ColumnPath): boolean {
    const pinned = asHandle(handle);
    const schema = this.#parsed.get(pinned.metadata)?.schemas.get(pinned.schemaId);
    const field = schema?.fields.find(({ name }) => name === path.column);
    return pinned.about === undefined && field !== undefined && isReadableMember(field.type, path);
  }

  async statistics(handle: Handle): Promise<TableStatistics> {
    const pinned = asHandle(handle);
    const { snapshot } = await this.#version(pinned);
    if (pinned.about !== undefined) return { rows: undefined, bytes: undefined };
    if (snapshot === undefined) return { rows: 0, bytes: 0 };
    return { rows: count(snapshot.summary['total-records']), bytes: count(snapshot.summary['total-files-size']) };
  }

  async splits(handle: Handle, signal: AbortSignal, wish: SplitWish = {}): Promise<SplitPlan> {
    signal.throwIfAborted();
    const pinned = asHandle(handle);
    return namingTable(fullName(pinned), async () => {
      if (pinned.about !== undefined) return aboutSplits(await this.#about(pinned, pinned.about, signal));
      return planScan(await this.#planRequest(pinned, wish, signal), this.#catalog.planner);
    });
  }

  async #planRequest(handle: IcebergHandle, wish: SplitWish, signal: AbortSignal): Promise<PlanRequest> {
    return { io: this.#io, cache: this.#manifests, handle, ...(await this.#version(handle, signal)), wish, signal };
  }

  /** As this connector, but planned from manifests whatever the catalog's server offers: what is rewritten must be all there is. */
  get #manifestReader(): Pick<Connector, 'pin' | 'splits' | 'read'> {
    return {
      pin: (...args) => this.pin(...args),
      read: (...args) => this.read(...args),
      splits: async (handle, signal, wish = {}) => planFiles(await this.#planRequest(asHandle(handle), wish, signal)),
    };
  }

  async narrow(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds' | 'rows'>[],
    filters: readonly TablePredicate[],
    signal: AbortSignal,
  ): Promise<NarrowedSplits> {
    signal.throwIfAborted();
    const pinned = asHandle(handle);
    if (pinned.about !== undefined) return { splits: splits.map((split) => split.data), skipped: { files: 0, rows: 0 } };
    const { schema } = await this.#version(pinned, signal);
    return narrowSplits(schema, splits, filters);
  }

  fingerprint(handle: Handle, splits: readonly unknown[]): string | undefined {
    const pinned = asHandle(handle);
    return pinned.about !== undefined || pinned.limit !== undefined ? undefined : filesFingerprint(pinned, splits);
  }

  async ordered(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[],
    order: ScanOrder,
    request: Pick<ReadRequest, 'meter' | 'signal'>,
  ): Promise<OrderedParts | undefined> {
    request.signal.throwIfAborted();
    const pinned = asHandle(handle);
    if (pinned.about !== undefined) return undefined;
    return namingTable(fullName(pinned), async () => {
      const { schema, metadata } = await this.#version(pinned, request.signal);
      const column = columnLookup(schema)(order.column);
      if (column === undefined || !isRanked(column.type)) return undefined;
      const open = { io: this.#io, table: fullName(pinned), footers: this.#footers, nameMapping: metadata.nameMapping, ...request };
      const parts = new FileParts({
        files: orderedFiles(splits),
        column,
        order,
        condition: conditionOfHandle(pinned, schema),
        footerOf: (file) => fileFooter(open, file),
      });
      return (await parts.hasMany()) ? parts : undefined;
    });
  }

  async sequence(
    handle: Handle,
    splits: readonly Pick<ConnectorSplit, 'data' | 'bounds'>[],
    order: ScanOrder,
    signal: AbortSignal,
  ): Promise<readonly (readonly number[])[]> {
    signal.throwIfAborted();
    const pinned = asHandle(handle);
    const { schema } = await this.#version(pinned, signal);
    const column = columnLookup(schema)(order.column);
    if (pinned.about !== undefined || column === undefined || !isRanked(column.type)) return [splits.map((_, index) => index)];
    return splitSequence(
      splits.map((split) => orderedFiles([split])),
      column,
      order,
    );
  }

  async read(handle: Handle, splits: readonly unknown[], request: ReadRequest): Promise<Readable> {
    request.signal.throwIfAborted();
    const pinned = asHandle(handle);
    return namingTable(fullName(pinned), () => this.#readPinned(pinned, splits, request));
  }

  async #readPinned(pinned: IcebergHandle, splits: readonly unknown[], request: ReadRequest): Promise<Readable> {
    if (pinned.about !== undefined)
      return readAbout({ ...(await this.#about(pinned, pinned.about, request.signal)), splits, read: request });
    const { schema, metadata } = await this.#version(pinned, request.signal);
    const columns = bindColumns(schema, request.columns, pinned);
    const files: SplitFile[] = splits.flatMap((split) => asSplit(split).files);
    const opened = await openFiles({
      io: this.#io,
      files,
      columns,
      table: fullName(pinned),
      metadata,
      footers: this.#footers,
      condition: conditionOfHandle(pinned, schema),
      skipping: request.skipping ?? {},
      report: request.report ?? (() => undefined),
      nameMapping: metadata.nameMapping,
      meter: request.meter,
      signal: request.signal,
    });
    try {
      const table = fullName(pinned);
      const relation = this.#relation(columns, opened.files, table);
      const parquet = parquetRows(columns, opened.files, (location) => this.#io.display(location));
      return {
        kind: 'sql',
        relation,
        release: opened.release,
        ...(parquet === undefined ? {} : { parquet }),
        explain: (error) =>
          explainDamage(error, { files: opened.files, table, display: (location) => this.#io.display(location), signal: request.signal }),
      };
    } catch (error) {
      await opened.release();
      throw error;
    }
  }

  #relation(columns: readonly BoundColumn[], files: Parameters<typeof relationOf>[1], table: string): string {
    try {
      return relationOf(columns, files, (location) => this.#io.display(location));
    } catch (error) {
      if (error instanceof TimelineError) throw error;
      throw unsupportedFeature(`reading ${error instanceof Error ? error.message : String(error)}`, table);
    }
  }

  async close(): Promise<void> {
    await this.#catalog.close?.();
    await this.#io.close();
  }

  async #about(handle: IcebergHandle, about: string, signal: AbortSignal): Promise<AboutRequest> {
    const source = new ManifestSource({ io: this.#io, cache: this.#manifests, table: fullName(handle), signal });
    return { about, version: await this.#version(handle, signal), source };
  }

  /** A table of the catalog, by its name or by that with `$rows`, `$files`, …. */
  async #find(table: TableName, signal?: AbortSignal): Promise<FoundTable | undefined> {
    const loaded = await this.#catalog.load(table, signal);
    if (loaded !== undefined) return { name: { schema: table.schema, table: table.table }, loaded, rows: false, about: undefined };
    const cut = table.table.lastIndexOf('$');
    const about = metadataTable(table.table.slice(cut + 1));
    if (cut <= 0 || (about === undefined && !table.table.endsWith(ROWS_SUFFIX))) return undefined;
    const name = { schema: table.schema, table: table.table.slice(0, cut) };
    const plain = await this.#catalog.load(name, signal);
    return plain === undefined ? undefined : { name, loaded: plain, rows: about === undefined, about };
  }

  async #version(handle: IcebergHandle, signal?: AbortSignal): Promise<Version> {
    await this.#catalog.access?.(handle, signal);
    let metadata = await this.#load({ metadataLocation: handle.metadata }, signal);
    if (metadata.uuid !== handle.uuid) {
      this.#metadata.delete(handle.metadata);
      metadata = await this.#load({ metadataLocation: handle.metadata }, signal);
    }
    if (metadata.uuid !== handle.uuid) throw droppedSince(handle);
    const schema = metadata.schemas.get(handle.schemaId);
    const snapshot = metadata.snapshots.find((one) => one.id === handle.snapshot);
    if (schema === undefined || (handle.snapshot !== null && snapshot === undefined))
      throw internal('a handle does not fit its metadata file');
    return { metadata, schema, snapshot };
  }

  /** Metadata files never change, so they are kept by location, while the catalog says that it is the same file. One reader's abort must not fail the others: the read itself has no signal. */
  async #load(table: LoadedTable, signal?: AbortSignal): Promise<TableMetadata> {
    const location = table.metadataLocation;
    signal?.throwIfAborted();
    this.#io.trustTableOf(location);
    let kept = this.#metadata.get(location);
    if (kept === undefined || (table.etag !== undefined && table.etag !== kept.etag)) {
      kept = { loading: this.#read(table), etag: table.etag };
      this.#metadata.set(location, kept);
      kept.loading.catch(() => this.#metadata.delete(location));
    }
    const metadata = await kept.loading;
    // Both caches forget by use; pushdown() must find what was pinned just now.
    this.#parsed.set(location, metadata);
    return metadata;
  }

  async #read({ metadataLocation, metadata }: LoadedTable): Promise<TableMetadata> {
    const bytes = metadata ?? (await this.#io.read(metadataLocation, { maxBytes: MAX_METADATA_BYTES }));
    return parseMetadata(bytes, this.#io.display(metadataLocation));
  }
}

function describeAbout({ suffix, comment, columns }: MetadataTable, table: TableName): TableDescription {
  const name = { schema: table.schema, table: table.table };
  return { ...name, columns, comment, properties: {}, rowEstimate: undefined, schemaVersion: `$${suffix}/1` };
}

function droppedSince(table: TableName): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '55000',
    message: `table "${fullName(table)}" was dropped and made anew while it was read`,
    hint: 'Run the statement again.',
  });
}

function schemaVersion(metadata: TableMetadata, schema: Schema, rows: boolean): string {
  return `${metadata.uuid}/${schema.id}${rows ? ROWS_SUFFIX : ''}`;
}

function refuseFormat(metadata: TableMetadata, table: TableName): void {
  if (metadata.formatVersion > NEWEST_FORMAT) throw unsupportedFeature(`Iceberg format version ${metadata.formatVersion}`, fullName(table));
}

function bindColumns(schema: Schema, wanted: readonly ReadColumn[], handle: IcebergHandle): BoundColumn[] {
  const table = fullName(handle);
  const beside = handle.rows === true ? metadataColumns(schema) : [];
  return wanted.map((column): BoundColumn => {
    const name = column.path?.column ?? column.name;
    const field = schema.fields.find((candidate) => candidate.name === name);
    const metadata = beside.find((candidate) => candidate.name === name);
    if (field === undefined && metadata !== undefined) return { kind: 'metadata', name: metadata.name, wanted: column };
    if (field === undefined) {
      throw new TimelineError({
        kind: 'semantic',
        sqlstate: '42703',
        message: `column "${name}" does not exist in this snapshot of table ${table}`,
      });
    }
    return { kind: 'field', field, wanted: column, ...(column.path === undefined ? {} : { path: column.path }) };
  });
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
