import type { ColumnVector } from '../../../sql/column-vector.js';
import { Oid, type Type } from '../../../sql/types.js';
import type { Value } from '../../../sql/value.js';

type Codes = Extract<ColumnVector, { readonly kind: 'codes' }>;
type Numbers = Extract<ColumnVector, { readonly kind: 'numbers' }>;

/** Rows of a vector by number, in any order. */
export type Rows = Uint32Array;

/** What a number of a 'numbers' vector is as a value of its type. */
export function valueOfNumber(type: Type): (number: number) => Value {
  switch (type.oid) {
    case Oid.bool:
      return (number) => number !== 0;
    case Oid.int8:
    case Oid.time:
    case Oid.timestamp:
    case Oid.timestamptz:
      return (number) => BigInt(number);
    default:
      return (number) => number;
  }
}

/** Gives a row's value. */
export function valueReader(vector: ColumnVector, type: Type): (row: number) => Value | null {
  switch (vector.kind) {
    case 'values': {
      const { values } = vector;
      return (row) => values[row] ?? null;
    }
    case 'codes': {
      const { codes, dictionary, valid } = vector;
      return (row) => (valid !== undefined && valid[row] === 0 ? null : (dictionary[codes[row] as number] ?? null));
    }
    case 'numbers': {
      const { values, valid } = vector;
      const value = valueOfNumber(type);
      return (row) => (valid !== undefined && valid[row] === 0 ? null : value(values[row] as number));
    }
  }
}

export function rowCountOf(vector: ColumnVector): number {
  return vector.kind === 'codes' ? vector.codes.length : vector.values.length;
}

/** The same value in all rows. */
export function constantVector(value: Value | null, rowCount: number): ColumnVector {
  return { kind: 'codes', codes: new Uint8Array(rowCount), dictionary: [value], valid: undefined };
}

/** Rows [from, to), without a copy where there are arrays to look into. */
export function sliceVector(vector: ColumnVector, from: number, to: number): ColumnVector {
  if (from === 0 && to === rowCountOf(vector)) return vector;
  if (vector.kind === 'values') return { kind: 'values', values: vector.values.slice(from, to) };
  const valid = vector.valid?.subarray(from, to);
  return vector.kind === 'codes'
    ? { ...vector, codes: vector.codes.subarray(from, to), valid }
    : { ...vector, values: vector.values.subarray(from, to), valid };
}

/** The rows asked for, in their order. */
export function gatherVector(vector: ColumnVector, rows: Rows): ColumnVector {
  const count = rows.length;
  if (vector.kind === 'values') {
    const values: (Value | null)[] = new Array(count);
    for (let n = 0; n < count; n++) values[n] = vector.values[rows[n] as number] ?? null;
    return { kind: 'values', values };
  }
  const valid = vector.valid === undefined ? undefined : gathered(vector.valid, rows);
  return vector.kind === 'codes'
    ? { ...vector, codes: gathered(vector.codes, rows), valid }
    : { ...vector, values: gathered(vector.values, rows), valid };
}

type Typed = Codes['codes'] | Numbers['values'];

/** An array of the same kind. */
export function typedLike<T extends Typed>(array: T, length: number): T {
  return new (array.constructor as new (length: number) => T)(length);
}

function gathered<T extends Typed>(array: T, rows: Rows): T {
  const out = typedLike(array, rows.length);
  for (let n = 0; n < rows.length; n++) out[n] = array[rows[n] as number] as number;
  return out;
}

/** Consecutive rows of one of several sources. */
export interface Run {
  readonly source: number;
  readonly from: number;
  readonly to: number;
}

/** One column of several sources, cut to runs and put together. */
export function joinRuns(sources: readonly ColumnVector[], runs: readonly Run[], type: Type): ColumnVector {
  const [run] = runs;
  if (run !== undefined && runs.length === 1) return sliceVector(sources[run.source] as ColumnVector, run.from, run.to);
  const used = new Set(runs.map(({ source }) => source));
  const kinds = new Set([...used].map((source) => sources[source]?.kind));
  const count = runs.reduce((sum, { from, to }) => sum + to - from, 0);
  if (kinds.size === 1 && kinds.has('codes')) return joinCodes(sources as readonly Codes[], runs, used, count);
  if (kinds.size === 1 && kinds.has('numbers')) return joinNumbers(sources as readonly Numbers[], runs, used, count);
  const values: (Value | null)[] = new Array(count);
  const readers = sources.map((source, n) => (used.has(n) ? valueReader(source, type) : () => null));
  let at = 0;
  for (const { source, from, to } of runs) {
    const read = readers[source] as (row: number) => Value | null;
    for (let row = from; row < to; row++) values[at++] = read(row);
  }
  return { kind: 'values', values };
}

/** Dictionaries one behind the other: equal values may have several codes. */
function joinCodes(sources: readonly Codes[], runs: readonly Run[], used: ReadonlySet<number>, count: number): ColumnVector {
  const offsets = new Map<readonly (Value | null)[], number>();
  const dictionary: (Value | null)[] = [];
  for (const source of used) {
    const own = (sources[source] as Codes).dictionary;
    if (offsets.has(own)) continue;
    offsets.set(own, dictionary.length);
    for (const value of own) dictionary.push(value);
  }
  const codes = codesFor(dictionary.length, count);
  const valid = validOf(sources, runs, used, count);
  let at = 0;
  for (const { source, from, to } of runs) {
    const { codes: own, dictionary: ownDictionary } = sources[source] as Codes;
    const offset = offsets.get(ownDictionary) as number;
    for (let row = from; row < to; row++) codes[at++] = (own[row] as number) + offset;
  }
  const [only] = [...offsets.keys()];
  return { kind: 'codes', codes, dictionary: offsets.size === 1 && only !== undefined ? only : dictionary, valid };
}

function joinNumbers(sources: readonly Numbers[], runs: readonly Run[], used: ReadonlySet<number>, count: number): ColumnVector {
  const [first] = used;
  const like = (sources[first as number] as Numbers).values;
  const alike = [...used].every((source) => sources[source]?.values.constructor === like.constructor);
  const values = alike ? typedLike(like, count) : new Float64Array(count);
  const valid = validOf(sources, runs, used, count);
  let at = 0;
  for (const { source, from, to } of runs) {
    const own = (sources[source] as Numbers).values;
    for (let row = from; row < to; row++) values[at++] = own[row] as number;
  }
  return { kind: 'numbers', values, valid };
}

function validOf(
  sources: readonly (Codes | Numbers)[],
  runs: readonly Run[],
  used: ReadonlySet<number>,
  count: number,
): Uint8Array | undefined {
  if ([...used].every((source) => sources[source]?.valid === undefined)) return undefined;
  const valid = new Uint8Array(count).fill(1);
  let at = 0;
  for (const { source, from, to } of runs) {
    const own = sources[source]?.valid;
    if (own !== undefined) valid.set(own.subarray(from, to), at);
    at += to - from;
  }
  return valid;
}

/** An array that holds codes of so many entries. */
export function codesFor(entries: number, count: number): Uint8Array | Uint16Array | Uint32Array {
  return entries <= 0x100 ? new Uint8Array(count) : entries <= 0x1_0000 ? new Uint16Array(count) : new Uint32Array(count);
}
