import type { ColumnVector } from '../../sql/column-vector.js';
import { Oid, type Type } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { ParquetFile } from '../../src/kernel/parquet/parquet-file.js';
import type { Random } from '../timeline/random.js';

export type Row = Readonly<Record<number, Value | null | undefined>>;

/** Rows as the row groups of a file in memory, columns by id; each vector of a kind that a decoder might choose. */
export function memoryFile(options: {
  readonly groups: readonly (readonly Row[])[];
  readonly ids: readonly number[];
  readonly ts: number;
  readonly random: Random;
  readonly bounded: boolean;
  /** What the file says of the times of a row group, right or wrong. */
  readonly said?: (group: number) => { readonly min: number; readonly max: number } | undefined;
}): ParquetFile {
  const { groups, ids, ts, random, bounded, said } = options;
  return {
    rowGroups: groups.map((rows, group) => ({
      rows: rows.length,
      bytes: rows.length * 100,
      bounds: (leaf) => {
        if (said !== undefined) {
          const found = ids[leaf] === ts ? said(group) : undefined;
          return found === undefined ? undefined : { ...found, nulls: undefined };
        }
        const times = rows.flatMap((row) => (row[ids[leaf]!] === null ? [] : [Number(row[ids[leaf]!])]));
        if (!bounded || ids[leaf] !== ts || times.length === 0) return undefined;
        return { min: Math.min(...times), max: Math.max(...times), nulls: rows.length - times.length };
      },
    })),
    reads: () => true,
    read: (group, columns) =>
      columns.map(({ leaf, type }) =>
        vectorOf(
          groups[group]!.map((row) => (leaf === null ? null : (row[ids[leaf]!] ?? null))),
          type,
          random,
        ),
      ),
    close: () => undefined,
  };
}

const NUMBERS: ReadonlySet<number> = new Set([Oid.bool, Oid.int4, Oid.int8, Oid.float8, Oid.timestamptz]);

export function vectorOf(values: readonly (Value | null)[], type: Type, random: Random): ColumnVector {
  const numbers = values.map((value) => (value === null ? 0 : Number(value)));
  const fits = NUMBERS.has(type.oid) && (type.oid === Oid.float8 || numbers.every(Number.isSafeInteger));
  const valid = values.includes(null) || random.chance(10) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : undefined;
  if (fits && random.chance(60)) {
    return {
      kind: 'numbers',
      values:
        type.oid === Oid.bool ? Uint8Array.from(numbers) : type.oid === Oid.int4 ? Int32Array.from(numbers) : Float64Array.from(numbers),
      valid,
    };
  }
  if (random.chance(30)) return { kind: 'values', values };
  // equal values may have several codes; NULL one of its own, or none
  const dictionary: (Value | null)[] = random.chance(30) ? [null] : [];
  const codes = values.map((value) => {
    const known = dictionary.findIndex((one) => Object.is(one, value));
    if (known >= 0 && random.chance(90)) return known;
    if (value === null && valid !== undefined) return 0;
    return dictionary.push(value) - 1;
  });
  const useValid = values.some((value, n) => value === null && dictionary[codes[n]!] !== null) ? valid : undefined;
  if (dictionary.length === 0) dictionary.push(null);
  const array = random.pick([Uint8Array, Uint16Array, Uint32Array, Int32Array]);
  return { kind: 'codes', codes: array.from(codes), dictionary, valid: useValid };
}
