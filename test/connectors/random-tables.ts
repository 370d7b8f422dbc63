import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { IcebergCatalogConfig } from '../../src/config.js';
import { javaClassPath } from '../support/java.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';
import { pyicebergPython } from './pyiceberg.js';

const ICEBERG = '1.11.0';
const HADOOP = '3.4.2';

export interface Digest {
  readonly rows: number;
  readonly sha256: string;
  readonly columns: readonly string[];
  readonly first: readonly unknown[];
}

/** A table by RandomTables.java or random_tables.py; null where their own reader fails. */
export interface RandomTable {
  readonly table: string;
  /** `file:/…` of the current metadata file. */
  readonly metadata: string;
  readonly format: number;
  /** What was done to it, for messages. */
  readonly operations: readonly string[];
  readonly current: Digest | null;
  readonly snapshots: readonly { readonly id: string; readonly op: string; readonly rows: Digest | null }[];
  readonly refs: Readonly<Record<string, string>>;
}

/** Iceberg's Java implementation with what it needs to write tables into folders. */
export function icebergClassPath(): Promise<string | undefined> {
  return javaClassPath('iceberg', [
    ...['core', 'data', 'parquet', 'orc'].map((name) => `org.apache.iceberg:iceberg-${name}:${ICEBERG}`),
    ...['api', 'runtime'].map((name) => `org.apache.hadoop:hadoop-client-${name}:${HADOOP}`),
    'org.slf4j:slf4j-simple:2.0.17',
  ]);
}

/** Who writes random tables t0, t1, … of namespace `db` into a folder, and what it reads of them into expected.json beside them. */
export interface TableWriter {
  readonly name: string;
  write(folder: string, seed: number, tables: number): Promise<void>;
  catalog(folder: string): IcebergCatalogConfig['catalog'];
}

/** Writers that this machine has. */
export async function tableWriters(): Promise<readonly TableWriter[]> {
  const [classPath, python] = await Promise.all([icebergClassPath(), pyicebergPython()]);
  const writers: TableWriter[] = [];
  if (classPath !== undefined) {
    writers.push({
      name: 'Java',
      write: (folder, seed, tables) => writeJavaTables(classPath, folder, seed, tables),
      catalog: (folder) => ({ type: 'filesystem', warehouse: join(folder, 'warehouse') }),
    });
  }
  if (python !== undefined) {
    writers.push({
      name: 'pyiceberg',
      write: (folder, seed, tables) => writePythonTables(python, folder, seed, tables),
      catalog: (folder) => ({
        type: 'sql',
        uri: `sqlite:///${join(folder, 'catalog.db')}`,
        warehouse: `file://${join(folder, 'warehouse')}`,
        name: 'random',
      }),
    });
  }
  return writers;
}

async function writeJavaTables(classPath: string, folder: string, seed: number, tables: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const source = join(projectRoot(), 'test', 'connectors', 'java', 'RandomTables.java');
  const args = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath, source, folder, String(seed), String(tables)];
  await succeed('java', args);
}

async function writePythonTables(python: string, folder: string, seed: number, tables: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const source = join(projectRoot(), 'test', 'connectors', 'python', 'random_tables.py');
  await succeed(python, ['-W', 'ignore', source, folder, String(seed), String(tables)]);
}

async function succeed(command: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(command, args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`${command} failed: ${stderr.slice(-4000)}`);
}
