import type { TableName } from '../connector.js';

/** Where a catalog's tables are: which exist, and each one's current metadata file. */
export interface IcebergCatalog {
  tables(signal?: AbortSignal): Promise<readonly TableName[]>;
  /** The location of the table's current metadata file; undefined: no such table. */
  metadataLocation(table: TableName, signal?: AbortSignal): Promise<string | undefined>;
}
