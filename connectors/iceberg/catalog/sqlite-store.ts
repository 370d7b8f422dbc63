import { TimelineError } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import * as sqlite from '../write/sql-catalog-writer.js';
import type { PointerStore } from './pointer-writer.js';

/** The pointers of a SQLite file. A file without a catalog gets one with its first namespace. */
export class SqliteStore implements PointerStore {
  readonly #catalog: () => Promise<sqlite.SqlCatalog>;

  /** `catalog` finds the name that new rows get. */
  constructor(catalog: () => Promise<sqlite.SqlCatalog>) {
    this.#catalog = catalog;
  }

  async current(table: TableName): Promise<string | undefined> {
    try {
      return await sqlite.metadataLocation(await this.#catalog(), identifier(table));
    } catch (error) {
      // A file in which nothing was ever created has no table of tables.
      if (error instanceof TimelineError && (error.sqlstate === '42P01' || /no such table/.test(error.message))) return undefined;
      throw error;
    }
  }

  async insert(table: TableName, location: string): Promise<boolean> {
    try {
      await sqlite.registerTable(await this.#catalog(), identifier(table), location);
      return true;
    } catch (error) {
      if (error instanceof TimelineError && error.sqlstate === '42P07') return false;
      throw error;
    }
  }

  async swap(table: TableName, move: { readonly from: string; readonly to: string }): Promise<boolean> {
    return sqlite.swapMetadata(await this.#catalog(), identifier(table), move.from, move.to);
  }

  async remove(table: TableName): Promise<boolean> {
    return sqlite.removeTable(await this.#catalog(), identifier(table));
  }

  async createNamespace(namespace: string): Promise<void> {
    await sqlite.createNamespace(await this.#catalog(), namespace);
  }
}

function identifier(table: TableName): sqlite.TableIdentifier {
  return { namespace: table.schema, table: table.table };
}
