import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { quote } from './literal.js';
import { registerScalarFunctions } from './scalar-functions.js';
import { timeMacros } from './time-macros.js';

/** One DuckDB for one task. An instance takes about 15 ms to make, so a thread keeps one made in advance. */
export interface EngineInstance {
  readonly connection: DuckDBConnection;
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

/** `tempFolder`: where this instance spills; made on the way and removed by close. */
export async function createInstance(options: { readonly threads: number; readonly tempFolder: string }): Promise<EngineInstance> {
  await mkdir(options.tempFolder, { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    temp_directory: options.tempFolder,
  });
  const connection = await instance.connect();
  return {
    connection,
    async prepare(settings) {
      registerScalarFunctions(connection, { timeZone: settings.timeZone });
      await connection.run(
        timeMacros(settings.timeZone)
          .map((macro) => `CREATE MACRO ${macro};`)
          .join('\n'),
      );
      await connection.run(`SET TimeZone = ${quote(settings.timeZone)}`);
      await connection.run(`SET memory_limit = '${Math.max(1, Math.floor(settings.memoryLimit / 1024))}KiB'`);
      const folders = [...settings.folders, options.tempFolder].map((folder) => quote(folder.endsWith('/') ? folder : join(folder, '/')));
      await connection.run(`SET allowed_directories = [${folders.join(', ')}]`);
      await connection.run('SET enable_external_access = false');
      await connection.run('SET lock_configuration = true');
    },
    async close() {
      connection.closeSync();
      instance.closeSync();
      await rm(options.tempFolder, { recursive: true, force: true });
    },
  };
}
