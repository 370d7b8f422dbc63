import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ColumnDescription, Connector, ParquetRows, Skipping, TablePredicate } from '../../connectors/connector.js';
import type { ColumnVector } from '../../sql/column-vector.js';
import { TimelineError } from '../../sql/errors.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import { openParquet } from '../../src/kernel/parquet/parquet-file.js';
import { streamChunks } from '../../src/kernel/stream-chunks.js';
import { readChunk } from '../../src/kernel/value-vectors.js';

/** Columns of values, in the order of rows. */
export type ValueColumns = (Value | null)[][];

export interface TwoReadings {
  readonly columns: readonly ColumnDescription[];
  readonly relation: ValueColumns;
  /** Undefined: not offered. */
  readonly parquet: ValueColumns | undefined;
  /** Files that only some row groups are read of. */
  readonly parts: number;
}

const METER = { charge: () => undefined };

/** A table's rows by the relation, and by its Parquet files where these are offered. */
export async function readTwice(options: {
  readonly connector: Connector;
  readonly table: { readonly schema: string; readonly table: string };
  readonly asOf?: string | undefined;
  /** By name; absent: all. */
  readonly columns?: readonly string[];
  readonly filters?: readonly TablePredicate[];
  /** Wished of splits. */
  readonly bytes?: number;
  readonly skipping?: Skipping;
}): Promise<TwoReadings> {
  const { connector, table, asOf, filters = [], bytes, skipping = {} } = options;
  const { signal } = new AbortController();
  const description = await connector.describe(table, undefined, asOf);
  if (description === undefined) throw new Error(`no table ${table.table}`);
  const columns = description.columns.filter(({ name }) => options.columns?.includes(name) ?? true);
  const pinned = await connector.pin(table, asOf);
  const { handle } = connector.pushdown(pinned.handle, { filters, columns: columns.map(({ name }) => name), limit: undefined });
  const { splits } = await connector.splits(handle, signal, bytes === undefined ? {} : { bytes });
  const total = { columns, relation: columns.map((): (Value | null)[] => []), parquet: columns.map((): (Value | null)[] => []) };
  let isOffered = true;
  let parts = 0;
  for (const split of splits) {
    const readable = await connector.read(handle, [split.data], { columns, meter: METER, signal, skipping });
    if (readable.kind !== 'sql') throw new Error('not a relation');
    try {
      append(
        total.relation,
        await relationColumns(
          readable.relation,
          columns.map(({ type }) => type),
        ),
      );
      parts += readable.parquet?.files.filter(({ rowGroups }) => rowGroups !== undefined).length ?? 0;
      if (readable.parquet === undefined) isOffered = false;
      else
        append(
          total.parquet,
          await parquetColumns(
            readable.parquet,
            columns.map(({ type }) => type),
          ),
        );
    } finally {
      await readable.release();
    }
  }
  return { ...total, parts, parquet: isOffered && splits.length > 0 ? total.parquet : undefined };
}

function append(to: ValueColumns | undefined, more: ValueColumns): void {
  more.forEach((values, i) => {
    for (const value of values) to?.[i]?.push(value);
  });
}

export async function relationColumns(relation: string, types: readonly Type[]): Promise<ValueColumns> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    await connection.run(`SET TimeZone = 'America/New_York'`);
    const columns: ValueColumns = types.map(() => []);
    for await (const chunk of streamChunks(connection, `SELECT * FROM ${relation}`))
      append(columns, readChunk(chunk, types, { normalizeJsonb: false }));
    return columns;
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

export async function parquetColumns(rows: ParquetRows, types: readonly Type[]): Promise<ValueColumns> {
  const columns: ValueColumns = types.map(() => []);
  for (const { path, location, rowGroups, columns: leaves } of rows.files) {
    const file = await openParquet({ path, location });
    try {
      for (const group of rowGroups ?? file.rowGroups.keys()) {
        const wanted = types.map((type, i) => ({ leaf: leaves[i] ?? null, type }));
        for (const one of wanted) if (!file.reads(one)) throw new Error(`${location}: leaf ${one.leaf} is offered, but not read`);
        const count = file.rowGroups[group]?.rows ?? 0;
        append(
          columns,
          file.read(group, wanted).map((vector, i) => vectorValues(vector, types[i] as Type, count)),
        );
      }
    } finally {
      file.close();
    }
  }
  return columns;
}

export function vectorValues(vector: ColumnVector, type: Type, count: number): (Value | null)[] {
  if (vector.kind === 'values') return [...vector.values];
  const { valid } = vector;
  const at = vector.kind === 'codes' ? (row: number) => vector.dictionary[vector.codes[row] as number] : numberReader(vector.values, type);
  const length = vector.kind === 'codes' ? vector.codes.length : vector.values.length;
  if (length !== count || (valid !== undefined && valid.length !== count)) throw new Error(`${length} rows instead of ${count}`);
  return Array.from({ length: count }, (_, row) => {
    if (valid !== undefined && valid[row] !== 1) return null;
    const value = at(row);
    if (value === undefined) throw new Error('a code beyond the dictionary');
    return value;
  });
}

function numberReader(values: Float64Array | Int32Array | Uint8Array, { oid }: Type): (row: number) => Value {
  if (oid === Oid.bool) return (row) => values[row] === 1;
  if (oid === Oid.int8 || oid === Oid.time || oid === Oid.timestamp || oid === Oid.timestamptz)
    return (row) => BigInt(values[row] as number);
  return (row) => values[row] as number;
}

/** Each column by itself; gives the names of those that are offered. */
export async function compareColumns(connector: Connector, table: { schema: string; table: string }, asOf?: string): Promise<string[]> {
  const description = await connector.describe(table, undefined, asOf);
  const offered: string[] = [];
  for (const { name } of description?.columns ?? []) {
    const both = await readTwice({ connector, table, asOf, columns: [name] }).catch((error: unknown) => {
      // What the relation refuses is of no interest here.
      if (error instanceof TimelineError && error.sqlstate === '0A000') return undefined;
      throw error;
    });
    if (both?.parquet === undefined) continue;
    offered.push(name);
    assertSame(both, name);
  }
  return offered;
}

/** Row by row; deepEqual of so many is slow. */
export function assertSame({ columns, relation, parquet }: TwoReadings, what: string): void {
  columns.forEach(({ name }, i) => {
    const [wanted, found] = [relation[i] ?? [], parquet?.[i] ?? []];
    assert.equal(found.length, wanted.length, `${what}: rows of ${name}`);
    const row = wanted.findIndex((value, at) => !isDeepStrictEqual(value, found[at]));
    if (row >= 0) assert.fail(`${what}: column ${name}, row ${row}: ${String(found[row])} instead of ${String(wanted[row])}`);
  });
}
