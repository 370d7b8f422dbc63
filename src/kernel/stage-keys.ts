import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { Field } from '../../planner/physical-plan.js';
import { internal } from '../../sql/errors.js';
import type { Value } from '../../sql/value.js';
import { formatValue } from '../../sql/value-text.js';
import { quote } from './literal.js';
import { decodedColumn } from './stage-file.js';
import { readChunk } from './value-vectors.js';

/** Values of a column of a task's rows, in PostgreSQL's text form with time zone UTC; NULLs are not among them. */
export interface ColumnKeys {
  /** Null: there are no values. */
  readonly range: { readonly min: string; readonly max: string } | null;
  /** All values, each once; absent: they are many, or long. */
  readonly values?: readonly string[];
}

/** By id of the field; a field that is absent may have any values. */
export type StageKeys = Readonly<Record<string, ColumnKeys>>;

export const MOST_KEYS = 10_000;
/** Of so many rows the different values are not looked for. */
const MOST_ROWS = 2_000_000;
const MOST_CHARACTERS = 200_000;
const LONGEST_BOUND = 256;

const NAME = 'keys.json';
const UTC = { timeZone: 'UTC' };

export interface KeysWrite {
  readonly connection: DuckDBConnection;
  readonly fields: readonly Field[];
  readonly keys: readonly number[];
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly rows: number }[];
}

/** Reads the keys of a task's finished stage files and writes them beside these; gives the file's name. */
export async function writeKeys(write: KeysWrite): Promise<string> {
  const found: Record<string, ColumnKeys> = {};
  for (const id of write.keys) {
    const field = write.fields.find((one) => one.id === id);
    if (field === undefined) throw internal(`keys of column ${id}, which the stage does not give`);
    const keys = await columnKeys(write, field);
    if (keys !== undefined) found[id] = keys;
  }
  await writeFile(join(write.folder, NAME), JSON.stringify(found), { flag: 'wx' });
  return NAME;
}

async function columnKeys({ connection, folder, files }: KeysWrite, field: Field): Promise<ColumnKeys | undefined> {
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  if (rows === 0) return { range: null };
  const paths = files.map((file) => quote(join(folder, file.name))).join(', ');
  const source = `(SELECT ${decodedColumn(field)} AS key FROM read_parquet([${paths}]) WHERE c${field.id} IS NOT NULL)`;
  const [[min], [max]] = (await columns(connection, `SELECT min(key), max(key) FROM ${source}`, [field, field])) as [
    [string | null],
    [string | null],
  ];
  if (min === null || max === null) return { range: null };
  if (min.length > LONGEST_BOUND || max.length > LONGEST_BOUND) return undefined;
  const range = { min, max };
  if (rows > MOST_ROWS) return { range };
  const [values] = await columns(connection, `SELECT DISTINCT key FROM ${source} LIMIT ${MOST_KEYS + 1}`, [field]);
  const texts = (values ?? []).filter((value) => value !== null);
  return texts.length > MOST_KEYS || texts.reduce((sum, text) => sum + text.length, 0) > MOST_CHARACTERS
    ? { range }
    : { range, values: texts };
}

async function columns(connection: DuckDBConnection, sql: string, fields: readonly Field[]): Promise<(string | null)[][]> {
  const types = fields.map((field) => field.type);
  const out: (string | null)[][] = fields.map(() => []);
  const result = await connection.run(sql);
  for (const chunk of await result.fetchAllChunks()) {
    for (const [n, values] of readChunk(chunk, types, { normalizeJsonb: false }).entries())
      out[n]?.push(...values.map((value) => text(value, fields[n] as Field)));
  }
  return out;
}

function text(value: Value | null, field: Field): string | null {
  return value === null ? null : formatValue(field.type, value, UTC);
}
