import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { printExactJson } from '../../connectors/iceberg/format/exact-json.js';
import { projectRoot } from '../support/project-root.js';
import { runProgram } from '../support/run-program.js';
import { pyicebergPython } from './pyiceberg.js';
import { icebergClassPath } from './random-tables.js';

/** A part of Iceberg's JSON of expressions. */
export type Expression = Readonly<Record<string, unknown>>;

export type Read<T> = T | { readonly error: string };

/**
 * What a reader sees of a table: rows as JSON arrays of values in the schema's order, in no order. Numbers and dates, times (microseconds)
 * and timestamps are JSON integers; floats the bits of the double as a text; decimals, uuids and texts are texts, bytes 0x…; maps are lists
 * of [key, value] sorted by the key's JSON. Snapshots have columns of their own.
 */
export interface ReadTable {
  readonly current: Read<readonly string[]>;
  /** The same with the row's id and when it changed last, as two more values. Java only. */
  readonly lineage?: Read<readonly string[]>;
  readonly snapshots: Readonly<Record<string, Read<readonly string[]>>>;
  /** Rows that each filter lets through, now. */
  readonly counts: readonly Read<number>[];
}

export interface AskedTable {
  /** Location of the metadata file. */
  readonly metadata: string;
  readonly filters: readonly Expression[];
}

export interface TableReader {
  readonly name: string;
  /** `scratch` is a folder for what is asked and told. */
  read(tables: readonly AskedTable[], scratch: string): Promise<readonly Read<ReadTable>[]>;
}

/** Iceberg's other implementations that this machine has. */
export async function tableReaders(): Promise<readonly TableReader[]> {
  const [classPath, python] = await Promise.all([icebergClassPath(), pyicebergPython()]);
  const tests = join(projectRoot(), 'test', 'connectors');
  const readers: TableReader[] = [];
  const add = (name: string, command: string, args: readonly string[]): void => {
    const read: TableReader['read'] = async (tables, scratch) => {
      const [asked, told] = [join(scratch, `${name}-in.json`), join(scratch, `${name}-out.json`)];
      await writeFile(asked, printExactJson(tables));
      const { code, stderr } = await runProgram(command, [...args, asked, told], { timeoutMs: 600_000 });
      if (code !== 0) throw new Error(`${name} failed: ${stderr.slice(-4000)}`);
      return JSON.parse(await readFile(told, 'utf8')) as Read<ReadTable>[];
    };
    readers.push({ name, read });
  };
  if (classPath !== undefined)
    add('Java', 'java', ['-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', classPath, join(tests, 'java', 'ReadTable.java')]);
  if (python !== undefined) add('pyiceberg', python, ['-W', 'ignore', join(tests, 'python', 'read_table.py')]);
  return readers;
}
