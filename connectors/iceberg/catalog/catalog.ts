import type { TableName } from '../../connector.js';
import type { Json, JsonObject } from '../format/exact-json.js';

/** Where a catalog's tables are: which exist, and each one's current metadata. */
export interface IcebergCatalog {
  tables(signal?: AbortSignal): Promise<readonly TableName[]>;
  /** The table's current version; undefined: no such table. */
  load(table: TableName, signal?: AbortSignal): Promise<LoadedTable | undefined>;
  /** Sees to it that a table's files can be read for some time: a process that has only a handle, or access that is about to expire. */
  access?(table: TableName, signal?: AbortSignal): Promise<void>;
  /** Absent: the catalog cannot be written. */
  readonly writer?: CatalogWriter;
  /** Absent: nobody but us plans scans. */
  readonly planner?: ScanPlanner;
  close?(): Promise<void>;
}

export interface LoadedTable {
  /** Names the version: metadata files never change. */
  readonly metadataLocation: string;
  /** Where names come again (a table that was dropped and made anew): tells the files of one name apart. */
  readonly etag?: string;
  /** The metadata, where the catalog sent it along (REST); else it is read from its location. */
  readonly metadata?: Uint8Array;
}

/** Storage access that a catalog vends for a table; never logged, never in handles. S3 options by Iceberg's names (`s3.access-key-id`, `s3.session-token`, `s3.endpoint`, `client.region`, …), for locations below a prefix. */
export interface VendedStorage {
  readonly credentials: readonly { readonly prefix: string; readonly options: Readonly<Record<string, string>> }[];
  /** Milliseconds since 1970; absent: not said. */
  readonly expiresAt?: number;
}

/** A catalog whose server may say which files a scan reads. */
export interface ScanPlanner {
  /** Who plans scans of the table, by the configuration and by what the server says. 0A000: the configuration wants what the server does not offer. */
  choice(table: TableName, signal: AbortSignal): Promise<ScanChoice>;
  /** Hands over the server's answer page by page. `request`: a PlanTableScanRequest of the REST protocol. */
  plan(table: TableName, request: JsonObject, onPage: (page: ScanPage) => void, signal: AbortSignal): Promise<void>;
}

export type ScanChoice =
  /** `why`: the server was to be asked, but cannot be. */
  | { readonly kind: 'manifests'; readonly why?: string }
  /** `must`: manifests are no way out. */
  | { readonly kind: 'server'; readonly must: boolean };

/** FileScanTasks of the protocol, and the delete files that they refer to by index. */
export interface ScanPage {
  readonly tasks: readonly Json[];
  readonly deleteFiles: readonly Json[];
}

/** Updates and requirements are the REST protocol's JSON objects, which the other catalogs apply to the metadata file themselves (write/updates.ts). */
export interface TableChange {
  readonly requirements: readonly Readonly<Record<string, unknown>>[];
  readonly updates: readonly Readonly<Record<string, unknown>>[];
}

export interface CatalogWriter {
  /**
   * One atomic change of a table (with `assert-create`: its creation) or `conflict`: others have changed it, nothing was done.
   * Throws 08007 when the outcome cannot be known (an answer lost): the caller reloads and looks.
   */
  commit(table: TableName, change: TableChange, signal: AbortSignal): Promise<{ readonly kind: 'committed' | 'conflict' }>;
  /** Where a new table's files should go. */
  locationOf(table: TableName, signal: AbortSignal): Promise<string>;
  /** Sees to it that a process which did not ask for the place itself can write a new table's files there. */
  accessNew?(table: TableName, location: string, signal: AbortSignal): Promise<void>;
  createNamespace(namespace: string, signal: AbortSignal): Promise<void>;
  /** Of the catalog only: files stay. False: there was none. */
  dropTable(table: TableName, signal: AbortSignal): Promise<boolean>;
}
