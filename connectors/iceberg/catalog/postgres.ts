import pg from 'pg';
import { TimelineError } from '../../../sql/errors.js';
import type { TableName } from '../../connector.js';
import type { FileIo } from '../read/file-io.js';
import type { CatalogWriter, IcebergCatalog, LoadedTable } from './catalog.js';
import { outcomeUnknown } from './metadata-files.js';
import { type PointerStore, PointerWriter } from './pointer-writer.js';

const FIRST_NAME = 'default';
const CONNECT_MS = 10_000;
const STATEMENT_MS = 30_000;
const CONNECTIONS = 3;
const WHERE = 'catalog_name = $1 AND table_namespace = $2 AND table_name = $3';
/** The column is as new as Java's schema V1. */
const IS_TABLE = "(iceberg_type = 'TABLE' OR iceberg_type IS NULL)";

const DDL = [
  `CREATE TABLE IF NOT EXISTS iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL,
    table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
    PRIMARY KEY (catalog_name, table_namespace, table_name))`,
  `CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL,
    property_key VARCHAR(255) NOT NULL, property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key))`,
];

/** A SQL catalog in a PostgreSQL database, in pyiceberg's and Java's schemas. */
export class PostgresCatalog implements IcebergCatalog, PointerStore {
  readonly writer: CatalogWriter;
  readonly #label: string;
  readonly #name: string | undefined;
  readonly #pool: pg.Pool;
  #knownName: string | undefined;

  /** `label` names it in errors: the URI may hold a password. `password`: of the configuration; else of the URI, or PGPASSWORD. */
  constructor(options: {
    readonly label: string;
    readonly uri: string;
    readonly password: string | undefined;
    readonly name: string | undefined;
    readonly io: FileIo;
  }) {
    this.#label = options.label;
    this.#name = options.name;
    this.#pool = new pg.Pool({
      connectionString: options.uri,
      max: CONNECTIONS,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: STATEMENT_MS,
      statement_timeout: STATEMENT_MS,
      application_name: 'timeline',
      ...(options.password === undefined ? {} : { password: options.password }),
    });
    // A connection that breaks while nobody uses it.
    this.#pool.on('error', () => undefined);
    this.writer = new PointerWriter({ io: options.io, store: this });
  }

  async tables(signal?: AbortSignal): Promise<readonly TableName[]> {
    return this.#reading(
      signal,
      async (typed) => {
        const name = await this.#catalogName(typed);
        if (name === undefined) return [];
        const rows = await this.#rows(
          `SELECT table_namespace, table_name FROM iceberg_tables WHERE catalog_name = $1 AND metadata_location IS NOT NULL${typed ? ` AND ${IS_TABLE}` : ''}`,
          [name],
        );
        return rows.map((row) => ({ schema: String(row['table_namespace']), table: String(row['table_name']) }));
      },
      [],
    );
  }

  async load(table: TableName, signal?: AbortSignal): Promise<LoadedTable | undefined> {
    const metadataLocation = await this.current(table, signal);
    return metadataLocation === undefined ? undefined : { metadataLocation };
  }

  async current(table: TableName, signal?: AbortSignal): Promise<string | undefined> {
    return this.#reading(
      signal,
      async (typed) => {
        const name = await this.#catalogName(typed);
        if (name === undefined) return undefined;
        const [row] = await this.#rows(`SELECT metadata_location FROM iceberg_tables WHERE ${WHERE}${typed ? ` AND ${IS_TABLE}` : ''}`, [
          name,
          table.schema,
          table.table,
        ]);
        const location = row?.['metadata_location'];
        return typeof location === 'string' ? location : undefined;
      },
      undefined,
    );
  }

  async insert(table: TableName, location: string): Promise<boolean> {
    const typed = await this.#prepare();
    const values = [await this.#nameForRows(typed), table.schema, table.table, location];
    const statement = typed
      ? `INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, iceberg_type) VALUES ($1, $2, $3, $4, 'TABLE') ON CONFLICT DO NOTHING`
      : 'INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING';
    return (await this.#change(table, statement, values)) === 1;
  }

  async swap(table: TableName, move: { readonly from: string; readonly to: string }): Promise<boolean> {
    const values = [await this.#nameForRows(await this.#prepare()), table.schema, table.table, move.from, move.to];
    const statement = `UPDATE iceberg_tables SET metadata_location = $5, previous_metadata_location = $4 WHERE ${WHERE} AND metadata_location = $4`;
    return (await this.#change(table, statement, values)) === 1;
  }

  async remove(table: TableName): Promise<boolean> {
    const values = [await this.#nameForRows(await this.#prepare()), table.schema, table.table];
    return (await this.#change(table, `DELETE FROM iceberg_tables WHERE ${WHERE}`, values)) === 1;
  }

  async createNamespace(namespace: string): Promise<void> {
    const name = await this.#nameForRows(await this.#prepare());
    await this.#rows(`INSERT INTO iceberg_namespace_properties VALUES ($1, $2, 'exists', 'true') ON CONFLICT DO NOTHING`, [
      name,
      namespace,
    ]);
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  /** `none`: what there is where nothing was ever created. */
  async #reading<T>(signal: AbortSignal | undefined, work: (typed: boolean) => Promise<T>, none: T): Promise<T> {
    signal?.throwIfAborted();
    const typed = await this.#typed();
    return typed === undefined ? none : work(typed);
  }

  /** Has the table of tables a column iceberg_type? Undefined: there is no such table. */
  async #typed(): Promise<boolean | undefined> {
    const rows = await this.#rows(`SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('iceberg_tables') AND attnum > 0`, []);
    return rows.length === 0 ? undefined : rows.some((row) => row['attname'] === 'iceberg_type');
  }

  async #prepare(): Promise<boolean> {
    const typed = await this.#typed();
    if (typed !== undefined) return typed;
    for (const statement of DDL) await this.#rows(statement, []);
    return true;
  }

  /** The catalog asked for, or the only one of the database. */
  async #catalogName(typed: boolean): Promise<string | undefined> {
    if (this.#name !== undefined) return this.#name;
    if (this.#knownName !== undefined) return this.#knownName;
    const rows = await this.#rows(
      `SELECT DISTINCT catalog_name FROM iceberg_tables${typed ? ` WHERE ${IS_TABLE}` : ''} ORDER BY 1 LIMIT 20`,
      [],
    );
    const names = rows.map((row) => String(row['catalog_name']));
    if (names.length > 1) {
      throw new TimelineError({
        kind: 'connector',
        sqlstate: '22023',
        message: `the database of SQL catalog "${this.#label}" holds several catalogs: ${names.join(', ')}`,
        hint: 'Set catalog.name to one of them.',
      });
    }
    this.#knownName = names[0];
    return this.#knownName;
  }

  async #nameForRows(typed: boolean): Promise<string> {
    return (await this.#catalogName(typed)) ?? FIRST_NAME;
  }

  async #rows(statement: string, values: readonly string[]): Promise<readonly Readonly<Record<string, unknown>>[]> {
    try {
      return (await this.#pool.query<Record<string, unknown>>(statement, [...values])).rows;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** The number of rows changed. Without an answer nobody knows. */
  async #change(table: TableName, statement: string, values: readonly string[]): Promise<number> {
    const client = await this.#pool.connect().catch((error: unknown) => {
      throw this.#failed(error);
    });
    let broken: Error | undefined;
    try {
      return (await client.query(statement, [...values])).rowCount ?? 0;
    } catch (error) {
      // What the server itself says was not done; admin shutdown and the like end the connection, and may come after the commit.
      const code = sqlstateOf(error);
      broken = error instanceof Error ? error : new Error(String(error));
      if (code === undefined || code.startsWith('57P') || code.startsWith('08')) throw outcomeUnknown(table, error);
      throw this.#failed(error);
    } finally {
      client.release(broken);
    }
  }

  #failed(error: unknown): TimelineError {
    const code = sqlstateOf(error);
    const why = error instanceof Error ? error.message || error.name : String(error);
    const refused = code !== undefined && (code.startsWith('28') || code === '42501');
    const away = code === undefined || code.startsWith('08') || code.startsWith('57P') || code.startsWith('53');
    return new TimelineError({
      kind: 'connector',
      sqlstate: refused ? '42501' : away ? '08001' : '58030',
      message: `SQL catalog "${this.#label}" ${away ? 'cannot be reached' : 'fails'}: ${why}`,
      retryable: away,
      cause: error,
    });
  }
}

/** Undefined: not the server's words, but of the connection to it. */
function sqlstateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined;
}
