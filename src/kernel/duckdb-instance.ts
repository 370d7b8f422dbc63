import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { quote, quoteName } from './literal.js';
import type { PostgresFunctions } from './postgres-functions.js';
import { registerPostgresScalars } from './postgres-scalars.js';
import { registerScalarFunctions } from './scalar-functions.js';
import { timeMacros } from './time-macros.js';

/** One DuckDB, for the tasks of one kernel thread that want the same settings, one after the other. Making it takes about 20 ms of CPU. */
export interface EngineInstance {
  /** Applies settings and locks the configuration; once, before the first task. */
  prepare(settings: InstanceSettings): Promise<void>;
  /** Connections for one task. */
  connect(): Promise<TaskConnections>;
  /** Drops whatever tables a task left. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

export interface TaskConnections {
  readonly connection: DuckDBConnection;
  /**
   * For filling tables while `connection` streams: DuckDB silently ends a stream (no error, fewer rows) when anything else
   * runs on its connection, and an appender runs something every 204,800 rows.
   */
  readonly filling: DuckDBConnection;
  close(): void;
}

export interface InstanceSettings {
  readonly timeZone: string;
  /** Bytes. */
  readonly memoryLimit: number;
  /** Folders outside of which nothing may be read or written. */
  readonly folders: readonly string[];
}

export interface InstanceOptions {
  readonly threads: number;
  /** Where this instance spills; made on the way and removed by close. */
  readonly tempFolder: string;
  /** Bytes that may lie there; undefined: as the disk allows. */
  readonly tempBytes?: number | undefined;
  /** Computes what DuckDB does not. */
  readonly postgres: PostgresFunctions;
}

export async function createInstance(options: InstanceOptions): Promise<EngineInstance> {
  await mkdir(options.tempFolder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: options.tempFolder,
    ...(options.tempBytes === undefined ? {} : { max_temp_directory_size: `${Math.max(1, Math.floor(options.tempBytes / 1024))}KiB` }),
    // The operating system keeps files' pages already.
    enable_external_file_cache: 'false',
  });
  const own = await instance.connect();
  // Its bloom filters fail a scan whose file has another type than the schema (a decimal, a promoted integer): "Can't convert TableFilterType".
  // Data files do not change, and every query asks for their footers again.
  await own.run("SET disabled_optimizers = 'join_filter_pushdown'; SET GLOBAL parquet_metadata_cache = true");
  const settings = { timeZone: 'UTC' };
  // The functions belong to the instance, whichever connection they are registered by.
  registerScalarFunctions(own, settings);
  registerPostgresScalars(own, options.postgres, settings);
  return {
    async prepare(task) {
      settings.timeZone = task.timeZone;
      const macros = timeMacros(task.timeZone).map((macro) => `CREATE OR REPLACE MACRO ${macro};`);
      const folders = [...task.folders, options.tempFolder].map((folder) => quote(folder.endsWith('/') ? folder : join(folder, '/')));
      await own.run(
        `${macros.join('\n')} SET GLOBAL TimeZone = ${quote(task.timeZone)}; ` +
          `SET memory_limit = '${Math.max(1, Math.floor(task.memoryLimit / 1024))}KiB'; SET allowed_directories = [${folders.join(', ')}]; ` +
          'SET enable_external_access = false; SET lock_configuration = true',
      );
    },
    async connect() {
      const connection = await instance.connect();
      const filling = await instance.connect();
      return {
        connection,
        filling,
        close() {
          filling.closeSync();
          connection.closeSync();
        },
      };
    },
    async clear() {
      const tables = await own.runAndReadAll('SELECT table_name FROM duckdb_tables()');
      for (const [name] of tables.getRows()) await own.run(`DROP TABLE ${quoteName(String(name))}`);
    },
    async close() {
      own.closeSync();
      instance.closeSync();
      await rm(options.tempFolder, { recursive: true, force: true });
    },
  };
}
