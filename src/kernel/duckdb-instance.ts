import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { quote } from './literal.js';
import { registerScalarFunctions } from './scalar-functions.js';
import { timeMacros } from './time-macros.js';

/** One DuckDB for one task. An instance takes about 15 ms to make, so a thread keeps one made in advance. */
export interface EngineInstance {
  readonly connection: DuckDBConnection;
  /**
   * For filling tables while `connection` streams: DuckDB silently ends a stream (no error, fewer rows) when anything else
   * runs on its connection, and an appender runs something every 204,800 rows.
   */
  readonly filling: DuckDBConnection;
  /** Applies a task's settings and locks the configuration. */
  prepare(settings: InstanceSettings): Promise<void>;
  close(): Promise<void>;
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
  /** The zone that a task will probably have; another one costs a task some milliseconds. */
  readonly timeZone: string;
}

export async function createInstance(options: InstanceOptions): Promise<EngineInstance> {
  await mkdir(options.tempFolder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: options.tempFolder,
  });
  const connection = await instance.connect();
  const filling = await instance.connect();
  // Its bloom filters fail a scan whose file has another type than the schema (a decimal, a promoted integer): "Can't convert TableFilterType".
  await connection.run("SET disabled_optimizers = 'join_filter_pushdown'");
  const settings = { timeZone: options.timeZone };
  registerScalarFunctions(connection, settings);
  const useZone = async (): Promise<void> => {
    const macros = timeMacros(settings.timeZone).map((macro) => `CREATE OR REPLACE MACRO ${macro};`);
    await connection.run(`${macros.join('\n')} SET TimeZone = ${quote(settings.timeZone)}`);
  };
  await useZone();
  return {
    connection,
    filling,
    async prepare(task) {
      if (task.timeZone !== settings.timeZone) {
        settings.timeZone = task.timeZone;
        await useZone();
      }
      const folders = [...task.folders, options.tempFolder].map((folder) => quote(folder.endsWith('/') ? folder : join(folder, '/')));
      await connection.run(
        `SET memory_limit = '${Math.max(1, Math.floor(task.memoryLimit / 1024))}KiB'; SET allowed_directories = [${folders.join(', ')}]; ` +
          'SET enable_external_access = false; SET lock_configuration = true',
      );
    },
    async close() {
      filling.closeSync();
      connection.closeSync();
      instance.closeSync();
      await rm(options.tempFolder, { recursive: true, force: true });
    },
  };
}
