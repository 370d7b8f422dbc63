import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from 'node-sqlite3-wasm';
import sqlite from 'node-sqlite3-wasm';
import { TimelineError } from '../../../sql/errors.js';

/** A SQLite catalog in pyiceberg's schema. */
export interface SqlCatalog {
  /** The database file. */
  readonly file: string;
  /** catalog_name of its rows. */
  readonly name: string;
}

export interface TableIdentifier {
  readonly namespace: string;
  readonly table: string;
}

/** How long a commit waits for others that hold the file. */
const BUSY_MS = 10_000;
/** A journal that nobody has written to for so long is a crash's: the next transaction rolls it back. */
const CRASHED_MS = 3000;

const TABLES_DDL = `CREATE TABLE IF NOT EXISTS iceberg_tables (
  catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL, table_name VARCHAR(255) NOT NULL,
  metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
  PRIMARY KEY (catalog_name, table_namespace, table_name))`;
const NAMESPACES_DDL = `CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (
  catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255) NOT NULL, property_value VARCHAR(1000) NOT NULL,
  PRIMARY KEY (catalog_name, namespace, property_key))`;
const WHERE = 'catalog_name = ? AND table_namespace = ? AND table_name = ?';

/** Makes the catalog's tables and the namespace where they are missing. */
export async function createNamespace(catalog: SqlCatalog, namespace: string): Promise<void> {
  await transaction(catalog, (database) => {
    database.exec(TABLES_DDL);
    database.exec(NAMESPACES_DDL);
    database.run('INSERT OR IGNORE INTO iceberg_namespace_properties VALUES (?, ?, ?, ?)', [catalog.name, namespace, 'exists', 'true']);
  });
}

/** Throws 42P07 if the table is there already. */
export async function registerTable(catalog: SqlCatalog, id: TableIdentifier, metadataLocation: string): Promise<void> {
  await transaction(catalog, (database) => {
    database.exec(TABLES_DDL);
    const values = [catalog.name, id.namespace, id.table];
    if (database.get(`SELECT 1 FROM iceberg_tables WHERE ${WHERE}`, values)) {
      throw new TimelineError({ kind: 'semantic', sqlstate: '42P07', message: `relation "${id.namespace}.${id.table}" already exists` });
    }
    // Catalogs made by older writers have no iceberg_type column.
    const typed = database.all('PRAGMA table_info(iceberg_tables)').some((column) => column.name === 'iceberg_type');
    const columns = ['catalog_name', 'table_namespace', 'table_name', 'metadata_location', ...(typed ? ['iceberg_type'] : [])];
    database.run(`INSERT INTO iceberg_tables (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`, [
      ...values,
      metadataLocation,
      ...(typed ? ['TABLE'] : []),
    ]);
  });
}

/** Where the table's metadata is now. Throws 42P01 if there is no such table. */
export async function metadataLocation(catalog: SqlCatalog, id: TableIdentifier): Promise<string> {
  const row = await transaction(catalog, (database) =>
    database.get(`SELECT metadata_location FROM iceberg_tables WHERE ${WHERE}`, [catalog.name, id.namespace, id.table]),
  );
  const location = row?.metadata_location;
  if (typeof location === 'string') return location;
  throw new TimelineError({ kind: 'semantic', sqlstate: '42P01', message: `relation "${id.namespace}.${id.table}" does not exist` });
}

/** Moves the table from one metadata file to the next; false if it is no longer at `from`. */
export async function swapMetadata(catalog: SqlCatalog, id: TableIdentifier, from: string, to: string): Promise<boolean> {
  return transaction(catalog, (database) => {
    const result = database.run(
      `UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ? WHERE ${WHERE} AND metadata_location = ?`,
      [to, from, catalog.name, id.namespace, id.table, from],
    );
    return result.changes === 1;
  });
}

/** Forgets the table; false if there is none. Its files stay. */
export async function removeTable(catalog: SqlCatalog, id: TableIdentifier): Promise<boolean> {
  return transaction(catalog, (database) => {
    return database.run(`DELETE FROM iceberg_tables WHERE ${WHERE}`, [catalog.name, id.namespace, id.table]).changes === 1;
  });
}

/**
 * One transaction in a connection of its own: the library locks by a folder `<file>.lock` beside the file and never waits,
 * so holding a connection open would shut others out.
 */
async function transaction<T>(catalog: SqlCatalog, work: (database: Database) => T): Promise<T> {
  const deadline = Date.now() + BUSY_MS;
  for (;;) {
    try {
      await waitForOthers(catalog, deadline);
      return attempt(catalog, work);
    } catch (error) {
      if (!isBusy(error)) throw asCatalogError(catalog, error);
      if (Date.now() > deadline) throw lockError(catalog, error);
      await sleep(5 + Math.random() * 40);
    }
  }
}

/** Others lock the file in SQLite's own way, which the library does not see: it would take their journal for one that a crash has left, and undo it. */
async function waitForOthers(catalog: SqlCatalog, deadline: number): Promise<void> {
  while (Date.now() < deadline) {
    const journal = await stat(`${catalog.file}-journal`).catch(() => undefined);
    if (journal === undefined || journal.size === 0 || Date.now() - journal.mtimeMs > CRASHED_MS) return;
    await sleep(5 + Math.random() * 10);
  }
}

function attempt<T>(catalog: SqlCatalog, work: (database: Database) => T): T {
  const database = new sqlite.Database(catalog.file);
  try {
    database.exec('BEGIN IMMEDIATE');
    const result = work(database);
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  } finally {
    database.close();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && !(error instanceof TimelineError) && /database is locked|SQLITE_BUSY/i.test(error.message);
}

function lockError(catalog: SqlCatalog, cause: unknown): TimelineError {
  return new TimelineError({
    kind: 'connector',
    sqlstate: '55P03',
    message: `the SQLite catalog ${catalog.file} stayed locked for ${BUSY_MS / 1000} s`,
    hint: `If no other process is using it, a killed one left its lock behind: remove the folder ${catalog.file}.lock.`,
    retryable: true,
    cause,
  });
}

function asCatalogError(catalog: SqlCatalog, error: unknown): TimelineError {
  if (error instanceof TimelineError) return error;
  return new TimelineError({
    kind: 'connector',
    sqlstate: '58030',
    message: `SQLite catalog ${catalog.file}: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}
