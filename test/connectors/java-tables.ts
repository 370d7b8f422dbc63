import { join } from 'node:path';
import { javaClassPath } from '../support/java.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';

const ICEBERG = '1.11.0';
const HADOOP = '3.4.2';

export interface Digest {
  readonly rows: number;
  readonly sha256: string;
  readonly columns: readonly string[];
  readonly first: readonly unknown[];
}

/** A table by RandomTables.java; null where the reference implementation itself cannot read. */
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

/** Writes random tables t0, t1, … of namespace `db` into `folder`/warehouse, and what is read of them into `folder`/expected.json. */
export async function writeRandomTables(classPath: string, folder: string, seed: number, tables: number): Promise<void> {
  const source = join(projectRoot(), 'test', 'connectors', 'java', 'RandomTables.java');
  const args = ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath, source, folder, String(seed), String(tables)];
  const { code, stderr } = await runProgram('java', args, { timeoutMs: 600_000 });
  if (code !== 0) throw new Error(`RandomTables.java failed: ${stderr.slice(-4000)}`);
}
