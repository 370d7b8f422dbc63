import { copyFile, type FileHandle, mkdtemp, open, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sqlite from 'node-sqlite3-wasm';
import { TimelineError, unsupported } from '../../../sql/errors.js';
import { errorCode, fileError } from '../../../src/object-store/store-error.js';
import type { TableName } from '../../connector.js';
import type { FileIo } from '../read/file-io.js';
import type { CatalogWriter, IcebergCatalog, LoadedTable } from './catalog.js';
import { PointerWriter } from './pointer-writer.js';
import { SqliteStore } from './sqlite-store.js';

interface CatalogRow extends TableName {
  readonly catalog: string;
  readonly metadata: string;
}

/** The name of the catalog that a file without any gets: pyiceberg's and Spark's users choose theirs. */
const FIRST_NAME = 'default';
/** A writer holds its lock for a moment only. */
const BUSY_ATTEMPTS = 100;
const BUSY_PAUSE_MS = 50;

/**
 * A SQL catalog in a SQLite file (pyiceberg's or Java's schema, with or without `iceberg_type`). The file is never opened in place: this
 * SQLite build makes lock folders beside what it opens, and the catalog may lie in a folder that can only be read. A copy is a consistent
 * state when no journal was there before it and after it, and the change counter is the same on both sides: a writer's pages go into the file
 * only while its journal is there, and its last one out of the journal changes the counter. A journal before the copy must be looked for, too: a
 * writer may have written the first page, which holds the counter, and not the others yet, and file times may be too coarse to tell.
 */
export class SqlCatalog implements IcebergCatalog {
  readonly writer?: CatalogWriter;
  readonly #path: string;
  readonly #copyFile: typeof copyFile;
  readonly #name: string | undefined;
  #read: { readonly version: string; readonly rows: readonly CatalogRow[] } | undefined;
  #chosen: { readonly of: readonly CatalogRow[]; readonly rows: readonly CatalogRow[] } | undefined;
  #index: { readonly rows: readonly CatalogRow[]; readonly byName: ReadonlyMap<string, string> } | undefined;

  /**
   * `uri`: `sqlite:///relative-or-/absolute path`, `sqlite:////absolute`, `file:///absolute` or a path. `name`: the catalog's own name.
   * Without `io` it cannot be written. `copy`: how the file is copied, where a test lets a writer come in between.
   */
  constructor(options: { readonly uri: string; readonly name: string | undefined; readonly io?: FileIo; readonly copy?: typeof copyFile }) {
    this.#copyFile = options.copy ?? copyFile;
    this.#path = sqlitePath(options.uri);
    this.#name = options.name;
    if (options.io === undefined) return;
    const store = new SqliteStore(async () => ({ file: this.#path, name: await this.#nameForRows() }));
    this.writer = new PointerWriter({ io: options.io, store });
  }

  async tables(signal?: AbortSignal): Promise<readonly TableName[]> {
    return (await this.#rows(signal)).map(({ schema, table }) => ({ schema, table }));
  }

  async load(table: TableName, signal?: AbortSignal): Promise<LoadedTable | undefined> {
    const rows = await this.#rows(signal);
    // The same rows are asked for one table after the other.
    if (this.#index?.rows !== rows) this.#index = { rows, byName: new Map(rows.map((row) => [keyOf(row), row.metadata])) };
    const metadataLocation = this.#index.byName.get(keyOf(table));
    return metadataLocation === undefined ? undefined : { metadataLocation };
  }

  async #nameForRows(): Promise<string> {
    if (this.#name !== undefined) return this.#name;
    if (!(await exists(this.#path, 1))) return FIRST_NAME;
    const [row] = await this.#rows(undefined);
    return row?.catalog ?? FIRST_NAME;
  }

  async #rows(signal: AbortSignal | undefined): Promise<readonly CatalogRow[]> {
    try {
      const version = await this.#version();
      if (this.#read?.version !== version) this.#read = await this.#load(signal);
    } catch (error) {
      throw error instanceof TimelineError ? error : fileError(`SQL catalog "${this.#path}"`, error);
    }
    const { rows } = this.#read;
    if (this.#chosen?.of !== rows) this.#chosen = { of: rows, rows: this.#choose(rows) };
    return this.#chosen.rows;
  }

  /** Rows of the catalog asked for: by name, or the only one in the file. */
  #choose(rows: readonly CatalogRow[]): readonly CatalogRow[] {
    const names = [...new Set(rows.map((row) => row.catalog))];
    if (this.#name === undefined && names.length > 1) {
      throw new TimelineError({
        kind: 'connector',
        sqlstate: '22023',
        message: `SQL catalog "${this.#path}" holds several catalogs: ${names.sort().join(', ')}`,
        hint: 'Set catalog.name to one of them.',
      });
    }
    return this.#name === undefined ? rows : rows.filter((row) => row.catalog === this.#name);
  }

  async #load(signal: AbortSignal | undefined): Promise<{ version: string; rows: readonly CatalogRow[] }> {
    const folder = await mkdtemp(join(tmpdir(), 'timeline-catalog-'));
    try {
      const copy = join(folder, 'catalog.db');
      for (let attempt = 0; attempt < BUSY_ATTEMPTS; attempt++) {
        signal?.throwIfAborted();
        if (await exists(`${this.#path}-wal`, 1)) throw unsupported(`the SQL catalog "${this.#path}" in write-ahead-log mode`);
        const before = await this.#version();
        if (await this.#isQuiet()) {
          await this.#copyFile(this.#path, copy);
          if ((await this.#isQuiet()) && before === (await this.#version())) return { version: before, rows: readRows(copy, this.#path) };
        }
        await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
      }
      throw new TimelineError({
        kind: 'connector',
        sqlstate: '55006',
        message: `SQL catalog "${this.#path}" is being written all the time`,
        retryable: true,
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** No transaction is under way that may have written into the file. */
  async #isQuiet(): Promise<boolean> {
    return !(await isHotJournal(`${this.#path}-journal`)) && !(await exists(`${this.#path}.lock`, 0));
  }

  /** Time of change, size, and SQLite's own change counter (bytes 24 to 27 of the file). */
  async #version(): Promise<string> {
    const file = await open(this.#path, 'r');
    try {
      const stats = await file.stat({ bigint: true });
      const counter = Buffer.alloc(4);
      await file.read(counter, 0, 4, 24);
      return `${stats.ino}-${stats.mtimeNs}-${stats.size}-${counter.toString('hex')}`;
    } finally {
      await file.close();
    }
  }
}

function keyOf(table: TableName): string {
  return JSON.stringify([table.schema, table.table]);
}

function readRows(copy: string, name: string): CatalogRow[] {
  let database: InstanceType<typeof sqlite.Database> | undefined;
  try {
    database = new sqlite.Database(copy, { readOnly: true });
    const columns = database.all('PRAGMA table_info(iceberg_tables)').map((row) => row['name']);
    if (columns.length === 0) {
      // A catalog in which nothing was ever created.
      return [];
    }
    const where = columns.includes('iceberg_type') ? `WHERE iceberg_type = 'TABLE' OR iceberg_type IS NULL` : '';
    const rows = database.all(`SELECT catalog_name, table_namespace, table_name, metadata_location FROM iceberg_tables ${where}`);
    return rows
      .filter((row) => row['metadata_location'] !== null)
      .map((row) => ({
        catalog: String(row['catalog_name']),
        schema: String(row['table_namespace']),
        table: String(row['table_name']),
        metadata: String(row['metadata_location']),
      }));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new TimelineError({ kind: 'data', sqlstate: 'XX001', message: `SQL catalog "${name}" cannot be read: ${why}`, cause: error });
  } finally {
    database?.close();
  }
}

/** The file of a SQLAlchemy-style URI: three slashes and a path, or a plain path. */
export function sqlitePath(uri: string): string {
  const match =
    /^sqlite(?:\+[a-z0-9]+)?:\/\/\/(.+)$/is.exec(uri) ?? /^jdbc:sqlite:(?:file:)?(.+)$/is.exec(uri) ?? /^file:\/\/(\/.+)$/is.exec(uri);
  if (match?.[1] !== undefined) return match[1];
  if (/^[a-z][a-z0-9+.-]*:/i.test(uri))
    throw unsupported(`a SQL catalog at ${uri.split(':')[0]}:`, { hint: 'SQLite files can be read: sqlite:///path.' });
  return uri;
}

/** Journals that stay behind (PRAGMA journal_mode = PERSIST, TRUNCATE) have a header of zeros, or no bytes. */
async function isHotJournal(path: string): Promise<boolean> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return buffer.subarray(0, bytesRead).some((byte) => byte !== 0);
  } finally {
    await file.close();
  }
}

async function exists(path: string, minBytes: number): Promise<boolean> {
  try {
    return (await stat(path)).size >= minBytes;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
